/**
 * Puts events into batches, and batches into slots. MAIN THREAD; never blocks: full is a value.
 *
 * Batches are cut by availability, not by a timer: at the end of a source's step a batch leaves if an encoder is free to take
 * it, and grows on while the encoders are busy. But only a few slots may overtake it: a rank that keeps them busy must not
 * hold back another. One open batch per rank, a few ranks at a time, so that ranks that take turns do not make batches of one
 * event. Order per rank holds because a rank has one open batch, and slots are claimed in the order in which batches leave.
 * Where messages carry one event each, all ranks share one batch: then messages leave in the order of the events, as from a
 * publisher that sends each at once.
 */
import { monotonicMicros, wallClockSeconds } from "../../shared/clock.ts";
import { elementAt } from "../../shared/element.ts";
import type { RingProducer } from "../../shared/ring.ts";
import { PLANE_ENVELOPE_BYTES, PLANE_ENVELOPES_A_SLOT } from "../../shared/record.ts";
import { MAX_SLOT_EVENTS } from "../../shared/ring-layout.ts";
import type { PublishedEvent } from "../normalise/published-event.ts";
import { Batch, BATCH_ENVELOPE_BYTES, type EventSize, measure, writeRecord } from "./batch.ts";
import type { OversizeBuffer } from "./oversize-buffer.ts";

/**
 * A batch is cut by bytes, as a rule. This bounds what one encoder takes at once of very small events, and no message is
 * much smaller than a slot in a flood: the queue limit of a subscriber counts messages. No more than a slot has poison
 * bits for.
 */
export const MAX_BATCH_EVENTS: number = Math.min(256, MAX_SLOT_EVENTS);
/** Batches that may be open at once; an event of a further rank closes the oldest. */
const MAX_OPEN_BATCHES = 8;
/** Slots that may be committed while a batch is open: as many as fill up meanwhile where all ranks are equally busy. */
const MAX_OVERTAKEN: number = MAX_OPEN_BATCHES;
/** The rank of a batch whose events bring their own. */
const ALL_RANKS = 0;

export interface BatcherOptions {
  readonly ring: RingProducer;
  readonly oversize: OversizeBuffer;
  /** Whether messages carry one event each: then each gets its own timestamp. */
  readonly singleEvent: boolean;
  /** Whether encoders write messages for the event plane too: then slots need room for them. Default false. */
  readonly plane?: boolean;
  /** Called after each commit, with the slots in use. */
  readonly onCommit: (occupiedSlots: number) => void;
}

export class Batcher {
  readonly #ring: RingProducer;
  readonly #oversize: OversizeBuffer;
  readonly #singleEvent: boolean;
  readonly #plane: boolean;
  /** Bytes of the frame area that every slot spends before its first event. */
  readonly #envelopeBytes: number;
  readonly #onCommit: (occupiedSlots: number) => void;
  /** Open batches, oldest first, and those that wait for use. */
  readonly #open: Batch[] = [];
  readonly #spare: Batch[];
  readonly #size: EventSize = { words: 0, frameBytes: 0 };
  /** Position of the last slot that used the oversize buffer; it is free when the ring's tail has passed it. */
  #oversizePosition: number | null = null;
  /** The last event was refused because that buffer is in use, not for want of a slot. */
  #awaitsOversize: boolean = false;
  #enqueued: number = 0;
  #commits: number = 0;

