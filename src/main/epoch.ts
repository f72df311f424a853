/**
 * The identity of one run of sequence numbers. MAIN THREAD, made once at start.
 *
 * A number says nothing without its epoch: a publisher that starts anew gives the same ones out again. Whoever compares
 * what it holds with what kvcast says compares the epoch first.
 */
import { randomUUID } from "node:crypto";
import { wallClockSeconds } from "../shared/clock.ts";
import type { Epoch } from "../shared/index-messages.ts";
import type { SequenceStart } from "./config/stream-options.ts";

/** An epoch that begins now. */
export function newEpoch(): Epoch {
  return { uuid: randomUUID(), startedSeconds: wallClockSeconds() };
}

/** The first sequence number of an epoch: 0, or its start in microseconds since 1970, which 53 bits hold until 2255. */
export function firstSequenceOf(epoch: Epoch, start: SequenceStart): number {
  return start === "time" ? Math.round(epoch.startedSeconds * 1e6) : 0;
}
