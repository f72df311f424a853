/** The parts of the live view: percentiles and rates, marks, who may come in, how large the page is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { liveGate, type LiveGateOptions } from "../../src/main/http/live-gate.ts";
import { PAGE_FILES, pageRoutes } from "../../src/main/http/page-routes.ts";
import type { Request } from "../../src/main/http/routes.ts";
import { quantileOf, TotalsWindow } from "../../src/main/live/growth.ts";
import { Markers } from "../../src/main/live/live-markers.ts";
import { readTotals, type Totals } from "../../src/main/live/totals.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { SharedSnapshot } from "../../src/main/metrics/shared-snapshot.ts";
import type { LiveCheck } from "../../src/shared/live-snapshot.ts";
import { FakePipeline } from "../support/fake-pipeline.ts";

const BUDGET_BYTES = 60_000;

function request(headers: Request["headers"]): Request {
  return { query: new URLSearchParams(), headers, body: Buffer.alloc(0) };
}

function statusFor(options: Partial<LiveGateOptions>, headers: Request["headers"]): number {
  const gate = liveGate({ mode: "auto", host: "127.0.0.1", allowedHosts: [], ...options });
  return gate.refusal(request(headers))?.status ?? 200;
}

test("the whole page is small", async () => {
  const sizes = PAGE_FILES.map(({ file }) => {
    const body = readFileSync(new URL(`../../src/page/${file}`, import.meta.url));
    return gzipSync(body, { level: 9 }).length;
  });
  const all = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(all < BUDGET_BYTES, `${all} bytes, compressed`);
});

test("its files come compressed or not, with a policy that lets nothing else in", async () => {
  const routes = pageRoutes(liveGate({ mode: "on", host: "0.0.0.0", allowedHosts: [] }));
  for (const { path, handler } of routes) {
    const plain = await handler(request({ host: "localhost" }));
    const compressed = await handler(request({ host: "localhost", "accept-encoding": "gzip" }));
    assert.equal(plain.status, 200, path);
    assert.ok(compressed.body.length < plain.body.length, path);
    assert.equal(compressed.headers?.["Content-Encoding"], "gzip");
    const policy = plain.headers?.["Content-Security-Policy"] ?? "";
    assert.match(policy, /default-src 'self'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal((await handler(request({ host: "elsewhere.example" }))).status, 403, path);
  }
  const [html] = routes;
  const text = String((await html?.handler(request({ host: "localhost" })))?.body);
  assert.doesNotMatch(text, /https?:|<script(?! src="\/page\.js" defer>)|<style|style="| on[a-z]+="/);
});

test("a name that is not known is no way in; addresses and names of the machine are", () => {
  for (const host of [
    "localhost",
    "localhost:8081",
    "LOCALHOST.",
    "kv.localhost:1",
    "127.0.0.1:8081",
    "127.8.8.8",
    "[::1]:8081",
  ]) {
    assert.equal(statusFor({}, { host }), 200, host);
  }
  for (const host of [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "a b",
    "[::1",
    "localhost:x",
    "@localhost",
  ]) {
    assert.equal(statusFor({}, { host }), 403, host);
  }
  assert.equal(statusFor({}, {}), 403, "no Host at all");
  assert.equal(statusFor({ allowedHosts: ["kv.example"] }, { host: "KV.example:8081" }), 200);
  assert.equal(statusFor({ host: "node7", mode: "on" }, { host: "Node7:8081" }), 200);
});

test("a page that is turned off is off", () => {
  assert.equal(statusFor({ mode: "off" }, { host: "localhost" }), 403);
  assert.equal(statusFor({ mode: "on" }, { host: "localhost" }), 200);
  assert.equal(statusFor({ host: "::1" }, { host: "[::1]:8081" }), 200);
});

test("pages of other sites get nothing, even where nothing could be read", () => {
  const host = "localhost:8081";
  assert.equal(statusFor({}, { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" }), 403);
  assert.equal(statusFor({}, { host, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }), 200);
  assert.equal(statusFor({}, { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }), 200, "a link");
});

/** Of a histogram with the bounds 1, 2 and 4. */
function of(q: number, counts: readonly number[]): number | null {
  return quantileOf(q, [1, 2, 4], (i) => counts[i] ?? 0);
}

