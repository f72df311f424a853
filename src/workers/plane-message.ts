/**
 * A message for the event plane on its way to the queue: the numbers that only the publisher knows are filled in, and as long as it
 * waits it grows by what later slots have for the same rank. PUBLISHER THREAD.
 *
 * A message costs the client, the kernel and the server about the same whatever it holds, and at a usual rate a slot holds little.
 * Caps are those of one slot's messages (`plane-layout.ts`). Neighbours over the border of two slots stay two RouterEvents.
 */
import { PLANE_ENTRY, PLANE_MAX_BLOCKS, PLANE_MAX_EVENTS, planeHeaderBytes } from "../shared/plane-layout.ts";
import type { NatsMessage } from "./nats-queue.ts";
import { PagedBytes, type PageMemory } from "./page-memory.ts";
import { closeEnvelope, ENVELOPE_AT } from "./plane-writer.ts";

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
  /** Where its payload is to lie. */
  readonly pages: PageMemory;
}

export class PlaneMessage implements NatsMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly rank: number;
  /** Of the oldest of its events. */
  readonly acceptedMicros: number;
  readonly payload: PagedBytes;
  stored: number = 0;
  removed: number = 0;
  cleared: number = 0;
  readonly #run: string | null;
  readonly #firstEventId: number;
  #routerEvents: number = 0;
  #blocks: number = 0;

  /** Takes a copy of the entry; its RouterEvents are numbered from `firstEventId` on. */
  constructor(entry: PlaneEntryAt, firstEventId: number, address: PlaneAddress) {
    this.subject = address.subject;
    this.sequence = address.sequence;
    this.acceptedMicros = address.acceptedMicros;
    this.rank = entry.records[entry.header + PLANE_ENTRY.rank] as number;
    this.#run = address.run;
    this.#firstEventId = firstEventId;
    this.payload = new PagedBytes(address.pages, bytesFrom(entry, 0));
    this.#patch(entry, PLANE_ENTRY.publisherIdAt, address.publisherId);
    this.#patch(entry, PLANE_ENTRY.sequenceAt, address.sequence);
    this.#patch(entry, PLANE_ENTRY.publishedAtAt, Date.now());
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

  /** Memory that it would take up besides, if it took in the entry; null: it may not, or it would be longer than `maxBytes`. */
  growth({ records, header }: PlaneEntryAt, maxBytes: number): number | null {
    const length = this.payload.length + eventBytes(records, header);
    if (length > maxBytes) return null;
    if (this.#routerEvents + (records[header + PLANE_ENTRY.routerEvents] as number) > PLANE_MAX_EVENTS) return null;
    if (this.#blocks + (records[header + PLANE_ENTRY.blocks] as number) > PLANE_MAX_BLOCKS) return null;
    return this.payload.growthTo(length);
  }

  /** Takes in the entry, of the same rank, whose RouterEvents are numbered from `nextEventId` on. */
  append(entry: PlaneEntryAt): void {
    const end = this.payload.length;
    this.payload.append(bytesFrom(entry, ENVELOPE_AT.events));
    this.#take(entry, end - ENVELOPE_AT.events);
    closeEnvelope(this.payload, 0, this.payload.length, this.#routerEvents);
  }

  /** Fills in a number of the envelope, whose place stands in that word of the entry. */
  #patch({ records, header }: PlaneEntryAt, word: number, value: number): void {
    this.payload.setUint64(records[header + word] as number, value);
  }

  /** Numbers and counts an entry whose payload, if it were all there, would begin at `at`. */
  #take({ records, header }: PlaneEntryAt, at: number): void {
    const routerEvents = records[header + PLANE_ENTRY.routerEvents] as number;
    const first = this.nextEventId;
    for (let i = 0; i < routerEvents; i++) {
      this.payload.setUint64(at + (records[header + PLANE_ENTRY.eventIdsAt + i] as number), first + i);
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

/** An entry's payload from that byte on, where it lies. */
function bytesFrom({ records, bytes, header }: PlaneEntryAt, from: number): Uint8Array {
  const payload = 4 * header + planeHeaderBytes(records[header + PLANE_ENTRY.routerEvents] as number);
  return bytes.subarray(payload + from, payload + (records[header + PLANE_ENTRY.bytes] as number));
}
