/**
 * What was counted in the last minute, second by second, from totals that only rise. MAIN THREAD, pure.
 */
import { keyed } from "../../shared/keyed.ts";

/** Looked back over. */
export const WINDOW_SAMPLES = 60;

export type Totals<K extends string> = Readonly<Record<K, number>>;

export class SampleWindow<K extends string> {
  readonly #keys: readonly K[];
  readonly #steps: Totals<K>[] = [];
  #last: Totals<K> | null = null;

  constructor(keys: readonly K[]) {
    this.#keys = keys;
  }

  /** Takes the totals as they are now; the first ones are where counting begins. */
  add(totals: Totals<K>): void {
    const last = this.#last;
    this.#last = totals;
    if (last === null) return;
    // A total that fell began anew.
    this.#steps.push(this.#each((key) => Math.max(0, totals[key] - last[key])));
    if (this.#steps.length > WINDOW_SAMPLES) this.#steps.shift();
  }

  /** What came in the window. */
  sum(key: K): number {
    return this.#steps.reduce((sum, step) => sum + step[key], 0);
  }

  /** In how many of the seconds something came. */
  busySeconds(key: K): number {
    return this.#steps.filter((step) => step[key] > 0).length;
  }

  #each(value: (key: K) => number): Totals<K> {
    return keyed(this.#keys, value);
  }
}
