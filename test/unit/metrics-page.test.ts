import assert from "node:assert/strict";
import { test } from "node:test";
import { BATCH_EVENT_BUCKETS } from "../../src/shared/counter-buckets.ts";
import { SINK_DROP_REASONS, SINK_ERROR_REASONS } from "../../src/shared/counter-labels.ts";
import { ENCODER_CELLS } from "../../src/shared/encoder-cells.ts";
import { INDEX_CELLS } from "../../src/shared/index-cells.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { INVALID_REASONS } from "../../src/main/engine/raw-event.ts";
import { CATALOGUE } from "../../src/main/metrics/catalogue.ts";
import {
  EngineCounters,
  FILTER_REASONS,
  INJECT_REASONS,
  POLL_OUTCOMES,
  RECEIVED_TYPES,
  SOURCE_ERROR_REASONS,
} from "../../src/main/metrics/engine-counters.ts";
import { fullName } from "../../src/main/metrics/metric-definition.ts";
import { RING_DROP_REASONS, WORKER_RESTART_REASONS } from "../../src/main/metrics/pipeline-view.ts";
import type { MetricsPage as MadePage } from "../../src/main/metrics/metrics-page.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";
import { type MetricsPage, parseMetrics } from "../../src/main/flood/metrics-text.ts";

const ENGINE = { engine: "engine0" };
const HTTP = { engine: "engine0", kind: "http" };
const ZMQ = { sink: "zmq" };
const NATS = { sink: "nats" };
const LEVELS = { trace: 0, debug: 0, info: 3, warn: 1, error: 0 };

function setUp(ranks = 2): {
  engine: EngineCounters;
  pipeline: FakePipeline;
  metrics: Metrics;
  clock: { ms: number };
  page: () => Promise<MetricsPage>;
} {
  const engine = new EngineCounters("engine0", "http", ranks);
  const pipeline = new FakePipeline();
  const clock = { ms: 0 };
  const metrics = new Metrics({
    engines: [engine],
    pipeline,
    version: "1.2.3",
    epoch: EPOCH,
    logCounts: LEVELS,
    requests: { entries: () => [{ handler: "/metrics", code: 200, count: 7 }] },
    now: () => clock.ms,
    defaults: false,
  });
  const page = async (): Promise<MetricsPage> => {
    clock.ms += 1000;
    return parseMetrics(await metrics.render());
  };
  return { engine, pipeline, metrics, clock, page };
}

function metricsOf(engines: readonly EngineCounters[], pipeline: FakePipeline): Metrics {
  return new Metrics({
    engines,
    pipeline,
    version: "0",
    epoch: EPOCH,
    logCounts: LEVELS,
    requests: { entries: () => [] },
    defaults: false,
  });
}

void test("every family of the catalogue is on the page with its type and help", async () => {
  const page = await setUp().page();
  const definitions = CATALOGUE.flatMap((section) => section.metrics);
  assert.equal(page.types.size, definitions.length);
  for (const definition of definitions) {
    const name = fullName(definition);
    assert.equal(page.types.get(name), definition.type, name);
    assert.equal(page.help.get(name), definition.help, name);
  }
});

