/**
 * How the labels of a line and those that are injected lie side by side by name; the same for all lines whose labels have the
 * same names at the same places. ANY THREAD.
 */
import { type Viewed, viewed } from "./bytes.ts";
import { compareLabel, compareLabels, indexOfLabel, type LabelNames } from "./label-names.ts";

/** A label that is injected. */
export interface InjectedLabel {
  readonly name: Uint8Array;
  /** `name="value"`, escaped. */
  readonly pair: string;
  /** Its part of a series' hash. */
  readonly lo: number;
  readonly hi: number;
}

export class InjectionPlan {
  /** The line has one of the labels already. */
  readonly foundOne: boolean;
  /** What the injected labels add to the hash of the series. */
  readonly lo: number = 0;
  readonly hi: number = 0;
  /**
   * What stands behind what: labels of the line from one index up to another, which lie one behind the other on the line
   * too; or, where `firsts` is -1, a text.
   */
  readonly firsts: readonly number[];
  readonly lasts: readonly number[];
  readonly texts: readonly Viewed[];

  /** `injected` by name. */
  constructor(injected: readonly InjectedLabel[], bytes: Uint8Array, names: LabelNames) {
    const missing = injected.filter(({ name }) => indexOfLabel(bytes, names, name) < 0);
    this.foundOne = missing.length < injected.length;
    const firsts: number[] = [];
    const lasts: number[] = [];
    const texts: string[] = [];
    let taken = 0;
    const inject = (upTo: number): void => {
      if (upTo === taken) return;
      firsts.push(-1);
      lasts.push(-1);
      const pairs = missing.slice(taken, upTo).map(({ pair }) => pair);
      texts.push(pairs.join(","));
      taken = upTo;
    };
    for (const label of inOrder(bytes, names)) {
      let next = taken;
      while (precedes(missing[next], bytes, names, label)) next++;
      inject(next);
      if (lasts.at(-1) === label - 1 && firsts.at(-1) !== -1) lasts[lasts.length - 1] = label;
      else {
        firsts.push(label);
        lasts.push(label);
        texts.push("");
      }
    }
    inject(missing.length);
    this.firsts = firsts;
    this.lasts = lasts;
    this.texts = texts.map((text) => viewed(Buffer.from(text)));
    for (const { lo, hi } of missing) {
      this.lo = (this.lo + lo) | 0;
      this.hi = (this.hi + hi) | 0;
    }
  }
}

function precedes(injected: InjectedLabel | undefined, bytes: Uint8Array, names: LabelNames, label: number): boolean {
  return injected !== undefined && compareLabel(bytes, names, label, injected.name) > 0;
}

/** The line's own labels by name, by insertion: they are few, and as a rule in order. */
function inOrder(bytes: Uint8Array, names: LabelNames): Int32Array {
  const order = new Int32Array(names.labelCount);
  for (let i = 0; i < order.length; i++) {
    let at = i;
    for (; at > 0 && compareLabels(bytes, names, order[at - 1] as number, i) > 0; at--) {
      order[at] = order[at - 1] as number;
    }
    order[at] = i;
  }
  return order;
}
