/**
 * How a recording looks on disk. MAIN THREAD; `docs/record.md` has the same for people.
 *
 *   file    = magic (8 bytes, the last is the version) chunk*
 *   chunk   = length of what follows (u32) · length unpacked (u32) · CRC-32 of both lengths and what follows (u32) · raw deflate
 *   entries = kind (u8) · milliseconds since the start (f64) · length (u32) · bytes
 *
 * All numbers are little-endian. The first chunk holds one entry, the head, as JSON. Each chunk stands for itself, so that a
 * file that was cut is good up to its last whole chunk, and a byte that was changed is found before anything in it is believed.
 * No chunk is unpacked that claims to be longer than `MAX_CHUNK_BYTES`.
 */
import { EXIT, KvcastError } from "../../shared/errors.ts";

export const RECORDING_VERSION = 1;
/** As PNG does it: no text file begins so, and what changes line ends shows. */
export const MAGIC: Buffer = Buffer.from([0x8b, 0x4b, 0x56, 0x52, 0x0d, 0x0a, 0x1a, RECORDING_VERSION]);

export const CHUNK_HEADER_BYTES = 12;
export const ENTRY_HEADER_BYTES = 13;
/** A chunk is closed when it has so much, and holds one entry more at most. */
export const CHUNK_TARGET_BYTES: number = 256 * 1024;
export const MAX_ENTRY_BYTES: number = 64 * 1024 * 1024;
export const MAX_CHUNK_BYTES: number = CHUNK_TARGET_BYTES + ENTRY_HEADER_BYTES + MAX_ENTRY_BYTES;

/** Kinds of entries. A reader skips those that it does not know. */
export const ENTRY = {
  head: 1,
  /** A part of an engine's answer; more of it follows. */
  answerPart: 2,
  /** The last part of an answer. */
  answerEnd: 3,
  /** A read of the engine that failed: the reason, a word. */
  failure: 4,
  /** A published message: its number (u64), then its payload. */
  message: 5,
  /** Something that happened to the sequence of messages, as JSON. */
  note: 6,
  /** The recording was ended in order. Nothing follows. */
  end: 7,
} as const;

export type RecordingKind = "engine" | "published";

export interface RecordingHead {
  readonly kind: RecordingKind;
  /** Token ids and salts are as they were. */
  readonly tokens: boolean;
  /** When it was begun, ISO 8601. */
  readonly created: string;
  /** Version of kvcast that wrote it. */
  readonly kvcast: string;
}

export interface Entry {
  readonly kind: number;
  readonly atMs: number;
  readonly bytes: Buffer;
}

/** What is in a file is no recording, or not the one that was asked for. Exit code 78. */
export class RecordingError extends KvcastError {
  constructor(message: string, cause?: unknown) {
    super("KVCAST_BAD_RECORDING", message, EXIT.badConfig, cause);
  }
}

/** The file cannot be written any more. Exit code 1. */
export class RecordingWriteError extends KvcastError {
  constructor(message: string, cause?: unknown) {
    super("KVCAST_RECORDING_FAILED", message, EXIT.failure, cause);
  }
}

/** Throws RecordingError when it is none. */
export function parseHead(bytes: Buffer, path: string): RecordingHead {
  let value: unknown = null;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    // Said below.
  }
  if (typeof value === "object" && value !== null && "kind" in value && "tokens" in value) {
    const { kind, tokens } = value;
    const created = "created" in value && typeof value.created === "string" ? value.created.slice(0, 40) : "";
    const kvcast = "kvcast" in value && typeof value.kvcast === "string" ? value.kvcast.slice(0, 40) : "";
    if ((kind === "engine" || kind === "published") && typeof tokens === "boolean") {
      return { kind, tokens, created, kvcast };
    }
  }
  throw new RecordingError(`${path} is damaged: its head says nothing that is known`);
}
