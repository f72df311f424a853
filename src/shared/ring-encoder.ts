/**
 * The ring as an ENCODER THREAD sees it; any number of them. A slot belongs to the one whose compare-exchange won. See `ring.ts`.
 *
 * Where the event plane follows ZMQ there are two kinds of work: filled slots, which always come first, and those whose ZMQ
 * messages are out. For the second kind nobody wakes an encoder, since what waits a few milliseconds loses nothing; only
 * when the ring fills up with it is there no time to lose.
 */
import type { Bell } from "./bell.ts";
import { SLOT, SLOT_STATE, SLOT_STATE_BITS } from "./ring-layout.ts";
import type { RingMemory } from "./ring-memory.ts";
import { SLOTS_PER_WAKE } from "./ring.ts";

export class RingEncoder {
  readonly memory: RingMemory;
  readonly bell: Bell;
  readonly #publisherBell: Bell;
  readonly #owned: number;
  readonly #planeOwned: number;
  #next: number;
  #nextPlane: number;
  /** Position of the slot that was taken last. */
  #taken: number = 0;
  /** Slots encoded since the publisher was last woken. */
  #unannounced: number = 0;

  constructor(memory: RingMemory, encoder: number) {
    this.memory = memory;
    this.bell = memory.encoderBell(encoder);
    this.#publisherBell = memory.publisherBell();
    this.#owned = SLOT_STATE.encoding | (encoder << SLOT_STATE_BITS);
    this.#planeOwned = SLOT_STATE.planeEncoding | (encoder << SLOT_STATE_BITS);
    this.#next = memory.tail();
    this.#nextPlane = memory.fedTail();
  }

  /** Takes the oldest filled slot it can get. Returns its first word, or -1 when there is none. */
  claim(): number {
    const { memory } = this;
    // In this order: a head that was read before the tail may be behind it.
    const tail = memory.tail();
    const slot = this.#take(tail, memory.head(), this.#next, SLOT_STATE.filled);
    if (slot !== -1) this.#next = (this.#taken + 1) | 0;
    return slot;
  }

  /** Takes the oldest slot it can get whose ZMQ messages are out, for the event plane. Returns its first word, or -1. */
  claimPlane(): number {
    const { memory } = this;
    // In this order, as above.
    const fed = memory.fedTail();
    const slot = this.#take(fed, memory.tail(), this.#nextPlane, SLOT_STATE.sent);
    if (slot !== -1) this.#nextPlane = (this.#taken + 1) | 0;
    return slot;
  }

  /** Takes a slot in that state between two positions, the oldest one if those before `next` have been taken. */
  #take(tail: number, head: number, next: number, state: number): number {
    // Slots behind `next` have been taken already, except one that a dead encoder left: found by the second search.
    // Outside of tail … head it is old, or so old that its difference from the tail has wrapped.
    const isOld = ((next - tail) | 0) < 0 || ((head - next) | 0) < 0;
    const from = isOld ? tail : next;
    const found = this.#search(from, head, state);
    return found !== -1 ? found : this.#search(tail, from, state);
  }

  #search(from: number, to: number, state: number): number {
    const { memory } = this;
    const owned = state === SLOT_STATE.filled ? this.#owned : this.#planeOwned;
    for (let p = from; ((to - p) | 0) > 0; p = (p + 1) | 0) {
      const slot = memory.slotWord(p);
      if (Atomics.load(memory.words, slot + SLOT.state) !== state) continue;
      if (Atomics.compareExchange(memory.words, slot + SLOT.state, state, owned) === state) {
        this.#taken = p;
        return slot;
      }
    }
    return -1;
  }

  /** Whether `claim` would find a slot. */
  hasWork(): boolean {
    // In this order: from a tail beyond the head the loop would run through all positions there are.
    const tail = this.memory.tail();
    return this.#has(tail, this.memory.head(), SLOT_STATE.filled);
  }

  /** Whether `claimPlane` would find a slot. */
  hasPlaneWork(): boolean {
    const fed = this.memory.fedTail();
    return this.#has(fed, this.memory.tail(), SLOT_STATE.sent);
  }

  #has(from: number, to: number, state: number): boolean {
    for (let p = from; p !== to; p = (p + 1) | 0) if (this.memory.state(p) === state) return true;
    return false;
  }

  /** Whether there may be work for the event plane before long: nobody wakes an encoder for it, unless it is pressed. */
  hasPlaneAhead(): boolean {
    return this.memory.planeFollows && this.memory.fedTail() !== this.memory.head();
  }

  /**
   * Hands the encoded slot to the publisher. The frame must be written already. A sleeping publisher hears of it at once
   * if there is nothing more to encode, else a few slots later.
   */
  commit(slot: number, frameBytes: number, entries: number, poisonedEvents: number): void {
    const { words } = this.memory;
    words[slot + SLOT.frameBytes] = frameBytes;
    words[slot + SLOT.entries] = entries;
    words[slot + SLOT.poisonedEvents] = poisonedEvents;
    // What an event did in this round says nothing of the next.
    words[slot + SLOT.suspect] = 0;
    Atomics.store(words, slot + SLOT.state, SLOT_STATE.encoded);
    const more = this.memory.head() !== this.#next && this.memory.state(this.#next) === SLOT_STATE.filled;
    if (++this.#unannounced >= SLOTS_PER_WAKE || !more) this.announce();
  }

  /** Hands the slot to the publisher again, with its messages for the event plane. A publisher that sleeps hears of it late. */
  commitPlane(slot: number): void {
    Atomics.store(this.memory.words, slot + SLOT.state, SLOT_STATE.planeEncoded);
    if (this.memory.isPlanePressed() && ++this.#unannounced >= SLOTS_PER_WAKE) this.announce();
  }

  /** Wakes the publisher if it does not know of the last slots. Before any rest. */
  announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    this.#publisherBell.ring();
  }
}
