/**
 * The file that keeps the shadow index over a restart: its bytes. INDEX THREAD. It is read in
 * `index-store.ts` and written in `index-save.ts`.
 *
 *   file    [magic 8][version u32][header bytes u32][checksum u32][header: JSON] [chunk] … [chunk] [end]
 *   chunk   [number u32][words u32][blocks u32][checksum u32][records]       numbered from 0
 *   end     the same without records; `blocks` are those of all chunks
 *
 * The records (`shared/record.ts`) are stored events, parents before children: loading is applying them. Numbers are in
 * the byte order of the machine; the other order reads as another version. A checksum covers all that stands before and
 * behind it in its part.
 */
import { isCount, objectOf } from "../shared/json-object.ts";
import { crc32 } from "node:zlib";
import type { FollowedRank, WindowState } from "../shared/index-messages.ts";
import { WIRE_FORMATS, type WireFormat } from "../shared/wire-format.ts";
import { MAX_RANK } from "../shared/record.ts";
import { IndexFileError } from "./index-errors.ts";
import { countStoredBlocks } from "./record-check.ts";

export const INDEX_FILE_VERSION = 2;
export const PREAMBLE_BYTES = 20;
export const CHUNK_HEAD_BYTES = 16;
/** A header with all ranks has less than 300 KiB. */
const MAX_HEADER_BYTES: number = 1 << 20;
/** A chunk holds about 128 KiB, or one block with all that the index takes of texts and multimodal hashes. */
const MAX_CHUNK_WORDS: number = 1 << 22;

/** Of a window or layer group that is not known. */
const NONE = -1;
const MAGIC = "kvcastIX";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A rank as the file has it. */
export interface SavedRank {
  readonly rank: number;
  readonly blocks: number;
  readonly complete: boolean;
  /** The state behind its last engine event that is contained; null when none was heard of. */
  readonly followed: FollowedRank | null;
}

/** What the saver has to say beside the blocks. */
export interface IndexFileInfo {
  /** UUID of the epoch. */
  readonly epoch: string;
  /** Seconds since 1970. */
  readonly startedSeconds: number;
  /** The number after the last one that was published. */
  readonly nextSequence: number;
  /** Saved at an orderly end. */
  readonly clean: boolean;
  /** See IndexOwner. */
  readonly engine: string;
  readonly wireFormat: WireFormat;
  /** By rank: the state behind the last engine event that is contained. */
  readonly followed: ReadonlyMap<number, FollowedRank>;
}

/** Info, and what the index itself adds to it. */
export interface IndexFileHeader extends Omit<IndexFileInfo, "followed"> {
  readonly kvBlockSizeTokens: number;
  readonly tokens: boolean;
  /** False: redacted, so that no block is known to have a cache salt. Absent in files from before there was that. */
  readonly salts?: boolean;
  readonly blocks: number;
  /** In ascending order. */
  readonly ranks: readonly SavedRank[];
  /** Whether ranks that are not listed held no blocks. */
  readonly unheardComplete: boolean;
}

export interface ChunkHead {
  readonly number: number;
  readonly words: number;
  readonly blocks: number;
  readonly checksum: number;
}

/** Magic, version, and the header itself. */
export function encodeHeader(header: IndexFileHeader): Uint8Array {
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const bytes = Buffer.alloc(PREAMBLE_BYTES + json.length);
  bytes.write(MAGIC, "latin1");
  const numbers = new Uint32Array(bytes.buffer, bytes.byteOffset + MAGIC.length, 3);
  numbers[0] = INDEX_FILE_VERSION;
  numbers[1] = json.length;
  numbers[2] = crc32(json, crc32(bytes.subarray(0, PREAMBLE_BYTES - 4)));
  bytes.set(json, PREAMBLE_BYTES);
  return bytes;
}

/** A chunk of records, or with none of them the end. */
export function encodeChunk(number: number, records: Uint32Array, blocks: number): Uint8Array {
  const bytes = new Uint8Array(CHUNK_HEAD_BYTES + records.byteLength);
  const words = new Uint32Array(bytes.buffer);
  words[0] = number;
  words[1] = records.length;
  words[2] = blocks;
  words.set(records, CHUNK_HEAD_BYTES / 4);
  words[3] = checksumOf(bytes.subarray(0, CHUNK_HEAD_BYTES), bytes.subarray(CHUNK_HEAD_BYTES));
  return bytes;
}

/** Bytes of the header behind the preamble. Throws IndexFileError: malformed, version. */
export function headerBytes(preamble: Uint8Array): number {
  const bytes = Buffer.from(preamble);
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) throw refusal("malformed", "is not an index of kvcast");
  const version = wordAt(bytes, MAGIC.length);
  if (version !== INDEX_FILE_VERSION) {
    throw refusal("version", `has version ${version}, and only ${INDEX_FILE_VERSION} can be read`);
  }
  const length = wordAt(bytes, MAGIC.length + 4);
  if (length > MAX_HEADER_BYTES) throw refusal("malformed", "has too large a header");
  return length;
}

