/**
 * What of a slot goes to NATS, and how: the messages for the event plane that the encoders wrote, with the numbers that only the
 * publisher knows; or the payloads of the ZMQ messages as they are. PUBLISHER THREAD.
 */
import type { NatsSinkData } from "../shared/nats-messages.ts";
import { newPublisherId } from "../shared/plane-envelope.ts";
import { PLANE_ENTRY, planeHeaderBytes } from "../shared/plane-layout.ts";
import { isPoisoned } from "../shared/poison.ts";
import { RECORD_WORD } from "../shared/record.ts";
import { PlaneNumbers } from "../shared/plane-numbers.ts";
import type { RingMemory } from "../shared/ring-memory.ts";
import { ENTRY, SLOT } from "../shared/ring-layout.ts";
import type { NatsSink } from "./nats-sink.ts";
import { PagedBytes } from "./page-memory.ts";
import { eventSubject } from "../shared/nats-subjects.ts";
import { PlaneEncoder } from "./plane-encoder.ts";
import { PlaneGate } from "./plane-gate.ts";
import { type PlaneEntryAt, PlaneMessage } from "./plane-message.ts";
import type { SlotRecords } from "./plane-plan.ts";

/** Memory in which a slot's records and messages lie: the ring's, or that of an oversize event. */
export interface SlotView {
  readonly records: Uint32Array;
  readonly bytes: Uint8Array;
}

export class NatsFeed {
  readonly #nats: NatsSink;
  readonly #data: NatsSinkData;
  readonly #numbers: PlaneNumbers;
  readonly #plane: { readonly gate: PlaneGate; readonly encoder: PlaneEncoder } | null;
  /** By rank: a rank is a publisher of its own. */
  readonly #publisherIds: Map<number, number> = new Map();
  readonly #subjects: Map<number, string> = new Map();
  /** By rank: number in the queue of the message that was offered last. */
  readonly #last: Map<number, number> = new Map();
  /** The slot at hand, and its first event whose payload has not been offered: its number, and the word of its record. */
  #slot: SlotRecords | null = null;
  #event: number = 0;
  #record: number = 0;
  /** When its first event was accepted. */
  #acceptedMicros: number = 0;

  /** Throws HashUnavailableError. `position` is that of the slot that is sent first. */
  constructor(data: NatsSinkData, nats: NatsSink, kvBlockSizeTokens: number, position: number) {
    this.#nats = nats;
    this.#data = data;
    this.#numbers = new PlaneNumbers(data.numbers);
    this.#numbers.beginPublisher(position);
    this.#plane =
      data.encoding === "dynamo"
        ? {
            gate: new PlaneGate(kvBlockSizeTokens),
            encoder: new PlaneEncoder(data.place.workerId, kvBlockSizeTokens),
          }
        : null;
  }

  /** Whether the ZMQ messages themselves go there. */
  get sendsPayloads(): boolean {
    return this.#plane === null;
  }

