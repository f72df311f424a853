/**
 * Labels that are added to every series of a text, where the series does not have them already. ANY THREAD.
 *
 * A label of the series itself always wins: it knows better where it comes from. The result has its labels in the order of
 * their names, as Python's client prints them.
 */
import { elementAt } from "../../shared/element.ts";
import { KvcastError } from "../../shared/errors.ts";
import { CLOSE_BRACE, COMMA, copy, EQUALS, OPEN_BRACE, QUOTE, type Viewed } from "./bytes.ts";
import { type InjectedLabel, InjectionPlan } from "./injection-plan.ts";
import { MAX_LABEL_VALUE_BYTES } from "./refusal.ts";
import { SampleScanner } from "./sample-scanner.ts";

export type InjectedLabels = Readonly<Record<string, string>>;

/** What the format itself gives a meaning to. */
const RESERVED: readonly string[] = ["le", "quantile"];
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HASH_NAME = "x";
/** Pages have a handful; one that has more is made up. */
const MAX_PLANS = 64;

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
  readonly #labels: readonly InjectedLabel[];
  /** By the names of a line's own labels. */
  readonly #plans: Map<string, InjectionPlan> = new Map();
  #plan: InjectionPlan | null = null;
  /** The scanner's number of the shape that the plan is for. */
  #shape: number = 0;

  /** `scanner` is the one whose lines are written. Throws LabelRefusedError. */
  constructor(labels: InjectedLabels, scanner: SampleScanner = new SampleScanner()) {
    const refused = Object.entries(labels).find(([name, value]) => labelRefusal(name, value) !== null);
    if (refused !== undefined) {
      throw new LabelRefusedError(`the label ${JSON.stringify(refused[0])} ${labelRefusal(...refused) ?? ""}`);
    }
    const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.#labels = sorted.map(([name, value]) => {
      const pair = `${name}="${escapedLabelValue(value)}"`;
      const line = Buffer.from(`${HASH_NAME}{${pair}}`);
      if (scanner.name(line, 0, line.length) !== null || scanner.labels(line, line.length) !== null) {
        throw new LabelRefusedError(`the label ${name} has a value with control characters`);
      }
      return { name: Buffer.from(name), pair, lo: scanner.labelsLo, hi: scanner.labelsHi };
    });
    this.maxBytes = this.#labels.reduce((sum, { pair }) => sum + Buffer.byteLength(pair) + 1, 2);
  }

  /** Adds the part of the labels that the scanned line lacks to the scanner's hash. */
  apply(bytes: Buffer, scanner: SampleScanner): void {
    const plan = this.#planOf(bytes, scanner);
    scanner.labelsLo = (scanner.labelsLo + plan.lo) | 0;
    scanner.labelsHi = (scanner.labelsHi + plan.hi) | 0;
  }

  /** Writes all labels of the scanned line and those that it lacks, by name, in braces; returns where they end. */
  write(bytes: Buffer, scanner: SampleScanner, out: Viewed, from: number): number {
    const { firsts, lasts, texts } = this.#planOf(bytes, scanner);
    const { source, labelFrom, labelTo, valueFrom, valueTo, isCanonical } = scanner;
    let at = from;
    for (let step = 0; step < firsts.length; step++) {
      out.bytes[at] = at === from ? OPEN_BRACE : COMMA;
      at++;
      const first = firsts[step] as number;
      const last = lasts[step] as number;
      if (first < 0) {
        const text = elementAt(texts, step);
        at = copy(text, 0, text.bytes.length, out, at);
      } else if (isCanonical) {
        at = copy(source, labelFrom[first] as number, (valueTo[last] as number) + 1, out, at);
      } else {
        for (let label = first; label <= last; label++) {
          if (label > first) out.bytes[at++] = COMMA;
          at = copy(source, labelFrom[label] as number, labelTo[label] as number, out, at);
          out.bytes[at++] = EQUALS;
          out.bytes[at++] = QUOTE;
          at = copy(source, valueFrom[label] as number, valueTo[label] as number, out, at);
          out.bytes[at++] = QUOTE;
        }
      }
    }
    if (at > from) out.bytes[at++] = CLOSE_BRACE;
    return at;
  }

  #planOf(bytes: Buffer, scanner: SampleScanner): InjectionPlan {
    if (this.#plan !== null && this.#shape === scanner.shape) return this.#plan;
    const { labelCount, labelFrom, labelTo } = scanner;
    let names = "";
    for (let i = 0; i < labelCount; i++) names += `${bytes.toString("latin1", labelFrom[i], labelTo[i])},`;
    let plan = this.#plans.get(names);
    if (plan === undefined) {
      plan = new InjectionPlan(this.#labels, bytes, scanner);
      if (this.#plans.size === MAX_PLANS) this.#plans.clear();
      this.#plans.set(names, plan);
    }
    this.foundOne ||= plan.foundOne;
    this.#plan = plan;
    this.#shape = scanner.shape;
    return plan;
  }
}
