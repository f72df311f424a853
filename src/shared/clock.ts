/**
 * The two clocks, the same on every thread of the process.
 */

/** Microseconds on the monotonic clock: for durations, also between threads. */
export function monotonicMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

/**
 * Milliseconds on the monotonic clock as an i32 that wraps, for a word of shared memory. The difference of two of them,
 * `| 0`, is right as long as they are less than 24 days apart.
 */
export function wrappingMs(): number {
  return Math.floor(monotonicMicros() / 1000) | 0;
}

/** How far the fine clock may run from the system's before it is set again; Date.now() itself has 1 ms steps. */
const MAX_DRIFT_MS = 2;
let anchorMs = performance.timeOrigin;

/**
 * Seconds since 1970 in microseconds' resolution. Follows the system clock when that is set, which the platform's own
 * high-resolution clock does not.
 */
export function wallClockSeconds(): number {
  const coarse = Date.now();
  const elapsed = performance.now();
  const fine = anchorMs + elapsed;
  if (Math.abs(fine - coarse) > MAX_DRIFT_MS) {
    anchorMs = coarse - elapsed;
    return coarse / 1000;
  }
  return fine / 1000;
}
