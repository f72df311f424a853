/**
 * Reads one line of samples, `name{label="value",…} value timestamp`, as bytes, and keeps where its parts are. ANY THREAD.
 *
 * One pass: it checks names, escapes and bounds, and makes a hash of the labels on the way that does not depend on their
 * order, by which a series is known again. What a line has in common with the one before is only compared. One object serves
 * any number of lines; nothing is allocated for a line.
 */
import { isUtf8 } from "node:buffer";
import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  commonBytes,
  endOfLabelName,
  endOfMetricName,
  EQUALS,
  isBlank,
  isEscape,
  isInMetricName,
  OPEN_BRACE,
  QUOTE,
  skipBlanks,
  SPACE,
  TAB,
  type Viewed,
  viewed,
} from "./bytes.ts";
import { LabelMemory } from "./label-memory.ts";
import { namesDiffer } from "./label-names.ts";
import { isTimestamp, isValue } from "./number-text.ts";
import { MAX_LABELS, MAX_LABEL_VALUE_BYTES, MAX_NAME_BYTES, type Refusal } from "./refusal.ts";
import { HI_PRIME, LO_PRIME, mixed } from "./series-hash.ts";

const UNDERSCORE = 0x5f;
const NO_BYTES = new Uint8Array(0);

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
  /** The same number means: the same names of labels at the same places as in the line that had it before. */
  shape: number = 0;
  /** The bytes that the line is in. */
  source: Viewed = viewed(NO_BYTES);
  readonly #memory: LabelMemory = new LabelMemory();
  /** How many labels the line before had; -1 when it was refused. */
  #countBefore: number = -1;
  #isNewShape: boolean = true;
  /** No name stands twice. */
  #differ: boolean = true;
  /** So that nobody can choose two series that look the same. */
  readonly #seedLo: number;
  readonly #seedHi: number;

  constructor(seedLo: number = 0, seedHi: number = 0) {
    this.#seedLo = seedLo | 0;
    this.#seedHi = seedHi | 0;
  }

  /** The name of the line in [`start`, `end`). Null: it is there, and well. */
  name(bytes: Uint8Array, start: number, end: number): Refusal | null {
    this.#look(bytes);
    this.nameFrom = skipBlanks(bytes, start, end);
    this.isCanonical = this.nameFrom === start;
    this.nameTo = endOfMetricName(bytes, this.nameFrom, end);
    if (this.nameTo === this.nameFrom) return "syntax";
    return this.nameTo - this.nameFrom > MAX_NAME_BYTES ? "too_long" : null;
  }

  /** Whether `name`, which is well, is the name of the line in [`start`, `end`). If so, that is as good as `name()`. */
  hasName(bytes: Uint8Array, start: number, end: number, name: Viewed): boolean {
    this.#look(bytes);
    const length = name.bytes.length;
    const to = start + length;
    if (to >= end || isInMetricName(bytes[to] as number)) return false;
    if (commonBytes(name, 0, this.source, start, length) < length) return false;
    this.nameFrom = start;
    this.nameTo = to;
    this.isCanonical = true;
    return true;
  }

  /** The labels, behind the name. */
  labels(bytes: Uint8Array, end: number): Refusal | null {
    this.labelCount = 0;
    this.labelsLo = 0;
    this.labelsHi = 0;
    this.headTo = this.nameTo;
    this.#isNewShape = false;
    const open = skipBlanks(bytes, this.nameTo, end);
    const hasLabels = open < end && bytes[open] === OPEN_BRACE;
    if (hasLabels) this.isCanonical &&= open === this.nameTo;
    else this.#differ = true;
    const refusal = hasLabels ? this.#labels(bytes, open + 1, end) : null;
    if (this.#isNewShape || this.labelCount !== this.#countBefore) this.shape = (this.shape + 1) | 0;
    this.#countBefore = refusal === null ? this.labelCount : -1;
    return refusal;
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

  #look(bytes: Uint8Array): void {
    if (bytes !== this.source.bytes) this.source = viewed(bytes);
  }

  #labels(bytes: Uint8Array, from: number, end: number): Refusal | null {
    const { source } = this;
    const memory = this.#memory;
    let at = skipBlanks(bytes, from, end);
    this.isCanonical &&= at === from;
    while (at < end && bytes[at] !== CLOSE_BRACE) {
      if (this.labelCount === MAX_LABELS) return "too_many_labels";
      const i = this.labelCount++;
      this.labelFrom[i] = at;
      const known = memory.length[i] as number;
      const common = known === 0 ? 0 : memory.common(i, source, at, end);
      if (known > 0 && common === known) {
        const nameEnd = at + (memory.nameLength[i] as number);
        this.labelTo[i] = nameEnd;
        this.valueFrom[i] = nameEnd + 2;
        this.valueTo[i] = at + known - 1;
      } else {
        const refusal = this.#label(bytes, i, at, end, common);
        if (refusal !== null) return refusal;
      }
      this.labelsLo = (this.labelsLo + (memory.lo[i] as number)) | 0;
      this.labelsHi = (this.labelsHi + (memory.hi[i] as number)) | 0;
      const behind = (this.valueTo[i] as number) + 1;
      const comma = skipBlanks(bytes, behind, end);
      const isMore = comma < end && bytes[comma] === COMMA;
      if (!isMore && (comma >= end || bytes[comma] !== CLOSE_BRACE)) return "syntax";
      at = isMore ? skipBlanks(bytes, comma + 1, end) : comma;
      this.isCanonical &&= comma === behind && (!isMore || (at === comma + 1 && bytes[at] !== CLOSE_BRACE));
    }
    if (at >= end) return "syntax";
    this.headTo = at + 1;
    // Of the same names the same is true.
    if (this.#isNewShape || this.labelCount !== this.#countBefore) this.#differ = namesDiffer(bytes, this);
    return this.#differ ? null : "labels";
  }

  /** One label, up to its closing quote, which has `common` bytes in common with what is kept for its place. */
  #label(bytes: Uint8Array, i: number, at: number, end: number, common: number): Refusal | null {
    const memory = this.#memory;
    let nameEnd = at + (memory.nameLength[i] as number);
    let open = nameEnd + 1;
    memory.forget(i);
    if (at + common <= open) {
      this.#isNewShape = true;
      nameEnd = endOfLabelName(bytes, at, end);
      if (nameEnd === at) return "syntax";
      if (nameEnd - at > MAX_NAME_BYTES) return "too_long";
      if (bytes[at] === UNDERSCORE && bytes[at + 1] === UNDERSCORE) return "labels";
      const equals = skipBlanks(bytes, nameEnd, end);
      open = skipBlanks(bytes, equals + 1, end);
      if (equals >= end || bytes[equals] !== EQUALS || open >= end || bytes[open] !== QUOTE) return "syntax";
    }
    this.labelTo[i] = nameEnd;
    const refusal = this.#value(bytes, i, open + 1, end);
    if (refusal !== null) return refusal;
    // Only labels without blanks are kept.
    if (open === nameEnd + 1) memory.keep(i, this.source, at, (this.valueTo[i] as number) + 1, nameEnd - at);
    else this.isCanonical = false;
    return null;
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
    this.#memory.lo[i] = mixed(lo);
    this.#memory.hi[i] = mixed(hi);
    return high < 0x80 || isUtf8(bytes.subarray(from, at)) ? null : "utf8";
  }
}

function endOfWord(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && !isBlank(bytes[at] as number)) at++;
  return at;
}
