/**
 * An engine that is there and does not work, in each way: what kvcast says of it, that it says so once, that it takes it back, and that
 * it lives on itself.
 */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { CheckName } from "../../src/main/health/health-report.ts";
import { runSim, type SimServer } from "../../src/main/sim/run-sim.ts";
import { parseFault } from "../../src/main/sim/sim-config.ts";
import { scrape } from "../support/books.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { askHealth, checkOf, untilCheck, untilStatus } from "../support/health-view.ts";
import { type Kvcast, serve, sim } from "../support/processes.ts";
import { simConfig } from "../support/sim-client.ts";

const ENGINE = "engine0";
const QUICK =
  "--engine-health-interval 0.1 --engine-health-timeout 1 --engine-health-failures 2 --engine-stall-after 2 " +
  "--iteration-stats on";

async function startSim(t: TestContext): Promise<SimServer> {
  // Requests run all the time.
  const made = await runSim(simConfig({ kvBlockSizeTokens: 32 }, { tokens: 32, ratePerSecond: 200 }));
  t.after(() => made.close());
  return made;
}

/** Lines about one check, in their order. */
function told(service: Kvcast, name: CheckName): string[] {
  return service.logs.filter((line) => line["check"] === name).map(({ msg }) => msg);
}

test("its /health hangs, then says 503 for ever: told once, with reason and fix; kvcast is alive, and all is taken back", async (t) => {
  const engine = await startSim(t);
  const service = await serve(t, `--engine ${engine.url} ${QUICK}`);
  const { url } = service.facts;
  await untilStatus(url, "/ready", 200);
  for (const [fault, reason] of [
    ["hang:/health", /does not answer its \/health within 1 s/],
    ["unhealthy", /says that it is unavailable \(503/],
  ] as const) {
    engine.setFaults([parseFault(fault)]);
    const { check, asked } = await untilCheck(url, "engine_alive", ENGINE, false);
    assert.match(check.reason, reason);
    assert.ok(check.fix.length > 10 && check.severity === "critical");
    assert.deepEqual([asked.code, asked.status, asked.endpoints], [503, "notready", { generate: "notready" }]);
    assert.deepEqual(asked.reasons, [check.reason]);
    assert.equal((await askHealth(url, "/ready")).code, 503);
    assert.equal((await askHealth(url, "/live")).code, 200);
    // Its events flow all the same.
    assert.equal(checkOf(asked, "engine_reachable", ENGINE).ok, true);
    const page = await scrape(url);
    assert.equal(page.sum("kvcast_ready", { check: "engine_alive" }), 0);
    assert.equal(page.sum("kvcast_ready", { check: "engine_reachable" }), 1);
    engine.setFaults([]);
    await untilStatus(url, "/ready", 200);
    await untilStatus(url, "/health", 200);
  }
  // A page is handed out again for a moment.
  const page = await eventually("the page says so too", 10_000, async () => {
    const now = await scrape(url);
    return now.sum("kvcast_ready", { check: "engine_alive" }) === 1 ? now : null;
  });
  assert.equal(page.sum("kvcast_ready_changes_total", { check: "engine_alive" }), 4);
  const [fails, holds] = ["a health check fails", "a health check holds again"];
  assert.deepEqual(told(service, "engine_alive"), [fails, holds, fails, holds]);
});

test("a zombie: 200 on /health, empty lists, requests that hang: found by its standstill, and by the canary", async (t) => {
  const engine = await startSim(t);
  const service = await serve(
    t,
    `--engine ${engine.url} ${QUICK} --canary --canary-wait-time 0.5 --canary-timeout 0.3 --canary-failures 2`,
  );
  const { url } = service.facts;
  // Traffic alone makes it ready: nothing needs to be sent.
  await untilStatus(url, "/ready", 200);
  engine.setFaults([parseFault("zombie")]);
  await untilCheck(url, "engine_canary", ENGINE, false);
  const { check, asked } = await untilCheck(url, "engine_progress", ENGINE, false);
  assert.match(check.reason, /has requests, and nothing has moved for more than 2 s/);
  assert.match(checkOf(asked, "engine_canary", ENGINE).reason, /no response to the canary within 0\.3 s/);
  assert.equal(checkOf(asked, "engine_alive", ENGINE).ok, true, "its server says that it is well");
  assert.equal(checkOf(asked, "engine_reachable", ENGINE).ok, true, "and answers");
  assert.equal(asked.code, 503);
  engine.setFaults([]);
  await untilStatus(url, "/ready", 200);
  const page = await scrape(url);
  assert.ok(page.sum("kvcast_health_probe_total", { engine: ENGINE, outcome: "timeout" }) >= 2);
  assert.equal(told(service, "engine_progress").length, 2);
  assert.equal(told(service, "engine_canary").length, 2);
});

test("a slow start, a death and a restart: never a wrong word, and ready again at once", async (t) => {
  const first = await sim(t, "--rate 200");
  const port = new URL(first.url).port;
  first.child.kill("SIGKILL");
  await first.exit;
  // The engine is not there yet.
  const service = await serve(t, `--engine ${first.url} ${QUICK}`);
  const { url } = service.facts;
  const before = await untilCheck(url, "engine_reachable", ENGINE, false);
  assert.equal(before.asked.code, 503);
  await untilCheck(url, "engine_alive", ENGINE, false);
  // It is loading: its server is there, and says that it is not.
  const loading = await sim(t, `--rate 200 --port ${port} --fault unhealthy@0-1s`);
  await untilStatus(url, "/ready", 200);
  loading.child.kill("SIGKILL");
  await loading.exit;
  await untilCheck(url, "engine_alive", ENGINE, false);
  await untilStatus(url, "/ready", 503);
  const again = await sim(t, `--rate 200 --port ${port}`);
  const ready = await untilStatus(url, "/ready", 200);
  assert.notEqual(
    checkOf(ready, "engine_progress", ENGINE).ok,
    false,
    "requests of the one before are not held against it",
  );
  assert.deepEqual(told(service, "engine_progress"), []);
  assert.equal(again.child.exitCode, null);
  service.child.kill("SIGTERM");
  assert.deepEqual(await within("it ends", 10_000, service.exit), { code: 0, signal: null });
});

test("--on-engine-death exit: kvcast ends with 1 and says why; not before the engine was ever well", async (t) => {
  const engine = await startSim(t);
  engine.setFaults([parseFault("unhealthy")]);
  const service = await serve(t, `--engine ${engine.url} ${QUICK} --on-engine-death exit`);
  const { url } = service.facts;
  await untilCheck(url, "engine_alive", ENGINE, false);
  engine.setFaults([]);
  await untilStatus(url, "/ready", 200);
  // The look that notices a death is once a second: so that it has seen life before.
  const looks = (await scrape(url)).sum("kvcast_source_polls_total");
  assert.ok(looks > 0);
  await untilStatus(url, "/health", 200);
  await lookedAt(url);
  engine.setFaults([parseFault("unhealthy")]);
  const { code } = await within("it ends", 20_000, service.exit);
  assert.equal(code, 1);
  const last = service.logs.find(({ msg }) => msg === "the service cannot go on");
  assert.match(
    String(last?.["error"]),
    /engine engine0 says that it is unavailable .*--on-engine-death exit ends kvcast/,
  );
});

/** Over two of the looks that happen once a second, as the age of the service tells. */
async function lookedAt(url: string): Promise<void> {
  const uptime = async (): Promise<number> => {
    const { uptime: age } = (await (await fetch(`${url}/health`)).json()) as { uptime: { secs: number } };
    return age.secs;
  };
  const from = await uptime();
  while ((await uptime()) < from + 2);
}
