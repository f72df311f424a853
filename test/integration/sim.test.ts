import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { type SimIo, type SimServer, runSim } from "../../src/main/sim/run-sim.ts";
import { EVENTS_FORMS, type SimConfig } from "../../src/main/sim/sim-config.ts";
import { BindError, ConfigError } from "../../src/shared/errors.ts";
import { SimClock, begin, call, drain, expectedEvents, idsOf, shortenHex, simConfig } from "../support/sim-client.ts";

async function start(t: TestContext, config: SimConfig, io?: SimIo): Promise<SimServer> {
  const sim = await runSim(config, io);
  t.after(() => sim.close());
  return sim;
}

function fixture(name: string): string {
  return readFileSync(path.join(process.cwd(), "test/fixtures/trtllm", name), "utf8");
}

/** All keys at any depth, with where they stand. */
function keysOf(value: unknown, at: string = ""): Set<string> {
  if (Array.isArray(value)) return new Set(value.flatMap((item) => [...keysOf(item, `${at}[]`)]));
  if (typeof value !== "object" || value === null) return new Set();
  return new Set(Object.entries(value).flatMap(([key, item]) => [`${at}.${key}`, ...keysOf(item, `${at}.${key}`)]));
}

for (const form of EVENTS_FORMS) {
  const ranks = form === "legacy" ? 1 : 3;
  test(`a drain in the form ${form} is the traffic, byte for byte, and each event comes once`, async (t) => {
    const clock = new SimClock();
    const config = simConfig({ eventsForm: form }, { ranks });
    const sim = await start(t, config, clock);
    clock.ms += 400;
    const first = await drain(sim);
    clock.ms += 100;
    const second = await drain(sim);
    const third = await drain(sim);

    const events = expectedEvents(config.traffic, form, 500 + ranks);
    assert.equal(first.type, "application/json");
    assert.equal(shortenHex(first.text), `[${events.slice(0, 400 + ranks).join(",")}]`);
    assert.equal(shortenHex(second.text), `[${events.slice(400 + ranks).join(",")}]`);
    assert.equal(third.text, "[]");
    const { generated, published, drained, buffered } = sim.stats();
    assert.deepEqual([generated, published, drained, buffered], [500 + ranks, 500, 500 + ranks, 0]);
  });
}

test("events have the keys of recorded ones", async (t) => {
  const files = [
    ["v1", 1, "trtllm_kv_cache_events.json"],
    ["v1", 2, "trtllm_kv_cache_events_attention_dp.json"],
    ["legacy", 1, "trtllm_kv_cache_events_legacy.json"],
    ["v2_sha256", 1, "trtllm_kv_cache_events_v2_sha256.json"],
    ["v2_sha256_64", 1, "trtllm_kv_cache_events_v2_sha256_64.json"],
  ] as const;
  for (const [eventsForm, ranks, file] of files) {
    const clock = new SimClock();
    const sim = await start(t, simConfig({ eventsForm }, { ranks, removed: 0.5 }), clock);
    clock.ms += 300;
    const made = keysOf(JSON.parse((await drain(sim)).text));
    const recorded = keysOf(
      (JSON.parse(fixture(file)) as { data: { type: string } }[]).filter((event) => event.data.type !== "updated"),
    );
    for (const key of recorded) if (key.startsWith("[].data.blocks[].mm_keys[]")) recorded.delete(key);
    assert.deepEqual([...made].toSorted(), [...recorded].toSorted(), file);
  }
});

test("the drain takes one verb only", async (t) => {
  const post = await start(t, simConfig({}, { events: 0 }));
  assert.equal((await call(post, "GET", "/kv_cache_events")).status, 405);
  assert.equal((await call(post, "POST", "/kv_cache_events")).status, 200);
  const get = await start(t, simConfig({ eventsVerb: "get" }, { events: 0 }));
  assert.equal((await call(get, "POST", "/kv_cache_events")).status, 405);
  assert.equal((await call(get, "GET", "/kv_cache_events")).status, 200);
});

