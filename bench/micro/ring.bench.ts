/**
 * What the ring costs without anyone waiting: all three roles take turns on one thread. `ring/hand-over` passes empty
 * slots on, `ring/batched` goes through the batcher, which measures events and writes them as records.
 */
import { type PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { Batcher, MAX_BATCH_EVENTS } from "../../src/main/pipeline/batcher.ts";
import { OversizeBuffer } from "../../src/main/pipeline/oversize-buffer.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingEncoder } from "../../src/shared/ring-encoder.ts";
import { RingProducer, RingPublisher, type SlotFill } from "../../src/shared/ring.ts";
import { makeNormaliser, storedEvents } from "../support/made-up-events.ts";
import { atLeast } from "../goal.ts";
import type { MicroCase } from "./micro-case.ts";

/** As `kvcast serve` has it by default. */
const SHAPE = { slots: 16, slotBytes: 96 * 1024 };
const ROUNDS = 16;

interface Roles {
  readonly memory: RingMemory;
  readonly producer: RingProducer;
  /** Does what encoder and publisher do with the slot just committed, but for the bytes. */
  readonly pass: () => void;
}

function roles(): Roles {
  const memory = RingMemory.allocate(SHAPE);
  const encoder = new RingEncoder(memory, 0);
  const publisher = new RingPublisher(memory);
  return {
    memory,
    producer: new RingProducer(memory, 1),
    pass: () => {
      encoder.commit(encoder.claim(), 0, 0, 0);
      publisher.release(publisher.peek());
    },
  };
}

const handOver: MicroCase = {
  name: "ring/hand-over",
  unit: "slots",
  prepare() {
    const { producer, pass } = roles();
    const fill: SlotFill = {
      recordWords: 0,
      events: 0,
      rank: 0,
      wallSeconds: 1,
      monotonicMicros: 1,
      oversizeGeneration: 0,
      recordsOffset: 0,
      frameOffset: 0,
    };
    return {
      perCall: ROUNDS,
      work: () => {
        for (let i = 0; i < ROUNDS; i++) {
          producer.commit(producer.claim(), fill);
          pass();
        }
        return producer.memory.tail();
      },
    };
  },
};

/** Published events that own their columns, so that one scratch does not stand for all. */
function published(blocks: number): PublishedEvent[] {
  return storedEvents(blocks, MAX_BATCH_EVENTS).map((raw, i) => {
    const normaliser = makeNormaliser();
    raw.eventId = i;
    normaliser.normalise(raw);
    return normaliser.out;
  });
}

function batched(blocks: number): MicroCase {
  return {
    name: `ring/batched-${blocks}x32`,
    unit: "events",
    ...(blocks === 1 ? { goals: [atLeast(4e6, "≥ 4 M")] } : {}),
    prepare() {
      const { producer, pass, memory } = roles();
      const batcher = new Batcher({
        ring: producer,
        oversize: new OversizeBuffer(),
        singleEvent: false,
        onCommit: () => {},
      });
      const events = published(blocks);
      return {
        perCall: events.length,
        work: () => {
          for (const event of events) if (!batcher.add(event)) throw new Error("the ring is full");
          batcher.flush(true);
          // Large events take more than one slot a round.
          while (memory.occupied() > 0) pass();
          return batcher.enqueuedEvents;
        },
      };
    },
  };
}

export const RING_CASES: readonly MicroCase[] = [handOver, batched(1), batched(8)];
