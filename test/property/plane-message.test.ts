/**
 * Messages for the event plane that grow while they wait, against the same feed without growth: routers must not see a difference
 * but in how many messages there are.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { decode } from "@msgpack/msgpack";
import * as fc from "fast-check";
import { PLANE_MAX_EVENTS } from "../../src/shared/plane-layout.ts";
import { PLANE_NUMBERS_BYTES } from "../../src/shared/plane-numbers.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { SLOT } from "../../src/shared/ring-layout.ts";
import { outputOf } from "../../src/workers/msgpack-writer.ts";
import { NatsFeed } from "../../src/workers/nats-feed.ts";
import { NatsFlight } from "../../src/workers/nats-flight.ts";
import type { NatsMessage } from "../../src/workers/nats-queue.ts";
import type { NatsSink } from "../../src/workers/nats-sink.ts";
import { PageMemory } from "../../src/workers/page-memory.ts";
import { PlaneEncoder } from "../../src/workers/plane-encoder.ts";
import { PLACE } from "../support/nats-rig.ts";
import { type RankedEvent, slotOf } from "../support/plane.ts";
import { eventSpec, type EventSpec } from "../support/published.ts";
import { RouterModel } from "../support/router-model.ts";

const BLOCK_SIZE = 3;
const SLOT_BYTES = 1 << 16;
const MAX_PAYLOAD = 6000;

interface Rig {
  readonly feed: NatsFeed;
  readonly flight: NatsFlight;
  /** What has been handed over, as it was then. */
  readonly handedOver: { readonly payload: Uint8Array; readonly id: string | null; readonly message: NatsMessage }[];
}

function report(): void {
  assert.fail("nothing is to be told");
}

function rig(grows: boolean, queueBytes: number): Rig {
  const flight = new NatsFlight({ queueBytes, reserveBytes: 0, epoch: null, holdMs: 1000, report });
  const sink = {
    pages: new PageMemory(),
    maxPayload: MAX_PAYLOAD,
    offer: (message: NatsMessage) => flight.offer(message, null),
    get lastNumber() {
      return flight.queue.end - 1;
    },
    waiting: (number: number) => (grows ? flight.waiting(number) : null),
    grow: (number: number, bytes: number, events: number) => flight.grow(number, bytes, events),
    satisfied: (events: number) => flight.satisfied(events),
  };
  const numbers = new SharedArrayBuffer(PLANE_NUMBERS_BYTES);
  const data = { encoding: "dynamo", place: PLACE, jetStream: "KV", run: "run", epoch: "e", numbers };
  const feed = new NatsFeed(
    data as unknown as ConstructorParameters<typeof NatsFeed>[0],
    sink as unknown as NatsSink,
    BLOCK_SIZE,
    0,
  );
  return { feed, flight, handedOver: [] };
}

/** Feeds a slot as if it were at that position of a ring. */
function feedSlot({ feed }: Rig, encoder: PlaneEncoder, events: readonly RankedEvent[], position: number): void {
  const memory = RingMemory.allocate({ slots: 2, slotBytes: SLOT_BYTES });
  const slot = memory.slotWord(0);
  const { records } = slotOf(events).slot;
  memory.records.set(records, memory.recordsOffset(0) >>> 2);
  memory.words[slot + SLOT.recordsOffset] = memory.recordsOffset(0);
  memory.words[slot + SLOT.events] = events.length;
  const offset = memory.frameOffset(0);
  const recordsWord = memory.recordsOffset(0) >>> 2;
  const job = { header: memory.words, slot, records: memory.records, recordsWord, events: events.length };
  const { entries } = encoder.encode(job, { out: outputOf(memory.bytes), words: memory.records, offset });
  memory.words[slot + SLOT.planeOffset] = offset;
  memory.words[slot + SLOT.planeEntries] = entries;
  feed.beginSlot(memory, slot, memory);
  feed.offerPlane(position, memory);
}

function handOver({ flight, handedOver }: Rig, count: number): void {
  for (let i = 0; i < count; i++) {
    const item = flight.queue.peek();
    if (item === null || item.message === null) return;
    const { message } = item;
    handedOver.push({ payload: message.payload.copyOut(), id: message.messageId, message });
    flight.queue.handOver(item, 0);
  }
}

function eventsOf(payload: Uint8Array): unknown[] {
  const envelope = decode(payload, { useBigInt64: true }) as { payload: Uint8Array };
  return decode(envelope.payload, { useBigInt64: true }) as unknown[];
}

