/** A message as it came over the socket, before it is decoded. MAIN THREAD, or any program that uses the library. */
import { SEQUENCE_BYTES } from "../../shared/zmq-wire.ts";
import { MalformedError } from "./kv-event.ts";

/** In place of a number, where a message has none. */
export const UNNUMBERED = -1;

export interface RawMessage {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Checks `[topic, sequence, payload]`, or if allowed `[topic, payload]`. Throws MalformedError. */
export function rawMessage(frames: readonly Buffer[], allowsUnnumbered: boolean = false): RawMessage {
  const [, number, payload] = frames;
  if (allowsUnnumbered && frames.length === 2 && number !== undefined) return { sequence: UNNUMBERED, payload: number };
  if (frames.length !== 3 || number === undefined || payload === undefined) throw new MalformedError("frames");
  return { sequence: sequenceOf(number), payload };
}

/** Throws MalformedError for a frame that holds no sequence number. */
export function sequenceOf(frame: Buffer): number {
  if (frame.length !== SEQUENCE_BYTES) throw new MalformedError("sequence");
  const sequence = Number(frame.readBigUInt64BE());
  // Microseconds since 1970 stay below for two centuries; beyond, two numbers in a row would be the same.
  if (!Number.isSafeInteger(sequence)) throw new MalformedError("sequence");
  return sequence;
}
