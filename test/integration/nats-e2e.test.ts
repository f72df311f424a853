/** `kvcast serve` into a real nats-server, read back by a second connection; ZMQ beside it must be none the worse. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { decode } from "@msgpack/msgpack";
import { connect, type Msg, type NatsConnection } from "nats";
import { Subscriber } from "zeromq";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { assertBooks, scrape } from "../support/books.ts";
import { BlockModel } from "../support/block-model.ts";
import { within } from "../support/fault/deadline.ts";
import { NatsServer } from "../support/nats-server.ts";
import { consolidate, type Kvcast, serve, type ServeFacts, sim } from "../support/processes.ts";
import { RouterModel, unsigned } from "../support/router-model.ts";

const KV_EVENTS = "namespace.dynamo.component.backend.endpoint.generate.kv-events";
const LOAD = "namespace.dynamo.component.backend.endpoint.generate.kv_metrics";
const PATIENCE_MS = 30_000;

type Service = Kvcast & { facts: ServeFacts };

function nothing(): void {}

function inTime(what: string, work: () => Promise<void>): Promise<void> {
  return within(what, PATIENCE_MS, work());
}

async function reader(t: TestContext, server: NatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url });
  t.after(() => connection.close());
  return connection;
}

/** Resolves with the page on which so many events are through every sink, and nothing waits any more. */
async function settled(service: Service, events: number): Promise<MetricsPage> {
  let page = await scrape(service.facts.url);
  await inTime(`${events} events through all sinks`, async () => {
    for (;;) {
      page = await scrape(service.facts.url);
      assertBooks(page, false);
      const waits = page.sum("kvcast_sink_pending_events");
      if (page.sum("kvcast_ring_dequeued_events_total") === events && waits === 0) return;
    }
  });
  assertBooks(page, true);
  return page;
}

/** Collects what comes on a subject, and ZMQ messages besides, if there is an endpoint. */
async function zmqModel(
  t: TestContext,
  endpoint: string,
): Promise<{ model: BlockModel; until: (events: number) => Promise<void> }> {
  const subscriber = new Subscriber({ receiveHighWaterMark: 0, linger: 0, receiveTimeout: PATIENCE_MS });
  t.after(() => subscriber.close());
  subscriber.connect(endpoint);
  subscriber.subscribe("");
  const model = new BlockModel();
  let seen = 0;
  const until = async (events: number): Promise<void> => {
    while (seen < events) {
      const [, , payload] = await subscriber.receive();
      assert.ok(payload);
      const batch = decode(payload, { useBigInt64: true }) as [number, unknown[], number];
      seen += batch[1].length;
      model.applyBatch(batch);
    }
  };
  return { model, until };
}

function blocksOf(model: BlockModel): string[] {
  return [...model.blocks.keys()]
    .map((key) => {
      const [rank, hash] = key.split(" ");
      return `${rank} ${unsigned(hash)}`;
    })
    .toSorted();
}

test("both sinks: a router has the same blocks as a subscriber, each rank its own numbers", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const events = 20_000;
  const connection = await reader(t, server);
  const router = new RouterModel();
  connection.subscribe(KV_EVENTS, { callback: (_error, message: Msg) => router.apply(message.data) });
  await connection.flush();
  const engine = `--engine synthetic:?rate=max&events=${events}&ranks=2&blocks=2&removed=0.3&seed=3 --attention-dp-size 2`;
  const service = await serve(t, `${engine} --sink both --worker-id 42 --nats-url ${server.url} --wait-subscribers 1`);
  const zmq = await zmqModel(t, service.facts.zmqEndpoint);
  await inTime("all events over ZMQ", () => zmq.until(events + 2));
  const page = await settled(service, events + 2);
  await connection.flush();
  assert.deepEqual([...router.blocks].toSorted(), blocksOf(zmq.model));
  assert.ok(router.blocks.size > 1000, "enough is live");
  assert.deepEqual(router.gaps, []);
  assert.equal(router.publishers, 2);
  assert.deepEqual([...router.workers], ["42"]);
  assert.equal(page.value("kvcast_sink_up", { sink: "nats" }), 1);
  assert.equal(page.sum("kvcast_sink_sent_events_total", { sink: "nats" }), events + 2);
  assert.equal(page.sum("kvcast_sink_sent_batches_total", { sink: "nats" }), router.messages);
  assert.equal(page.sum("kvcast_sink_dropped_events_total"), 0);
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
});

