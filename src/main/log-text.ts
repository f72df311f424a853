/**
 * One log line as a person reads it: `14:03:07.512 WARN  poll failed engine=engine0 status=503`. MAIN THREAD.
 *
 * Messages and values may quote what an engine sent. Control characters are therefore escaped: nobody outside may
 * forge a second line or drive the terminal.
 */
import type { LogLevel } from "./log-level.ts";

const RESET = "\u001B[0m";
const DIM = "\u001B[2m";
const LEVEL_COLOUR: Readonly<Record<LogLevel, string>> = {
  trace: "\u001B[90m",
  debug: "\u001B[36m",
  info: "\u001B[32m",
  warn: "\u001B[33m",
  error: "\u001B[31m",
};

// oxlint-disable-next-line no-control-regex -- finding control characters is the point
const CONTROL = /[\u0000-\u001F\u007F-\u009F\u2028\u2029]/gu;
/** A value made of these alone needs no quotes. */
const BARE = /^[\w.:/@%+,[\]()<>*-]+$/u;

export function escapeControl(text: string): string {
  return text.replace(CONTROL, (char) => {
    if (char === "\n") return String.raw`\n`;
    return String.raw`\u` + char.charCodeAt(0).toString(16).padStart(4, "0");
  });
}

function formatValue(value: unknown): string {
  if (typeof value !== "string") return String(value);
  if (BARE.test(value)) return value;
  return escapeControl(`"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`);
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** Local time of day: the terminal's reader compares it with the clock on the wall. */
export function timeOfDay(at: Date): string {
  const millis = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${millis}`;
}

/** The text form of a line, with its newline. */
export function formatTextLine(
  at: Date,
  level: LogLevel,
  msg: string,
  fields: Iterable<readonly [string, unknown]>,
  colour: boolean,
): string {
  const name = level.toUpperCase().padEnd(5);
  let line = colour
    ? `${DIM}${timeOfDay(at)}${RESET} ${LEVEL_COLOUR[level]}${name}${RESET} ${escapeControl(msg)}`
    : `${timeOfDay(at)} ${name} ${escapeControl(msg)}`;
  for (const [key, value] of fields) {
    line += colour ? ` ${DIM}${key}=${RESET}${formatValue(value)}` : ` ${key}=${formatValue(value)}`;
  }
  return `${line}\n`;
}
