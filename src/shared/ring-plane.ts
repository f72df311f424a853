/**
 * The ring's second round, for the event plane, as the PUBLISHER THREAD sees it: slots whose ZMQ messages are out, and whose
 * messages for the event plane are written by now, in claim order. See `ring.ts`; only where the plane follows ZMQ.
 */
import type { Bell } from "./bell.ts";
import { CONTROL, MAX_ENCODERS, SLOT, SLOT_STATE } from "./ring-layout.ts";
import type { RingMemory } from "./ring-memory.ts";
import { type RingPublisher, SLOTS_PER_WAKE } from "./ring.ts";

export class RingPlane {
  readonly memory: RingMemory;
  readonly #ring: RingPublisher;
  readonly #encoderBells: readonly Bell[];
  /** Slots sent since encoders were last woken for them. */
  #unannounced: number = 0;

  constructor(ring: RingPublisher) {
    this.memory = ring.memory;
    this.#ring = ring;
    this.#encoderBells = Array.from({ length: MAX_ENCODERS }, (_, i) => ring.memory.encoderBell(i));
  }

  /** First word of the oldest slot that has not been fed, if it is encoded for the event plane, else -1. */
  peek(): number {
    const { memory } = this;
    const position = memory.fedTail();
    if (position === memory.tail()) return -1;
    const slot = memory.slotWord(position);
    return Atomics.load(memory.words, slot + SLOT.state) === SLOT_STATE.planeEncoded ? slot : -1;
  }

  /** Whether anything has been published and not been fed. */
  get isBehind(): boolean {
    return this.memory.fedTail() !== this.memory.tail();
  }

  /** Lets go of the slot that `peek` returned. */
  release(slot: number): void {
    this.#ring.letGo(slot, CONTROL.fedTail, (this.memory.fedTail() + 1) | 0);
  }

  /** A slot has been sent. Encoders that sleep hear of it only when the ring fills up. */
  noteSent(): void {
    if (this.memory.isPlanePressed() && ++this.#unannounced >= SLOTS_PER_WAKE) this.announce();
  }

  /** Wakes an encoder if none knows of the last slots. Before any rest. */
  announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    for (const bell of this.#encoderBells) if (bell.ring()) return;
  }
}