test("percentiles as Prometheus makes them", () => {
  assert.equal(of(0.5, [0, 0, 0, 0]), null);
  assert.equal(of(0.5, [10, 0, 0, 0]), 0.5);
  assert.equal(of(0.5, [0, 10, 0, 0]), 1.5);
  assert.equal(of(0.9, [5, 0, 5, 0]), 3.6);
  assert.equal(of(0.99, [1, 0, 0, 99]), 4, "beyond the last bound");
});

interface Rig {
  readonly pipeline: FakePipeline;
  readonly engine: EngineCounters;
  readonly totals: (atMs: number) => Totals;
}

function rig(): Rig {
  const pipeline = new FakePipeline();
  const engine = new EngineCounters("e", "http", 2);
  const shared = new SharedSnapshot(pipeline);
  return {
    pipeline,
    engine,
    totals(atMs) {
      shared.refresh();
      return readTotals(pipeline, shared, [engine], atMs);
    },
  };
}

function missing({ engines }: Totals): number {
  return engines[0]?.missing ?? 0;
}

function received({ engines }: Totals): number {
  return engines[0]?.received ?? 0;
}

test("rates over a second, percentiles over ten, losses over a minute", () => {
  const { engine, totals } = rig();
  const window = new TotalsWindow();
  for (let second = 0; second <= 100; second++) {
    engine.received.stored += 100;
    if (second === 50) engine.missingIds[0] = 7;
    engine.pollDuration.observe(second < 95 ? 20 : 0.004);
    window.add(totals(second * 1000));
  }
  engine.received.stored += 20;
  const growth = window.growth(totals(100_200));
  assert.equal(growth.rate(received), 100, "120 in 1.2 s");
  assert.equal(growth.lately(missing), 7);
  const p = (q: number): number | null =>
    growth.quantile(q, engine.pollDuration.bounds, ({ engines }) => engines[0]?.poll);
  assert.ok((p(0.4) ?? 9) < 0.005 && (p(0.9) ?? 0) > 10);
  for (let second = 101; second <= 112; second++) window.add(totals(second * 1000));
  const later = window.growth(totals(112_000));
  assert.equal(later.lately(missing), 0);
  assert.equal(later.rate(received), 0);
  assert.equal(
    later.quantile(0.5, engine.pollDuration.bounds, ({ engines }) => engines[0]?.poll),
    null,
  );
});

function check(ok: boolean): LiveCheck[] {
  return [{ name: "engine e", ok, severity: "critical", reason: ok ? "" : "does not answer", fix: "" }];
}

test("marks: what is new since the second before, in words", () => {
  const { pipeline, engine, totals } = rig();
  const markers = new Markers();
  const note = (at: number, ok: boolean): void => markers.note(totals(at * 1000), [engine], check(ok), at);
  note(1, false); // not tried yet
  note(2, true);
  assert.deepEqual(markers.since(0), []);
  engine.missingIds[1] = 3;
  engine.resets = 1;
  note(3, true);
  engine.invalid.block_too_large = 2;
  pipeline.ringDropped.full = 4;
  note(6, false);
  note(7, false);
  note(8, true);
  assert.deepEqual(
    markers.since(0).map(({ id, at, kind, text }) => `${id} ${at} ${kind}: ${text}`),
    [
      "1 3 gap: e: 3 event ids missing",
      "2 3 restart: e: 1 restart of a rank",
      "3 6 loss: e: 2 malformed events left out",
      "4 6 loss: 4 events dropped in front of the ring",
      "5 6 alert: engine e: does not answer",
      "6 8 recovered: engine e",
    ],
  );
  assert.equal(markers.since(8).length, 1);
  // What goes on is told in sums.
  for (let at = 9; at <= 30; at++) {
    engine.missingIds[1] = (engine.missingIds[1] ?? 0) + 1;
    note(at, true);
  }
  assert.deepEqual(
    markers.since(9).map(({ at, text }) => `${at} ${text}`),
    ["13 e: 5 event ids missing", "23 e: 10 event ids missing"],
  );
  note(700, true);
  assert.deepEqual(
    markers.since(0).map(({ at, text }) => `${at} ${text}`),
    ["700 e: 7 event ids missing"],
    "ten minutes are kept",
  );
});
