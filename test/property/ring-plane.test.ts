/**
 * The two cursors of the publisher against a plain list, where the event plane follows ZMQ: random interleavings of main, encoders,
 * publisher and indexer, in which encoders finish in any order and encoders and publishers die anywhere. Real ring, real
 * counters, real numbers; only sockets and encoders are made up.
 */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { EVENT_TYPES, SINK_DROP_REASONS } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { PLANE_NUMBERS_BYTES, PlaneNumbers } from "../../src/shared/plane-numbers.ts";
import { countPlanePoison, setPlanePoison } from "../../src/shared/poison.ts";
import { RingEncoder } from "../../src/shared/ring-encoder.ts";
import { RingIndexer } from "../../src/shared/ring-indexer.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingPlane } from "../../src/shared/ring-plane.ts";
import { RingProducer, RingPublisher } from "../../src/shared/ring.ts";
import { CONTROL, ENTRY, SLOT } from "../../src/shared/ring-layout.ts";
import { fedBefore } from "../../src/workers/counted-before.ts";
import { Sequencer } from "../../src/workers/sequencer.ts";
import { SlotFeeder, type SlotFeederParts } from "../../src/workers/slot-feeder.ts";
import { SlotSender, type SlotSenderParts } from "../../src/workers/slot-sender.ts";

const ENCODERS = 3;
const EVENTS_A_SLOT = 4;

/** The publisher's thread ends here. */
class Death extends Error {}

/** Passes points at which a thread may end; throws at the one that was chosen. */
class Fate {
  left: number = Infinity;

  pass(): void {
    if (this.left-- === 0) {
      this.left = Infinity;
      throw new Death();
    }
  }
}

class MortalRing extends RingPublisher {
  readonly #fate: Fate;

  constructor(memory: RingMemory, fate: Fate) {
    super(memory);
    this.#fate = fate;
  }

  override begin(): void {
    this.#fate.pass();
    super.begin();
    this.#fate.pass();
  }

  override release(slot: number): void {
    this.#fate.pass();
    super.release(slot);
    this.#fate.pass();
  }

  override letGo(slot: number, tailWord: number, next: number): void {
    this.#fate.pass();
    super.letGo(slot, tailWord, next);
    this.#fate.pass();
  }
}

class MortalCounters extends CounterBlock {
  readonly #fate: Fate;

  constructor(buffer: SharedArrayBuffer, fate: Fate) {
    super(buffer);
    this.#fate = fate;
  }

  override end(): void {
    this.#fate.pass();
    super.end();
    this.#fate.pass();
  }
}

type Stage = "filled" | "encoding" | "encoded" | "sent" | "planeEncoding" | "planeEncoded" | "fed";

interface Entry {
  readonly value: number;
  readonly slot: number;
  /** Of its events, those that no encoder can encode, and those that only the event plane does without. */
  readonly poisoned: number;
  planePoisoned: number;
  stage: Stage;
  encoder: number;
}

class Model {
  readonly memory: RingMemory;
  readonly slots: number;
  readonly producer: RingProducer;
  readonly encoders: readonly RingEncoder[];
  readonly indexer: RingIndexer | null;
  readonly counters: CounterBlock = CounterBlock.allocate(PUBLISHER_CELLS.size);
  readonly fate: Fate = new Fate();
  readonly numbers: SharedArrayBuffer = new SharedArrayBuffer(PLANE_NUMBERS_BYTES);
  /** Slots in use, oldest first. */
  readonly queue: Entry[] = [];
  produced: number = 0;
  enqueuedEvents: number = 0;
  /** By sequence number: what subscribers have got under it. */
  readonly sent: Map<number, number> = new Map();
  /** By value: event ids under which it was offered last, and how many of its events. */
  readonly offered: Map<number, { readonly first: number; readonly events: number }> = new Map();
  readonly fed: number[] = [];
  readonly indexed: number[] = [];
  sender: SlotSender;
  feeder: SlotFeeder;
  #offering: Entry | null = null;
  /** Events in the made-up sink's queue, and those that are offered and not counted. */
  #queued: number = 0;
  #uncounted: number = 0;

  constructor(slots: number, start: number, isIndexed: boolean) {
    this.slots = slots;
    this.memory = RingMemory.allocate({ slots, slotBytes: 1024, planeFollows: true });
    for (const word of [CONTROL.head, CONTROL.tail, CONTROL.fedTail]) Atomics.store(this.memory.words, word, start);
    // As at a start, when no slot has been counted.
    this.counters.set(PUBLISHER_CELLS.countedPosition, start >>> 0);
    this.counters.set(PUBLISHER_CELLS.natsFedPosition, start >>> 0);
    this.counters.set(PUBLISHER_CELLS.publishedSequence, -1);
    this.producer = new RingProducer(this.memory, ENCODERS);
    if (isIndexed) this.producer.addIndexer();
    this.indexer = isIndexed ? new RingIndexer(this.memory) : null;
    this.encoders = Array.from({ length: ENCODERS }, (_, i) => new RingEncoder(this.memory, i));
    [this.sender, this.feeder] = this.live();
  }

