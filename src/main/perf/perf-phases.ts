/**
 * Where a request's time went. MAIN THREAD, pure.
 *
 *   arrival ──queue──► scheduled ──prefill──► first token ──decode──► last token
 *                           └─ KV transfer ─┘
 *
 * On a generation server the cache arrives while the request waits or "prefills"; that part of the wait is the transfer's.
 * So the four parts add up to the whole, and the largest is the place to look at.
 */
import type { PerfRecord } from "./perf-record.ts";

export const PHASES = ["queue", "transfer", "prefill", "decode"] as const;
export type Phase = (typeof PHASES)[number];

/** Seconds; null where a moment is missing, or moments are in the wrong order. */
export interface PerfPhases {
  /** Waiting to be scheduled, without the transfer. */
  readonly queue: number | null;
  /** Waiting for the cache from a prefill server. */
  readonly transfer: number | null;
  /** From being scheduled to the first token, without the transfer. */
  readonly prefill: number | null;
  readonly decode: number | null;
  /** From arrival to the first token. */
  readonly ttft: number | null;
  /** From arrival to the last token. */
  readonly e2e: number | null;
  /** Mean time between tokens; see `tokensAfterFirst`. */
  readonly itl: number | null;
  /** The longest of the four parts; null when none is known. */
  readonly longest: Phase | null;
  /** Moments that contradict each other: the clock of the engine was set, or the engine is wrong. */
  readonly isOutOfOrder: boolean;
}

/** Readings of one clock may differ in their last digits. */
const TOLERANCE_SECONDS = 1e-6;

export function phasesOf(record: PerfRecord): PerfPhases {
  const { arrival, firstScheduled, firstToken, lastToken } = record.times;
  const clock = new Intervals();
  const { transfer } = record;
  const transferred = transfer === null ? null : clock.between(transfer.start, transfer.end);
  const waited = clock.between(arrival, firstScheduled);
  const prefilled = clock.between(firstScheduled, firstToken);
  const decode = clock.between(firstToken, lastToken);
  const inQueue = overlap(arrival, firstScheduled, transfer?.start, transfer?.end);
  const inPrefill = overlap(firstScheduled, firstToken, transfer?.start, transfer?.end);
  const parts = {
    queue: waited === null ? null : waited - inQueue,
    transfer: transferred,
    prefill: prefilled === null ? null : prefilled - inPrefill,
    decode,
  };
  const tokens = tokensAfterFirst(record);
  return {
    ...parts,
    ttft: clock.between(arrival, firstToken),
    e2e: clock.between(arrival, lastToken),
    itl: decode === null || tokens === null ? null : decode / tokens,
    longest: longestOf(parts),
    isOutOfOrder: clock.isOutOfOrder,
  };
}

/**
 * How many tokens came behind the first: the engine tells iterations, not tokens. One token comes with each iteration, and with
 * speculation the accepted ones on top. Null where there were none. A prompt that was prefilled in chunks took more than
 * one iteration for its first token, so the number is then a little too high.
 */
function tokensAfterFirst({ firstIteration, lastIteration, speculation }: PerfRecord): number | null {
  if (firstIteration === null || lastIteration === null || lastIteration <= firstIteration) return null;
  return lastIteration - firstIteration + (speculation?.acceptedTokens ?? 0);
}

class Intervals {
  isOutOfOrder: boolean = false;

  between(from: number | null, to: number | null): number | null {
    if (from === null || to === null) return null;
    if (to >= from) return to - from;
    if (from - to <= TOLERANCE_SECONDS) return 0;
    this.isOutOfOrder = true;
    return null;
  }
}

function overlap(
  from: number | null,
  to: number | null,
  start: number | null | undefined,
  end: number | null | undefined,
): number {
  if (from === null || to === null) return 0;
  if (start === null || start === undefined || end === null || end === undefined) return 0;
  return Math.max(0, Math.min(to, end) - Math.max(from, start));
}

function longestOf(parts: Readonly<Record<Phase, number | null>>): Phase | null {
  let longest: Phase | null = null;
  for (const phase of PHASES) {
    const seconds = parts[phase];
    if (seconds !== null && seconds > (longest === null ? -1 : (parts[longest] ?? 0))) longest = phase;
  }
  return longest;
}
