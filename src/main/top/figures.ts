/** Figures as the terminal view writes them: short, and of a width that hardly moves. MAIN THREAD; pure. */
const KILO = [1e3, "k"] as const;
const MEGA = [1e6, "M"] as const;
const GIGA = [1e9, "G"] as const;
const BLOCKS = "▁▂▃▄▅▆▇█";

export function count(value: number): string {
  if (!(Math.abs(value) >= 100_000)) return String(Math.round(value));
  const [divisor, unit] = Math.abs(value) >= 1e9 ? GIGA : Math.abs(value) >= 1e6 ? MEGA : KILO;
  return `${(value / divisor).toFixed(1)}${unit}`;
}

export function rate(value: number | null): string {
  if (value === null) return "-";
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

/** A short time. */
export function duration(seconds: number | null): string {
  if (seconds === null) return "-";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return `${seconds.toFixed(1)} s`;
}

/** A long one: the two largest units. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

export function share(value: number | null): string {
  return value === null ? "-" : `${Math.round(value * 100)} %`;
}

/** `[####....]` */
export function bar(value: number, columns: number): string {
  const full = Math.round(Math.min(1, Math.max(0, value)) * columns);
  return `[${"#".repeat(full)}${".".repeat(columns - full)}]`;
}

/** The newest values as a row of blocks, the highest of them as high as a line. */
export function spark(values: readonly (number | null)[], columns: number): string {
  const shown = values.slice(-columns);
  const highest = Math.max(0, ...shown.map((value) => value ?? 0));
  return shown
    .map((value) => {
      if (value === null) return " ";
      const step = highest === 0 ? 0 : Math.round((value / highest) * (BLOCKS.length - 1));
      return BLOCKS[Math.max(0, step)] ?? " ";
    })
    .join("");
}

/** Hours, minutes, seconds, in local time. */
export function clock(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Text from outside, as a terminal may have it: one column a character, and nothing that it would obey. */
export function plain(text: string): string {
  return text.replaceAll(/[^\u0020-\u007E\u00A0-\u024F\u2010-\u2027\u2190-\u21FF\u2580-\u25FF]/gu, "?");
}
