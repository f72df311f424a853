/**
 * Saving and loading the shadow index. INDEX THREAD; the only place where it touches the disk.
 *
 * A save goes into a new file beside the old one, which it replaces only when all of it is on the disk: whatever
 * happens, there is the old state or the new one. The file holds token ids and salts, so nobody but its owner may read
 * it.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { RECORD_KIND, RECORD_WORD } from "../shared/record.ts";
import { BlockIndex, type BlockIndexOptions } from "./block-index.ts";
import {
  CHUNK_HEAD_BYTES,
  decodeChunk,
  decodeChunkHead,
  decodeHeader,
  encodeChunk,
  encodeHeader,
  headerBytes,
  type IndexFileHeader,
  type IndexFileInfo,
  PREAMBLE_BYTES,
  refusal,
} from "./index-file.ts";
import { IndexFileError } from "./index-errors.ts";
import type { SnapshotScan } from "./snapshot-scan.ts";

const FILE_NAME = "blocks.kvcast";
const NEW_FILE_NAME = "blocks.kvcast.new";
const CHUNK_BYTES: number = 128 * 1024;

/** A save in steps, so that the thread can go on applying between them. The file appears whole or not at all. */
export class IndexSave {
  readonly #directory: string;
  readonly #scan: SnapshotScan;
  #file: number;
  #chunks: number = 0;
  #blocks: number = 0;

