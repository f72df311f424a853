/** Bytes of the text format, and which of them may stand where. ANY THREAD; data. */

export const TAB = 0x09;
export const LINE_FEED = 0x0a;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const HASH = 0x23;
export const COMMA = 0x2c;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
const LOWER_N = 0x6e;

const NAME_START = 1;
const NAME_REST = 2;
const LABEL_START = 4;
const LABEL_REST = 8;

const CLASSES = new Uint8Array(256);
for (const [from, to, classes] of [
  ["a", "z", NAME_START | NAME_REST | LABEL_START | LABEL_REST],
  ["A", "Z", NAME_START | NAME_REST | LABEL_START | LABEL_REST],
  ["_", "_", NAME_START | NAME_REST | LABEL_START | LABEL_REST],
  ["0", "9", NAME_REST | LABEL_REST],
  [":", ":", NAME_START | NAME_REST],
] as const) {
  for (let byte = from.charCodeAt(0); byte <= to.charCodeAt(0); byte++) CLASSES[byte] = classes;
}

export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** Escapes are those of backslash, quote and line feed. */
export function isEscape(byte: number): boolean {
  return byte === BACKSLASH || byte === QUOTE || byte === LOWER_N;
}

/** Index of the first byte that is not a blank. */
export function skipBlanks(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(bytes[at] as number)) at++;
  return at;
}

/** Index behind the metric name that begins at `from`; `from` itself when none does. */
export function endOfMetricName(bytes: Uint8Array, from: number, end: number): number {
  return endOfName(bytes, from, end, NAME_START, NAME_REST);
}

/** The same for the name of a label. */
export function endOfLabelName(bytes: Uint8Array, from: number, end: number): number {
  return endOfName(bytes, from, end, LABEL_START, LABEL_REST);
}

function endOfName(bytes: Uint8Array, from: number, end: number, start: number, rest: number): number {
  if (from >= end || ((CLASSES[bytes[from] as number] as number) & start) === 0) return from;
  let at = from + 1;
  while (at < end && ((CLASSES[bytes[at] as number] as number) & rest) !== 0) at++;
  return at;
}

/** Copies a range to `at`; returns where the copy ends. Short ones as a rule, for which a loop beats a call. */
export function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  let next = at;
  for (let i = start; i < end; i++) to[next++] = from[i] as number;
  return next;
}

/** Below 0, 0 or above, as the bytes of two ranges compare. */
export function compareRanges(
  a: Uint8Array,
  aFrom: number,
  aTo: number,
  b: Uint8Array,
  bFrom: number,
  bTo: number,
): number {
  const length = Math.min(aTo - aFrom, bTo - bFrom);
  for (let i = 0; i < length; i++) {
    const difference = (a[aFrom + i] as number) - (b[bFrom + i] as number);
    if (difference !== 0) return difference;
  }
  return aTo - aFrom - (bTo - bFrom);
}
