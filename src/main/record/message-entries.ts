/** Published messages, and what happens to their sequence, as entries of a recording. MAIN THREAD. */
import type { RawMessage } from "../tail/raw-message.ts";
import type { GapItem, LossReason, RestartItem } from "../tail/stream-items.ts";
import { RecordingError } from "./recording-format.ts";

const NUMBER_BYTES = 8;
const LOSS_REASONS: readonly LossReason[] = ["no-replay", "evicted", "timeout", "cooling-down", "framing"];

/** What of a stream is kept besides its messages. */
export type RecordedNote = GapItem | RestartItem;

export function messageEntry({ sequence, payload }: RawMessage): Buffer {
  const bytes = Buffer.allocUnsafe(NUMBER_BYTES + payload.length);
  bytes.writeBigUInt64LE(BigInt(sequence), 0);
  payload.copy(bytes, NUMBER_BYTES);
  return bytes;
}

/** Throws RecordingError for an entry that is none. */
export function messageOfEntry(bytes: Buffer, path: string): RawMessage {
  const sequence = bytes.length < NUMBER_BYTES ? Number.NaN : Number(bytes.readBigUInt64LE(0));
  if (!Number.isSafeInteger(sequence)) throw new RecordingError(`${path} is damaged: a message without its number`);
  return { sequence, payload: bytes.subarray(NUMBER_BYTES) };
}

export function noteEntry(note: RecordedNote): Buffer {
  return Buffer.from(JSON.stringify(note));
}

/** Throws RecordingError for an entry that is none. */
export function noteOfEntry(bytes: Buffer, path: string): RecordedNote {
  let value: unknown = null;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    // Said below.
  }
  if (typeof value === "object" && value !== null && "kind" in value) {
    if (value.kind === "gap" && "from" in value && "to" in value && "healed" in value) {
      const { from, to, healed } = value;
      const given = "reason" in value ? value.reason : null;
      const reason = LOSS_REASONS.find((each) => each === given) ?? null;
      if (isNumber(from) && isNumber(to) && to >= from)
        return { kind: "gap", from, to, healed: healed === true, reason };
    }
    if (value.kind === "restart" && "sequence" in value && "expected" in value) {
      const { sequence, expected } = value;
      if (isNumber(sequence) && isNumber(expected)) return { kind: "restart", sequence, expected };
    }
  }
  throw new RecordingError(`${path} is damaged: a note that says nothing that is known`);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
