/** Slots of described events, and what is in their messages for the event plane, read by an independent msgpack decoder. */
import { decode } from "@msgpack/msgpack";
import { measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import { PLANE_ENTRY, planeHeaderBytes } from "../../src/shared/plane-layout.ts";
import { PLANE_ENVELOPE_BYTES } from "../../src/shared/record.ts";
import { SLOT_HEADER_BYTES } from "../../src/shared/ring-layout.ts";
import { outputOf } from "../../src/workers/msgpack-writer.ts";
import type { PlaneEncoder, PlaneSpace } from "../../src/workers/plane-encoder.ts";
import type { SlotRecords, Withheld } from "../../src/workers/plane-plan.ts";
import { type EventSpec, publishedEvent } from "./published.ts";

export interface RankedEvent {
  readonly spec: EventSpec;
  readonly rank: number;
}

/** What the publisher would write into the messages. */
export interface Patches {
  readonly publisherId: bigint;
  readonly sequence: bigint;
  readonly publishedAt: bigint;
  readonly firstEventId: bigint;
}
const NO_PATCHES: Patches = { publisherId: 0n, sequence: 0n, publishedAt: 0n, firstEventId: 1n };

/** An entry, its payload decoded: integers in short forms are numbers, the others BigInts. */
export interface PlaneEntry {
  readonly rank: number;
  readonly bytes: number;
  readonly stored: number;
  readonly removed: number;
  readonly cleared: number;
  readonly envelope: Record<string, unknown>;
  readonly events: readonly unknown[];
}

export interface PlaneSlot {
  readonly slot: SlotRecords;
  /** Most bytes that all its messages may take. */
  readonly bound: number;
}

export function slotOf(events: readonly RankedEvent[]): PlaneSlot {
  let bound = 0;
  const records: number[] = [];
  for (const { spec, rank } of events) {
    const event = publishedEvent(spec, rank);
    const without = { words: 0, frameBytes: 0 };
    const size = { words: 0, frameBytes: 0 };
    measure(event, without);
    measure(event, size, true);
    bound += PLANE_ENVELOPE_BYTES + size.frameBytes - without.frameBytes;
    const words = new Uint32Array(size.words);
    writeRecord(event, size, words, 0, 0);
    records.push(...words);
  }
  const slot = {
    header: new Int32Array(SLOT_HEADER_BYTES / 4),
    slot: 0,
    records: Uint32Array.from(records),
    recordsWord: 0,
    events: events.length,
  };
  return { slot, bound };
}

export interface Encoded {
  readonly entries: readonly PlaneEntry[];
  readonly planeBytes: number;
  readonly withheldEvents: number;
}

export function encodePlane(
  encoder: PlaneEncoder,
  { slot, bound }: PlaneSlot,
  withheld: Withheld | null = null,
  patches: Patches = NO_PATCHES,
): Encoded {
  // Not at the beginning of its memory, and the rest of it is no zeros.
  const bytes = new Uint8Array(16 + bound + (-bound & 3)).fill(0xaa);
  const space = { out: outputOf(bytes), words: new Uint32Array(bytes.buffer), offset: 16 };
  const { planeBytes, entries, withheldEvents } = encoder.encode(slot, space, withheld);
  return { entries: readEntries(space, entries, patches), planeBytes, withheldEvents };
}

export function readEntries(space: PlaneSpace, count: number, patches: Patches = NO_PATCHES): PlaneEntry[] {
  const entries: PlaneEntry[] = [];
  let p = space.offset;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(space, p, patches);
    entries.push(entry);
    p += entry.bytes;
  }
  return entries;
}

function readEntry({ out, words }: PlaneSpace, p: number, patches: Patches): PlaneEntry {
  const word = (index: number): number => words[(p >>> 2) + index] ?? 0;
  const routerEvents = word(PLANE_ENTRY.routerEvents);
  const payloadBytes = word(PLANE_ENTRY.bytes);
  const payload = p + planeHeaderBytes(routerEvents);
  const message = out.bytes.slice(payload, payload + payloadBytes);
  const view = new DataView(message.buffer);
  view.setBigUint64(word(PLANE_ENTRY.publisherIdAt), patches.publisherId);
  view.setBigUint64(word(PLANE_ENTRY.sequenceAt), patches.sequence);
  view.setBigUint64(word(PLANE_ENTRY.publishedAtAt), patches.publishedAt);
  for (let e = 0; e < routerEvents; e++) {
    view.setBigUint64(word(PLANE_ENTRY.eventIdsAt + e), patches.firstEventId + BigInt(e));
  }
  const envelope = decode(message, { useBigInt64: true }) as Record<string, unknown>;
  const events = decode(envelope["payload"] as Uint8Array, { useBigInt64: true }) as unknown[];
  if (events.length !== routerEvents) throw new Error(`${events.length} RouterEvents, said to be ${routerEvents}`);
  return {
    rank: word(PLANE_ENTRY.rank),
    bytes: (payload - p + payloadBytes + 3) & ~3,
    stored: word(PLANE_ENTRY.stored),
    removed: word(PLANE_ENTRY.removed),
    cleared: word(PLANE_ENTRY.cleared),
    envelope,
    events,
  };
}

/** Integers as BigInts, whatever form they had: values are what counts. */
export function plain(value: unknown): unknown {
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
  }
  return value;
}
