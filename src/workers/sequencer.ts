/**
 * The sequence counter: numbers messages without a gap, in the order in which they leave. PUBLISHER THREAD; pure.
 *
 * Order comes from the ring (the publisher takes slots by position), the number from here. Numbers are u64 on the wire;
 * a JavaScript number counts exactly to 2^53, which at a million messages a second lasts 285 years.
 */
export class Sequencer {
  #next: number;

  /** `first` is the number of the first message, an integer from 0 to 2^53 - 1. */
  constructor(first: number) {
    this.#next = first;
  }

  /** The number that the next message will get. */
  get next(): number {
    return this.#next;
  }

  /** Takes the next number. */
  take(): number {
    return this.#next++;
  }
}
