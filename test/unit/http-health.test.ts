import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProbeConfig } from "../../src/main/config/health-config.ts";
import type { CheckReport } from "../../src/main/health/health-report.ts";
import { type HealthState, healthRoutes } from "../../src/main/http/health.ts";
import { RequestCounts } from "../../src/main/http/request-counts.ts";
import type { Request, WholeRoute } from "../../src/main/http/routes.ts";
import type { Response } from "../../src/main/http/response.ts";

const PROBES: ProbeConfig = {
  healthPath: "/health",
  livePath: "/live",
  readyPath: "/ready",
  isLiveHealth: false,
  isReadyAtStart: false,
  endpoints: [],
};
const CHECK: CheckReport = {
  name: "engine_alive",
  target: "engine0",
  ok: false,
  severity: "critical",
  reason: "engine0 is down",
  fix: "Start it.",
  since: 1_700_000_001.5,
};
const STATE: HealthState = {
  health: "ready",
  ready: "ready",
  reasons: [],
  endpoints: { generate: "ready" },
  checks: () => [CHECK],
  stalledSeconds: null,
  uptimeMs: 12_345.5,
  version: "0.1.0",
  epoch: { uuid: "5f3a1f0e-8c1b-4f4e-9d6a-6a1f0c2b3d4e", startedSeconds: 1_700_000_000.25 },
  engines: [{ name: "engine0", kind: "http", up: true, dirtyRanks: [] }],
  index: null,
  ring: { capacitySlots: 16, occupiedSlots: 2 },
  sinks: [{ name: "zmq", up: true, endpoint: "tcp://127.0.0.1:20081" }],
};

const SICK = { health: "notready", ready: "notready", reasons: ["engine0 is down"] } as const;

function routesOf(state: () => HealthState, probes: Partial<ProbeConfig> = {}): readonly WholeRoute[] {
  return healthRoutes({ ...PROBES, ...probes }, state);
}

async function get(routes: readonly WholeRoute[], target: string): Promise<Response> {
  const [path = "", query = ""] = target.split("?");
  const route = routes.find((one) => one.path === path);
  assert.ok(route, path);
  const request: Request = { query: new URLSearchParams(query), headers: {}, body: Buffer.alloc(0) };
  return await route.handler(request);
}

function bodyOf(response: Response): unknown {
  return JSON.parse(String(response.body));
}

void test("/live is live whatever the state", async () => {
  const routes = routesOf(() => ({ ...STATE, ...SICK }));
  const response = await get(routes, "/live");
  assert.equal(response.status, 200);
  assert.equal(response.contentType, "application/json");
  assert.deepEqual(JSON.parse(String(response.body)), { status: "live" });
});

void test("/live is 503 while the main loop has only just come back", async () => {
  const response = await get(
    routesOf(() => ({ ...STATE, stalledSeconds: 2.25 })),
    "/live",
  );
  assert.equal(response.status, 503);
  assert.deepEqual(JSON.parse(String(response.body)), { status: "stalled", stalled_seconds: 2.25 });
});

void test("/health when ready", async () => {
  const response = await get(
    routesOf(() => STATE),
    "/health",
  );
  assert.equal(response.status, 200);
  assert.deepEqual(JSON.parse(String(response.body)), {
    status: "ready",
    uptime: { secs: 12, nanos: 345_500_000 },
    endpoints: { generate: "ready" },
    version: "0.1.0",
    epoch: { id: "5f3a1f0e-8c1b-4f4e-9d6a-6a1f0c2b3d4e", started: 1_700_000_000.25 },
    reasons: [],
    engines: { engine0: { kind: "http", up: true, dirty_ranks: [] } },
    ring: { capacity_slots: 16, occupied_slots: 2 },
    sinks: { zmq: { up: true, endpoint: "tcp://127.0.0.1:20081" } },
  });
});

void test("/health asks for the state anew and says why it is not ready", async () => {
  let more: Partial<HealthState> = SICK;
  const routes = routesOf(() => ({ ...STATE, ...more }));
  const before = await get(routes, "/health");
  assert.equal(before.status, 503);
  const body = bodyOf(before) as { status: string; reasons: string[] };
  assert.equal(body.status, "notready");
  assert.deepEqual(body.reasons, SICK.reasons);
  more = {};
  assert.equal((await get(routes, "/health")).status, 200);
});

