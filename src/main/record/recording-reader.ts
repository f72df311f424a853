/**
 * Reads a recording, entry by entry. MAIN THREAD. The file may be anybody's: nothing in it is believed before its checksum was
 * right, and nothing claims more memory than a chunk may have.
 */
import { promises as fs } from "node:fs";
import { crc32, inflateRawSync } from "node:zlib";
import {
  CHUNK_HEADER_BYTES,
  type Entry,
  ENTRY,
  ENTRY_HEADER_BYTES,
  MAGIC,
  MAX_CHUNK_BYTES,
  parseHead,
  RecordingError,
  type RecordingHead,
  RECORDING_VERSION,
} from "./recording-format.ts";
import { fileTrouble } from "../file-trouble.ts";

/** What is needed of an open file. */
export interface RecordingFile {
  /** Bytes from `position` on, as many as there are up to `length`; none at the end. */
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  /** Its size, which grows while it is written. */
  stat(): Promise<{ readonly size: number }>;
  close(): Promise<void>;
}

export class RecordingReader {
  readonly head: RecordingHead;
  readonly sizeBytes: number;
  /** Bytes of the file that were read. */
  position: number;
  /** Whether the end was reached that a recording gets when it is ended in order. False: it was cut. */
  complete: boolean = false;
  readonly #file: RecordingFile;
  readonly #path: string;
  /** Opened, and not closed. */
  #open: boolean = true;

  private constructor(file: RecordingFile, path: string, head: RecordingHead, position: number, sizeBytes: number) {
    this.#file = file;
    this.#path = path;
    this.head = head;
    this.position = position;
    this.sizeBytes = sizeBytes;
  }

  /** Opens the file and reads its head. Throws RecordingError when it cannot be read, or is none. */
  static async open(path: string): Promise<RecordingReader> {
    let file: fs.FileHandle;
    try {
      // A pipe would never open, and a device never end.
      if (!(await fs.stat(path)).isFile())
        throw new Error("it is no regular file; name a recording, which kvcast record made");
      file = await fs.open(path, "r");
    } catch (cause) {
      throw new RecordingError(`cannot read ${path}: ${fileTrouble(cause, path, "read")}`, cause);
    }
    return RecordingReader.read(file, path);
  }

  /** Reads the head of an open file, which is closed with the reader, or when this throws RecordingError. */
  static async read(file: RecordingFile, path: string): Promise<RecordingReader> {
    try {
      const magic = await readAt(file, 0, MAGIC.length);
      const version = magic.at(-1) ?? 0;
      if (magic.length < MAGIC.length || !magic.subarray(0, -1).equals(MAGIC.subarray(0, -1))) {
        throw new RecordingError(`${path} is no recording of kvcast`);
      }
      if (version !== RECORDING_VERSION) {
        throw new RecordingError(
          `${path} has version ${version} of the format, and this kvcast reads version ${RECORDING_VERSION}; use the kvcast that wrote it, or a newer one`,
        );
      }
      const chunk = await readChunk(file, MAGIC.length, path);
      const first = chunk === null ? undefined : [...entriesOf(chunk.raw, path)][0];
      if (chunk === null || first?.kind !== ENTRY.head) throw new RecordingError(`${path} ends before it has begun`);
      const { size } = await file.stat();
      return new RecordingReader(file, path, parseHead(first.bytes, path), chunk.end, size);
    } catch (error) {
      await file.close();
      throw error instanceof RecordingError
        ? error
        : new RecordingError(`cannot read ${path}: ${fileTrouble(error, path, "read")}`);
    }
  }

  /** What is behind the head, until the end or the cut. Throws RecordingError where the file is damaged. */
  async *entries(): AsyncGenerator<Entry, void> {
    while (this.#open) {
      const chunk = await readChunk(this.#file, this.position, this.#path);
      if (chunk === null) return;
      this.position = chunk.end;
      for (const entry of entriesOf(chunk.raw, this.#path)) {
        if (entry.kind === ENTRY.end) {
          this.complete = true;
          return;
        }
        yield entry;
      }
    }
  }

  /** May be called more than once, and between two entries. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
  }
}

/** Null where the file ends first. */
async function readChunk(
  file: RecordingFile,
  at: number,
  path: string,
): Promise<{ readonly raw: Buffer; readonly end: number } | null> {
  const header = await readAt(file, at, CHUNK_HEADER_BYTES);
  if (header.length < CHUNK_HEADER_BYTES) return null;
  const packedBytes = header.readUInt32LE(0);
  const rawBytes = header.readUInt32LE(4);
  if (rawBytes > MAX_CHUNK_BYTES || packedBytes > MAX_CHUNK_BYTES || rawBytes === 0) throw damaged(path, at);
  // Not made before it is known that the file has so much.
  const end = at + CHUNK_HEADER_BYTES + packedBytes;
  if (end > (await file.stat()).size) return null;
  const packed = await readAt(file, at + CHUNK_HEADER_BYTES, packedBytes);
  if (packed.length < packedBytes) return null;
  if (crc32(packed, crc32(header.subarray(0, 8))) !== header.readUInt32LE(8)) throw damaged(path, at);
  let raw: Buffer;
  try {
    raw = inflateRawSync(packed, { maxOutputLength: rawBytes });
  } catch {
    throw damaged(path, at);
  }
  if (raw.length !== rawBytes) throw damaged(path, at);
  return { raw, end };
}

function* entriesOf(raw: Buffer, path: string): Generator<Entry, void> {
  for (let at = 0; at < raw.length;) {
    const start = at + ENTRY_HEADER_BYTES;
    if (start > raw.length) throw damaged(path, at);
    const end = start + raw.readUInt32LE(at + 9);
    const atMs = raw.readDoubleLE(at + 1);
    if (end > raw.length || !(atMs >= 0) || atMs === Infinity) throw damaged(path, at);
    yield { kind: raw.readUInt8(at), atMs, bytes: raw.subarray(start, end) };
    at = end;
  }
}

async function readAt(file: RecordingFile, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

function damaged(path: string, at: number): RecordingError {
  return new RecordingError(`${path} is damaged at byte ${at}; what comes before it is good`);
}
