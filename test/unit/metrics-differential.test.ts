/**
 * Our metric objects against plain prom-client: the same operations must make the same page.
 * Values are multiples of 1/1024, so that sums are exact in any order and the pages can be compared for equality.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { BATCH_EVENT_BUCKETS, PUBLISH_DURATION_BUCKETS } from "../../src/shared/counter-buckets.ts";
import { SINK_ERROR_REASONS } from "../../src/shared/counter-labels.ts";
import { ENCODER_CELLS } from "../../src/shared/encoder-cells.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import {
  EngineCounters,
  POLL_DURATION_BUCKETS,
  POLL_OUTCOMES,
  type PollOutcome,
} from "../../src/main/metrics/engine-counters.ts";
import { RING_WAIT_BUCKETS } from "../../src/main/metrics/pipeline-view.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";

const HTTP = { engine: "engine0", kind: "http" };
const ZMQ = { sink: "zmq" };

const SCALE = 1024;
const amount = fc.integer({ min: 0, max: 64 * SCALE }).map((n) => n / SCALE);
const whole = fc.integer({ min: 0, max: 2000 });
const operation = fc.oneof(
  fc.record({ on: fc.constant("poll" as const), outcome: fc.constantFrom(...POLL_OUTCOMES), value: amount }),
  fc.record({ on: fc.constant("backoff" as const), value: amount }),
  fc.record({ on: fc.constant("ringWait" as const), value: amount }),
  fc.record({ on: fc.constant("batch" as const), encoder: fc.nat(1), value: whole }),
  fc.record({ on: fc.constant("publish" as const), value: amount }),
  fc.record({ on: fc.constant("sinkError" as const), reason: fc.nat(SINK_ERROR_REASONS.length - 1) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

interface PlainOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
}

/** The families under comparison, the way a service without threads would write them. */
class PlainMetrics {
  readonly registry: Registry = new Registry();
  readonly #polls: Counter;
  readonly #pollDuration: Histogram;
  readonly #backoff: Gauge;
  readonly #ringWait: Histogram;
  readonly #batches: Histogram;
  readonly #publishes: Histogram;
  readonly #errors: Counter;

  constructor() {
    const registers = [this.registry];
    const options = (name: string, labelNames: string[]): PlainOptions => ({
      name: `kvcast_${name}`,
      help: "x",
      labelNames,
      registers,
    });
    this.#polls = new Counter(options("source_polls_total", ["engine", "kind", "outcome"]));
    this.#pollDuration = new Histogram({
      ...options("source_poll_duration_seconds", ["engine", "kind"]),
      buckets: [...POLL_DURATION_BUCKETS],
    });
    this.#backoff = new Gauge(options("source_poll_backoff_seconds", ["engine", "kind"]));
    this.#ringWait = new Histogram({ ...options("ring_wait_seconds", []), buckets: [...RING_WAIT_BUCKETS] });
    this.#batches = new Histogram({ ...options("encode_batch_events", []), buckets: [...BATCH_EVENT_BUCKETS] });
    this.#publishes = new Histogram({
      ...options("sink_publish_duration_seconds", ["sink"]),
      buckets: [...PUBLISH_DURATION_BUCKETS],
    });
    this.#errors = new Counter(options("sink_errors_total", ["sink", "reason"]));
    for (const outcome of POLL_OUTCOMES) this.#polls.inc({ ...HTTP, outcome }, 0);
    for (const reason of SINK_ERROR_REASONS) this.#errors.inc({ ...ZMQ, reason }, 0);
    this.#pollDuration.zero(HTTP);
    this.#publishes.zero(ZMQ);
    this.#backoff.set(HTTP, 0);
  }

  apply(one: Operation): void {
    switch (one.on) {
      case "poll":
        this.#polls.inc({ ...HTTP, outcome: one.outcome });
        this.#pollDuration.observe(HTTP, one.value);
        return;
      case "backoff":
        this.#backoff.set(HTTP, one.value);
        return;
      case "ringWait":
        this.#ringWait.observe(one.value);
        return;
      case "batch":
        this.#batches.observe(one.value);
        return;
      case "publish":
        this.#publishes.observe(ZMQ, one.value);
        return;
      case "sinkError":
        this.#errors.inc({ ...ZMQ, reason: SINK_ERROR_REASONS[one.reason] ?? "other" });
        return;
    }
  }
}

function countPoll(engine: EngineCounters, outcome: PollOutcome, seconds: number): void {
  engine.polls[outcome]++;
  engine.pollDuration.observe(seconds);
}

function applyToCells(engine: EngineCounters, pipeline: FakePipeline, one: Operation): void {
  switch (one.on) {
    case "poll":
      countPoll(engine, one.outcome, one.value);
      return;
    case "backoff":
      engine.pollBackoffSeconds = one.value;
      return;
    case "ringWait":
      pipeline.ringWait.observe(one.value);
      return;
    case "batch":
      pipeline.encoders[one.encoder]?.observe(ENCODER_CELLS.batchEvents, one.value);
      return;
    case "publish":
      pipeline.publisher.observe(PUBLISHER_CELLS.publishDuration, one.value);
      return;
    case "sinkError":
      pipeline.publisher.add(PUBLISHER_CELLS.zmqErrors + one.reason, 1);
      return;
  }
}

void test("a page made of cells equals one made with plain prom-client", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      const plain = new PlainMetrics();
      const engine = new EngineCounters("engine0", "http", 1);
      const pipeline = new FakePipeline();
      const metrics = new Metrics({
        engines: [engine],
        pipeline,
        version: "0",
        epoch: EPOCH,
        logCounts: {},
        requests: { entries: () => [] },
        defaults: false,
      });
      for (const one of operations) {
        plain.apply(one);
        applyToCells(engine, pipeline, one);
      }
      const expected = parseMetrics(await plain.registry.metrics());
      const actual = parseMetrics(await metrics.render());
      const compared = [...actual.samples].filter(([series]) => {
        const name = series.replace(/\{.*$/u, "");
        return expected.types.has(name) || expected.types.has(name.replace(/_(bucket|sum|count)$/u, ""));
      });
      assert.deepEqual(new Map(compared), expected.samples);
      for (const [family, type] of expected.types) assert.equal(actual.types.get(family), type);
    }),
    { numRuns: 100 },
  );
});
