/**
 * The ring of batch slots: views of one shared memory, one per role. Layout and drawing: `ring-layout.ts`.
 *
 * - `RingProducer`: MAIN THREAD, the only one that claims and fills. Never blocks.
 * - `RingEncoder` (`ring-encoder.ts`): ENCODER THREADS, any number; a slot belongs to the one whose compare-exchange won.
 * - `RingPublisher`: PUBLISHER THREAD. Takes slots in claim order, and frees them, unless someone follows.
 * - `RingPlane` (`ring-plane.ts`): PUBLISHER THREAD, the same slots once more, where the event plane follows ZMQ.
 * - `RingIndexer` (`ring-indexer.ts`): INDEX THREAD, the one that frees while there is an indexer.
 *
 * All synchronisation is in the state words, head and tail, all of them atomic. Everything else in a slot is written
 * plainly before the state that publishes it, and read after that state has been seen.
 */
import type { Bell } from "./bell.ts";
import { wrappingMs } from "./clock.ts";
import { CONTROL, SLOT, SLOT_STATE, type StopWord } from "./ring-layout.ts";
import type { RingMemory } from "./ring-memory.ts";

/**
 * Slots after which the next thread is woken at the latest, while there is more to do anyway. Waking a thread costs about
 * as much as encoding thirty small events, for both sides; a thread that goes to rest announces what it has done first.
 */
export const SLOTS_PER_WAKE = 4;

/**
 * How often a thread at rest looks for slots of the second round, for the event plane: nobody wakes it for them unless they fill the
 * ring.
 */
export const PLANE_LOOK_MS = 10;

/** What main writes into a slot header at commit. */
export interface SlotFill {
  readonly recordWords: number;
  readonly events: number;
  readonly rank: number;
  /** Seconds since 1970 at which the first event was accepted, microseconds' resolution. */
  readonly wallSeconds: number;
  /** The same moment on the monotonic clock, microseconds. */
  readonly monotonicMicros: number;
  /** 0: records are in the slot; otherwise the generation of the oversize buffer that holds records and frame. */
  readonly oversizeGeneration: number;
  /** Where records and frame lie in that buffer, bytes; for generation 0 in the ring itself. */
  readonly recordsOffset: number;
  readonly frameOffset: number;
}

export class RingProducer {
  readonly memory: RingMemory;
  readonly #encoderBells: Bell[];
  readonly #mainBell: Bell;
  readonly #publisherBell: Bell;
  /** Slots committed since encoders were last woken. */
  #unannounced: number = 0;

  constructor(memory: RingMemory, encoders: number) {
    this.memory = memory;
    this.#encoderBells = Array.from({ length: encoders }, (_, i) => memory.encoderBell(i));
    this.#mainBell = memory.mainBell();
    this.#publisherBell = memory.publisherBell();
  }

  /** Position of the next free slot, or -1 when the ring is full. Nothing is taken until `commit`. */
  claim(): number {
    const { memory } = this;
    const head = memory.head();
    // Unsigned: among the positions there is a -1.
    if (((head - memory.freeTail()) | 0) < memory.shape.slots) return head >>> 0;
    // Whoever waits now waits for encoders, which must not sleep.
    this.announce();
    return -1;
  }

