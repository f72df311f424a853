/**
 * The ZMQ frames of one message of another publisher, `[topic, payload]` or `[topic, sequence, payload]`. MAIN THREAD; pure.
 *
 * The sequence number is what gaps are found by and replay is asked for with. Two frames, or a number that is none, leave a
 * reader without; where it needs one it says so with `strict`.
 */
import { SEQUENCE_BYTES } from "../../shared/zmq-wire.ts";
import type { WireRefusal } from "./wire-refusal.ts";

const TWO_TO_32 = 2 ** 32;

export interface WireFrames {
  readonly topic: Uint8Array;
  /** null when the message has none. */
  readonly sequence: number | null;
  readonly payload: Uint8Array;
}

export type FramesResult =
  | { readonly frames: WireFrames; readonly refusal: null }
  | { readonly frames: null; readonly refusal: WireRefusal };

/**
 * Names the frames. With `strict` the message must have three, of which the second has eight bytes; without it two are enough
 * and a sequence frame of another length counts as none. A number beyond 2^53 - 1 is refused in both: two in a row would be
 * the same.
 */
export function readFrames(frames: readonly Uint8Array[], strict: boolean): FramesResult {
  const [topic, second, third] = frames;
  if (topic === undefined || second === undefined || frames.length > 3)
    return refuse("frames", countText(frames, strict));
  if (third === undefined) {
    if (strict) return refuse("frames", countText(frames, strict));
    return { frames: { topic, sequence: null, payload: second }, refusal: null };
  }
  if (second.length !== SEQUENCE_BYTES) {
    if (strict)
      return refuse("sequence", `the sequence frame must have ${SEQUENCE_BYTES} bytes, this one has ${second.length}`);
    return { frames: { topic, sequence: null, payload: third }, refusal: null };
  }
  const sequence = bigEndian(second, 0) * TWO_TO_32 + bigEndian(second, 4);
  if (!Number.isSafeInteger(sequence)) return refuse("sequence", "the sequence number is beyond 2^53 - 1");
  return { frames: { topic, sequence, payload: third }, refusal: null };
}

function bigEndian(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) value = value * 256 + (bytes[i] as number);
  return value;
}

function countText(frames: readonly Uint8Array[], strict: boolean): string {
  return `a message must have ${strict ? "three frames" : "two or three frames"}, this one has ${frames.length}`;
}

function refuse(reason: "frames" | "sequence", message: string): FramesResult {
  return { frames: null, refusal: { reason, message } };
}
