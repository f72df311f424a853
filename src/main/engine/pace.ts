/**
 * When made-up events become due: evenly, or in bursts of the same average. MAIN THREAD; pure. The built-in engine and the
 * stand-in engine ask the same clockwork, so that a load means the same on both.
 */
import type { TrafficConfig } from "../config/config.ts";

/** With `burst`, what a period of this length brings comes at its beginning. */
export const BURST_PERIOD_MS = 5000;

type Pace = Pick<TrafficConfig, "ratePerSecond" | "burst">;

/** Events that are due so many milliseconds after the start, as a fraction; Infinity where there is no pace. */
export function dueEvents(pace: Pace, elapsedMs: number): number {
  const { ratePerSecond, burst = 1 } = pace;
  if (ratePerSecond === Infinity) return Infinity;
  if (burst === 1) return (elapsedMs * ratePerSecond) / 1000;
  const periods = Math.floor(elapsedMs / BURST_PERIOD_MS);
  const intoPeriodMs = elapsedMs - periods * BURST_PERIOD_MS;
  return ((periods * BURST_PERIOD_MS + Math.min(BURST_PERIOD_MS, intoPeriodMs * burst)) * ratePerSecond) / 1000;
}

/** Milliseconds after the start at which event number `count`, from 1, is due. */
export function dueAtMs(pace: Pace, count: number): number {
  const { ratePerSecond, burst = 1 } = pace;
  const steadyMs = (count * 1000) / ratePerSecond;
  if (burst === 1 || ratePerSecond === Infinity) return steadyMs;
  // The last event of a period is due in that period, and not at the start of the next one.
  const periods = Math.ceil(steadyMs / BURST_PERIOD_MS) - 1;
  return periods * BURST_PERIOD_MS + (steadyMs - periods * BURST_PERIOD_MS) / burst;
}
