/**
 * A message for the event plane on its way to the queue: the numbers that only the publisher knows are filled in, and as long as it
 * waits it grows by what later slots have for the same rank. PUBLISHER THREAD.
 *
 * A message costs the client, the kernel and the server about the same whatever it holds, and at a usual rate a slot holds little.
 * Caps are those of one slot's messages (`plane-layout.ts`). Neighbours over the border of two slots stay two RouterEvents.
 */
import { PLANE_ENTRY, PLANE_MAX_BLOCKS, PLANE_MAX_EVENTS, planeHeaderBytes } from "../shared/plane-layout.ts";
import { type Output, outputOf } from "./msgpack-writer.ts";
import type { NatsMessage } from "./nats-queue.ts";
import { closeEnvelope, ENVELOPE_AT } from "./plane-writer.ts";

/** What a message that has begun to grow has room for at least: most are handed over before it is full. */
const GROWN_BYTES = 16_384;

interface OwnMemory extends Output {
  readonly bytes: Buffer;
}

/** An entry that an encoder wrote, and where it lies. */
export interface PlaneEntryAt {
  readonly records: Uint32Array;
  readonly bytes: Uint8Array;
  /** Word at which its header begins. */
  readonly header: number;
}

/** What a message is told by whoever numbers it. */
export interface PlaneAddress {
  readonly subject: string;
  readonly publisherId: number;
  readonly sequence: number;
  /** In front of the message's id, where a stream is to know duplicates; null for no id. */
  readonly run: string | null;
  /** When the slot of its first entry was accepted; monotonic. */
  readonly acceptedMicros: number;
}

export class PlaneMessage implements NatsMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly rank: number;
  /** Of the oldest of its events. */
  readonly acceptedMicros: number;
  payload: Uint8Array;
  stored: number = 0;
  removed: number = 0;
  cleared: number = 0;
  readonly #run: string | null;
  readonly #firstEventId: number;
  #routerEvents: number = 0;
  #blocks: number = 0;
  #out: OwnMemory;

  /** Takes a copy of the entry; its RouterEvents are numbered from `firstEventId` on. */
  constructor(entry: PlaneEntryAt, firstEventId: number, address: PlaneAddress) {
    const length = entry.records[entry.header + PLANE_ENTRY.bytes] as number;
    this.subject = address.subject;
    this.sequence = address.sequence;
    this.acceptedMicros = address.acceptedMicros;
    this.rank = entry.records[entry.header + PLANE_ENTRY.rank] as number;
    this.#run = address.run;
    this.#firstEventId = firstEventId;
    this.#out = memoryOf(length);
    this.payload = this.#out.bytes;
    this.#copy(entry, 0, 0, length);
    patch(this.#out, entry.records[entry.header + PLANE_ENTRY.publisherIdAt] as number, address.publisherId);
    patch(this.#out, entry.records[entry.header + PLANE_ENTRY.sequenceAt] as number, address.sequence);
    patch(this.#out, entry.records[entry.header + PLANE_ENTRY.publishedAtAt] as number, Date.now());
    this.#take(entry, 0);
  }

  /** By event ids, not by sequence: sent again, by a successor too, it has the same if it holds the same. */
  get messageId(): string | null {
    return this.#run === null ? null : `${this.#run}:${this.rank}:${this.#firstEventId}:${this.#routerEvents}`;
  }

  /** Number behind that of its last RouterEvent. */
  get nextEventId(): number {
    return this.#firstEventId + this.#routerEvents;
  }

  /** Bytes that it would take up besides, if it took in the entry; null: it may not, or it would be larger than `maxBytes`. */
  growth({ records, header }: PlaneEntryAt, maxBytes: number): number | null {
    const length = this.payload.length + eventBytes(records, header);
    if (length > maxBytes) return null;
    if (this.#routerEvents + (records[header + PLANE_ENTRY.routerEvents] as number) > PLANE_MAX_EVENTS) return null;
    if (this.#blocks + (records[header + PLANE_ENTRY.blocks] as number) > PLANE_MAX_BLOCKS) return null;
    return this.#capacityFor(length) - this.#out.bytes.length;
  }

  /** Takes in the entry, of the same rank, whose RouterEvents are numbered from `nextEventId` on. */
  append(entry: PlaneEntryAt): void {
    const { records, header } = entry;
    const end = this.payload.length;
    const length = end + eventBytes(records, header);
    const capacity = this.#capacityFor(length);
    if (capacity > this.#out.bytes.length) {
      const old = this.payload;
      this.#out = memoryOf(capacity);
      this.#out.bytes.set(old);
    }
    this.payload = this.#out.bytes.subarray(0, length);
    this.#copy(entry, ENVELOPE_AT.events, end, length - end);
    this.#take(entry, end - ENVELOPE_AT.events);
    closeEnvelope(this.#out, 0, length, this.#routerEvents);
  }

  /** At least doubled, so that a message that grows is copied a few times only. */
  #capacityFor(length: number): number {
    const now = this.#out.bytes.length;
    return length <= now ? now : Math.max(length, 2 * now, GROWN_BYTES);
  }

  #copy({ records, bytes, header }: PlaneEntryAt, from: number, to: number, length: number): void {
    const payload = 4 * header + planeHeaderBytes(records[header + PLANE_ENTRY.routerEvents] as number);
    // Not `set`: see `payload-copy.ts`.
    if (length > 0) this.#out.bytes.fill(bytes.subarray(payload + from, payload + from + length), to, to + length);
  }

  /** Numbers and counts an entry whose payload, if it were all there, would begin at `at`. */
  #take({ records, header }: PlaneEntryAt, at: number): void {
    const routerEvents = records[header + PLANE_ENTRY.routerEvents] as number;
    const first = this.nextEventId;
    for (let i = 0; i < routerEvents; i++) {
      patch(this.#out, at + (records[header + PLANE_ENTRY.eventIdsAt + i] as number), first + i);
    }
    this.#routerEvents += routerEvents;
    this.#blocks += records[header + PLANE_ENTRY.blocks] as number;
    this.stored += records[header + PLANE_ENTRY.stored] as number;
    this.removed += records[header + PLANE_ENTRY.removed] as number;
    this.cleared += records[header + PLANE_ENTRY.cleared] as number;
  }
}

/** Bytes of an entry's RouterEvents, without the envelope. */
function eventBytes(records: Uint32Array, header: number): number {
  return (records[header + PLANE_ENTRY.bytes] as number) - ENVELOPE_AT.events;
}

/** Memory of its own, however small: what waits for a server must not keep alive what it would share a page with. */
function memoryOf(bytes: number): OwnMemory {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  return { ...outputOf(buffer), bytes: buffer };
}

/** Writes a number below 2^53 into the eight bytes of a msgpack uint64. */
function patch(out: Output, at: number, value: number): void {
  out.view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  out.view.setUint32(at + 4, value % 0x1_0000_0000);
}
