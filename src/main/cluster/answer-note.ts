/**
 * What a worker adds to its answers: who it is, and how the command went. MAIN THREAD; pure.
 *
 *   kvcast/1 {"worker":NAME,"boot":ID,"outcome":"done","error":TEXT}
 *
 * A leader that does not know of it does not look at it. One that does can tell workers apart, count none twice, and say by name
 * who has not answered.
 */
import { objectOf } from "../../shared/json-object.ts";
const MAGIC = Buffer.from("kvcast/1 ");
const MAX_NOTE_BYTES = 4096;
export const MAX_NAME_CHARS = 128;
const MAX_BOOT_CHARS = 64;
const MAX_ERROR_CHARS = 500;

/** `done` and `failed`: the command was carried out, well or not. `refused`: it was not. */
export const OUTCOMES = ["done", "failed", "refused"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface AnswerNote {
  /** Null where the worker has no name, and says only how it went. */
  readonly worker: string | null;
  /** Another one after each start of the worker. */
  readonly boot: string;
  readonly outcome: Outcome;
  readonly error: string | null;
}

export function encodeNote({ worker, boot, outcome, error }: AnswerNote): Buffer {
  const fields = {
    ...(worker === null ? {} : { worker }),
    boot,
    outcome,
    ...(error === null ? {} : { error: error.slice(0, MAX_ERROR_CHARS) }),
  };
  return Buffer.concat([MAGIC, Buffer.from(JSON.stringify(fields))]);
}

/** Null for a frame that is no note, whatever it is. */
export function decodeNote(frame: Buffer): AnswerNote | null {
  if (frame.length > MAX_NOTE_BYTES || !frame.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  let fields: unknown;
  try {
    fields = JSON.parse(frame.toString("utf8", MAGIC.length));
  } catch {
    return null;
  }
  const { worker = null, boot, outcome, error = null } = objectOf(fields);
  const known = OUTCOMES.find((each) => each === outcome);
  if (known === undefined || !isPlain(boot, MAX_BOOT_CHARS)) return null;
  if (worker !== null && !isWorkerName(worker)) return null;
  return { worker, boot, outcome: known, error: typeof error === "string" ? printable(error) : null };
}

/** Whether a worker may be called so: 1 to 128 characters, none of them a space or one that steers a terminal. */
export function isWorkerName(value: unknown): value is string {
  return isPlain(value, MAX_NAME_CHARS);
}

function isPlain(value: unknown, maxChars: number): value is string {
  return typeof value === "string" && value.length <= maxChars && /^[^\s\p{C}]+$/u.test(value);
}

/** One line for terminals and logs, whoever wrote it. */
function printable(text: string): string {
  return text.slice(0, MAX_ERROR_CHARS).replaceAll(/[\p{C}\u2028\u2029]+/gu, " ");
}
