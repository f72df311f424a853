/** Numbers and times as people read them. BROWSER; pure. */

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const NONE = "–";

export function whole(value: number): string {
  return WHOLE.format(value);
}

/** `9,876`, `12.3 k`, `1.23 M`: so short that it fits anywhere. */
export function short(value: number): string {
  if (value >= 1e9) return `${digits(value / 1e9)} G`;
  if (value >= 1e6) return `${digits(value / 1e6)} M`;
  if (value >= 1e4) return `${digits(value / 1e3)} k`;
  return value >= 10 || value === 0 ? whole(value) : value.toFixed(1);
}

export function perSecond(rate: number): string {
  return `${short(rate)}/s`;
}

/** `12 µs`, `3.4 ms`, `1.2 s`. */
export function duration(seconds: number | null): string {
  if (seconds === null) return NONE;
  if (seconds === 0) return "0";
  if (seconds < 1e-3) return `${digits(seconds * 1e6)} µs`;
  return seconds < 1 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`;
}

export function percent(share: number | null): string {
  return share === null ? NONE : `${share > 0 && share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`;
}

/** `14:03:22` of Unix seconds. */
export function clock(at: number): string {
  return CLOCK.format(at * 1000);
}

/** The same with milliseconds. */
export function fineClock(at: number): string {
  return `${clock(at)}.${String(Math.floor((at % 1) * 1000)).padStart(3, "0")}`;
}

/** `2 d 3 h`, `5 min 12 s`: two places. */
export function span(seconds: number): string {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
