/** How health is asked for, and what it says of engines whose events are quietly worth nothing. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import {
  CHECK_NAMES,
  type CheckName,
  ENGINE_CHECKS,
  SERVICE_CHECKS,
  SOURCE_CHECKS,
} from "../../src/main/health/health-report.ts";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { runSim, type SimServer } from "../../src/main/sim/run-sim.ts";
import { parseFault, type SimConfig } from "../../src/main/sim/sim-config.ts";
import { scrape } from "../support/books.ts";
import { eventually } from "../support/fault/deadline.ts";
import { askHealth, checkOf, untilCheck, untilStatus } from "../support/health-view.ts";
import { consolidate, serve } from "../support/processes.ts";
import { call, drain, simConfig } from "../support/sim-client.ts";

const PATIENCE_MS = 20_000;

async function startSim(
  t: TestContext,
  changes: Partial<SimConfig> = {},
  traffic: Partial<TrafficConfig> = {},
): Promise<SimServer> {
  const made = await runSim(
    simConfig({ kvBlockSizeTokens: 32, ...changes }, { tokens: 32, ratePerSecond: 200, ...traffic }),
  );
  t.after(() => made.close());
  return made;
}

test("what is quietly wrong has a name, a reason and a fix, for its engine alone, and keeps nobody from being ready", async (t) => {
  const sound = await startSim(t);
  const other = await startSim(t, { kvBlockSizeTokens: 64 });
  const partial = await startSim(t, {}, { tokens: 16 });
  const announced = await startSim(t, { faults: [parseFault("gap:100%")] });
  const mute = await startSim(t, { faults: [parseFault("mute")] });
  const full = await startSim(t, { bufferMaxEvents: 10 }, { ratePerSecond: 2000 });
  const shared = await startSim(t);
  const engines = { sound, other, partial, announced, mute, full, shared };
  const flags = Object.entries(engines).map(([name, { url }]) => `--engine ${name}=${url}`);
  const service = await serve(t, `${flags.join(" ")} --quiet-after 2 --iteration-stats on`);
  const { url } = service.facts;

  // Somebody else reads one of them, now and then.
  const end = new AbortController();
  t.after(() => end.abort());
  const thief = (async (): Promise<void> => {
    while (!end.signal.aborted) await drain(shared);
  })();
  thief.catch(() => {});

  const expected: readonly (readonly [keyof typeof engines, CheckName, RegExp, RegExp])[] = [
    ["other", "block_size", /have 64 tokens, and --kv-block-size says 32/, /--kv-block-size 64/],
    ["partial", "all_filtered", /left out as partial_block/, /--kv-block-size/],
    ["announced", "created_phase", /announced its cache/, /enable_block_reuse/],
    ["mute", "events_flow", /has told of none for 2 s/, /event_buffer_max_size/],
    ["full", "event_buffer", /80 %/, /event_buffer_max_size above 10/],
    ["shared", "second_consumer", /go on missing/, /Only one may/],
  ];
  for (const [engine, name, reason, fix] of expected) {
    const { check } = await untilCheck(url, name, engine, false);
    assert.match(check.reason, reason);
    assert.match(check.reason, new RegExp(`engine ${engine} `));
    assert.match(check.fix, fix);
    assert.equal(check.severity, "warning");
    assert.equal((await scrape(url)).sum("kvcast_ready", { check: name }), 0);
  }
  const asked = await askHealth(url);
  for (const name of ENGINE_CHECKS) assert.notEqual(checkOf(asked, name, "sound").ok, false, name);
  assert.deepEqual([asked.code, (await askHealth(url, "/ready")).code], [200, 200]);

  // What is mended is taken back.
  mute.setFaults([]);
  announced.setFaults([]);
  end.abort();
  await thief;
  await untilCheck(url, "events_flow", "mute", true);
  await untilCheck(url, "created_phase", "announced", true);
  for (const line of service.logs) assert.doesNotMatch(JSON.stringify(line), /token_id/);
});

test("the canary: an idle engine is not ready before it has answered one; each is marked, and counted by how it ended", async (t) => {
  const engine = await startSim(t, { generation: "a", holdMs: 1 }, { events: 0 });
  const hung = await startSim(t, { faults: [parseFault("hang:/v1/completions")] }, { events: 0 });
  const service = await serve(
    t,
    `--engine idle=${engine.url} --engine hung=${hung.url} --canary-wait-time 0.3 --canary-timeout 0.2 --canary-failures 2`,
    { env: { DYN_HEALTH_CHECK_ENABLED: "true", DYN_SYSTEM_STARTING_HEALTH_STATUS: "ready" } },
  );
  const { url } = service.facts;
  const first = await askHealth(url);
  assert.equal(first.code, 503, "before the canary nobody is ready");
  await untilCheck(url, "engine_canary", "idle", true);
  const { check } = await untilCheck(url, "engine_canary", "hung", false);
  assert.match(check.reason, /engine hung: no response to the canary within 0\.2 s/);
  assert.equal(checkOf(await askHealth(url), "engine_canary", "idle").ok, true);
  const page = await eventually("three canaries", PATIENCE_MS, async () => {
    const now = await scrape(url);
    return now.sum("kvcast_health_probe_total", { engine: "idle", outcome: "ok" }) >= 3 ? now : null;
  });
  assert.equal(page.sum("kvcast_health_probe_total", { engine: "hung", outcome: "ok" }), 0);
  assert.ok(page.sum("kvcast_health_probe_total", { engine: "hung", outcome: "timeout" }) >= 2);
  // An engine of the older kind refused the first one, for its priority.
  const { requests, canaries } = JSON.parse((await call(engine, "GET", "/sim/completions")).text) as {
    readonly requests: number;
    readonly canaries: number;
  };
  assert.ok(requests >= 3);
  assert.equal(requests, canaries);
});

test("paths and endpoints as Dynamo's variables have them, and its /live if that is wanted", async (t) => {
  const service = await serve(t, "--engine e=http://127.0.0.1:9 --live-mode reference", {
    env: {
      DYN_SYSTEM_HEALTH_PATH: "/healthz",
      DYN_SYSTEM_LIVE_PATH: "/livez",
      DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS: '["generate"]',
    },
  });
  const { url } = service.facts;
  assert.equal((await fetch(`${url}/health`)).status, 404);
  assert.equal((await fetch(`${url}/live`)).status, 404);
  const asked = await untilStatus(url, "/healthz", 503);
  assert.deepEqual([asked.status, asked.endpoints], ["notready", { generate: "notready" }]);
  const live = await askHealth(url, "/livez");
  assert.deepEqual([live.code, live.status], [503, "notready"]);
  const { checks } = asked;
  assert.deepEqual(
    [...new Set(checks.map(({ name }) => name))].toSorted(),
    [...SERVICE_CHECKS, ...ENGINE_CHECKS].toSorted(),
  );
  const page = await scrape(url);
  for (const check of [...SERVICE_CHECKS, ...ENGINE_CHECKS]) {
    assert.ok(page.has("kvcast_ready", { check }), check);
    assert.ok(page.has("kvcast_ready_changes_total", { check }), check);
  }
});

test("kvcast consolidate: /ready, /live and every check of its sources", async (t) => {
  const source = await serve(t, "--engine synthetic:?rate=100");
  const { zmqEndpoint } = source.facts;
  const service = await consolidate(t, `--engine-endpoint ${zmqEndpoint} --engine-endpoint kvbm=tcp://127.0.0.1:9`);
  const { url } = service.facts;
  await untilCheck(url, "source_connected", "trtllm0", true);
  const asked = await askHealth(url);
  assert.deepEqual([asked.code, asked.endpoints], [503, {}]);
  assert.deepEqual(asked.reasons, ["source kvbm1 has not been there yet"]);
  assert.deepEqual((await askHealth(url, "/ready")).reasons, asked.reasons);
  assert.equal((await askHealth(url, "/live")).code, 200);
  assert.equal(checkOf(asked, "all_filtered", "trtllm0").ok, true);
  source.child.kill("SIGKILL");
  const { check } = await untilCheck(url, "source_connected", "trtllm0", false);
  assert.match(check.reason, /the connection to source trtllm0 is lost/);
  const page = await scrape(url);
  for (const name of CHECK_NAMES) {
    const isHere = [...SERVICE_CHECKS, ...SOURCE_CHECKS].some((each) => each === name);
    assert.equal(page.has("kvcast_ready", { check: name }), isHere, name);
  }
});