/** Throws IndexFileError: checksum, malformed, counts. */
export function decodeHeader(preamble: Uint8Array, json: Uint8Array): IndexFileHeader {
  const sum = crc32(json, crc32(preamble.subarray(0, PREAMBLE_BYTES - 4)));
  if (sum !== wordAt(preamble, PREAMBLE_BYTES - 4)) throw refusal("checksum", "has a damaged header");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(json).toString("utf8"));
  } catch {
    throw refusal("malformed", "has a header that is no JSON");
  }
  if (!isHeader(value)) throw refusal("malformed", "has a header that says what cannot be");
  if (value.ranks.reduce((sum_, { blocks }) => sum_ + blocks, 0) !== value.blocks) {
    throw refusal("counts", "has ranks that do not add up");
  }
  return value;
}

/** Throws IndexFileError: malformed. */
export function decodeChunkHead(head: Uint8Array, expectedNumber: number): ChunkHead {
  const number = wordAt(head, 0);
  const words = wordAt(head, 4);
  if (number !== expectedNumber) throw refusal("malformed", "has chunks in disorder");
  if (words > MAX_CHUNK_WORDS) throw refusal("malformed", "has too large a chunk");
  return { number, words, blocks: wordAt(head, 8), checksum: wordAt(head, 12) };
}

/**
 * The records of a chunk, made sure to be sound for blocks of `tokens` tokens. `body` must begin at a multiple of four.
 * Throws IndexFileError: checksum, malformed, counts.
 */
export function decodeChunk(head: Uint8Array, chunk: ChunkHead, body: Uint8Array, tokens: number): Uint32Array {
  if (checksumOf(head, body) !== chunk.checksum) throw refusal("checksum", "is damaged");
  const records = new Uint32Array(body.buffer, body.byteOffset, chunk.words);
  const blocks = countStoredBlocks(records, tokens);
  if (blocks === -1) throw refusal("malformed", "has records that are none");
  if (chunk.words > 0 && blocks !== chunk.blocks) throw refusal("counts", "has chunks that do not add up");
  return records;
}

export function refusal(reason: IndexFileError["reason"], what: string): IndexFileError {
  return new IndexFileError(reason, `the saved index ${what}`);
}

function checksumOf(head: Uint8Array, body: Uint8Array): number {
  return crc32(body, crc32(head.subarray(0, CHUNK_HEAD_BYTES - 4)));
}

function wordAt(bytes: Uint8Array, offset: number): number {
  // A copy of its own: what a Buffer calls slice shares the memory, and with it the offset.
  return new Uint32Array(Uint8Array.from(bytes.subarray(offset, offset + 4)).buffer)[0] as number;
}

function isHeader(value: unknown): value is IndexFileHeader {
  const header = objectOf(value);
  return (
    typeof header["epoch"] === "string" &&
    UUID.test(header["epoch"]) &&
    typeof header["startedSeconds"] === "number" &&
    header["startedSeconds"] >= 0 &&
    isCount(header["nextSequence"]) &&
    typeof header["clean"] === "boolean" &&
    typeof header["engine"] === "string" &&
    WIRE_FORMATS.some((format) => format === header["wireFormat"]) &&
    isCount(header["kvBlockSizeTokens"]) &&
    typeof header["tokens"] === "boolean" &&
    (header["salts"] === undefined || typeof header["salts"] === "boolean") &&
    isCount(header["blocks"]) &&
    isRankList(header["ranks"]) &&
    typeof header["unheardComplete"] === "boolean"
  );
}

function isRankList(value: unknown): value is SavedRank[] {
  if (!Array.isArray(value) || !value.every(isSavedRank)) return false;
  const ranks: readonly SavedRank[] = value;
  return ranks.every(({ rank }, i) => rank > (ranks[i - 1]?.rank ?? -1));
}

function isSavedRank(value: unknown): value is SavedRank {
  const rank = objectOf(value);
  return (
    isCount(rank["rank"]) &&
    rank["rank"] <= MAX_RANK &&
    isCount(rank["blocks"]) &&
    typeof rank["complete"] === "boolean" &&
    (rank["followed"] === null || isFollowed(rank["followed"]))
  );
}

function isFollowed(value: unknown): value is FollowedRank {
  const followed = objectOf(value);
  return isCount(followed["lastEventId"]) && isWindow(followed["window"]);
}

function isWindow(value: unknown): value is WindowState {
  const window = objectOf(value);
  return (
    (window["windowSize"] === NONE || isCount(window["windowSize"])) &&
    (window["layerGroup"] === NONE || isCount(window["layerGroup"])) &&
    typeof window["adopted"] === "boolean" &&
    typeof window["learning"] === "boolean" &&
    typeof window["replaceNext"] === "boolean"
  );
}