test("a buffer that is full loses the oldest events, and their ids are missing", async (t) => {
  const clock = new SimClock();
  const sim = await start(t, simConfig({ bufferMaxEvents: 100 }), clock);
  clock.ms += 50;
  assert.equal(idsOf(await drain(sim)).at(-1), 50);
  clock.ms += 1000;
  assert.deepEqual(
    idsOf(await drain(sim)),
    Array.from({ length: 100 }, (_, i) => 951 + i),
  );
  const stats = JSON.parse((await call(sim, "GET", "/sim/stats")).text);
  assert.deepEqual(stats, {
    generated: 1051,
    published: 1050,
    drained: 151,
    cut: 0,
    droppedByOverflow: 900,
    droppedByFault: 0,
    buffered: 0,
    restarts: 0,
    lastIds: [1050],
  });
});

test("at the rate max each drain finds a bounded number of events, until all are made", async (t) => {
  const sim = await start(t, simConfig({}, { ratePerSecond: Infinity, events: 10_000, blocks: 1, tokens: 1 }));
  const ids: number[] = [];
  const sizes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const some = idsOf(await drain(sim));
    sizes.push(some.length);
    ids.push(...some);
  }
  assert.deepEqual(sizes, [4096, 4096, 1809, 0]);
  assert.deepEqual(
    ids,
    Array.from({ length: 10_001 }, (_, id) => id),
  );
});

test("an event larger than a chunk of the writer comes through whole", async (t) => {
  const config = simConfig({}, { ratePerSecond: Infinity, events: 3, blocks: 40, tokens: 500, removed: 0 });
  const sim = await start(t, config);
  const { text } = await drain(sim);
  assert.ok(text.length > 3_000_000);
  assert.equal(text, `[${expectedEvents(config.traffic, "v1", 4).join(",")}]`);
});

