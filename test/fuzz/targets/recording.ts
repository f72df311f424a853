/** Recordings: what is read is a beginning of what the file claims, or a clear error comes, also when all checksums are right. */
import assert from "node:assert/strict";
import { crc32, deflateRawSync } from "node:zlib";
import {
  CHUNK_HEADER_BYTES,
  ENTRY,
  ENTRY_HEADER_BYTES,
  MAGIC,
  RecordingError,
} from "../../../src/main/record/recording-format.ts";
import { type RecordingFile, RecordingReader } from "../../../src/main/record/recording-reader.ts";
import { numberOf } from "../chunks.ts";
import { RealFile } from "../real-file.ts";
import { BYTE_SYNTAX } from "../syntax.ts";
import type { FuzzTarget, Session } from "../target.ts";

const LONGEST_MESSAGE = 1000;
/** One file in so many is read as it is, too; else with its checksums made right, or nothing behind them would be read. */
const RAW_EVERY = 4;

type EntryParts = readonly [kind: number, atMs: number, bytes: Uint8Array];

const HEAD = JSON.stringify({ kind: "engine", tokens: true, created: "2026-01-01T00:00:00.000Z", kvcast: "0.1.0" });
const CHUNKS: readonly (readonly EntryParts[])[] = [
  [
    [ENTRY.answerPart, 1, Buffer.from('[{"event_id":0,')],
    [ENTRY.answerEnd, 1.5, Buffer.from('"data":{}}]')],
    [ENTRY.failure, 2, Buffer.from("connect")],
  ],
  [
    [ENTRY.message, 3, Buffer.from("0000000000000001930190c0", "hex")],
    [ENTRY.note, 4, Buffer.from('{"lost":3}')],
  ],
  [[ENTRY.end, 5, Buffer.alloc(0)]],
];

/** Packed at level 0 the bytes stand in the file as they are, so that changes get behind the unpacking. */
function chunkOf(entries: readonly EntryParts[], level: number): Buffer {
  const raw = Buffer.concat(
    entries.flatMap(([kind, atMs, bytes]) => {
      const header = Buffer.alloc(ENTRY_HEADER_BYTES);
      header.writeUInt8(kind, 0);
      header.writeDoubleLE(atMs, 1);
      header.writeUInt32LE(bytes.length, 9);
      return [header, bytes];
    }),
  );
  const packed = deflateRawSync(raw, { level });
  const header = Buffer.alloc(CHUNK_HEADER_BYTES);
  header.writeUInt32LE(packed.length, 0);
  header.writeUInt32LE(raw.length, 4);
  return Buffer.concat([header, packed]);
}

function recording(level: number, chunks: readonly (readonly EntryParts[])[]): Buffer {
  const head: EntryParts = [ENTRY.head, 0, Buffer.from(HEAD)];
  return withChecksums(Buffer.concat([MAGIC, chunkOf([head], level), ...chunks.map((each) => chunkOf(each, level))]));
}

/** The checksum of each chunk is right, as far as there are whole ones. */
function withChecksums(file: Uint8Array): Buffer {
  const bytes = Buffer.from(file);
  for (let at = MAGIC.length; at + CHUNK_HEADER_BYTES <= bytes.length;) {
    const start = at + CHUNK_HEADER_BYTES;
    const end = start + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    bytes.writeUInt32LE(crc32(bytes.subarray(start, end), crc32(bytes.subarray(at, at + 8))), at + 8);
    at = end;
  }
  return bytes;
}

export const RECORDING: FuzzTarget = {
  name: "recording",
  about: "files of kvcast record",
  syntax: BYTE_SYNTAX,
  seeds: () =>
    [0, 6].flatMap((level) => [recording(level, CHUNKS), recording(level, []), recording(level, CHUNKS.slice(2))]),
  open,
};

/** An open file that holds these bytes. */
function inMemory(bytes: Uint8Array): RecordingFile {
  return {
    read: async (buffer, offset, length, position) => {
      const part = bytes.subarray(position, position + length);
      buffer.set(part, offset);
      return { bytesRead: part.length };
    },
    stat: async () => ({ size: bytes.length }),
    close: async () => {},
  };
}

function open(): Session {
  const real = new RealFile("r");

  const read = async (bytes: Uint8Array): Promise<void> => {
    let reader: RecordingReader | null = null;
    try {
      reader = real.takes(bytes, bytes)
        ? await RecordingReader.open(real.file)
        : await RecordingReader.read(inMemory(bytes), real.file);
      assert.ok(reader.head.created.length <= 40 && reader.head.kvcast.length <= 40);
      let last = reader.position;
      for await (const { kind, atMs, bytes: own } of reader.entries()) {
        assert.ok(Number.isInteger(kind) && kind !== ENTRY.end);
        assert.ok(atMs >= 0 && Number.isFinite(atMs));
        assert.ok(own.length >= 0);
        assert.ok(reader.position >= last && reader.position <= bytes.length, "it goes on, and not beyond the end");
        last = reader.position;
      }
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      assert.ok(error.message.length < LONGEST_MESSAGE);
    } finally {
      await reader?.close();
    }
  };

  const run = async (input: Uint8Array): Promise<void> => {
    await read(withChecksums(input));
    if (numberOf(input) % RAW_EVERY === 0) await read(input);
  };
  return { run, close: () => real.close() };
}
