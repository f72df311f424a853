import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { type SourceClock, SyntheticSource } from "../../src/main/engine/synthetic-source.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { SMALL_TRAFFIC } from "../support/traffic-model.ts";

/** Time that stands still until a test moves it. */
class ManualClock implements SourceClock {
  ms: number = 5000;
  /** Wait that the source is in; null while it works or waits for something else. */
  pending: { readonly at: number; readonly delay: number; readonly callback: () => void } | null = null;
  delays: number[] = [];
  #onPending: (() => void) | null = null;

  now(): number {
    return this.ms;
  }

  wallSeconds(): number {
    return 1_700_000_000 + this.ms / 1000;
  }

  after(delay: number, callback: () => void): () => void {
    assert.equal(this.pending, null, "one wait at a time");
    this.pending = { at: this.ms + delay, delay, callback };
    this.delays.push(delay);
    this.#onPending?.();
    this.#onPending = null;
    return () => {
      this.pending = null;
    };
  }

  untilPending(): Promise<void> {
    return this.pending === null ? new Promise((resolve) => (this.#onPending = resolve)) : Promise.resolve();
  }

  /** Lets `delta` ms go by, fires the wait, and returns when the source waits again. */
  async pass(delta: number): Promise<void> {
    this.ms += delta;
    const { pending } = this;
    assert.ok(pending !== null && pending.at <= this.ms, "the source waits, and not for longer");
    this.pending = null;
    pending.callback();
    await this.untilPending();
  }
}

interface Rig {
  readonly source: SyntheticSource;
  readonly sink: RecordingSink;
  readonly counters: EngineCounters;
  readonly clock: ManualClock;
}

function rig(traffic: Partial<TrafficConfig>): Rig {
  const sink = new RecordingSink();
  const counters = new EngineCounters("engine0", "synthetic", 1);
  const clock = new ManualClock();
  const config = { ...SMALL_TRAFFIC, ...traffic };
  return {
    source: new SyntheticSource({ traffic: config, kvBlockSize: 4, sink, counters, clock }),
    sink,
    counters,
    clock,
  };
}

/** All that is queued in the event loop now has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test("a paced source makes what is due, in whole milliseconds", async () => {
  const { source, sink, counters, clock } = rig({ events: Infinity, ratePerSecond: 2500 });
  const run = source.run();
  await clock.untilPending();
  assert.equal(sink.events.length, 1, "only the created event is due at once");
  assert.equal(counters.up, 1);
  await clock.pass(1);
  assert.equal(sink.events.length - 1, 2);
  await clock.pass(1);
  assert.equal(sink.events.length - 1, 5);
  await clock.pass(98);
  assert.equal(sink.events.length - 1, 250, "a late timer is made up for");
  assert.equal(counters.lastEventTimestampSeconds, 1_700_000_005.1);
  source.stop();
  await run;
  assert.equal(counters.up, 0);
  assert.deepEqual(counters.polls, { items: 0, empty: 0, error: 0 });
});

test("a slow source sleeps until its next event, a second at most", async () => {
  const { source, sink, clock } = rig({ events: Infinity, ratePerSecond: 4 });
  const run = source.run();
  await clock.untilPending();
  assert.deepEqual(clock.delays, [250]);
  await clock.pass(250);
  assert.equal(sink.events.length - 1, 1);
  source.stop();
  await run;

  const slower = rig({ events: Infinity, ratePerSecond: 0.01 });
  const slowRun = slower.source.run();
  await slower.clock.untilPending();
  assert.deepEqual(slower.clock.delays, [1000]);
  slower.source.stop();
  await slowRun;
});

test("a large backlog is worked off in bounded steps with turns of the event loop between them", async () => {
  const { source, sink, clock } = rig({ events: Infinity, ratePerSecond: 1_000_000 });
  const run = source.run();
  await clock.untilPending();
  await clock.pass(5);
  assert.equal(sink.steps.at(-1)?.length, 1024);
  while (clock.pending?.delay === 0) await clock.pass(0);
  assert.equal(sink.events.length - 1, 5000);
  assert.deepEqual(
    sink.steps.map((step) => step.length),
    [1, 1024, 1024, 1024, 1024, 904],
  );
  source.stop();
  await run;
});

test("flat out it makes all events, then stays up without a timer until it is stopped", async () => {
  const { source, sink, counters, clock } = rig({ events: 2500, ratePerSecond: Infinity });
  let ended = false;
  const run = source.run().then(() => (ended = true));
  for (let i = 0; i < 2; i++) {
    await clock.untilPending();
    assert.equal(clock.pending?.delay, 0);
    const { pending } = clock;
    clock.pending = null;
    pending?.callback();
  }
  await turn();
  assert.equal(sink.events.length, 2501);
  assert.equal(sink.unflushed, 0);
  assert.equal(clock.pending, null);
  assert.equal(ended, false);
  assert.equal(counters.up, 1);
  source.stop();
  source.stop();
  await run;
  assert.equal(counters.up, 0);
});

test("a full sink holds the source up, and no event is lost or made twice", async () => {
  const { source, sink } = rig({ events: 700, ratePerSecond: Infinity });
  sink.room = 100;
  const full = sink.untilFull();
  const run = source.run();
  await full;
  await turn();
  assert.equal(sink.events.length, 100);
  assert.equal(sink.unflushed, 0, "what was accepted may leave");
  const again = sink.untilFull();
  sink.allow(1);
  await again;
  await turn();
  assert.equal(sink.events.length, 101);
  assert.equal(sink.refusals, 2);
  sink.allow(Infinity);
  await turn();
  assert.deepEqual(
    sink.ids,
    Array.from({ length: 701 }, (_, id) => id),
  );
  source.stop();
  await run;
});

test("it can be stopped while the sink is full", async () => {
  const { source, sink, counters } = rig({ events: 700, ratePerSecond: Infinity });
  sink.room = 10;
  const full = sink.untilFull();
  const run = source.run();
  await full;
  source.stop();
  await run;
  assert.equal(sink.events.length, 10);
  assert.equal(counters.up, 0);
});

test("a sink that says writable but stays full does not block the event loop", async () => {
  const { source, sink, clock } = rig({ events: 700, ratePerSecond: Infinity });
  sink.room = 10;
  sink.stopping = true;
  const run = source.run();
  await clock.untilPending();
  assert.equal(clock.pending?.delay, 0);
  source.stop();
  await run;
});

test("on the system's clock the last event is made when it is due, not before", async () => {
  const sink = new RecordingSink();
  const counters = new EngineCounters("engine0", "synthetic", 1);
  const traffic = { ...SMALL_TRAFFIC, events: 50, ratePerSecond: 1000 };
  const source = new SyntheticSource({ traffic, kvBlockSize: 4, sink, counters });
  sink.room = 50;
  const beforeLast = sink.untilFull();
  const startedAt = performance.now();
  const run = source.run();
  await beforeLast;
  assert.ok(performance.now() - startedAt >= 50);
  assert.ok(Math.abs(counters.lastEventTimestampSeconds - Date.now() / 1000) < 60);
  source.stop();
  await run;
});

test("without events it still announces its ranks", async () => {
  const { source, sink } = rig({ events: 0, ranks: 3 });
  const run = source.run();
  await turn();
  assert.deepEqual(
    sink.events.map((event) => event["rank"]),
    [0, 1, 2],
  );
  source.stop();
  await run;
});

test("it says what it makes, and when no block has the configured size", () => {
  const { source } = rig({ ratePerSecond: 1000, ranks: 2, removed: 0.125, seed: 9 });
  assert.equal(
    source.describe(),
    "made-up traffic: 1000 events/s, 2 x 4 tokens, 2 ranks, 12.5 % removals, seed 9, 500 events",
  );
  assert.match(rig({ tokens: 5 }).source.describe(), /no block has the configured size of 4 tokens/);
});
