/**
 * The ring as the INDEX THREAD sees it: slots that have been published, in that order, and let go of by all before it; it frees
 * them. See `ring.ts`.
 */
import type { Bell } from "./bell.ts";
import { CONTROL, SLOT, SLOT_STATE } from "./ring-layout.ts";
import type { RingMemory } from "./ring-memory.ts";

export class RingIndexer {
  readonly memory: RingMemory;
  readonly bell: Bell;
  readonly #mainBell: Bell;

  constructor(memory: RingMemory) {
    this.memory = memory;
    this.bell = memory.indexBell();
    this.#mainBell = memory.mainBell();
  }

  /** Positions below it have been released. */
  indexTail(): number {
    return Atomics.load(this.memory.words, CONTROL.indexTail);
  }

  /** First word of the oldest slot that is to be indexed now, or -1. */
  peek(): number {
    const { memory } = this;
    const position = this.indexTail();
    return position === memory.fedTail() ? -1 : memory.slotWord(position);
  }

  /** First word of the oldest slot that is published and not indexed, though it may not be here yet; or -1. */
  peekPublished(): number {
    const { memory } = this;
    const position = this.indexTail();
    return position === memory.tail() ? -1 : memory.slotWord(position);
  }

  /** Frees the slot that `peek` returned; its records must not be read any more. */
  release(slot: number): void {
    const { words } = this.memory;
    Atomics.store(words, slot + SLOT.state, SLOT_STATE.free);
    Atomics.store(words, CONTROL.indexTail, (Atomics.load(words, CONTROL.indexTail) + 1) | 0);
    if (this.memory.occupied() <= this.memory.shape.slots / 2) this.#mainBell.ring();
  }
}
