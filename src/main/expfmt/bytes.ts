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

/** Whether a metric's name may go on with that byte. */
export function isInMetricName(byte: number): boolean {
  return ((CLASSES[byte] as number) & NAME_REST) !== 0;
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

/** Bytes, and a view of them by which several are read at once. */
export interface Viewed {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function viewed(bytes: Uint8Array): Viewed {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/**
 * How many of the first `most` bytes are the same in both; `a` has no byte 0. As numbers two times eight bytes are equal only
 * when they are the same, but for 0 and -0, of which either has bytes that are 0.
 */
export function commonBytes(a: Viewed, aFrom: number, b: Viewed, bFrom: number, most: number): number {
  const left = a.view;
  const right = b.view;
  let i = 0;
  while (i + 8 <= most && left.getFloat64(aFrom + i, true) === right.getFloat64(bFrom + i, true)) i += 8;
  if (i + 4 <= most && left.getInt32(aFrom + i, true) === right.getInt32(bFrom + i, true)) i += 4;
  while (i < most && left.getUint8(aFrom + i) === right.getUint8(bFrom + i)) i++;
  return i;
}

/** Up to so many bytes a loop beats a call. */
const SHORT_BYTES = 160;

/** Copies a range to `at`; returns where the copy ends. */
export function copy(from: Viewed, start: number, end: number, to: Viewed, at: number): number {
  if (end - start > SHORT_BYTES) {
    // Buffer's own `subarray` takes twice as long.
    to.bytes.set(new Uint8Array(from.bytes.buffer, from.bytes.byteOffset + start, end - start), at);
    return at + end - start;
  }
  let next = at;
  let i = start;
  for (; i + 4 <= end; i += 4, next += 4) to.view.setInt32(next, from.view.getInt32(i, true), true);
  for (; i < end; i++, next++) to.view.setUint8(next, from.view.getUint8(i));
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