test("the whole way: two engines, the consolidator, NATS; a router has each block once", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const events = 2000;
  const connection = await reader(t, server);
  const router = new RouterModel();
  connection.subscribe(KV_EVENTS, { callback: (_error, message: Msg) => router.apply(message.data) });
  await connection.flush();
  const engine = `--engine synthetic:?rate=max&events=${events}&blocks=2&removed=0.3&seed=3 --wait-subscribers 1`;
  const engines = await Promise.all([1, 2].map(() => serve(t, engine)));
  const sources = engines.map(({ facts }) => `--engine-endpoint vllm=${facts.zmqEndpoint}`).join(" ");
  const nats = `--sink both --worker-id 42 --kv-block-size 32 --nats-url ${server.url} --wire-format vllm`;
  const service = await consolidate(t, `${sources} ${nats} --wait-subscribers 1`);
  const zmq = await zmqModel(t, service.facts.zmqEndpoint);
  let published = 0;
  await inTime("all is consolidated, and sent", async () => {
    for (;;) {
      const page = await scrape(service.facts.url);
      const heard = page.sum("kvcast_consolidator_received_events_total");
      published = page.sum("kvcast_consolidator_published_events_total");
      const sent = page.sum("kvcast_sink_sent_events_total", { sink: "nats" });
      if (heard === 2 * (events + 1) && sent === published) return;
    }
  });
  await inTime("all events over ZMQ", () => zmq.until(published));
  await connection.flush();
  assert.deepEqual([...router.blocks].toSorted(), blocksOf(zmq.model));
  assert.ok(router.blocks.size > 100, "enough is live");
  assert.deepEqual(router.gaps, []);
  assert.deepEqual([...router.workers], ["42"]);
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
});

test("raw: the payloads of the ZMQ messages, a subject for each rank, numbers and epoch in headers", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  for (const format of ["vllm", "dynamo"]) {
    const events = 3000;
    const connection = await reader(t, server);
    const model = new BlockModel();
    const numbers: number[] = [];
    const epochs = new Set<string>();
    const subjects = new Set<string>();
    connection.subscribe("kvcast.prod.decode.7.*", {
      callback: (_error, message: Msg) => {
        const batch = decode(message.data, { useBigInt64: true }) as [number, unknown[], number];
        assert.equal(message.subject, `kvcast.prod.decode.7.${batch[2]}`, "the subject says the rank");
        subjects.add(message.subject);
        numbers.push(Number(message.headers?.get("Kvcast-Sequence")));
        epochs.add(message.headers?.get("Kvcast-Epoch") ?? "");
        model.applyBatch(batch);
      },
    });
    await connection.flush();
    const engine = `--engine synthetic:?rate=max&events=${events}&ranks=2&removed=0.2 --attention-dp-size 2 --wire-format ${format}`;
    const place = "--namespace prod --component decode --worker-id 7";
    const service = await serve(
      t,
      `${engine} ${place} --sink both --nats-encoding raw --nats-url ${server.url} --wait-subscribers 1 --clear-on-start off`,
    );
    const zmq = await zmqModel(t, service.facts.zmqEndpoint);
    await inTime("all events over ZMQ", () => zmq.until(events));
    const page = await settled(service, events);
    await connection.flush();
    assert.deepEqual(model.entries(), zmq.model.entries());
    assert.equal(subjects.size, 2);
    assert.equal(epochs.size, 1);
    assert.deepEqual(
      numbers,
      Array.from(numbers, (_, i) => i),
      "every number, in order",
    );
    assert.equal(numbers.length, page.sum("kvcast_sink_sent_batches_total", { sink: "nats" }));
    service.child.kill("SIGTERM");
    await service.exit;
    await connection.close();
  }
});

test("only NATS, into a stream: it holds exactly what was published, also over a server that is killed", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const events = 30_000;
  const engine = `--engine synthetic:?rate=15000&events=${events}&removed=0.3&seed=5`;
  const service = await serve(t, `${engine} --sink nats --worker-id 1 --nats-jetstream KV --nats-url ${server.url}`);
  for (let kills = 0; kills < 2; kills++) {
    await inTime("some are acknowledged", async () => {
      const before = (await scrape(service.facts.url)).sum("kvcast_sink_sent_events_total", { sink: "nats" });
      while ((await scrape(service.facts.url)).sum("kvcast_sink_sent_events_total", { sink: "nats" }) < before + 2000);
    });
    await server.kill();
    await server.restart();
  }
  const page = await settled(service, events + 1);
  assert.equal(page.sum("kvcast_sink_dropped_events_total"), 0);
  assert.equal(page.has("kvcast_sink_up", { sink: "zmq" }), false);
  const batches = page.sum("kvcast_sink_sent_batches_total", { sink: "nats" });
  assert.equal(page.value("kvcast_pipeline_latency_seconds_count", { sink: "nats" }), batches);
  assert.ok(page.value("kvcast_published_sequence") >= 0);
  // Where all was acknowledged before the second end, nothing waits for the connection after it.
  await inTime("a connection after each end", async () => {
    while ((await scrape(service.facts.url)).sum("kvcast_sink_reconnects_total") < 2);
  });
  const connection = await reader(t, server);
  const router = new RouterModel();
  const stream = connection.jetstream();
  const consumer = await stream.consumers.get("KV");
  const { messages } = (await (await connection.jetstreamManager()).streams.info("KV")).state;
  for await (const message of await consumer.fetch({ max_messages: messages, expires: 10_000 })) {
    router.apply(message.data);
    message.ack();
  }
  assert.equal(router.messages, page.sum("kvcast_sink_sent_batches_total", { sink: "nats" }));
  assert.deepEqual(router.gaps, []);
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
});