  /** A life of the publisher begins. */
  live(): [SlotSender, SlotFeeder] {
    const counters = new MortalCounters(this.counters.buffer, this.fate);
    const ring = new MortalRing(this.memory, this.fate);
    const before = fedBefore(this.memory, counters);
    const numbers = new PlaneNumbers(this.numbers);
    numbers.beginPublisher(before.position);
    // What the queue of the thread before held is lost.
    this.#uncounted = 0;
    this.#queued = 0;
    const lost = counters.read(PUBLISHER_CELLS.natsPendingEvents) - before.waitingEvents;
    counters.add(PUBLISHER_CELLS.natsPendingEvents, -lost);
    counters.add(PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown"), lost);
    const oversize = { view: () => assert.fail("nothing is that large") };
    const nats = {
      sink: { countOffers: () => this.#countOffers(counters) },
      feed: {
        beginSlot: (_: RingMemory, slot: number) => {
          this.#offering = this.#entryOf(slot);
        },
        offerPlane: (position: number) => this.#offerPlane(position, numbers),
      },
    };
    const parts = { ring, counters, oversize, nats };
    const feeder = new SlotFeeder({ ...parts, plane: new RingPlane(ring) } as unknown as SlotFeederParts);
    const sender = new SlotSender({
      ...parts,
      feeder,
      sequencer: new Sequencer(counters.read(PUBLISHER_CELLS.publishedSequence) + 1),
      sink: { send: (sequence: number, payload: Buffer) => this.#sendZmq(sequence, payload) },
      window: null,
      report: () => assert.fail("nothing is refused"),
      afterMessage: () => {
        this.fate.pass();
        return null;
      },
    } as unknown as SlotSenderParts);
    this.sender = sender;
    this.feeder = feeder;
    return [sender, feeder];
  }

  #entryOf(slot: number): Entry {
    const entry = this.queue.find((each) => each.slot === slot);
    if (entry === undefined) assert.fail("a slot that nobody filled");
    return entry;
  }

  #sendZmq(sequence: number, payload: Buffer): Promise<boolean> {
    const value = payload.readUInt32LE(0);
    assert.equal(this.sent.get(sequence) ?? value, value, "one number, one message");
    this.sent.set(sequence, value);
    return Promise.resolve(false);
  }

  #offerPlane(position: number, numbers: PlaneNumbers): void {
    const entry = this.#offering;
    if (entry === null) assert.fail("no slot was begun");
    assert.equal(this.memory.slotWord(position), entry.slot);
    assert.equal(countPlanePoison(this.memory.words, entry.slot), entry.planePoisoned);
    numbers.beginSlot(position);
    this.fate.pass();
    const events = EVENTS_A_SLOT - entry.poisoned - entry.planePoisoned;
    const first = numbers.takeEventIds(0, events);
    const before = this.offered.get(entry.value);
    assert.deepEqual(before ?? { first, events }, { first, events }, "offered again, it has the same ids");
    this.offered.set(entry.value, { first, events });
    this.fate.pass();
    this.#uncounted += events;
  }

  #countOffers(counters: CounterBlock): void {
    counters.add(PUBLISHER_CELLS.natsPendingEvents, this.#uncounted);
    this.#queued += this.#uncounted;
    this.#uncounted = 0;
  }

