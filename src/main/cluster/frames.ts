/**
 * The messages of leader and workers, frame by frame. MAIN THREAD; pure.
 *
 *   command   leader ─► all workers    [id, function, data …]
 *   ack       worker ─► leader         [id]                      [id, function, note]
 *   reply                              [id, function, payload]   [id, function, payload, note]
 *   refusal                            [id + 2^63, function, note]
 *   yield     anyone ─► leader         [0, "kvcast_yield"]
 *
 * The forms without a note are those of Dynamo's block manager. Its leader counts what comes by the id alone, looks at the third
 * frame only when it wants a payload, and passes over ids that it does not know. So a note may always stand behind,
 * and a refusal never counts there as if something had been done. A yield asks a leader that only keeps the place warm to make
 * room for another one; no command has the id 0.
 */
import { type AnswerNote, decodeNote, encodeNote } from "./answer-note.ts";

export const ID_BYTES = 8;
/** Ids stay below; with this bit an id says that the command was not carried out. */
const REFUSED = 1n << 63n;

const YIELD = Buffer.from("kvcast_yield");

const UTF8 = new TextDecoder("utf-8", { fatal: true });
/** Longest payload of an answer; a leader ends the connection to a worker that sends more. */
export const MAX_PAYLOAD_BYTES: number = 1024 * 1024;
/** Longest name of a function that is taken; longer ones are nobody's. */
const MAX_FUNCTION_BYTES = 256;

export interface Command {
  readonly id: bigint;
  readonly name: string;
  readonly data: readonly Buffer[];
}

/** What is wrong with a message. */
export type FrameFault = "too_few_frames" | "bad_id" | "bad_function";

/** An answer as it arrives. */
export interface Answer {
  readonly id: bigint;
  /** The worker did not carry out the command. */
  readonly isRefusal: boolean;
  /** The third frame, unless that is the note. */
  readonly payload: Buffer | null;
  readonly note: AnswerNote | null;
}

export function commandFrames({ id, name, data }: Command): Buffer[] {
  return [idFrame(id), Buffer.from(name), ...data];
}

export function parseCommand(frames: readonly Buffer[]): Command | FrameFault {
  const [idBytes, nameBytes, ...data] = frames;
  if (idBytes === undefined || nameBytes === undefined) return "too_few_frames";
  if (idBytes.length !== ID_BYTES) return "bad_id";
  if (nameBytes.length > MAX_FUNCTION_BYTES) return "bad_function";
  const id = idBytes.readBigUInt64BE();
  // Its answer would read as a refusal.
  if ((id & REFUSED) !== 0n) return "bad_id";
  try {
    return { id, name: UTF8.decode(nameBytes), data };
  } catch {
    return "bad_function";
  }
}

/** The answer to a command that was carried out; without a payload an ACK. */
export function answerFrames(
  { id, name }: Pick<Command, "id" | "name">,
  payload: Uint8Array | null,
  note: AnswerNote | null,
): Buffer[] {
  const behind = note === null ? [] : [encodeNote(note)];
  if (payload !== null) return [idFrame(id), Buffer.from(name), Buffer.from(payload), ...behind];
  return note === null ? [idFrame(id)] : [idFrame(id), Buffer.from(name), ...behind];
}

/** The answer to one that was not. */
export function refusalFrames({ id, name }: Pick<Command, "id" | "name">, note: AnswerNote): Buffer[] {
  return [idFrame(id | REFUSED), Buffer.from(name), encodeNote(note)];
}

export function parseAnswer(frames: readonly Buffer[]): Answer | FrameFault {
  const [idBytes] = frames;
  if (idBytes === undefined) return "too_few_frames";
  if (idBytes.length !== ID_BYTES) return "bad_id";
  const id = idBytes.readBigUInt64BE();
  const last = frames.length >= 3 ? frames.at(-1) : undefined;
  const note = last === undefined ? null : decodeNote(last);
  const payload = note !== null && frames.length === 3 ? null : (frames[2] ?? null);
  return { id: id & ~REFUSED, isRefusal: (id & REFUSED) !== 0n, payload, note };
}

export function yieldFrames(): Buffer[] {
  return [idFrame(0n), Buffer.from(YIELD)];
}

export function isYield([id, name, ...rest]: readonly Buffer[]): boolean {
  return rest.length === 0 && name?.equals(YIELD) === true && id?.equals(idFrame(0n)) === true;
}

function idFrame(id: bigint): Buffer {
  const frame = Buffer.allocUnsafe(ID_BYTES);
  frame.writeBigUInt64BE(id);
  return frame;
}