test("with startEmpty the traffic begins with the first drain", async (t) => {
  const clock = new SimClock();
  const sim = await start(t, simConfig({ startEmpty: true }), clock);
  clock.ms += 5000;
  assert.equal((await drain(sim)).text, "[]");
  clock.ms += 10;
  assert.deepEqual(idsOf(await drain(sim)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("generation a answers after silence, b after its time, and neither takes events for a client that left", async (t) => {
  const holdMs = 60;
  const quiet = await start(t, simConfig({ generation: "a", holdMs }, { events: 50 }));
  const before = performance.now();
  assert.equal(idsOf(await drain(quiet)).length, 51);
  assert.ok(performance.now() - before >= holdMs);

  const clock = new SimClock();
  const timed = await start(t, simConfig({ generation: "b", holdMs: 5000 }), clock);
  const left = begin(timed, "POST", "/kv_cache_events");
  await call(timed, "GET", "/health");
  left.request.destroy();
  await assert.rejects(left.reply);
  await call(timed, "GET", "/health");
  const stays = begin(timed, "POST", "/kv_cache_events");
  await call(timed, "GET", "/health");
  clock.ms += 5000;
  assert.equal(idsOf(await stays.reply).length, 5001);
});

test("statistics have the engine's keys, agree with the traffic, and are given out once", async (t) => {
  const clock = new SimClock();
  const sim = await start(t, simConfig({}, { ranks: 2 }), clock);
  clock.ms += 2000;
  const rows = JSON.parse((await call(sim, "GET", "/metrics")).text) as Record<string, unknown>[];
  assert.equal(rows.length, 200, "2 s of iterations on two ranks");
  const recorded = JSON.parse(fixture("trtllm_iteration_stats.json")) as Record<string, unknown>[];
  for (const key of keysOf(recorded[0])) assert.ok(keysOf(rows[0]).has(key), `${key} is missing`);
  for (const key of Object.keys(rows[0] ?? {})) assert.ok(keysOf(recorded).has(`[].${key}`), `${key} is unknown`);
  assert.equal((await call(sim, "GET", "/metrics")).text, "[]");
  clock.ms += 25_000;
  const later = JSON.parse((await call(sim, "GET", "/metrics")).text) as { iter: number }[];
  assert.equal(later.length, 1000);
  assert.equal(later.at(-1)?.iter, 1350);

  const records = JSON.parse((await call(sim, "GET", "/perf_metrics")).text) as object[];
  const recordedRequests = JSON.parse(fixture("trtllm_perf_metrics.json")) as object[];
  assert.deepEqual(keysOf(records[0]), keysOf(recordedRequests[0]));
  assert.equal((await call(sim, "GET", "/perf_metrics")).text, "[]");

  const page = (await call(sim, "GET", "/prometheus/metrics")).text;
  const known = new Set(fixture("trtllm_prometheus_metrics.txt").match(/^# TYPE .*$/gmu));
  const types = page.match(/^# TYPE .*$/gmu) ?? [];
  assert.ok(types.length > 25);
  for (const type of types) assert.ok(known.has(type), `unknown: ${type}`);
  const blocks = Number(/^trtllm_kv_cache_missed_blocks_total\{.*\} (\S+)$/mu.exec(page)?.[1]);
  const body = JSON.parse((await drain(sim)).text) as { data: { blocks?: unknown[] } }[];
  assert.equal(
    blocks,
    body.reduce((sum, event) => sum + (event.data.blocks?.length ?? 0), 0),
  );
});

test("the small routes answer as the engine does", async (t) => {
  const sim = await start(t, simConfig());
  const health = await call(sim, "GET", "/health");
  assert.deepEqual([health.status, health.text], [200, ""]);
  assert.deepEqual(JSON.parse((await call(sim, "GET", "/version")).text), { version: "1.3.0rc24" });
  const models = JSON.parse((await call(sim, "GET", "/v1/models")).text) as { data: object[] };
  assert.deepEqual(Object.keys(models.data[0] ?? {}), ["id", "object", "created", "owned_by"]);
  const clock = JSON.parse((await call(sim, "GET", "/steady_clock_offset")).text) as Record<string, number>;
  assert.ok((clock["transmit_ts"] ?? 0) - (clock["receive_ts"] ?? 0) >= 0.19);
  assert.equal((await call(sim, "POST", "/steady_clock_offset")).status, 405);
  assert.equal((await call(sim, "GET", "/server_info")).status, 200);
  assert.equal((await call(sim, "GET", "/nothing")).status, 404);
});

function asked(sim: SimServer, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${sim.url}/v1/completions`, { method: "POST", headers, body: JSON.stringify(body) });
}

async function counts(sim: SimServer): Promise<unknown> {
  return JSON.parse((await call(sim, "GET", "/sim/completions")).text);
}

test("completions are answered as the engine answers them, and what it does not know is refused", async (t) => {
  const newest = await start(t, simConfig());
  const good = { model: "m", prompt: [1], max_tokens: 1 };
  const whole = await asked(newest, good);
  assert.equal(whole.status, 200);
  const { object, choices } = (await whole.json()) as { object: string; choices: object[] };
  assert.deepEqual([object, choices.length], ["text_completion", 1]);
  const pieces = await asked(newest, { ...good, stream: true }, { "x-kvcast-health-check": "1" });
  assert.match(pieces.headers.get("content-type") ?? "", /^text\/event-stream/);
  assert.match(await pieces.text(), /^data: \{.*\}\n\ndata: \[DONE\]\n\n$/);
  for (const bad of [{ ...good, made_up: 1 }, { prompt: [1] }, { model: "m" }, { ...good, prompt: [1.5] }, [], 7]) {
    const refused = await asked(newest, bad);
    assert.equal(refused.status, 400, JSON.stringify(bad));
    assert.equal(((await refused.json()) as { object: string }).object, "error");
  }
  assert.deepEqual(await counts(newest), { requests: 2, canaries: 1 });
  assert.equal((await call(newest, "GET", "/v1/completions")).status, 405);
  // Priorities are newer than the engines of the other two generations.
  const older = await start(t, simConfig({ generation: "b" }));
  assert.equal((await asked(newest, { ...good, priority: 1 })).status, 200);
  assert.equal((await asked(older, { ...good, priority: 1 })).status, 400);
});

test("a port that is taken and a form that cannot be are refused", async (t) => {
  const blocker = createServer();
  await new Promise<void>((resolve) => {
    blocker.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => blocker.close());
  const address = blocker.address();
  assert.ok(typeof address === "object" && address !== null);
  await assert.rejects(runSim(simConfig({ port: address.port })), BindError);
  await assert.rejects(runSim(simConfig({ eventsForm: "legacy" }, { ranks: 2 })), ConfigError);
});