  /** The server has all that was handed to it. */
  confirm(): void {
    this.counters.recover();
    this.counters.begin();
    this.counters.add(PUBLISHER_CELLS.natsPendingEvents, -this.#queued);
    this.counters.add(PUBLISHER_CELLS.natsSentEvents, this.#queued);
    this.counters.end();
    this.#queued = 0;
  }

  produce(poisoned: number): void {
    const position = this.producer.claim();
    const inUse = this.queue.length;
    assert.equal(position === -1 && inUse < this.slots, false, "full only when every slot is in use");
    if (position === -1) return;
    const value = ++this.produced;
    const frameOffset = this.memory.frameOffset(position);
    const noTimes = { recordWords: 0, rank: 0, wallSeconds: 0, monotonicMicros: 0 };
    const where = { oversizeGeneration: 0, recordsOffset: 0, frameOffset };
    this.producer.commit(position, { ...noTimes, ...where, events: EVENTS_A_SLOT });
    this.enqueuedEvents += EVENTS_A_SLOT;
    const slot = this.memory.slotWord(position);
    this.queue.push({ value, slot, poisoned, planePoisoned: 0, stage: "filled", encoder: -1 });
  }

  claim(encoder: number, isPlane: boolean): void {
    const from: Stage = isPlane ? "sent" : "filled";
    const mine = this.encoders[encoder];
    if (this.queue.some((each) => each.encoder === encoder)) return;
    const slot = (isPlane ? mine?.claimPlane() : mine?.claim()) ?? -1;
    const oldest = this.queue.find((each) => each.stage === from);
    if (slot === -1) return assert.equal(oldest, undefined, `an encoder finds whatever is ${from}`);
    const entry = this.#entryOf(slot);
    assert.equal(entry.stage, from);
    entry.stage = isPlane ? "planeEncoding" : "encoding";
    entry.encoder = encoder;
  }

  commit(encoder: number, planePoisoned: number): void {
    const entry = this.queue.find((each) => each.encoder === encoder);
    const mine = this.encoders[encoder];
    if (entry === undefined || mine === undefined) return;
    const { slot, value, poisoned } = entry;
    const { words, records } = this.memory;
    if (entry.stage === "encoding") {
      const word = (words[slot + SLOT.frameOffset] ?? 0) >>> 2;
      records[word + ENTRY.bytes] = 4;
      records[word + ENTRY.stored] = EVENTS_A_SLOT - poisoned;
      records[word + ENTRY.removed] = 0;
      records[word + ENTRY.cleared] = 0;
      records[word + ENTRY.headerBytes / 4] = value;
      mine.commit(slot, ENTRY.headerBytes + 4, 1, poisoned);
      entry.stage = "encoded";
    } else {
      for (let i = 0; i < planePoisoned; i++) setPlanePoison(words, slot, EVENTS_A_SLOT - 1 - i);
      entry.planePoisoned = planePoisoned;
      mine.commitPlane(slot);
      entry.stage = "planeEncoded";
    }
    entry.encoder = -1;
  }

  /** The encoder's thread is gone: what it had claimed must be claimable again, by anyone. */
  killEncoder(encoder: number): void {
    const owned = this.queue.filter((each) => each.encoder === encoder);
    assert.equal(this.producer.recoverEncoder(encoder), owned.length);
    for (const entry of owned) {
      entry.stage = entry.stage === "encoding" ? "filled" : "sent";
      entry.encoder = -1;
    }
  }

  /** The publisher does what there is to do, until the point at which it ends, if it does. */
  async publish(diesAfter: number): Promise<void> {
    this.fate.left = diesAfter;
    try {
      await this.#publishOne();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      await this.#succeed();
    }
    this.fate.left = Infinity;
    this.#look();
  }

  async #publishOne(): Promise<void> {
    const ring = new RingPublisher(this.memory);
    const slot = ring.peek();
    const next = this.queue.find((each) => ["filled", "encoding", "encoded"].includes(each.stage));
    assert.equal(slot !== -1, next?.stage === "encoded", "the oldest slot is sent as soon as it is encoded");
    if (slot !== -1) return this.sender.send(slot);
    const feedable = this.queue.find((each) => each.stage !== "fed")?.stage === "planeEncoded";
    assert.equal(this.feeder.hasWork, feedable);
    assert.equal(this.feeder.feedNext(), feedable, "fed as soon as it is encoded, in order");
  }

  async #succeed(): Promise<void> {
    this.counters.recover();
    this.live();
    this.sender.skipCounted();
    this.feeder.skipCounted();
    await Promise.resolve();
  }

