/**
 * Reading the shadow index that an earlier run has saved. INDEX THREAD, at its start. Writing it is in `index-save.ts`.
 *
 * What is read may be damaged, or nobody's honest work: nothing of it is used before it has been checked, and no more memory
 * taken than the file has bytes.
 */
import { codeOf } from "../shared/errors.ts";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { RECORD_KIND, RECORD_WORD } from "../shared/record.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import { BlockIndex, type BlockIndexOptions } from "./block-index.ts";
import {
  CHUNK_HEAD_BYTES,
  decodeChunk,
  decodeChunkHead,
  decodeHeader,
  headerBytes,
  type IndexFileHeader,
  PREAMBLE_BYTES,
  refusal,
} from "./index-file.ts";
import { IndexFileError } from "./index-errors.ts";

export const FILE_NAME = "blocks.kvcast";

/** Whose state is looked for. */
export interface IndexOwner {
  /** Name of the engine, or of all engines with their order and ranks. */
  readonly engine: string;
  readonly wireFormat: WireFormat;
}

export interface LoadedIndex {
  readonly index: BlockIndex;
  readonly header: IndexFileHeader;
}

/**
 * Reads the saved index of that owner. Blocks beyond `maxBlocks` are refused as ever. Throws IndexFileError, whose
 * reason says why it cannot be used, or an error of the system.
 */
export function loadIndex(directory: string, owner: IndexOwner, options: BlockIndexOptions): LoadedIndex {
  const file = openFile(join(directory, FILE_NAME));
  try {
    return readIndex(new FileReader(file), owner, options);
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    // Not to wait for the writer of something that is no file.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new IndexFileError("absent", "there is no saved index", error);
  }
}

function readIndex(reader: FileReader, owner: IndexOwner, options: BlockIndexOptions): LoadedIndex {
  const preamble = reader.read(PREAMBLE_BYTES);
  const header = decodeHeader(preamble, reader.read(headerBytes(preamble)));
  if (header.engine !== owner.engine)
    throw refusal("engine", "belongs to another engine, or to another list of engines");
  // Its numbers and blocks are those of messages that a reader of this format could not read.
  if (header.wireFormat !== owner.wireFormat) {
    throw refusal("wire_format", `goes with the wire format ${header.wireFormat}`);
  }
  if (header.kvBlockSizeTokens !== options.kvBlockSizeTokens) {
    throw refusal("block_size", `has blocks of ${header.kvBlockSizeTokens} tokens`);
  }
  if (options.keepTokens && !header.tokens) throw refusal("tokens", "holds no tokens");
  if (options.keepSalts !== false && header.salts === false) throw refusal("salts", "holds no cache salts");

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