  /**
   * Publishes the slot at `position`, which the last `claim` returned and whose records have been written. Sleeping
   * encoders hear of it a few slots later, or by `announce`.
   */
  commit(position: number, fill: SlotFill): void {
    const { words, doubles } = this.memory;
    const slot = this.memory.slotWord(position);
    words[slot + SLOT.recordWords] = fill.recordWords;
    words[slot + SLOT.events] = fill.events;
    words[slot + SLOT.rank] = fill.rank;
    words[slot + SLOT.frameBytes] = 0;
    words[slot + SLOT.entries] = 0;
    words[slot + SLOT.oversizeGeneration] = fill.oversizeGeneration;
    words[slot + SLOT.recordsOffset] = fill.recordsOffset;
    words[slot + SLOT.frameOffset] = fill.frameOffset;
    words[slot + SLOT.poisonedEvents] = 0;
    words[slot + SLOT.suspect] = 0;
    words[slot + SLOT.progress] = 0;
    for (let i = 0; i < SLOT.poisonWords; i++) words[slot + SLOT.poisonBits + i] = 0;
    if (this.memory.planeFollows) {
      for (let i = 0; i < SLOT.poisonWords; i++) words[slot + SLOT.planePoisonBits + i] = 0;
    }
    doubles[slot / 2 + SLOT.wallSecondsF64] = fill.wallSeconds;
    doubles[slot / 2 + SLOT.monotonicMicrosF64] = fill.monotonicMicros;
    // The order of these two must not change: an encoder that sees the head must find the slot filled.
    Atomics.store(words, slot + SLOT.state, SLOT_STATE.filled);
    Atomics.store(words, CONTROL.head, (position + 1) | 0);
    if (++this.#unannounced >= SLOTS_PER_WAKE) this.announce();
  }

  /** Whether encoders are behind: the slot committed last waits for one. */
  encodersAreBehind(): boolean {
    const { memory } = this;
    const head = memory.head();
    return head !== memory.tail() && memory.state((head - 1) | 0) === SLOT_STATE.filled;
  }

  /** Wakes an encoder for each slot committed since the last time; those that are awake look for work by themselves. */
  announce(): void {
    for (const bell of this.#encoderBells) {
      if (this.#unannounced === 0) return;
      if (bell.ring()) this.#unannounced--;
    }
    this.#unannounced = 0;
  }

  #wakeAllEncoders(): void {
    for (const bell of this.#encoderBells) bell.ring();
  }

  /**
   * Puts what a dead encoder was working on back to where it had it from: FILLED, or SENT. Only when that thread is gone.
   * `onSlot` gets the first word of such a slot before another encoder can take it. Returns the slots found.
   */
  recoverEncoder(encoder: number, onSlot: (slot: number) => void = () => {}): number {
    const { memory } = this;
    const head = memory.head();
    let found = 0;
    for (let p = memory.fedTail(); p !== head; p = (p + 1) | 0) {
      if (memory.encoderOf(p) !== encoder) continue;
      const slot = memory.slotWord(p);
      const isFirst = memory.state(p) === SLOT_STATE.encoding;
      onSlot(slot);
      Atomics.store(memory.words, slot + SLOT.state, isFirst ? SLOT_STATE.filled : SLOT_STATE.sent);
      found++;
    }
    // It may also have died with a wake-up in its hands that was meant for another, or before it could pass one on.
    this.#wakeAllEncoders();
    this.#publisherBell.ring();
    return found;
  }

  /** From now on an indexer takes published slots too. Only while no indexer lives; main starts it next. */
  addIndexer(): void {
    const { words } = this.memory;
    Atomics.store(words, CONTROL.indexTail, this.memory.fedTail());
    Atomics.store(words, CONTROL.indexOn, 1);
  }

  /** No indexer takes slots any more; those that waited for it are free. Only when that thread is gone. */
  removeIndexer(): void {
    Atomics.store(this.memory.words, CONTROL.indexOn, 0);
    this.#mainBell.ring();
  }

  /** Sets the stop word and wakes everyone who may sleep. `lingerMs` is how long closed sockets may go on sending. */
  requestStop(how: StopWord, lingerMs: number = 0): void {
    Atomics.store(this.memory.words, CONTROL.closeBy, (wrappingMs() + Math.floor(lingerMs)) | 0);
    Atomics.store(this.memory.words, CONTROL.stop, how);
    this.#wakeAllEncoders();
    this.#publisherBell.ring();
    this.memory.indexBell().ring();
  }

  /**
   * Resolves when `isFree` holds, when a slot has been freed (look again), or after `timeoutMs`. One waiter at a time.
   */
  async whenFree(timeoutMs: number, isFree: () => boolean = () => this.claim() !== -1): Promise<void> {
    this.announce();
    this.#mainBell.prepare();
    if (isFree()) {
      this.#mainBell.cancel();
      return;
    }
    await this.#mainBell.sleepAsync(timeoutMs);
  }
}

export class RingPublisher {
  readonly memory: RingMemory;
  readonly bell: Bell;
  readonly #mainBell: Bell;
  readonly #indexBell: Bell;
  /** Slots published since the indexer was last woken. */
  #unannounced: number = 0;

  constructor(memory: RingMemory) {
    this.memory = memory;
    this.bell = memory.publisherBell();
    this.#mainBell = memory.mainBell();
    this.#indexBell = memory.indexBell();
  }

  /** First word of the oldest slot if it is encoded, else -1. Claim order comes from here: no slot is overtaken. */
  peek(): number {
    const { memory } = this;
    const tail = memory.tail();
    if (tail === memory.head()) return -1;
    const slot = memory.slotWord(tail);
    return Atomics.load(memory.words, slot + SLOT.state) === SLOT_STATE.encoded ? slot : -1;
  }

  /** Notes that messages of the slot that `peek` returned may be out from now on. */
  begin(): void {
    const { words } = this.memory;
    Atomics.store(words, CONTROL.begun, (Atomics.load(words, CONTROL.tail) + 1) | 0);
  }

  /** Lets go of the slot that `peek` returned. No sink may read its bytes any more. */
  release(slot: number): void {
    const { words, planeFollows } = this.memory;
    const next = (Atomics.load(words, CONTROL.tail) + 1) | 0;
    if (!planeFollows) {
      this.letGo(slot, CONTROL.tail, next);
      return;
    }
    Atomics.store(words, slot + SLOT.state, SLOT_STATE.sent);
    Atomics.store(words, CONTROL.tail, next);
  }

  /** Hands a slot to the indexer, or frees it, and moves the tail at that word of the control lines. */
  letGo(slot: number, tailWord: number, next: number): void {
    const { words } = this.memory;
    const isIndexed = this.memory.isIndexed();
    Atomics.store(words, slot + SLOT.state, isIndexed ? SLOT_STATE.published : SLOT_STATE.free);
    Atomics.store(words, tailWord, next);
    if (isIndexed) {
      if (++this.#unannounced >= SLOTS_PER_WAKE) this.announce();
      return;
    }
    // Main sleeps when the ring is full. Woken at the first free slot it would fill that one and sleep again.
    if (this.memory.occupied() <= this.memory.shape.slots / 2) this.#mainBell.ring();
  }

  /** Wakes the indexer if it does not know of the last slots. Before any rest. */
  announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    this.#indexBell.ring();
  }

  /** Whether everything that was committed has been published, and fed where the event plane follows. */
  isEmpty(): boolean {
    return this.memory.head() === this.memory.fedTail();
  }
}
