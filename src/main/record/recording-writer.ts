/**
 * Writes a recording. MAIN THREAD.
 *
 * Entries gather in memory until there is enough for a chunk, or a second is over; then they are packed, written, and on disk
 * before the next chunk is. Whoever adds waits for that, so no more than two chunks are ever held.
 */
import { constants, promises as fs } from "node:fs";
import { crc32, deflateRawSync } from "node:zlib";
import { messageOf } from "../../shared/errors.ts";
import {
  CHUNK_HEADER_BYTES,
  CHUNK_TARGET_BYTES,
  ENTRY,
  ENTRY_HEADER_BYTES,
  MAGIC,
  MAX_ENTRY_BYTES,
  RecordingError,
  type RecordingHead,
  RecordingWriteError,
} from "./recording-format.ts";
import { fileTrouble } from "../file-trouble.ts";

const FLUSH_EVERY_MS = 1000;
/** Readable by its owner alone: it is about people's prompts, also without tokens. */
const MODE = 0o600;

export class RecordingWriter {
  /** Bytes of the file. */
  bytes: number = 0;
  readonly #file: fs.FileHandle;
  readonly #path: string;
  #entries: Buffer[] = [];
  #pendingBytes: number = 0;
  #writing: Promise<void> = Promise.resolve();
  #failure: RecordingWriteError | null = null;
  #timer: NodeJS.Timeout | undefined;

  private constructor(file: fs.FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Makes the file, which must not be there, and writes the head. Throws RecordingError. */
  static async create(path: string, head: RecordingHead): Promise<RecordingWriter> {
    let file: fs.FileHandle;
    try {
      file = await fs.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, MODE);
    } catch (cause) {
      throw new RecordingError(`cannot make ${path}: ${fileTrouble(cause, path, "write")}`, cause);
    }
    const writer = new RecordingWriter(file, path);
    await writer.#append(MAGIC);
    await writer.add(ENTRY.head, 0, Buffer.from(JSON.stringify(head)));
    await writer.flush();
    writer.#timer = setInterval(() => void writer.flush().catch(() => {}), FLUSH_EVERY_MS).unref();
    return writer;
  }

  /** Resolves when there is room for the next. Throws RecordingWriteError when the file cannot be written any more. */
  async add(kind: number, atMs: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length > MAX_ENTRY_BYTES) throw new RecordingError(`an entry of ${bytes.length} bytes is too long`);
    const header = Buffer.allocUnsafe(ENTRY_HEADER_BYTES);
    header.writeUInt8(kind, 0);
    header.writeDoubleLE(atMs, 1);
    header.writeUInt32LE(bytes.length, 9);
    this.#entries.push(header, Buffer.from(bytes));
    this.#pendingBytes += ENTRY_HEADER_BYTES + bytes.length;
    if (this.#pendingBytes >= CHUNK_TARGET_BYTES) await this.flush();
    if (this.#failure !== null) throw this.#failure;
  }

  /** Resolves when all that was added is on disk. */
  flush(): Promise<void> {
    const entries = this.#entries;
    if (entries.length > 0) {
      this.#entries = [];
      this.#pendingBytes = 0;
      this.#writing = this.#writing.then(() => this.#append(chunkOf(Buffer.concat(entries))));
    }
    return this.#writing;
  }

  /** Says that this was all, and closes the file. Throws RecordingWriteError when something of it could not be written. */
  async end(atMs: number): Promise<void> {
    clearInterval(this.#timer);
    try {
      await this.add(ENTRY.end, atMs, Buffer.alloc(0));
      await this.flush();
    } finally {
      await this.#file.close();
    }
    if (this.#failure !== null) throw this.#failure;
  }

  async #append(bytes: Buffer): Promise<void> {
    if (this.#failure !== null) return;
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#file.write(bytes, done, bytes.length - done)).bytesWritten;
      }
      await this.#file.datasync();
      this.bytes += bytes.length;
    } catch (cause) {
      // A full disk, as a rule. What was written before is good.
      this.#failure = new RecordingWriteError(`cannot write ${this.#path}: ${messageOf(cause)}`, cause);
    }
  }
}

function chunkOf(raw: Buffer): Buffer {
  const packed = deflateRawSync(raw, { level: 6 });
  const chunk = Buffer.allocUnsafe(CHUNK_HEADER_BYTES + packed.length);
  chunk.writeUInt32LE(packed.length, 0);
  chunk.writeUInt32LE(raw.length, 4);
  packed.copy(chunk, CHUNK_HEADER_BYTES);
  chunk.writeUInt32LE(crc32(packed, crc32(chunk.subarray(0, 8))), 8);
  return chunk;
}