void test("the label names of every series are those of the catalogue", async () => {
  const page = await setUp().page();
  const labelsOf = new Map(
    CATALOGUE.flatMap((section) => section.metrics).map((definition) => [
      fullName(definition),
      definition.labels.toSorted(),
    ]),
  );
  for (const series of page.samples.keys()) {
    const name = series.replace(/\{.*$/u, "");
    const family = labelsOf.has(name) ? name : name.replace(/_(bucket|sum|count)$/u, "");
    const labels = [...series.matchAll(/[{,](\w+)="/gu)].map(([, label]) => label).filter((label) => label !== "le");
    assert.deepEqual(labels, labelsOf.get(family), series);
  }
});

void test("all label values exist at 0 before anything has happened", async () => {
  const page = await setUp().page();
  const zero = (name: string, labels: Record<string, string>): void => {
    assert.equal(page.value(`kvcast_${name}`, labels), 0, name);
  };
  for (const outcome of POLL_OUTCOMES) zero("source_polls_total", { ...HTTP, outcome });
  for (const reason of SOURCE_ERROR_REASONS) zero("source_errors_total", { ...HTTP, reason });
  for (const type of RECEIVED_TYPES) zero("source_received_events_total", { ...ENGINE, event_type: type });
  for (const reason of FILTER_REASONS) zero("filtered_events_total", { ...ENGINE, reason });
  for (const reason of INVALID_REASONS) zero("invalid_events_total", { ...ENGINE, reason });
  for (const reason of INJECT_REASONS) zero("injected_events_total", { ...ENGINE, reason });
  for (const rank of ["0", "1", "other"]) {
    zero("source_sequence_gaps_total", { ...ENGINE, dp_rank: rank });
    zero("rank_dirty", { ...ENGINE, dp_rank: rank });
  }
  for (const reason of RING_DROP_REASONS) zero("ring_dropped_events_total", { reason });
  for (const reason of ["range", "too_large", "internal"]) zero("encode_errors_total", { reason });
  for (const type of ["stored", "removed", "cleared"]) zero("sink_sent_events_total", { ...ZMQ, event_type: type });
  for (const reason of SINK_DROP_REASONS) zero("sink_dropped_events_total", { ...ZMQ, reason });
  for (const reason of SINK_ERROR_REASONS) zero("sink_errors_total", { ...ZMQ, reason });
  for (const worker of ["publisher", "encoder0"]) {
    for (const reason of WORKER_RESTART_REASONS) zero("worker_restarts_total", { worker, reason });
  }
  zero("encode_dropped_events_total", { reason: "poison" });
  zero("source_poll_duration_seconds_count", HTTP);
  zero("encode_duration_seconds_bucket", { codec: "vllm", le: "+Inf" });
});

void test("the page shows what main counted", async () => {
  const { engine, pipeline, page } = setUp();
  engine.up = 1;
  engine.polls.items = 5;
  engine.received.stored = 11;
  engine.receivedBytes = 4096;
  engine.missingIds[1] = 3;
  engine.missingIds[2] = 4;
  engine.invalid.hash_range = 2;
  engine.pollBackoffSeconds = 0.1;
  engine.pollDuration.observe(0.003);
  engine.pollDuration.observe(31);
  engine.lastEventTimestampSeconds = 1.5e9;
  pipeline.enqueued = 9;
  pipeline.ringDropped.shutdown = 2;
  engine.droppedAtShutdown = 4;
  pipeline.occupied = 3;
  pipeline.occupiedMax = 16;
  pipeline.fullSeconds = 1.25;
  pipeline.ringWait.observe(0.02);
  const got = await page();
  assert.equal(got.value("kvcast_source_up", HTTP), 1);
  assert.equal(got.value("kvcast_source_polls_total", { ...HTTP, outcome: "items" }), 5);
  assert.equal(got.value("kvcast_source_received_events_total", { ...ENGINE, event_type: "stored" }), 11);
  assert.equal(got.value("kvcast_source_received_bytes_total", ENGINE), 4096);
  assert.equal(got.value("kvcast_source_sequence_gaps_total", { ...ENGINE, dp_rank: "1" }), 3);
  assert.equal(got.value("kvcast_source_sequence_gaps_total", { ...ENGINE, dp_rank: "other" }), 4);
  assert.equal(got.value("kvcast_invalid_events_total", { ...ENGINE, reason: "hash_range" }), 2);
  assert.equal(got.value("kvcast_source_poll_backoff_seconds", HTTP), 0.1);
  assert.equal(got.value("kvcast_source_poll_duration_seconds_bucket", { ...HTTP, le: "0.0025" }), 0);
  assert.equal(got.value("kvcast_source_poll_duration_seconds_bucket", { ...HTTP, le: "0.005" }), 1);
  assert.equal(got.value("kvcast_source_poll_duration_seconds_bucket", { ...HTTP, le: "30" }), 1);
  assert.equal(got.value("kvcast_source_poll_duration_seconds_count", HTTP), 2);
  assert.equal(got.value("kvcast_source_poll_duration_seconds_sum", HTTP), 31.003);
  assert.equal(got.value("kvcast_source_last_event_timestamp_seconds", ENGINE), 1.5e9);
  assert.equal(got.value("kvcast_ring_enqueued_events_total"), 9);
  assert.equal(got.value("kvcast_ring_dropped_events_total", { reason: "shutdown" }), 6);
  assert.equal(got.value("kvcast_ring_capacity_slots"), 16);
  assert.equal(got.value("kvcast_ring_occupied_slots"), 3);
  assert.equal(got.value("kvcast_ring_occupied_slots_max"), 16);
  assert.equal(got.value("kvcast_ring_full_seconds_total"), 1.25);
  assert.equal(got.value("kvcast_ring_wait_seconds_bucket", { le: "0.025" }), 1);
  assert.equal(got.value("kvcast_epoch_info", { epoch: EPOCH.uuid }), 1);
  assert.equal(got.value("kvcast_epoch_start_timestamp_seconds"), EPOCH.startedSeconds);
  assert.equal(got.value("kvcast_build_info", { version: "1.2.3", node: process.versions.node }), 1);
  assert.equal(got.value("kvcast_log_messages_total", { level: "info" }), 3);
  assert.equal(got.value("kvcast_http_requests_total", { handler: "/metrics", code: "200" }), 7);
});

void test("encoders are summed, the publisher is read", async () => {
  const { pipeline, page } = setUp();
  for (const [i, block] of pipeline.encoders.entries()) {
    block.add(ENCODER_CELLS.encodedBytes, 100 * (i + 1));
    block.add(ENCODER_CELLS.errors + 1, 1);
    block.observe(ENCODER_CELLS.batchEvents, BATCH_EVENT_BUCKETS.at(-1) ?? 0);
    block.observe(ENCODER_CELLS.duration, 0.0002);
  }
  const { publisher } = pipeline;
  publisher.set(PUBLISHER_CELLS.zmqUp, 1);
  publisher.add(PUBLISHER_CELLS.zmqSentEvents + 2, 8);
  publisher.add(PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown"), 5);
  publisher.set(PUBLISHER_CELLS.publishedSequence, 41);
  publisher.set(PUBLISHER_CELLS.zmqSubscribers, 2);
  publisher.set(PUBLISHER_CELLS.zmqHighWaterMarkMessages, 4000);
  publisher.observe(PUBLISHER_CELLS.pipelineLatency, 0.001);
  const got = await page();
  assert.equal(got.value("kvcast_encoded_bytes_total"), 300);
  assert.equal(got.value("kvcast_encode_errors_total", { reason: "too_large" }), 2);
  assert.equal(got.value("kvcast_encode_batch_events_bucket", { le: "1024" }), 2);
  assert.equal(got.value("kvcast_encode_batch_events_bucket", { le: "512" }), 0);
  assert.equal(got.value("kvcast_encode_duration_seconds_bucket", { codec: "vllm", le: "0.00025" }), 2);
  assert.equal(got.value("kvcast_sink_up", ZMQ), 1);
  assert.equal(got.value("kvcast_sink_sent_events_total", { ...ZMQ, event_type: "cleared" }), 8);
  assert.equal(got.value("kvcast_sink_dropped_events_total", { ...ZMQ, reason: "shutdown" }), 5);
  assert.equal(got.value("kvcast_published_sequence"), 41);
  assert.equal(got.value("kvcast_zmq_subscribers", { endpoint: "tcp://127.0.0.1:20081" }), 2);
  assert.equal(got.value("kvcast_zmq_high_water_mark_messages", { endpoint: "tcp://127.0.0.1:20081" }), 4000);
  assert.equal(got.value("kvcast_pipeline_latency_seconds_bucket", { ...ZMQ, le: "0.001" }), 1);
});

void test("an encoder that is added later is summed too", async () => {
  const { pipeline, page } = setUp();
  await page();
  const [first] = pipeline.encoders;
  assert.ok(first);
  first.add(ENCODER_CELLS.encodedBytes, 1);
  pipeline.encoders.push(first);
  assert.equal((await page()).value("kvcast_encoded_bytes_total"), 2);
});

void test("series without a value yet are left out", async () => {
  const { engine, page } = setUp();
  const before = await page();
  assert.ok(!before.has("kvcast_published_sequence"));
  for (const rank of ["0", "1", "other"]) {
    assert.ok(!before.has("kvcast_source_last_event_id", { ...ENGINE, dp_rank: rank }));
  }
  engine.lastEventId[0] = 0;
  const after = await page();
  assert.equal(after.value("kvcast_source_last_event_id", { ...ENGINE, dp_rank: "0" }), 0);
  assert.ok(!after.has("kvcast_source_last_event_id", { ...ENGINE, dp_rank: "1" }));
});

void test("a sink that is off has no series", async () => {
  const { pipeline, page } = setUp();
  pipeline.endpoint = null;
  const series = [...(await page()).samples.keys()];
  assert.deepEqual(
    series.filter((name) => /^kvcast_(sink_|zmq_|published_|pipeline_latency)/u.test(name)),
    [],
  );
  pipeline.endpoint = "ipc:///run/kvcast.sock";
  assert.ok((await page()).has("kvcast_zmq_subscribers", { endpoint: "ipc:///run/kvcast.sock" }));
});

void test("events to NATS have their number and their way through the pipeline, without ZMQ too", async () => {
  const { pipeline, page } = setUp();
  pipeline.endpoint = null;
  pipeline.natsUse = "events";
  pipeline.publisher.observe(PUBLISHER_CELLS.natsPipelineLatency, 0.002);
  pipeline.publisher.set(PUBLISHER_CELLS.publishedSequence, 7);
  const got = await page();
  assert.equal(got.value("kvcast_pipeline_latency_seconds_bucket", { sink: "nats", le: "0.0025" }), 1);
  assert.equal(got.value("kvcast_pipeline_latency_seconds_bucket", { sink: "nats", le: "0.001" }), 0);
  assert.equal(got.value("kvcast_published_sequence"), 7);
  assert.equal(got.value("kvcast_heartbeats_total"), 0);
  assert.ok(!got.has("kvcast_pipeline_latency_seconds_count", ZMQ));
});

void test("of NATS that gets load alone there is the connection, and nothing of events", async () => {
  const { pipeline, page } = setUp();
  pipeline.natsUse = "load";
  pipeline.publisher.set(PUBLISHER_CELLS.natsUp, 1);
  pipeline.publisher.add(PUBLISHER_CELLS.natsReconnects, 2);
  pipeline.publisher.add(PUBLISHER_CELLS.natsErrors + SINK_ERROR_REASONS.indexOf("auth"), 3);
  const got = await page();
  assert.equal(got.value("kvcast_sink_up", NATS), 1);
  assert.equal(got.value("kvcast_sink_reconnects_total", NATS), 2);
  assert.equal(got.value("kvcast_sink_errors_total", { ...NATS, reason: "auth" }), 3);
  const names = [...got.samples.keys()].filter((key) => key.includes('sink="nats"')).map((key) => key.split("{")[0]);
  assert.deepEqual(
    new Set(names),
    new Set(["kvcast_sink_up", "kvcast_sink_errors_total", "kvcast_sink_reconnects_total"]),
  );
});

void test("the publisher's last sign of life is a time", async () => {
  const { pipeline, page } = setUp();
  pipeline.publisher.set(PUBLISHER_CELLS.publisherBeatSeconds, 1.8e9);
  assert.equal((await page()).value("kvcast_worker_heartbeat_timestamp_seconds", { worker: "publisher" }), 1.8e9);
});

void test("ranks from 64 on share one label", async () => {
  const { engine, page } = setUp(100);
  engine.missingIds[63] = 1;
  engine.missingIds[64] = 2;
  engine.missingIds[99] = 4;
  engine.missingIds[100] = 8;
  engine.lastEventId[70] = 5;
  engine.lastEventId[80] = 6;
  const got = await page();
  assert.equal(got.value("kvcast_source_sequence_gaps_total", { ...ENGINE, dp_rank: "63" }), 1);
  assert.equal(got.value("kvcast_source_sequence_gaps_total", { ...ENGINE, dp_rank: "other" }), 14);
  assert.equal(got.value("kvcast_source_last_event_id", { ...ENGINE, dp_rank: "other" }), 6);
  assert.ok(!got.has("kvcast_source_sequence_gaps_total", { ...ENGINE, dp_rank: "64" }));
});

void test("a dirty rank is 1 on its own series, or on that of the rest, until it is cleared", async () => {
  const { engine, page } = setUp(100);
  const dirty = async (): Promise<number[]> => {
    const got = await page();
    return ["0", "63", "other"].map((rank) => got.value("kvcast_rank_dirty", { ...ENGINE, dp_rank: rank }));
  };
  engine.markDirty(63, "gap", 2);
  assert.deepEqual(await dirty(), [0, 1, 0]);
  engine.markDirty(64, "gap", 1);
  engine.markDirty(1023, "restart", 0);
  assert.deepEqual(await dirty(), [0, 1, 1]);
  engine.dirty.delete(64);
  assert.deepEqual(await dirty(), [0, 1, 1]);
  engine.dirty.delete(1023);
  engine.dirty.delete(63);
  assert.deepEqual(await dirty(), [0, 0, 0]);
});

void test("the coverage of the index is that of each engine: its blocks, its statistics", async () => {
  const engines = ["a", "b", "c"].map((name) => new EngineCounters(name, "http", 1));
  for (const [i, engine] of engines.entries()) engine.usedBlocks = i === 2 ? null : 100;
  const pipeline = new FakePipeline();
  pipeline.index.set(INDEX_CELLS.blocks, 130);
  for (const [i, blocks] of [100, 25, 5].entries()) pipeline.index.set(INDEX_CELLS.engineBlocks + i, blocks);
  const page = parseMetrics(await metricsOf(engines, pipeline).render());
  assert.equal(page.value("kvcast_index_coverage_ratio", { engine: "a" }), 1);
  assert.equal(page.value("kvcast_index_coverage_ratio", { engine: "b" }), 0.25);
  assert.ok(!page.has("kvcast_index_coverage_ratio", { engine: "c" }));
});

void test("several engines have series of their own", async () => {
  const engines = [new EngineCounters("a", "http", 1), new EngineCounters("b", "synthetic", 1)];
  for (const [i, engine] of engines.entries()) engine.duplicates = i + 1;
  const page = parseMetrics(await metricsOf(engines, new FakePipeline()).render());
  assert.equal(page.value("kvcast_source_duplicate_events_total", { engine: "a" }), 1);
  assert.equal(page.value("kvcast_source_duplicate_events_total", { engine: "b" }), 2);
  assert.ok(page.has("kvcast_source_up", { engine: "b", kind: "synthetic" }));
});

async function duplicates(page: Promise<MadePage>): Promise<number> {
  return parseMetrics((await page).body("text").toString()).value("kvcast_source_duplicate_events_total", ENGINE);
}

void test("scrapers share one encoding while it is made and for 100 ms then, later ones get a new page", async () => {
  const { engine, metrics, clock } = setUp();
  const first = metrics.page();
  clock.ms = 500;
  assert.equal(metrics.page(), first);
  await first;
  engine.duplicates = 1;
  clock.ms = 599;
  assert.equal(metrics.page(), first);
  clock.ms = 600;
  const third = metrics.page();
  assert.equal(await duplicates(first), 0);
  assert.equal(await duplicates(third), 1);
});

void test("Node's own metrics are there, without the three that are named like counters", async () => {
  const metrics = new Metrics({
    engines: [],
    pipeline: new FakePipeline(),
    version: "0",
    epoch: EPOCH,
    logCounts: LEVELS,
    requests: { entries: () => [] },
  });
  const page = parseMetrics(await metrics.render());
  assert.ok(page.types.has("process_cpu_seconds_total"));
  assert.ok(page.types.has("nodejs_eventloop_lag_p99_seconds"));
  for (const what of ["handles", "requests", "resources"]) {
    assert.ok(!page.types.has(`nodejs_active_${what}_total`));
    assert.ok(page.types.has(`nodejs_active_${what}`));
  }
});

void test("label values and help texts are escaped", async () => {
  const metrics = new Metrics({
    engines: [new EngineCounters('a"b\\c\nd', "http", 1)],
    pipeline: new FakePipeline(),
    version: "0",
    epoch: EPOCH,
    logCounts: LEVELS,
    requests: { entries: () => [] },
    defaults: false,
  });
  assert.equal(
    parseMetrics(await metrics.render()).value("kvcast_source_up", { engine: 'a"b\\c\nd', kind: "http" }),
    0,
  );
});