test("a server that is not there, and one that takes small messages only, leave ZMQ alone and are counted", async (t) => {
  const server = await NatsServer.start(t, "max_payload: 4096");
  if (server === null) return;
  await server.kill();
  const events = 5000;
  const engine = `--engine synthetic:?rate=max&events=${events}&blocks=2&removed=0.2`;
  const service = await serve(t, `${engine} --sink both --worker-id 1 --nats-url ${server.url} --wait-subscribers 1`);
  await service.log((record) => record.msg.startsWith("there is no connection to NATS"));
  const zmq = await zmqModel(t, service.facts.zmqEndpoint);
  await inTime("all events over ZMQ", () => zmq.until(events + 1));
  const waiting = await scrape(service.facts.url);
  assert.equal(waiting.value("kvcast_sink_up", { sink: "nats" }), 0);
  assert.equal(waiting.value("kvcast_sink_pending_events", { sink: "nats" }), events + 1);
  await server.restart();
  await service.log("connected to NATS");
  // Encoded before the server's limit was known: what does not fit is dropped and counted, the rest arrives.
  const page = await settled(service, events + 1);
  const sent = page.sum("kvcast_sink_sent_events_total", { sink: "nats" });
  const dropped = page.sum("kvcast_sink_dropped_events_total", { sink: "nats", reason: "rejected" });
  assert.equal(sent + dropped, events + 1);
  assert.ok(dropped > 0);
  assert.ok(page.sum("kvcast_sink_errors_total", { sink: "nats", reason: "max_payload" }) > 0);
});

test("once the limit of the server is known, messages are made to fit", async (t) => {
  const server = await NatsServer.start(t, "max_payload: 4096");
  if (server === null) return;
  const events = 4000;
  const connection = await reader(t, server);
  const router = new RouterModel();
  connection.subscribe(KV_EVENTS, { callback: (_error, message: Msg) => router.apply(message.data) });
  await connection.flush();
  const engine = `--engine synthetic:?rate=max&events=${events}&blocks=2&removed=0.2`;
  const service = await serve(t, `${engine} --sink both --worker-id 1 --nats-url ${server.url} --wait-subscribers 1`);
  await service.log("connected to NATS");
  const zmq = await zmqModel(t, service.facts.zmqEndpoint);
  await inTime("all events over ZMQ", () => zmq.until(events + 1));
  const page = await settled(service, events + 1);
  await connection.flush();
  assert.equal(page.sum("kvcast_sink_dropped_events_total"), 0);
  assert.deepEqual([...router.blocks].toSorted(), blocksOf(zmq.model));
});

test("load: zeros at the start, then what the engine's statistics say", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const connection = await reader(t, server);
  const loads: { worker_id: unknown; dp_rank: unknown; kv_used_blocks: unknown }[] = [];
  let changed = nothing;
  connection.subscribe(LOAD, {
    callback: (_error, message: Msg) => {
      const { payload, topic } = decode(message.data, { useBigInt64: true }) as { payload: Uint8Array; topic: string };
      assert.equal(topic, "kv_metrics");
      loads.push(decode(payload, { useBigInt64: true }) as (typeof loads)[number]);
      changed();
    },
  });
  await connection.flush();
  const first = await sim(t, "--rate 500 --blocks 2 --tokens 32");
  const second = await sim(t, "--rate 500 --blocks 2 --tokens 32");
  const service = await serve(
    t,
    `--engine ${first.url} --engine ${second.url} --load on --worker-id 9 --nats-url ${server.url}`,
  );
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    await inTime(what, async () => {
      while (!holds()) await new Promise<void>((resolve) => (changed = resolve));
    });
  };
  await until("a first load", () => loads.length > 0);
  assert.deepEqual([loads[0]?.worker_id, loads[0]?.dp_rank, loads[0]?.kv_used_blocks], [9, 0, 0]);
  await until("a load of each engine, under its own rank", () =>
    [0, 1].every((rank) => loads.some((load) => load.dp_rank === rank && Number(load.kv_used_blocks) > 0)),
  );
  assert.deepEqual([...new Set(loads.map((load) => `${String(load.worker_id)} ${String(load.dp_rank)}`))].toSorted(), [
    "9 0",
    "9 1",
  ]);
  // The connection shows, and the sink's books are those of ZMQ alone.
  const page = await scrape(service.facts.url);
  assert.equal(page.value("kvcast_sink_up", { sink: "nats" }), 1);
  assert.equal(page.has("kvcast_sink_sent_batches_total", { sink: "nats" }), false);
  assertBooks(page, false);
  assert.ok(page.value("kvcast_worker_heartbeat_timestamp_seconds", { worker: "publisher" }) > Date.now() / 1000 - 60);
});
