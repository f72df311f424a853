/**
 * Notices encoders that hang: in the same slot for far longer than any slot takes. MAIN THREAD; a judge without powers, the
 * pool acts on what it says. Time counts only between looks that came when they were due.
 */
import { SLOT } from "../../shared/ring-layout.ts";
import type { RingMemory } from "../../shared/ring-memory.ts";
import { Looks } from "./thread-deaths.ts";

/** How often the pool has to look. */
export const LOOK_EVERY_MS = 100;
/** An ordinary slot takes less than a millisecond. */
const HANGS_AFTER_MS = 500;
/** What the slowest machine must manage: an event of its own buffer may have many million words. */
const MIN_WORDS_PER_MS = 5000;

interface Watched {
  /** Slot that the encoder was in at the last look, null for none. */
  position: number | null;
  /** How long it has been there, as far as looks were in time. */
  inSlotMs: number;
}

export class EncoderWatch {
  readonly #memory: RingMemory;
  readonly #watched: readonly Watched[];
  readonly #positions: (number | null)[];
  readonly #looks: Looks = new Looks(LOOK_EVERY_MS);

  constructor(memory: RingMemory, encoders: number) {
    this.#memory = memory;
    this.#watched = Array.from({ length: encoders }, () => ({ position: null, inSlotMs: 0 }));
    this.#positions = Array.from({ length: encoders }, () => null);
  }

  /** The encoders that hang now. `nowMs` is monotonic. An encoder is named at each look, until it leaves the slot. */
  look(nowMs: number): readonly number[] {
    const sinceLastMs = this.#looks.look(nowMs);
    this.#findPositions();
    const hung: number[] = [];
    for (const [encoder, watched] of this.#watched.entries()) {
      const position = this.#positions[encoder] ?? null;
      if (position === null || position !== watched.position) {
        watched.position = position;
        watched.inSlotMs = 0;
      } else if (sinceLastMs === null) {
        watched.inSlotMs = 0;
      } else {
        watched.inSlotMs += sinceLastMs;
        if (watched.inSlotMs >= this.#limitMs(position)) hung.push(encoder);
      }
    }
    return hung;
  }

  /** A dead encoder's successor may take the very slot, and begins anew. */
  forget(encoder: number): void {
    const watched = this.#watched[encoder];
    if (watched !== undefined) watched.position = null;
  }

  #findPositions(): void {
    const memory = this.#memory;
    this.#positions.fill(null);
    const head = memory.head();
    for (let p = memory.fedTail(); p !== head; p = (p + 1) | 0) {
      const encoder = memory.encoderOf(p);
      if (encoder !== -1) this.#positions[encoder] = p;
    }
  }

  #limitMs(position: number): number {
    const memory = this.#memory;
    const words = memory.words[memory.slotWord(position) + SLOT.recordWords] as number;
    return HANGS_AFTER_MS + words / MIN_WORDS_PER_MS;
  }
}