  constructor(options: BatcherOptions) {
    this.#ring = options.ring;
    this.#oversize = options.oversize;
    this.#singleEvent = options.singleEvent;
    this.#plane = options.plane ?? false;
    this.#onCommit = options.onCommit;
    this.#envelopeBytes = BATCH_ENVELOPE_BYTES + (this.#plane ? PLANE_ENVELOPES_A_SLOT * PLANE_ENVELOPE_BYTES : 0);
    const newBatch = (): Batch => new Batch(options.ring.memory.shape.slotBytes, MAX_BATCH_EVENTS, this.#envelopeBytes);
    this.#spare = Array.from({ length: MAX_OPEN_BATCHES }, newBatch);
  }

  /** Events taken so far. */
  get enqueuedEvents(): number {
    return this.#enqueued;
  }

  /** Events that are in open batches. */
  get openEvents(): number {
    return this.#open.reduce((sum, batch) => sum + batch.events, 0);
  }

  /** Bytes of all batches, open or not. */
  get memoryBytes(): number {
    return MAX_OPEN_BATCHES * this.#ring.memory.shape.slotBytes;
  }

  /** Whether what was refused last may be taken now. */
  get hasRoom(): boolean {
    return this.#ring.claim() !== -1 && !(this.#awaitsOversize && this.#oversizeInUse());
  }

  /** Takes an event, or says false: full, nothing was taken. */
  add(event: PublishedEvent): boolean {
    this.#awaitsOversize = false;
    const size = this.#size;
    measure(event, size, this.#plane);
    // Where ranks share a slot, each event may be in a message of its own.
    if (this.#plane && this.#singleEvent) size.frameBytes += PLANE_ENVELOPE_BYTES;
    const rank = this.#singleEvent ? ALL_RANKS : event.rank;
    let batch = this.#batchOf(rank);
    if (batch === null) return false;
    if (!batch.hasRoomFor(size)) {
      if (!batch.isEmpty) {
        if (!this.#letOvertakenGo() || (!batch.isEmpty && !this.#commit(batch))) return false;
        batch = this.#batchOf(rank);
        if (batch === null) return false;
      }
      // What does not even fit into an empty batch goes its own way; the batch before it has left, so order holds.
      if (!batch.hasRoomFor(size)) return this.#addOversize(event);
    }
    if (batch.isEmpty) {
      batch.wallSeconds = wallClockSeconds();
      batch.monotonicMicros = monotonicMicros();
      batch.append(event, size, 0);
    } else {
      batch.append(event, size, this.#singleEvent ? delayMicros(batch) : 0);
    }
    this.#enqueued++;
    return true;
  }

  /**
   * Lets open batches go. Without `force` only while no slot waits for an encoder. True: nothing is left open.
   */
  flush(force: boolean): boolean {
    const ring = this.#ring;
    let full = false;
    while (!full && this.#open.length > 0) {
      const batch = elementAt(this.#open, 0);
      if (batch.isEmpty) this.#retire(batch);
      else if (!force && ring.encodersAreBehind()) break;
      else full = !this.#commit(batch);
    }
    ring.announce();
    return this.#open.length === 0;
  }

  /** Gives up what is in open batches, at a forced end. Returns how many events that were. */
  discard(): number {
    const events = this.openEvents;
    while (this.#open[0] !== undefined) this.#retire(this.#open[0]);
    return events;
  }

  /** The open batch of a rank, or a new one; null when that would need a slot and there is none. */
  #batchOf(rank: number): Batch | null {
    for (const batch of this.#open) if (batch.rank === rank) return batch;
    if (this.#spare.length === 0) {
      const oldest = elementAt(this.#open, 0);
      if (oldest.isEmpty) this.#retire(oldest);
      else if (!this.#commit(oldest)) return null;
    }
    const batch = elementAt(this.#spare, this.#spare.length - 1);
    this.#spare.pop();
    batch.reset(rank, this.#commits);
    this.#open.push(batch);
    return batch;
  }

  /** Commits the batches that have been overtaken too often. False: there is no slot for one of them. */
  #letOvertakenGo(): boolean {
    for (;;) {
      const oldest = this.#open[0];
      if (oldest === undefined || this.#commits - oldest.openedAtCommit < MAX_OVERTAKEN) return true;
      if (oldest.isEmpty) this.#retire(oldest);
      else if (!this.#commit(oldest)) return false;
    }
  }

  #retire(batch: Batch): void {
    this.#open.splice(this.#open.indexOf(batch), 1);
    batch.reset(0, 0);
    this.#spare.push(batch);
  }

  /** Moves a batch into a slot. False: no slot is free, the batch stays open. */
  #commit(batch: Batch): boolean {
    const ring = this.#ring;
    const position = ring.claim();
    if (position === -1) return false;
    // Looked at here too, so that the note cannot outlive half the range of positions and be misread.
    this.#oversizeInUse();
    const { memory } = ring;
    const recordsOffset = memory.recordsOffset(position);
    const words = batch.wordCount;
    memory.records.set(
      words === batch.words.length ? batch.words : batch.words.subarray(0, words),
      recordsOffset >>> 2,
    );
    ring.commit(position, {
      recordWords: words,
      events: batch.events,
      rank: batch.rank,
      wallSeconds: batch.wallSeconds,
      monotonicMicros: batch.monotonicMicros,
      oversizeGeneration: 0,
      recordsOffset,
      frameOffset: memory.frameOffset(position),
    });
    this.#commits++;
    this.#onCommit(memory.occupied());
    this.#retire(batch);
    return true;
  }

  /** Whether the slot that used the oversize buffer last has not been freed yet. */
  #oversizeInUse(): boolean {
    if (this.#oversizePosition === null) return false;
    if (((this.#ring.memory.freeTail() - this.#oversizePosition) | 0) <= 0) return true;
    this.#oversizePosition = null;
    return false;
  }

  #addOversize(event: PublishedEvent): boolean {
    const ring = this.#ring;
    const { memory } = ring;
    this.#awaitsOversize = this.#oversizeInUse();
    if (this.#awaitsOversize || !this.#letOvertakenGo()) return false;
    const position = ring.claim();
    if (position === -1) return false;
    const size = this.#size;
    const { words, generation, frameOffset } = this.#oversize.reserve(
      size.words * 4,
      size.frameBytes + this.#envelopeBytes,
    );
    writeRecord(event, size, words, 0, 0);
    ring.commit(position, {
      recordWords: size.words,
      events: 1,
      rank: event.rank,
      wallSeconds: wallClockSeconds(),
      monotonicMicros: monotonicMicros(),
      oversizeGeneration: generation,
      recordsOffset: 0,
      frameOffset,
    });
    this.#oversizePosition = position;
    this.#commits++;
    this.#onCommit(memory.occupied());
    this.#enqueued++;
    return true;
  }
}

/** Since the batch's first event; the field has room for 71 minutes, which a batch that waits for subscribers may exceed. */
function delayMicros(batch: Batch): number {
  return Math.min(0xffff_ffff, Math.round(monotonicMicros() - batch.monotonicMicros));
}