void test("/ready is the plain truth, whatever /health goes by", async () => {
  const routes = routesOf(() => ({ ...STATE, ...SICK, health: "ready" }));
  assert.equal((await get(routes, "/health")).status, 200);
  const response = await get(routes, "/ready");
  assert.equal(response.status, 503);
  assert.deepEqual(bodyOf(response), { status: "notready", reasons: SICK.reasons });
  assert.equal(
    (
      await get(
        routesOf(() => STATE),
        "/ready",
      )
    ).status,
    200,
  );
});

void test("?verbose adds every check to each of them, and changes nothing else", async () => {
  const routes = routesOf(() => ({ ...STATE, ...SICK }));
  for (const path of ["/health", "/ready", "/live"]) {
    const plain = await get(routes, path);
    for (const query of ["verbose", "verbose=1", "verbose=yes&x=1"]) {
      const verbose = await get(routes, `${path}?${query}`);
      assert.equal(verbose.status, plain.status);
      assert.deepEqual(bodyOf(verbose), { ...(bodyOf(plain) as object), checks: [CHECK] });
    }
    for (const query of ["verbose=0", "verbose=false", "x=verbose"]) {
      assert.deepEqual(bodyOf(await get(routes, `${path}?${query}`)), bodyOf(plain), query);
    }
  }
});

void test("paths are where they are configured to be, and nowhere else", () => {
  const routes = routesOf(() => STATE, { healthPath: "/a", livePath: "/b", readyPath: "/c" });
  assert.deepEqual(routes.map(({ path }) => path).toSorted(), ["/a", "/b", "/c"]);
});

void test("--live-mode reference: /live says what /health says", async () => {
  const routes = routesOf(() => ({ ...STATE, ...SICK }), { isLiveHealth: true });
  const live = await get(routes, "/live");
  assert.deepEqual(live, await get(routes, "/health"));
  assert.equal(live.status, 503);
});

void test("dirty ranks are listed and do not make the service unready", async () => {
  const dirtyRanks = [
    { rank: 1, reason: "gap", missing: 7 },
    { rank: 9, reason: "restart", missing: 0 },
  ] as const;
  const response = await get(
    routesOf(() => ({ ...STATE, engines: [{ name: "engine0", kind: "http", up: true, dirtyRanks }] })),
    "/health",
  );
  assert.equal(response.status, 200);
  const body: { engines: { engine0: { dirty_ranks: unknown } } } = JSON.parse(String(response.body));
  assert.deepEqual(body.engines.engine0.dirty_ranks, dirtyRanks);
});

void test("nanoseconds are a whole number below 10^9", async () => {
  for (const uptimeMs of [0, 0.000_4, 999.999_999_9, 1000, 86_400_000.1]) {
    const response = await get(
      routesOf(() => ({ ...STATE, uptimeMs })),
      "/health",
    );
    const { uptime }: { uptime: { secs: number; nanos: number } } = JSON.parse(String(response.body));
    assert.ok(Number.isInteger(uptime.nanos) && uptime.nanos >= 0 && uptime.nanos < 1e9, `${uptimeMs}`);
    assert.equal(uptime.secs, Math.floor(uptimeMs / 1000));
  }
});

void test("request counts are a closed set of series", () => {
  const counts = new RequestCounts();
  counts.addRoute("/metrics");
  const size = [...counts.entries()].length;
  counts.count("/metrics", 200);
  counts.count("/metrics", 204);
  counts.count("/metrics", 599);
  counts.count("other", 404);
  counts.count("/nonsense", 200);
  counts.addRoute("/metrics");
  const entries = [...counts.entries()];
  assert.equal(entries.length, size);
  assert.deepEqual(
    entries.filter((one) => one.count > 0).map((one) => `${one.handler} ${one.code} ${one.count}`),
    ["other 404 1", "/metrics 200 2", "/metrics 500 1"],
  );
});
