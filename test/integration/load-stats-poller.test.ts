/** The engine's statistics over a real connection: from scripted servers and from the stand-in engine. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { decode } from "@msgpack/msgpack";
import { Secret } from "../../src/shared/secret.ts";
import type { HttpEngineConfig } from "../../src/main/config/config.ts";
import type { IterationStat } from "../../src/main/load/iteration-stat.ts";
import { LoadPublisher } from "../../src/main/load/load-publisher.ts";
import { LoadTable } from "../../src/main/load/load-table.ts";
import { StatsPoller, type StatSubscriber } from "../../src/main/load/stats-poller.ts";
import { ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { runSim } from "../../src/main/sim/run-sim.ts";
import type { LoadMessage } from "../../src/shared/nats-messages.ts";
import { Gate } from "../support/gate.ts";
import { row } from "../support/load-rows.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { engineConfig, scriptedEngine } from "../support/scripted-engine.ts";
import { SimClock, simConfig } from "../support/sim-client.ts";

interface Reader {
  readonly poller: StatsPoller;
  readonly log: RecordingLog;
  readonly end: () => Promise<void>;
}

function read(t: TestContext, config: HttpEngineConfig, ranks: number, ...subscribers: StatSubscriber[]): Reader {
  const log = new RecordingLog();
  const poller = new StatsPoller({ config, mode: "on", attentionDpSize: ranks, log, subscribers });
  const running = poller.run();
  const end = async (): Promise<void> => {
    poller.stop();
    await running;
  };
  t.after(end);
  return { poller, log, end };
}

test("one connection asks GET /metrics below the engine's URL, one request at a time, with its headers", async (t) => {
  const enough = new Gate();
  const engine = await scriptedEngine(t, (response, n) => {
    if (n === 5) enough.open();
    response.end(n % 2 === 0 ? JSON.stringify([row({ iterLatencyMS: n })]) : "[]");
  });
  const stats: IterationStat[] = [];
  const headers = new Secret({ authorization: "Bearer x" });
  const config = engineConfig(new URL("/base", engine.url), { headers });
  const { end } = read(t, config, 1, (stat) => stats.push(stat));
  await enough.opened;
  await end();
  assert.deepEqual(
    stats.slice(0, 3).map((stat) => stat.iterationSeconds),
    [0, 0.002, 0.004],
  );
  assert.deepEqual([engine.maxInFlight, engine.connections], [1, 1]);
  for (const { method, url, headers: sent, bodyBytes } of engine.requests) {
    assert.deepEqual([method, url, sent["authorization"], bodyBytes], ["GET", "/base/metrics", "Bearer x", 0]);
  }
});

test("hostile answers end at their bound, and the reader goes on behind them", async (t) => {
  const good = new Gate();
  const engine = await scriptedEngine(t, (response, n) => {
    if (n === 0) response.end(`[${JSON.stringify(row())},${"[".repeat(1_000_000)}`);
    else if (n === 1) response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
    else if (n === 2) response.end(`[${JSON.stringify(row())},{"x":"${"y".repeat(200_000)}"}]`);
    else if (n === 3) response.writeHead(200).flushHeaders();
    else if (n === 4) response.writeHead(200, { "content-encoding": "gzip" }).end("[]");
    else {
      response.end(JSON.stringify([row({ iterLatencyMS: 77 })]));
      good.open();
    }
  });
  const stats: IterationStat[] = [];
  const arrived = new Gate();
  const limits = { timeoutMs: 1500, maxResponseBytes: 100_000 };
  const { poller, end } = read(t, engineConfig(engine.url, limits), 1, (stat) => {
    stats.push(stat);
    if (stat.iterationSeconds === 0.077) arrived.open();
  });
  await good.opened;
  await arrived.opened;
  await end();
  const { schema, http_status, oversize, timeout, decode: broken } = poller.counters.errors;
  assert.deepEqual([schema, http_status, oversize, timeout, broken], [1, 1, 1, 1, 1]);
  assert.deepEqual(
    stats.slice(0, 3).map((stat) => stat.iterationSeconds),
    [0.025, 0.025, 0.077],
  );
});

test("an engine's load reaches table, routers and planner from one reader, each row once", async (t) => {
  const clock = new SimClock();
  const ranks = 2;
  const sim = await runSim(simConfig({}, { ranks }), clock);
  t.after(() => sim.close());
  const table = new LoadTable(ranks);
  const messages: LoadMessage[] = [];
  const publisher = new LoadPublisher({
    workerId: 7n,
    ranks: ranksOfOnly(ranks),
    post: (message) => messages.push(message),
    log: new RecordingLog(),
    engineAnswers: () => true,
  });
  t.after(() => publisher.stop());
  publisher.start();
  const wanted = 10 * ranks;
  let rows = 0;
  const all = new Gate();
  clock.ms += 200;
  const config = engineConfig(new URL(`http://127.0.0.1:${sim.port}`));
  const { poller, end } = read(t, config, ranks, table.note, publisher.note, () => {
    if (++rows === wanted) all.open();
  });
  await all.opened;
  await end();

  // 200 ms are ten iterations, a row of each rank.
  assert.deepEqual([poller.counters.rows, poller.counters.badRows], [wanted, 0]);
  assert.ok(table.used(0) > 0 && table.used(1) > 0 && table.max(0) === 262_144);
  const passes = messages.filter((message) => message.topic === "forward-pass-metrics");
  assert.deepEqual(
    passes.map((message) => (decode(message.payload) as { counter_id: number }).counter_id),
    Array.from({ length: wanted }, (_, i) => Math.floor(i / ranks) + 1),
  );
  const loads = messages.filter((message) => message.topic === "kv_metrics");
  for (let rank = 0; rank < ranks; rank++) {
    const own = loads.filter((message) => message.rank === rank);
    const figures = own.map((message) => (decode(message.payload) as { kv_used_blocks: number }).kv_used_blocks);
    assert.equal(figures[0], 0);
    assert.equal(figures.at(-1), table.used(rank));
  }
});
