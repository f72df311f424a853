/**
 * Reads one line of samples, `name{label="value",…} value timestamp`, as bytes, and keeps where its parts are. ANY THREAD.
 *
 * One pass: it checks names, escapes and bounds, and makes a hash of the labels on the way that does not depend on their
 * order, by which a series is known again. One object serves any number of lines; nothing is allocated for a line.
 */
import { isUtf8 } from "node:buffer";
import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  compareRanges,
  endOfLabelName,
  endOfMetricName,
  EQUALS,
  isBlank,
  isEscape,
  OPEN_BRACE,
  QUOTE,
  skipBlanks,
  SPACE,
  TAB,
} from "./bytes.ts";
import { isTimestamp, isValue } from "./number-text.ts";
import { MAX_LABELS, MAX_LABEL_VALUE_BYTES, MAX_NAME_BYTES, type Refusal } from "./refusal.ts";

const LO_PRIME = 0x01000193;
const HI_PRIME = 0x5bd1e995;
const UNDERSCORE = 0x5f;

export class SampleScanner {
  /** Where the name stands. */
  nameFrom: number = 0;
  nameTo: number = 0;
  labelCount: number = 0;
  readonly labelFrom: Int32Array = new Int32Array(MAX_LABELS);
  readonly labelTo: Int32Array = new Int32Array(MAX_LABELS);
  /** Of the values, without their quotes and still escaped. */
  readonly valueFrom: Int32Array = new Int32Array(MAX_LABELS);
  readonly valueTo: Int32Array = new Int32Array(MAX_LABELS);
  /** The labels' names rise, so that none stands twice. */
  sorted: boolean = true;
  /** Index behind name and labels. */
  headTo: number = 0;
  /** Where the value stands, and the timestamp: nothing between its ends when there is none. */
  numberFrom: number = 0;
  numberTo: number = 0;
  timestampFrom: number = 0;
  timestampTo: number = 0;
  /** The line has no blank and no comma too many, so that stricter formats take it as it is. */
  isCanonical: boolean = true;
  /** Of all labels with their values, whatever their order. */
  labelsLo: number = 0;
  labelsHi: number = 0;
  /** So that nobody can choose two series that look the same. */
  readonly #seedLo: number;
  readonly #seedHi: number;

  constructor(seedLo: number = 0, seedHi: number = 0) {
    this.#seedLo = seedLo | 0;
    this.#seedHi = seedHi | 0;
  }

  /** The name of the line in [`start`, `end`). Null: it is there, and well. */
  name(bytes: Uint8Array, start: number, end: number): Refusal | null {
    this.nameFrom = skipBlanks(bytes, start, end);
    this.isCanonical = this.nameFrom === start;
    this.nameTo = endOfMetricName(bytes, this.nameFrom, end);
    if (this.nameTo === this.nameFrom) return "syntax";
    return this.nameTo - this.nameFrom > MAX_NAME_BYTES ? "too_long" : null;
  }

  /** The labels, behind the name. */
  labels(bytes: Uint8Array, end: number): Refusal | null {
    this.labelCount = 0;
    this.labelsLo = 0;
    this.labelsHi = 0;
    this.sorted = true;
    this.headTo = this.nameTo;
    const open = skipBlanks(bytes, this.nameTo, end);
    if (bytes[open] !== OPEN_BRACE || open >= end) return null;
    this.isCanonical &&= open === this.nameTo;
    return this.#labels(bytes, open + 1, end);
  }

  /** Value and timestamp, behind the labels. */
  tail(bytes: Uint8Array, end: number): Refusal | null {
    const value = (this.numberFrom = skipBlanks(bytes, this.headTo, end));
    const valueEnd = (this.numberTo = endOfWord(bytes, value, end));
    // Without braces a blank is all that parts the name from the value.
    if ((value === this.headTo && this.headTo === this.nameTo) || !isValue(bytes, value, valueEnd)) return "syntax";
    this.isCanonical &&= value === this.headTo + 1 && bytes[this.headTo] === SPACE;
    const timestamp = (this.timestampFrom = skipBlanks(bytes, valueEnd, end));
    const timestampEnd = (this.timestampTo = endOfWord(bytes, timestamp, end));
    if (timestamp === end) {
      this.isCanonical &&= valueEnd === end;
      return null;
    }
    if (!isTimestamp(bytes, timestamp, timestampEnd)) return "syntax";
    this.isCanonical &&= timestamp === valueEnd + 1 && bytes[valueEnd] === SPACE && timestampEnd === end;
    return skipBlanks(bytes, timestampEnd, end) === end ? null : "syntax";
  }

  /** Index of the label of that name; -1 when there is none. */
  indexOf(bytes: Uint8Array, label: Uint8Array): number {
    for (let i = 0; i < this.labelCount; i++) {
      const from = this.labelFrom[i] as number;
      if (compareRanges(bytes, from, this.labelTo[i] as number, label, 0, label.length) === 0) return i;
    }
    return -1;
  }