  /** Notes how far the tails have come, and holds the books against that. */
  #look(): void {
    const { memory } = this;
    const head = memory.head();
    const at = (position: number): number => this.queue.length - ((head - position) | 0);
    const sent = at(memory.tail());
    const fed = at(memory.fedTail());
    for (const [i, entry] of this.queue.entries()) {
      if (i < sent && ["filled", "encoding", "encoded"].includes(entry.stage)) entry.stage = "sent";
      if (i < fed && entry.stage !== "fed") {
        assert.equal(entry.stage, "planeEncoded");
        entry.stage = "fed";
        this.fed.push(entry.value);
      }
    }
    if (this.indexer === null) this.queue.splice(0, Math.max(0, fed));
    this.checkBooks();
  }

  index(): void {
    const slot = this.indexer?.peek() ?? -1;
    const oldest = this.queue[0];
    assert.equal(slot !== -1, this.indexer !== null && oldest?.stage === "fed");
    if (slot === -1 || oldest === undefined) return;
    assert.equal(slot, oldest.slot);
    this.indexed.push(oldest.value);
    this.indexer?.release(slot);
    this.queue.shift();
  }

  #column(first: number, width: number): number {
    return Array.from({ length: width }, (_, i) => this.counters.read(first + i)).reduce((a, b) => a + b);
  }

  checkBooks(): void {
    const read = (cell: number): number => this.counters.read(cell);
    const cells = PUBLISHER_CELLS;
    const dequeued = read(cells.dequeuedEvents);
    const inRing = this.queue.filter((each) => ["filled", "encoding", "encoded"].includes(each.stage));
    assert.equal(dequeued + read(cells.poisonedEvents), this.enqueuedEvents - inRing.length * EVENTS_A_SLOT);
    const reasons = SINK_DROP_REASONS.length;
    const zmq = this.#column(cells.zmqSentEvents, EVENT_TYPES.length) + this.#column(cells.zmqDroppedEvents, reasons);
    assert.equal(dequeued, zmq);
    const nats =
      this.#column(cells.natsSentEvents, EVENT_TYPES.length) + this.#column(cells.natsDroppedEvents, reasons);
    assert.equal(dequeued, nats + read(cells.natsPendingEvents));
    assert.ok(read(cells.natsPendingEvents) >= 0);
  }

  /** All that is left goes its way. */
  async drain(): Promise<void> {
    for (let encoder = 0; encoder < ENCODERS; encoder++) this.killEncoder(encoder);
    while (this.queue.length > 0) {
      for (const isPlane of [false, true]) {
        this.claim(0, isPlane);
        this.commit(0, 0);
      }
      await this.publish(Infinity);
      this.index();
    }
    this.confirm();
    this.checkBooks();
    assert.equal(this.counters.read(PUBLISHER_CELLS.natsPendingEvents), 0);
  }

  /** The end comes first. */
  dropAll(): void {
    const sentEvents = this.#column(PUBLISHER_CELLS.zmqSentEvents, EVENT_TYPES.length);
    const unsent = this.enqueuedEvents - sentEvents - this.counters.read(PUBLISHER_CELLS.poisonedEvents);
    const unfed = this.counters.read(PUBLISHER_CELLS.natsPendingEvents) - this.#queued;
    assert.equal(this.sender.dropAll(), unsent + unfed);
    this.confirm();
    assert.equal(this.counters.read(PUBLISHER_CELLS.natsPendingEvents), 0);
  }
}

type Step = readonly [
  what: "produce" | "publish" | "claim" | "claimPlane" | "commit" | "kill" | "index" | "confirm",
  n: number,
];

const encoderOf = fc.nat({ max: ENCODERS - 1 });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 1 }).map((poisoned): Step => ["produce", poisoned]) },
  // Mostly it lives on; else it ends at one of the first points that it passes.
  { weight: 6, arbitrary: fc.constant<Step>(["publish", Infinity]) },
  { weight: 2, arbitrary: fc.nat({ max: 8 }).map((after): Step => ["publish", after]) },
  { weight: 4, arbitrary: encoderOf.map((encoder): Step => ["claim", encoder]) },
  { weight: 4, arbitrary: encoderOf.map((encoder): Step => ["claimPlane", encoder]) },
  { weight: 8, arbitrary: encoderOf.map((encoder): Step => ["commit", encoder]) },
  { weight: 1, arbitrary: encoderOf.map((encoder): Step => ["kill", encoder]) },
  { weight: 3, arbitrary: fc.constant<Step>(["index", 0]) },
  { weight: 1, arbitrary: fc.constant<Step>(["confirm", 0]) },
);

async function take(model: Model, [what, n]: Step, i: number): Promise<void> {
  if (what === "produce") model.produce(n);
  else if (what === "publish") await model.publish(n);
  else if (what === "claim" || what === "claimPlane") model.claim(n, what === "claimPlane");
  else if (what === "commit") model.commit(n, i % 7 === 0 ? 1 : 0);
  else if (what === "kill") model.killEncoder(n);
  else if (what === "index") model.index();
  else model.confirm();
}

test("whoever dies: ZMQ has every value in claim order, then NATS, no id twice, and the books balance throughout", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(2, 4, 8),
      // From the beginning, and just below the two places where a 32-bit position wraps.
      fc.constantFrom(0, 0x7ffffff0, -8),
      fc.boolean(),
      fc.boolean(),
      fc.array(STEP, { maxLength: 300, size: "max" }),
      async (slots, start, isIndexed, isForced, steps) => {
        const model = new Model(slots, start, isIndexed);
        for (const [i, step] of steps.entries()) await take(model, step, i);
        if (isForced) return model.dropAll();
        await model.drain();
        const all = Array.from({ length: model.produced }, (_, i) => i + 1);
        assert.deepEqual([...model.sent.keys()], [...all.keys()]);
        assert.deepEqual([...model.sent.values()], all);
        assert.deepEqual(model.fed, all);
        if (isIndexed) assert.deepEqual(model.indexed, all);
        let nextId = 1;
        for (const value of all) {
          const offer = model.offered.get(value);
          assert.equal(offer?.first, nextId);
          nextId += offer?.events ?? 0;
        }
      },
    ),
    { numRuns: Number(process.env["RUNS"] ?? 500) },
  );
});