/** By rank: all RouterEvents, with their ids. Asserts that messages are numbered. */
function streamOf({ handedOver }: Rig): Map<number, unknown[]> {
  const router = new RouterModel();
  const ofRank = new Map<number, unknown[]>();
  for (const { payload } of handedOver) {
    router.apply(payload);
    for (const event of eventsOf(payload) as { event: { dp_rank: number } }[]) {
      const rank = event.event.dp_rank;
      ofRank.set(rank, [...(ofRank.get(rank) ?? []), event]);
    }
  }
  assert.deepEqual(router.gaps, []);
  return ofRank;
}

function totals(rigOf: Rig): readonly number[] {
  const sum = (pick: (message: NatsMessage) => number): number =>
    rigOf.handedOver.reduce((total, { message }) => total + pick(message), 0);
  return [sum(({ stored }) => stored), sum(({ removed }) => removed), sum(({ cleared }) => cleared)];
}

const few = fc.bigInt({ min: 1n, max: 9n });
/** Blocks that come and go, so that some removals are held back and slots are encoded anew. */
const near = fc.oneof(
  few.map((hash): EventSpec => {
    const parts = { parent: null, loraName: null, loraId: 0, salt: null, mm: undefined };
    return { type: "stored", hashes: [hash], tokens: Array.from({ length: BLOCK_SIZE }, () => 7), ...parts };
  }),
  few.map((hash): EventSpec => ({ type: "removed", hashes: [hash] })),
);
const spec = fc.oneof({ weight: 5, arbitrary: near }, { weight: 1, arbitrary: eventSpec });
const slotEvents = fc.array(fc.record({ spec, rank: fc.constantFrom(0, 0, 0, 1, 1023) }), {
  minLength: 1,
  maxLength: 40,
});
const steps = fc.array(fc.record({ events: slotEvents, handedOver: fc.constantFrom(0, 0, 0, 1, 5) }), {
  minLength: 1,
  maxLength: 12,
  size: "max",
});

test("routers get the same events under the same ids, in fewer messages, within the caps", () => {
  let without = 0;
  let withGrowth = 0;
  fc.assert(
    fc.property(steps, (all) => {
      const encoder = new PlaneEncoder(PLACE.workerId, BLOCK_SIZE);
      const rigs = [rig(false, 1 << 26), rig(true, 1 << 26)] as const;
      for (const each of rigs) {
        for (const [position, step] of all.entries()) {
          feedSlot(each, encoder, step.events, position);
          handOver(each, step.handedOver);
        }
        handOver(each, Infinity);
      }
      const [plain, grown] = rigs;
      assert.deepEqual(streamOf(grown), streamOf(plain));
      assert.deepEqual(totals(grown), totals(plain));
      for (const { payload, id, message } of grown.handedOver) {
        assert.deepEqual(message.payload.copyOut(), payload, "what was handed over is not touched any more");
        const events = eventsOf(payload) as { event: { event_id: bigint; dp_rank: number } }[];
        assert.ok(events.length <= PLANE_MAX_EVENTS);
        assert.ok(payload.length <= MAX_PAYLOAD || events.length === 1);
        const first = events[0]?.event;
        assert.equal(id, `run:${first?.dp_rank}:${Number(first?.event_id)}:${events.length}`);
      }
      without += plain.handedOver.length;
      withGrowth += grown.handedOver.length;
    }),
    { numRuns: Number(process.env["RUNS"] ?? 100) },
  );
  assert.ok(2 * withGrowth < without, `${withGrowth} messages instead of ${without}`);
});

test("the queue stays within its bytes, and what finds no room leaves a hole in the ids", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const encoder = new PlaneEncoder(PLACE.workerId, BLOCK_SIZE);
      const each = rig(true, 20_000);
      for (const [position, step] of all.entries()) {
        feedSlot(each, encoder, step.events, position);
        const { queue } = each.flight;
        assert.ok(queue.bytes <= 20_000 || queue.end - queue.first === 1);
        const held = Array.from({ length: queue.end - queue.first }, (_, i) => queue.at(queue.first + i));
        const bytes = held.reduce((sum, item) => sum + (item?.message?.payload.heldBytes ?? 0), 0);
        assert.ok(bytes <= queue.bytes);
      }
      handOver(each, Infinity);
      const ids = new Set<string>();
      for (const { payload } of each.handedOver) {
        for (const { event } of eventsOf(payload) as { event: { event_id: bigint; dp_rank: number } }[]) {
          const id = `${event.dp_rank} ${event.event_id}`;
          assert.ok(!ids.has(id), "no id is given twice");
          ids.add(id);
        }
      }
    }),
    { numRuns: Number(process.env["RUNS"] ?? 50) },
  );
});
