/**
 * The labels of the lines before, by their place in the line: most lines have most of them again. ANY THREAD.
 *
 * A label that is there again byte for byte needs neither be checked nor hashed: its place keeps what was found out the first
 * time. Long ones are not kept, so that the memory stays small; forgetting one costs time and nothing else.
 */
import { commonBytes, copy, type Viewed, viewed } from "./bytes.ts";
import { MAX_LABELS } from "./refusal.ts";

/** With its name, the equals sign and both quotes. */
const MAX_KEPT_BYTES = 128;

export class LabelMemory {
  /** Length of `name="value"` at each place; 0: nothing is kept there. */
  readonly length: Uint8Array = new Uint8Array(MAX_LABELS);
  readonly nameLength: Uint8Array = new Uint8Array(MAX_LABELS);
  /** The label's part of the hash of its series. */
  readonly lo: Int32Array = new Int32Array(MAX_LABELS);
  readonly hi: Int32Array = new Int32Array(MAX_LABELS);
  readonly #kept: Viewed = viewed(new Uint8Array(MAX_LABELS * MAX_KEPT_BYTES));

  /** How many of the label's bytes stand at `from` too, in order. */
  common(place: number, bytes: Viewed, from: number, end: number): number {
    const most = Math.min(this.length[place] as number, end - from);
    return commonBytes(this.#kept, place * MAX_KEPT_BYTES, bytes, from, most);
  }

  /** Keeps the label in [`from`, `to`), both quotes with it, which has neither blanks nor faults. */
  keep(place: number, bytes: Viewed, from: number, to: number, nameLength: number): void {
    if (to - from > MAX_KEPT_BYTES) {
      this.length[place] = 0;
      return;
    }
    copy(bytes, from, to, this.#kept, place * MAX_KEPT_BYTES);
    this.length[place] = to - from;
    this.nameLength[place] = nameLength;
  }

  forget(place: number): void {
    this.length[place] = 0;
  }
}
