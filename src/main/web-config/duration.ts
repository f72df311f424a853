/** Durations as Go writes them: `1s`, `250ms`, `1m30s`. MAIN THREAD; pure. */

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["μs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);
const PART = /(\d{1,12}(?:\.\d{1,12})?)(ns|us|µs|μs|ms|s|m|h)/y;

/** Milliseconds; null for what is no duration, or a negative one. A bare number counts nanoseconds, as in Go. */
export function goDurationMs(text: string): number | null {
  if (/^\d{1,15}$/.test(text)) return Number(text) / 1e6;
  let totalMs = 0;
  let at = 0;
  while (at < text.length) {
    PART.lastIndex = at;
    const [whole = "", amount = "", unit = ""] = PART.exec(text) ?? [];
    if (whole === "") return null;
    totalMs += Number(amount) * (UNITS_MS.get(unit) ?? Number.NaN);
    at += whole.length;
  }
  return at === 0 ? null : totalMs;
}
