/**
 * Labels that are added to every series of a text, where the series does not have them already. ANY THREAD.
 *
 * A label of the series itself always wins: it knows better where it comes from. The result has its labels in the order of
 * their names, as Python's client prints them.
 */
import { KvcastError } from "../../shared/errors.ts";
import { CLOSE_BRACE, COMMA, compareRanges, copy, EQUALS, OPEN_BRACE, QUOTE } from "./bytes.ts";
import { MAX_LABELS, MAX_LABEL_VALUE_BYTES } from "./refusal.ts";
import { SampleScanner } from "./sample-scanner.ts";

export type InjectedLabels = Readonly<Record<string, string>>;

/** What the format itself gives a meaning to. */
const RESERVED: readonly string[] = ["le", "quantile"];
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HASH_NAME = "x";

/** A label that cannot be injected. Its values are never quoted. */
export class LabelRefusedError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_LABEL_REFUSED", message);
  }
}

/** Why a label cannot be injected, as the rest of a sentence about it; null when it can. */
export function labelRefusal(name: string, value: string): string | null {
  if (RESERVED.includes(name)) return `is reserved: ${RESERVED.join(" and ")} belong to the format`;
  if (!NAME.test(name) || name.startsWith("__")) {
    return "is not a label name: letters, digits and _ are, not beginning with a digit or with __";
  }
  if (Buffer.byteLength(value) > MAX_LABEL_VALUE_BYTES)
    return `has a value of more than ${MAX_LABEL_VALUE_BYTES} bytes`;
  return null;
}

/** The escapes of the format. */
export function escapedLabelValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

export class LabelInjection {
  /** Most bytes by which a line grows, with its braces and a comma for each label. */
  readonly maxBytes: number;
  /** A line had one of the labels already. */
  foundOne: boolean = false;
  readonly #names: readonly Buffer[];
  readonly #pairs: readonly Buffer[];
  /** Of each label, its part of a series' hash. */
  readonly #lo: Int32Array;
  readonly #hi: Int32Array;
  readonly #isMissing: Uint8Array;
  readonly #order: Int32Array = new Int32Array(MAX_LABELS);

  /** `scanner` is the one whose lines are written. Throws LabelRefusedError. */
  constructor(labels: InjectedLabels, scanner: SampleScanner = new SampleScanner()) {
    const refused = Object.entries(labels).find(([name, value]) => labelRefusal(name, value) !== null);
    if (refused !== undefined) {
      throw new LabelRefusedError(`the label ${JSON.stringify(refused[0])} ${labelRefusal(...refused) ?? ""}`);
    }
    const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.#names = sorted.map(([name]) => Buffer.from(name));
    this.#pairs = sorted.map(([name, value]) => Buffer.from(`${name}="${escapedLabelValue(value)}"`));
    this.#lo = new Int32Array(sorted.length);
    this.#hi = new Int32Array(sorted.length);
    this.#isMissing = new Uint8Array(sorted.length);
    this.maxBytes = this.#pairs.reduce((sum, pair) => sum + pair.length + 1, 2);
    for (const [i, pair] of this.#pairs.entries()) {
      const line = Buffer.from(`${HASH_NAME}{${pair.toString()}}`);
      if (scanner.name(line, 0, line.length) !== null || scanner.labels(line, line.length) !== null) {
        throw new LabelRefusedError(
          `the label ${this.#names[i]?.toString() ?? ""} has a value with control characters`,
        );
      }
      this.#lo[i] = scanner.labelsLo;
      this.#hi[i] = scanner.labelsHi;
    }
  }

  /** Finds out which labels the scanned line lacks, and adds their part to the scanner's hash. */
  apply(bytes: Uint8Array, scanner: SampleScanner): void {
    for (let i = 0; i < this.#names.length; i++) {
      const isMissing = scanner.indexOf(bytes, this.#names[i] as Buffer) < 0;
      this.#isMissing[i] = isMissing ? 1 : 0;
      if (!isMissing) {
        this.foundOne = true;
        continue;
      }
      scanner.labelsLo = (scanner.labelsLo + (this.#lo[i] as number)) | 0;
      scanner.labelsHi = (scanner.labelsHi + (this.#hi[i] as number)) | 0;
    }
  }

  /** Writes all labels of the line that `apply` was given, in braces; returns where they end. */
  write(bytes: Uint8Array, scanner: SampleScanner, out: Uint8Array, from: number): number {
    this.#sort(bytes, scanner);
    let at = from;
    let own = 0;
    let injected = 0;
    for (;;) {
      while (injected < this.#names.length && this.#isMissing[injected] === 0) injected++;
      const hasInjected = injected < this.#names.length;
      const label = this.#order[own] as number;
      if (own === scanner.labelCount && !hasInjected) break;
      out[at] = at === from ? OPEN_BRACE : COMMA;
      at++;
      if (hasInjected && (own === scanner.labelCount || this.#precedes(injected, bytes, scanner, label))) {
        const pair = this.#pairs[injected++] as Buffer;
        out.set(pair, at);
        at += pair.length;
      } else {
        at = copy(bytes, scanner.labelFrom[label] as number, scanner.labelTo[label] as number, out, at);
        out[at++] = EQUALS;
        out[at++] = QUOTE;
        at = copy(bytes, scanner.valueFrom[label] as number, scanner.valueTo[label] as number, out, at);
        out[at++] = QUOTE;
        own++;
      }
    }
    if (at > from) out[at++] = CLOSE_BRACE;
    return at;
  }

  #precedes(injected: number, bytes: Uint8Array, scanner: SampleScanner, label: number): boolean {
    const name = this.#names[injected] as Buffer;
    const from = scanner.labelFrom[label] as number;
    return compareRanges(name, 0, name.length, bytes, from, scanner.labelTo[label] as number) < 0;
  }

  /** The line's own labels by name, by insertion: they are few, and as a rule in order. */
  #sort(bytes: Uint8Array, scanner: SampleScanner): void {
    const { labelFrom, labelTo } = scanner;
    const order = this.#order;
    for (let i = 0; i < scanner.labelCount; i++) {
      const from = labelFrom[i] as number;
      const to = labelTo[i] as number;
      let at = i;
      for (; at > 0; at--) {
        const before = order[at - 1] as number;
        const isAfter =
          compareRanges(bytes, labelFrom[before] as number, labelTo[before] as number, bytes, from, to) > 0;
        if (!isAfter) break;
        order[at] = before;
      }
      order[at] = i;
    }
  }
}
