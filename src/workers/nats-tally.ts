/**
 * What the NATS sink has to count and has not put into the shared counters yet. PUBLISHER THREAD.
 *
 * The fate of a message is known whenever the server says so, but may show only when the slot that it came from has been
 * counted as well; and an update of the shared block costs a copy of all of it. So changes gather here and go over in one
 * step.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import type { HistogramCells } from "../shared/counter-table.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";

const { natsUp: FIRST, natsTallyEnd: END } = PUBLISHER_CELLS;
const CELLS = END - FIRST;

export class NatsTally {
  readonly #changes: Float64Array = new Float64Array(CELLS);
  #changed: boolean = false;

  /** Whether there is anything to hand over. */
  get changed(): boolean {
    return this.#changed;
  }

  /** `cell` is one of the NATS cells from `natsUp` to `natsTallyEnd`. */
  add(cell: number, amount: number): void {
    if (amount === 0) return;
    const at = cell - FIRST;
    this.#changes[at] = (this.#changes[at] as number) + amount;
    this.#changed = true;
  }

  observe(histogram: HistogramCells, value: number): void {
    const { bounds, first } = histogram;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    this.add(first + bucket, 1);
    this.add(first + bounds.length + 1, value);
  }

  /** Hands everything over to another tally. */
  moveTo(other: NatsTally): void {
    if (!this.#changed) return;
    for (let i = 0; i < CELLS; i++) other.add(FIRST + i, this.#changes[i] as number);
    this.#clear();
  }

  /** Hands everything over to the shared counters, inside an update that the caller has opened. */
  commit(counters: CounterBlock): void {
    if (!this.#changed) return;
    for (let i = 0; i < CELLS; i++) {
      const amount = this.#changes[i] as number;
      if (amount !== 0) counters.add(FIRST + i, amount);
    }
    this.#clear();
  }

  #clear(): void {
    this.#changes.fill(0);
    this.#changed = false;
  }
}
