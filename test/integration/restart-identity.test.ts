/**
 * What a subscriber is told of starts, restarts and gaps: real processes and sockets, an engine whose every event the test
 * writes, and a stand-in engine that is started anew in the middle of much traffic.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Subscriber } from "zeromq";
import { ENGINE_WIRE_FORMATS } from "../../src/shared/wire-format.ts";
import { assertBooks, scrape } from "../support/books.ts";
import { expectedStream, trafficConfig } from "../support/expected-stream.ts";
import { Gate } from "../support/gate.ts";
import { type Kvcast, serve, type ServeFacts, sim, SubscriberProcess } from "../support/processes.ts";
import { block, createdJson, type EventFields, type Json, storedJson } from "../support/raw-events.ts";
import { scriptedEngine } from "../support/scripted-engine.ts";
import { decodePayload } from "../support/wire.ts";

type Service = Kvcast & { readonly facts: ServeFacts };

interface Health {
  readonly status: string;
  readonly epoch: { readonly id: string; readonly started: number };
  readonly engines: Readonly<Record<string, { readonly dirty_ranks: readonly unknown[] }>>;
}

const ENGINE = { engine: "engine0" };

function stored(id: number, hash: number, fields: EventFields = {}): Json {
  return storedJson(id, [block(hash, 32)], fields);
}

async function health(service: Service): Promise<Health> {
  const response = await fetch(`${service.facts.url}/health`);
  assert.equal(response.status, 200);
  return (await response.json()) as Health;
}

/** An engine whose answers come from a list, each once its gate is open; afterwards it has nothing to say. */
async function tellingEngine(
  t: TestContext,
  answers: readonly (readonly Json[])[],
): Promise<{ url: string; gates: Gate[] }> {
  const gates = answers.map(() => new Gate());
  let next = 0;
  let open = 0;
  for (const gate of gates) void gate.opened.then(() => open++);
  const engine = await scriptedEngine(t, (response, _n, { url }) => {
    if (url !== "/kv_cache_events") return void response.writeHead(404).end();
    response.end(JSON.stringify(next < open ? answers[next++] : []));
  });
  return { url: engine.url.origin, gates };
}

/** Reads messages and tells their events as `C`, `S5`, by rank. */
class Reader {
  readonly byRank: Record<number, string[]> = {};
  firstSequence: number | null = null;
  readonly firstPayloads: Buffer[] = [];
  readonly #socket: Subscriber;
  #events: number = 0;