  /** The slot is sent next, once and in order. */
  beginSlot(memory: RingMemory, slot: number, view: SlotView): void {
    const { words, doubles } = memory;
    this.#slot = {
      header: words,
      slot,
      records: view.records,
      recordsWord: (words[slot + SLOT.recordsOffset] as number) >>> 2,
      events: words[slot + SLOT.events] as number,
    };
    this.#acceptedMicros = doubles[slot / 2 + SLOT.monotonicMicrosF64] as number;
    this.#event = 0;
    this.#record = this.#slot.recordsWord;
  }

  /**
   * Offers the slot's messages for the event plane, if it has such; before it is counted, and after its ZMQ messages: now and
   * then they have to be encoded anew, which those need not wait for. `position` is that of the slot.
   */
  offerPlane(position: number, view: SlotView): void {
    if (this.#plane === null || this.#slot === null) return;
    const { header, slot } = this.#slot;
    this.#numbers.beginSlot(position);
    const withheld = this.#plane.gate.admit(this.#slot);
    const offset = (header[slot + SLOT.planeOffset] as number) >>> 0;
    const entries = header[slot + SLOT.planeEntries] as number;
    const { maxPayload } = this.#nats;
    if (withheld === null && longestEntry(view, offset, entries) <= maxPayload) {
      this.#offerEntries(view, offset, entries);
      return;
    }
    const { space, result } = this.#plane.encoder.encodeApart(this.#slot, withheld, maxPayload);
    this.#offerEntries({ records: space.words, bytes: space.out.bytes }, space.offset, result.entries);
    // Nobody is to hear of them yet: that is done.
    this.#nats.satisfied(result.withheldEvents);
  }

  /** Offers a message without events, which has a number of the ZMQ messages. Nothing with another encoding. */
  offerHeartbeat(sequence: number, payload: Uint8Array): void {
    if (this.#plane !== null) return;
    const messageId = this.#messageId(this.#data.epoch, `${sequence}`);
    const counts = { stored: 0, removed: 0, cleared: 0, acceptedMicros: null };
    this.#nats.offer({ subject: this.#subjectOf(0), payload: this.#copyOf(payload), sequence, messageId, ...counts });
  }

  /**
   * Offers the payload of the slot's next ZMQ message, whose counts stand in its entry at word `entry`. Nothing with another
   * encoding.
   */
  offerPayload(sequence: number, frame: Uint8Array, entry: number): void {
    if (this.#plane !== null || this.#slot === null) return;
    const { records } = this.#slot;
    this.#nats.offer({
      subject: this.#subjectOf(this.#nextRank(this.#slot)),
      payload: this.#copyOf(frame),
      sequence,
      messageId: this.#messageId(this.#data.epoch, `${sequence}`),
      stored: records[entry + ENTRY.stored] as number,
      removed: records[entry + ENTRY.removed] as number,
      cleared: records[entry + ENTRY.cleared] as number,
      acceptedMicros: this.#acceptedMicros,
    });
  }

  /** Rank of the next event that was encoded: of the slot's one message, or of its next one where each holds one event. */
  #nextRank({ header, slot, records }: SlotRecords): number {
    for (;;) {
      const r = this.#record;
      const isLeftOut = isPoisoned(header, slot, this.#event);
      this.#record += records[r + RECORD_WORD.length] as number;
      this.#event++;
      if (!isLeftOut) return records[r + RECORD_WORD.rank] as number;
    }
  }

  #offerEntries({ records, bytes }: SlotView, offset: number, entries: number): void {
    let p = offset;
    for (let left = entries; left > 0; left--) {
      const header = p >>> 2;
      this.#offerEntry({ records, bytes, header });
      const length = records[header + PLANE_ENTRY.bytes] as number;
      p += planeHeaderBytes(records[header + PLANE_ENTRY.routerEvents] as number) + length + (-length & 3);
    }
  }

  #offerEntry(entry: PlaneEntryAt): void {
    const { records, header } = entry;
    const rank = records[header + PLANE_ENTRY.rank] as number;
    const firstEventId = this.#numbers.takeEventIds(rank, records[header + PLANE_ENTRY.routerEvents] as number);
    if (this.#grow(rank, firstEventId, entry)) return;
    const message = new PlaneMessage(entry, firstEventId, {
      subject: this.#subjectOf(rank),
      publisherId: this.#publisherIdOf(rank),
      sequence: this.#numbers.takeSequence(rank),
      run: this.#data.jetStream === null ? null : this.#data.run,
      acceptedMicros: this.#acceptedMicros,
      pages: this.#nats.pages,
    });
    if (this.#nats.offer(message)) this.#last.set(rank, this.#nats.lastNumber);
  }

  /** Whether the rank's last message still waits, in front of exactly this entry, and has taken it in. */
  #grow(rank: number, firstEventId: number, entry: PlaneEntryAt): boolean {
    const number = this.#last.get(rank) ?? -1;
    const message = this.#nats.waiting(number);
    if (!(message instanceof PlaneMessage) || message.nextEventId !== firstEventId) return false;
    const growth = message.growth(entry, this.#nats.maxPayload);
    if (growth === null) return false;
    const { records, header } = entry;
    const events =
      (records[header + PLANE_ENTRY.stored] as number) +
      (records[header + PLANE_ENTRY.removed] as number) +
      (records[header + PLANE_ENTRY.cleared] as number);
    if (!this.#nats.grow(number, growth, events)) return false;
    message.append(entry);
    return true;
  }

  #copyOf(bytes: Uint8Array): PagedBytes {
    return new PagedBytes(this.#nats.pages, bytes);
  }

  #messageId(stream: string, number: string): string | null {
    return this.#data.jetStream === null ? null : `${stream}:${number}`;
  }

  #publisherIdOf(rank: number): number {
    let id = this.#publisherIds.get(rank);
    if (id === undefined) this.#publisherIds.set(rank, (id = newPublisherId()));
    return id;
  }

  #subjectOf(rank: number): string {
    const { place, encoding } = this.#data;
    let subject = this.#subjects.get(rank);
    if (subject === undefined) this.#subjects.set(rank, (subject = eventSubject(place, encoding, rank)));
    return subject;
  }
}

/** Bytes of the longest payload among the entries at `offset`. */
function longestEntry({ records }: SlotView, offset: number, entries: number): number {
  let longest = 0;
  let p = offset;
  for (let left = entries; left > 0; left--) {
    const h = p >>> 2;
    const length = records[h + PLANE_ENTRY.bytes] as number;
    if (length > longest) longest = length;
    p += planeHeaderBytes(records[h + PLANE_ENTRY.routerEvents] as number) + length + (-length & 3);
  }
  return longest;
}