  #labels(bytes: Uint8Array, from: number, end: number): Refusal | null {
    let at = skipBlanks(bytes, from, end);
    this.isCanonical &&= at === from;
    while (at < end && bytes[at] !== CLOSE_BRACE) {
      if (this.labelCount === MAX_LABELS) return "too_many_labels";
      const nameEnd = endOfLabelName(bytes, at, end);
      if (nameEnd === at) return "syntax";
      if (nameEnd - at > MAX_NAME_BYTES) return "too_long";
      if (bytes[at] === UNDERSCORE && bytes[at + 1] === UNDERSCORE) return "labels";
      const i = this.labelCount++;
      this.labelFrom[i] = at;
      this.labelTo[i] = nameEnd;
      if (i > 0 && this.sorted) this.sorted = this.#order(bytes, i - 1, i) < 0;
      const equals = skipBlanks(bytes, nameEnd, end);
      const open = skipBlanks(bytes, equals + 1, end);
      if (equals >= end || bytes[equals] !== EQUALS || open >= end || bytes[open] !== QUOTE) return "syntax";
      const refusal = this.#value(bytes, i, open + 1, end);
      if (refusal !== null) return refusal;
      const quote = this.valueTo[i] as number;
      const comma = skipBlanks(bytes, quote + 1, end);
      const isMore = comma < end && bytes[comma] === COMMA;
      if (!isMore && bytes[comma] !== CLOSE_BRACE) return "syntax";
      at = isMore ? skipBlanks(bytes, comma + 1, end) : comma;
      const isTight = equals === nameEnd && open === equals + 1 && comma === quote + 1;
      this.isCanonical &&= isTight && (!isMore || (at === comma + 1 && bytes[at] !== CLOSE_BRACE));
    }
    if (at >= end) return "syntax";
    this.headTo = at + 1;
    return this.sorted || this.#allDiffer(bytes) ? null : "labels";
  }

  /** The value between the quotes, and the label's part of the hash. */
  #value(bytes: Uint8Array, i: number, from: number, end: number): Refusal | null {
    let lo = this.#seedLo;
    let hi = this.#seedHi;
    const nameEnd = this.labelTo[i] as number;
    for (let at = this.labelFrom[i] as number; at < nameEnd; at++) {
      lo = Math.imul(lo ^ (bytes[at] as number), LO_PRIME);
      hi = Math.imul(hi + (bytes[at] as number), HI_PRIME) ^ (hi >>> 15);
    }
    lo = Math.imul(lo ^ QUOTE, LO_PRIME);
    hi = Math.imul(hi + QUOTE, HI_PRIME) ^ (hi >>> 15);
    const last = Math.min(end, from + MAX_LABEL_VALUE_BYTES + 1);
    let high = 0;
    let at = from;
    for (; at < last; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) break;
      if (byte < SPACE && byte !== TAB) return "syntax";
      high |= byte;
      lo = Math.imul(lo ^ byte, LO_PRIME);
      hi = Math.imul(hi + byte, HI_PRIME) ^ (hi >>> 15);
      if (byte !== BACKSLASH) continue;
      // No line feed can follow: it would have ended the line.
      const escaped = bytes[++at] as number;
      if (at >= end || !isEscape(escaped)) return "syntax";
      lo = Math.imul(lo ^ escaped, LO_PRIME);
      hi = Math.imul(hi + escaped, HI_PRIME) ^ (hi >>> 15);
    }
    if (at >= last) return at < end ? "too_long" : "syntax";
    this.valueFrom[i] = from;
    this.valueTo[i] = at;
    this.labelsLo = (this.labelsLo + mixed(lo)) | 0;
    this.labelsHi = (this.labelsHi + mixed(hi)) | 0;
    return high < 0x80 || isUtf8(bytes.subarray(from, at)) ? null : "utf8";
  }

  #order(bytes: Uint8Array, a: number, b: number): number {
    const { labelFrom: from, labelTo: to } = this;
    return compareRanges(bytes, from[a] as number, to[a] as number, bytes, from[b] as number, to[b] as number);
  }

  #allDiffer(bytes: Uint8Array): boolean {
    for (let a = 0; a < this.labelCount; a++) {
      for (let b = a + 1; b < this.labelCount; b++) if (this.#order(bytes, a, b) === 0) return false;
    }
    return true;
  }
}

/** A name's part of the hash of a series. */
export function hashOfName(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed | 0;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), LO_PRIME);
  return mixed(hash);
}

/** Spreads every bit over all of them, so that the parts may be added up. */
function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function endOfWord(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && !isBlank(bytes[at] as number)) at++;
  return at;
}