  constructor(t: TestContext, endpoint: string) {
    this.#socket = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
    t.after(() => this.#socket.close());
    this.#socket.connect(endpoint);
    this.#socket.subscribe("");
  }

  async until(events: number): Promise<Record<number, string[]>> {
    while (this.#events < events) {
      const [, sequence, payload] = await this.#socket.receive();
      assert.ok(sequence !== undefined && payload !== undefined);
      this.firstSequence ??= Number(sequence.readBigUInt64BE());
      this.firstPayloads.push(payload);
      const [, list, rank] = decodePayload(payload);
      for (const event of list) {
        this.#events++;
        (this.byRank[rank] ??= []).push(shortOf(event));
      }
    }
    return this.byRank;
  }
}

/** Of a map, or of an array that begins with the type. */
function shortOf(event: unknown): string {
  const [type, hashes] = Array.isArray(event)
    ? (event as [string, bigint[]?])
    : [(event as { type: string }).type, (event as { block_hashes?: bigint[] }).block_hashes];
  if (type === "AllBlocksCleared") return "C";
  return `${type === "BlockStored" ? "S" : "R"}${(hashes ?? []).join(",")}`;
}

test("start, gap and restart, as a subscriber and an operator see them", { timeout: 60_000 }, async (t) => {
  const { url, gates } = await tellingEngine(t, [
    [createdJson(0), stored(1, 1), stored(0, 2, { rank: 1 }), stored(5, 3), stored(3, 9), stored(1, 4, { rank: 1 })],
    [createdJson(0), stored(1, 5), stored(2, 6, { rank: 1 }), stored(7, 7, { rank: 4 })],
  ]);
  const service = await serve(t, `--engine ${url} --attention-dp-size 2 --wait-subscribers 1`);
  const reader = new Reader(t, service.facts.zmqEndpoint);
  assert.deepEqual(await reader.until(2), { 0: ["C"], 1: ["C"] }, "before the engine has said anything");
  assert.equal(reader.firstSequence, 0);

  gates[0]?.open();
  assert.deepEqual(await reader.until(7), { 0: ["C", "S1", "S3", "S9"], 1: ["C", "S2", "S4"] });
  assert.deepEqual((await health(service)).engines["engine0"]?.dirty_ranks, [{ rank: 0, reason: "gap", missing: 3 }]);
  let page = await scrape(service.facts.url);
  const dirty = (rank: string): number => page.value("kvcast_rank_dirty", { ...ENGINE, dp_rank: rank });
  assert.deepEqual([dirty("0"), dirty("1"), dirty("other")], [1, 0, 0]);

  gates[1]?.open();
  assert.deepEqual(await reader.until(12), {
    0: ["C", "S1", "S3", "S9", "C", "S5"],
    1: ["C", "S2", "S4", "S6"],
    4: ["C", "S7"],
  });
  const { status, engines } = await health(service);
  assert.deepEqual([status, engines["engine0"]?.dirty_ranks], ["ready", []]);
  page = await scrape(service.facts.url);
  while (page.sum("kvcast_sink_sent_events_total") < 12) page = await scrape(service.facts.url);
  assertBooks(page, true);
  assert.deepEqual([dirty("0"), dirty("1"), dirty("other")], [0, 0, 0]);
  const injected = ["start", "restart", "gap"].map((reason) =>
    page.value("kvcast_injected_events_total", { ...ENGINE, reason }),
  );
  assert.deepEqual(injected, [3, 1, 0]);
  assert.equal(page.value("kvcast_sink_sent_events_total", { sink: "zmq", event_type: "cleared" }), 4);
  assert.equal(page.value("kvcast_source_sequence_gaps_total", { ...ENGINE, dp_rank: "0" }), 3);
});

test("--on-engine-gap clear: the rank is cleared before what comes behind the gap", { timeout: 60_000 }, async (t) => {
  const { url, gates } = await tellingEngine(t, [[stored(0, 1), stored(4, 2), stored(5, 3)]]);
  const service = await serve(t, `--engine ${url} --wait-subscribers 1 --on-engine-gap clear`);
  const reader = new Reader(t, service.facts.zmqEndpoint);
  gates[0]?.open();
  assert.deepEqual(await reader.until(5), { 0: ["C", "S1", "C", "S2", "S3"] });
  assert.deepEqual((await health(service)).engines["engine0"]?.dirty_ranks, []);
});

test(
  "the dynamo formats are not cleared unless told so, and the rank is dirty instead",
  { timeout: 60_000 },
  async (t) => {
    const answers = [[stored(0, 1), stored(1, 2), stored(0, 3)]];
    const quiet = await tellingEngine(t, answers);
    const service = await serve(t, `--engine ${quiet.url} --wait-subscribers 1 --wire-format dynamo`);
    const reader = new Reader(t, service.facts.zmqEndpoint);
    quiet.gates[0]?.open();
    assert.deepEqual(await reader.until(3), { 0: ["S1", "S2", "S3"] });
    assert.deepEqual((await health(service)).engines["engine0"]?.dirty_ranks, [
      { rank: 0, reason: "restart", missing: 0 },
    ]);

    const loud = await tellingEngine(t, answers);
    const other = await serve(t, `--engine ${loud.url} --wait-subscribers 1 --wire-format dynamo --clear-on-start`);
    const all = new Reader(t, other.facts.zmqEndpoint);
    loud.gates[0]?.open();
    assert.deepEqual(await all.until(5), { 0: ["C", "S1", "S2", "C", "S3"] });
  },
);

for (const format of ENGINE_WIRE_FORMATS) {
  test(`a clear of the start in ${format}`, { timeout: 60_000 }, async (t) => {
    const service = await serve(
      t,
      `--engine synthetic:?events=0 --wait-subscribers 1 --wire-format ${format} --clear-on-start on`,
    );
    const reader = new Reader(t, service.facts.zmqEndpoint);
    await reader.until(1);
    const hex = reader.firstPayloads[0]?.toString("hex") ?? "";
    const tag = `b0${Buffer.from("AllBlocksCleared").toString("hex")}`;
    const event = format === "vllm-array" ? `91${tag}` : `81a474797065${tag}`;
    assert.match(hex, new RegExp(`^93cb[0-9a-f]{16}91${event}00$`));
  });
}

test("each run has an epoch of its own, which the first number may tell", { timeout: 60_000 }, async (t) => {
  const seen = new Set<string>();
  for (let run = 0; run < 2; run++) {
    const beforeSeconds = Date.now() / 1000;
    const service = await serve(t, "--engine synthetic:?events=0 --wait-subscribers 1 --sequence-start time");
    const reader = new Reader(t, service.facts.zmqEndpoint);
    await reader.until(1);
    const { epoch } = await health(service);
    assert.match(epoch.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.ok(epoch.started >= beforeSeconds - 1 && epoch.started <= Date.now() / 1000 + 1);
    assert.equal(reader.firstSequence, Math.round(epoch.started * 1e6));
    const page = await scrape(service.facts.url);
    assert.equal(page.value("kvcast_epoch_info", { epoch: epoch.id }), 1);
    assert.equal(page.value("kvcast_epoch_start_timestamp_seconds"), epoch.started);
    seen.add(epoch.id);
  }
  assert.equal(seen.size, 2);
});

test(
  "an engine that is started anew twice under load: each rank is cleared each time, nothing else changes",
  { timeout: 120_000 },
  async (t) => {
    const events = 30_000;
    const ranks = 3;
    const restartsAt = [9000, 20_000];
    const faults = restartsAt.map((at) => `--fault restart-at:${at}`).join(" ");
    const engine = await sim(
      t,
      `--events ${events} --rate 30000 --ranks ${ranks} --seed 11 --buffer-max-events 100000 ${faults}`,
    );
    const service = await serve(
      t,
      `--engine ${engine.url} --attention-dp-size ${ranks} --ring-slots 2 --slot-bytes 16KiB --wait-subscribers 1`,
    );
    const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
    const published = events + ranks * (1 + restartsAt.length);
    const report = await subscriber.until({ untilEvents: published });
    assert.deepEqual(report.ranks, expectedStream(trafficConfig({ events, ranks, seed: 11 }), { restartsAt }));
    assert.deepEqual([report.firstSequence, report.gaps, report.repeats], [0, 0, 0]);
    let page = await scrape(service.facts.url);
    while (page.sum("kvcast_sink_sent_events_total") < published) page = await scrape(service.facts.url);
    assertBooks(page, true);
    assert.equal(page.sum("kvcast_injected_events_total", { reason: "restart" }), ranks * restartsAt.length);
    assert.equal(page.sum("kvcast_source_sequence_resets_total"), ranks * restartsAt.length);
    assert.equal(page.sum("kvcast_rank_dirty"), 0);
  },
);
