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
import { eventSubject } from "../shared/nats-subjects.ts";
import { type Output, outputOf } from "./msgpack-writer.ts";
import { PlaneEncoder } from "./plane-encoder.ts";
import { PlaneGate } from "./plane-gate.ts";
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
  /** The slot at hand, and its first event whose payload has not been offered: its number, and the word of its record. */
  #slot: SlotRecords | null = null;
  #event: number = 0;
  #record: number = 0;

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
    const { words } = memory;
    this.#slot = {
      header: words,
      slot,
      records: view.records,
      recordsWord: (words[slot + SLOT.recordsOffset] as number) >>> 2,
      events: words[slot + SLOT.events] as number,
    };
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
    const counts = { stored: 0, removed: 0, cleared: 0 };
    this.#nats.offer({ subject: this.#subjectOf(0), payload: ownCopy(payload), sequence, messageId, ...counts });
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
      payload: ownCopy(frame),
      sequence,
      messageId: this.#messageId(this.#data.epoch, `${sequence}`),
      stored: records[entry + ENTRY.stored] as number,
      removed: records[entry + ENTRY.removed] as number,
      cleared: records[entry + ENTRY.cleared] as number,
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

  #offerEntries(view: SlotView, offset: number, entries: number): void {
    const { records, bytes } = view;
    let p = offset;
    for (let left = entries; left > 0; left--) {
      const h = p >>> 2;
      const routerEvents = records[h + PLANE_ENTRY.routerEvents] as number;
      const length = records[h + PLANE_ENTRY.bytes] as number;
      p += planeHeaderBytes(routerEvents);
      const payload = ownCopy(bytes.subarray(p, p + length));
      p += length + (-length & 3);
      this.#offerEntry(records, h, routerEvents, payload);
    }
  }

  #offerEntry(records: Uint32Array, h: number, routerEvents: number, payload: Buffer): void {
    const rank = records[h + PLANE_ENTRY.rank] as number;
    const out = outputOf(payload);
    const firstEventId = this.#numbers.takeEventIds(rank, routerEvents);
    const sequence = this.#numbers.takeSequence(rank);
    patch(out, records[h + PLANE_ENTRY.publisherIdAt] as number, this.#publisherIdOf(rank));
    patch(out, records[h + PLANE_ENTRY.sequenceAt] as number, sequence);
    patch(out, records[h + PLANE_ENTRY.publishedAtAt] as number, Date.now());
    for (let i = 0; i < routerEvents; i++) {
      patch(out, records[h + PLANE_ENTRY.eventIdsAt + i] as number, firstEventId + i);
    }
    this.#nats.offer({
      subject: this.#subjectOf(rank),
      payload,
      sequence,
      // By event ids, not by sequence: sent again by a successor, it has the same, if it holds the same.
      messageId: this.#messageId(this.#data.run, `${rank}:${firstEventId}:${routerEvents}`),
      stored: records[h + PLANE_ENTRY.stored] as number,
      removed: records[h + PLANE_ENTRY.removed] as number,
      cleared: records[h + PLANE_ENTRY.cleared] as number,
    });
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

/** Writes a number below 2^53 into the eight bytes of a msgpack uint64. */
function patch(out: Output, at: number, value: number): void {
  out.view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  out.view.setUint32(at + 4, value % 0x1_0000_0000);
}

/** Memory of its own, however small: what waits for a server must not keep alive what it would share a page with. */
function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  // See `payload-copy.ts`.
  if (bytes.length > 0) copy.fill(bytes);
  return copy;
}