  /**
   * Begins; makes the directory if need be. What is saved is the index as it is now. Holds one of its scans. Throws
   * SnapshotRefusedError("busy"), or an error of the system.
   */
  constructor(directory: string, index: BlockIndex, info: IndexFileInfo) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#scan = index.beginScan(info.wireFormat);
    try {
      // Made anew, because a file that exists keeps its mode.
      rmSync(join(directory, NEW_FILE_NAME), { force: true });
      this.#file = openSync(join(directory, NEW_FILE_NAME), "wx", 0o600);
    } catch (error) {
      this.#scan.close();
      throw error;
    }
    this.#orAbort(() => writeAll(this.#file, encodeHeader(headerOf(index, this.#scan, info))));
  }

  /**
   * Writes some more, about a millisecond's worth; true when the file is in its place. That last step waits for the
   * disk. Throws SnapshotRefusedError("overflow") or an error of the system; the save is over then, and the file before
   * still there.
   */
  step(): boolean {
    return this.#orAbort(() => {
      const batch = this.#scan.nextRecords(CHUNK_BYTES);
      if (batch === null) {
        this.#finish();
        return true;
      }
      if (batch.events === 0) return false;
      writeAll(this.#file, encodeChunk(this.#chunks, batch.words.subarray(0, batch.wordCount), batch.blocks));
      this.#chunks++;
      this.#blocks += batch.blocks;
      return false;
    });
  }

  /** Gives up, if it is not over yet; the file before stays in place. */
  abort(): void {
    this.#scan.close();
    if (this.#file === -1) return;
    closeSync(this.#file);
    this.#file = -1;
    rmSync(join(this.#directory, NEW_FILE_NAME), { force: true });
  }

  #finish(): void {
    writeAll(this.#file, encodeChunk(this.#chunks, new Uint32Array(0), this.#blocks));
    fsyncSync(this.#file);
    renameSync(join(this.#directory, NEW_FILE_NAME), join(this.#directory, FILE_NAME));
    closeSync(this.#file);
    this.#file = -1;
    syncDirectory(this.#directory);
  }

  #orAbort<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      this.abort();
      throw error;
    }
  }
}

/** Makes the directory's own entries durable; without it a crash of the machine may undo what was done to them. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Saves in one go; throws what the steps throw. */
export function saveIndex(directory: string, index: BlockIndex, info: IndexFileInfo): void {
  const save = new IndexSave(directory, index, info);
  while (!save.step());
}

export interface LoadedIndex {
  readonly index: BlockIndex;
  readonly header: IndexFileHeader;
}

/**
 * Reads the saved index of that engine. Blocks beyond `maxBlocks` are refused as ever. Throws IndexFileError, whose
 * reason says why it cannot be used, or an error of the system.
 */
export function loadIndex(directory: string, engine: string, options: BlockIndexOptions): LoadedIndex {
  const file = openFile(join(directory, FILE_NAME));
  try {
    return readIndex(new FileReader(file), engine, options);
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    // Not to wait for the writer of something that is no file.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new IndexFileError("absent", "there is no saved index", error);
  }
}

function readIndex(reader: FileReader, engine: string, options: BlockIndexOptions): LoadedIndex {
  const preamble = reader.read(PREAMBLE_BYTES);
  const header = decodeHeader(preamble, reader.read(headerBytes(preamble)));
  if (header.engine !== engine) throw refusal("engine", "belongs to another engine");
  if (header.kvBlockSizeTokens !== options.kvBlockSizeTokens) {
    throw refusal("block_size", `has blocks of ${header.kvBlockSizeTokens} tokens`);
  }
  if (options.keepTokens && !header.tokens) throw refusal("tokens", "holds no tokens");

  const index = new BlockIndex(options);
  const cleared = new Uint32Array(RECORD_WORD.header);
  cleared[RECORD_WORD.length] = RECORD_WORD.header;
  cleared[RECORD_WORD.kind] = RECORD_KIND.cleared;
  for (const { rank } of header.ranks) {
    cleared[RECORD_WORD.rank] = rank;
    index.apply(cleared, 0);
  }
  if (readBlocks(reader, index, header) !== header.blocks || !holds(index, header)) {
    throw refusal("counts", "has other blocks than it says");
  }
  if (!header.unheardComplete) index.markUnheardIncomplete();
  for (const { rank, complete } of header.ranks) if (!complete) index.markIncomplete(rank);
  return { index, header };
}

/** Whether the index, just read, has as many blocks as the header says, in the same ranks. */
function holds(index: BlockIndex, header: IndexFileHeader): boolean {
  if (index.refusedBlocks > 0) return index.blocks + index.refusedBlocks === header.blocks;
  return header.ranks.every(({ rank, blocks }) => index.blocksOfRank(rank) === blocks);
}

/** Applies all chunks; returns the blocks they held. */
function readBlocks(reader: FileReader, index: BlockIndex, header: IndexFileHeader): number {
  const tokens = header.tokens ? header.kvBlockSizeTokens : 0;
  let blocks = 0;
  for (let number = 0; ; number++) {
    const head = reader.read(CHUNK_HEAD_BYTES);
    const chunk = decodeChunkHead(head, number);
    const records = decodeChunk(head, chunk, reader.read(4 * chunk.words), tokens);
    if (chunk.words === 0) {
      if (chunk.blocks !== blocks || reader.left > 0) throw refusal("counts", "goes on behind its end");
      return blocks;
    }
    blocks += chunk.blocks;
    for (let r = 0; r < records.length; r += records[r + RECORD_WORD.length] as number) index.apply(records, r);
  }
}

function headerOf(index: BlockIndex, scan: SnapshotScan, info: IndexFileInfo): IndexFileHeader {
  const { lastEventIds, ...rest } = info;
  const heard = new Map(scan.ranks.map((summary) => [summary.rank, summary]));
  const ranks = [...new Set([...heard.keys(), ...lastEventIds.keys()])].toSorted((a, b) => a - b);
  return {
    ...rest,
    kvBlockSizeTokens: index.options.kvBlockSizeTokens,
    tokens: index.options.keepTokens,
    blocks: scan.blocks,
    ranks: ranks.map((rank) => {
      const blocks = heard.get(rank)?.blocks ?? 0;
      return { rank, blocks, complete: index.complete(rank), lastEventId: lastEventIds.get(rank) ?? null };
    }),
    unheardComplete: index.unheardComplete,
  };
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

/** Reads a file from front to back, and never makes room for more than the file still has. */
class FileReader {
  /** Bytes not read yet. */
  left: number;
  readonly #file: number;

  constructor(file: number) {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw refusal("malformed", "is no file");
    this.#file = file;
    this.left = stat.size;
  }

  /** Exactly that many bytes, in memory of their own. Throws IndexFileError("truncated"). */
  read(length: number): Uint8Array {
    if (length > this.left) throw refusal("truncated", "is cut off");
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = readSync(this.#file, bytes, at, length - at, null);
      if (count === 0) throw refusal("truncated", "is cut off");
      at += count;
    }
    this.left -= length;
    return bytes;
  }
}
