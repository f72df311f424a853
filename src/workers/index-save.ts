/**
 * Writing the shadow index into the state directory. INDEX THREAD. Reading it is in `index-store.ts`.
 *
 * A save goes into a new file beside the old one, which it replaces only when all of it is on the disk: whatever happens,
 * there is the old state or the new one. The file holds token ids and salts, so nobody but its owner may read it.
 */
import { closeSync, fsync, openSync, rmSync, write } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BlockIndex } from "./block-index.ts";
import { encodeChunk, encodeHeader, type IndexFileHeader, type IndexFileInfo } from "./index-file.ts";
import { FILE_NAME } from "./index-store.ts";
import type { SnapshotScan } from "./snapshot-scan.ts";
import { makeDirectory } from "./make-directory.ts";

const NEW_FILE_NAME: string = `${FILE_NAME}.new`;
const CHUNK_BYTES: number = 128 * 1024;
const sync = promisify(fsync);
const writeSome = promisify(write);

/**
 * A save in steps, so that the thread can go on applying between them. The file appears whole or not at all. Nothing waits
 * for the disk: while it is at work, a step does nothing.
 */
export class IndexSave {
  readonly #directory: string;
  readonly #scan: SnapshotScan;
  readonly #onIdle: () => void;
  /** -1 when it is closed. */
  #file: number;
  #chunks: number = 0;
  #blocks: number = 0;
  /** What the disk is at. */
  #pending: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #isAborted: boolean = false;
  #isDone: boolean = false;

  /**
   * Begins; makes the directory if need be. What is saved is the index as it is now. Holds one of its scans. `onIdle` is
   * called whenever the disk has done its work and another step is due. Throws SnapshotRefusedError("busy"), or an error of
   * the system.
   */
  constructor(directory: string, index: BlockIndex, info: IndexFileInfo, onIdle: () => void = () => {}) {
    this.#directory = directory;
    this.#onIdle = onIdle;
    makeDirectory(directory);
    this.#scan = index.beginScan(info.wireFormat);
    try {
      // Made anew, because a file that exists keeps its mode.
      rmSync(join(directory, NEW_FILE_NAME), { force: true });
      this.#file = openSync(join(directory, NEW_FILE_NAME), "wx", 0o600);
    } catch (error) {
      this.#scan.close();
      throw error;
    }
    this.#begin(writeAll(this.#file, encodeHeader(headerOf(index, this.#scan, info))));
  }

  /** Whether the disk is at work, and a step would do nothing. */
  get isWaiting(): boolean {
    return this.#pending !== null;
  }

  /** Resolves when the disk is not at work. */
  async idle(): Promise<void> {
    if (this.#pending !== null) await this.#pending;
  }

  /**
   * Has some more written, about a millisecond's worth; true when the file is in its place, for good. Throws
   * SnapshotRefusedError("overflow") or an error of the system; the save is over then, and the file before still there.
   */
  step(): boolean {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#pending !== null || this.#isDone) return this.#isDone;
    try {
      const batch = this.#scan.nextRecords(CHUNK_BYTES);
      if (batch === null) this.#begin(this.#finish());
      else if (batch.events > 0) {
        const { words, wordCount, blocks } = batch;
        this.#blocks += blocks;
        this.#begin(writeAll(this.#file, encodeChunk(this.#chunks++, words.subarray(0, wordCount), blocks)));
      }
      return false;
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** Gives up, if it is not over yet; the file before stays in place. Await `idle` before another save is begun. */
  abort(): void {
    this.#isAborted = true;
    this.#scan.close();
    // What the disk is at has the file; it must not be closed meanwhile, nor its name be another's.
    if (this.#pending === null) this.#discard();
  }

  #begin(work: Promise<void>): void {
    this.#pending = this.#settle(work);
  }

  async #settle(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failure = { error };
      this.#scan.close();
    }
    this.#pending = null;
    if (this.#isAborted || this.#failure !== null) this.#discard();
    this.#onIdle();
  }

  #discard(): void {
    if (this.#file === -1) return;
    closeSync(this.#file);
    this.#file = -1;
    rmSync(join(this.#directory, NEW_FILE_NAME), { force: true });
  }

  async #finish(): Promise<void> {
    await writeAll(this.#file, encodeChunk(this.#chunks, new Uint32Array(0), this.#blocks));
    await sync(this.#file);
    if (this.#isAborted) return;
    await rename(join(this.#directory, NEW_FILE_NAME), join(this.#directory, FILE_NAME));
    closeSync(this.#file);
    this.#file = -1;
    await syncDirectory(this.#directory);
    this.#isDone = true;
  }
}

/** Makes the directory's own entries durable; without it a crash of the machine may undo what was done to them. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = openSync(directory, "r");
  try {
    await sync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Saves in one go; rejects with what the steps throw. */
export async function saveIndex(directory: string, index: BlockIndex, info: IndexFileInfo): Promise<void> {
  const save = new IndexSave(directory, index, info);
  while (!save.step()) await save.idle();
}

function headerOf(index: BlockIndex, scan: SnapshotScan, info: IndexFileInfo): IndexFileHeader {
  const { followed, ...rest } = info;
  const heard = new Map(scan.ranks.map((summary) => [summary.rank, summary]));
  const ranks = [...new Set([...heard.keys(), ...followed.keys()])].toSorted((a, b) => a - b);
  return {
    ...rest,
    kvBlockSizeTokens: index.options.kvBlockSizeTokens,
    tokens: index.options.keepTokens,
    salts: index.options.keepSalts !== false,
    blocks: scan.blocks,
    ranks: ranks.map((rank) => {
      const blocks = heard.get(rank)?.blocks ?? 0;
      return { rank, blocks, complete: index.complete(rank), followed: followed.get(rank) ?? null };
    }),
    unheardComplete: index.unheardComplete,
  };
}

async function writeAll(file: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await writeSome(file, bytes, at)).bytesWritten;
}
