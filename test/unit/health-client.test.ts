/** What an engine's own `/health` says, over real HTTP: each status and each silence. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { EngineMonitor } from "../../src/main/health/engine-monitor.ts";
import { HealthClient, skewOf } from "../../src/main/health/health-client.ts";
import { Gate } from "../support/gate.ts";
import { type Answer, engineConfig, scriptedEngine } from "../support/scripted-engine.ts";

async function ask(t: TestContext, answer: Answer, timeoutMs: number | null = 30_000): ReturnType<HealthClient["ask"]> {
  const engine = await scriptedEngine(t, answer);
  const client = new HealthClient(engineConfig(engine.url), timeoutMs);
  t.after(() => client.close());
  const said = await client.ask();
  assert.deepEqual([engine.requests[0]?.method, engine.requests[0]?.url], ["GET", "/health"]);
  return said;
}

function status(code: number): Answer {
  return (response) => {
    response.statusCode = code;
    response.end(code === 503 ? "LLM is unavailable. Please check the server logs for more details." : "");
  };
}

for (const code of [200, 204]) {
  test(`${code} is well`, async (t) => assert.equal((await ask(t, status(code))).kind, "well"));
}
for (const code of [404, 405]) {
  test(`${code}: there is no /health`, async (t) => assert.equal((await ask(t, status(code))).kind, "absent"));
}

for (const [code, words] of [
  [503, /says that it is unavailable/],
  [500, /with status 500/],
  [401, /refuses its \/health to kvcast \(status 401\)/],
  [302, /with status 302/],
] as const) {
  test(`${code} is ill, with a reason and a fix`, async (t) => {
    const said = await ask(t, status(code));
    assert.ok(said.kind === "ill");
    assert.match(said.problem.reason, words);
    assert.match(said.problem.reason, /^engine engine0 /);
    assert.ok(said.problem.fix.length > 10);
  });
}

test("a hang is ill after the deadline; a hang-up at once; bytes that nobody sent too", async (t) => {
  for (const [answer, words] of [
    [() => {}, /does not answer its \/health within 0\.3 s/],
    [((response): void => void response.socket?.destroy()) satisfies Answer, /cannot be reached/],
    [((response): void => void response.socket?.end("hello\r\n\r\n")) satisfies Answer, /no HTTP server/],
  ] as const) {
    const said = await ask(t, answer, 300);
    assert.ok(said.kind === "ill");
    assert.match(said.problem.reason, words);
  }
});

test("the clock of an answer's date is compared with ours", async (t) => {
  const ahead = new Date(Date.now() + 3_600_000).toUTCString();
  const said = await ask(t, (response) => {
    response.setHeader("date", ahead);
    response.end();
  });
  assert.ok(said.skewSeconds !== null && Math.abs(said.skewSeconds - 3600) < 60, `${said.skewSeconds}`);
  const nowMs = Date.parse("2026-01-02T03:04:05.500Z");
  assert.equal(skewOf("Fri, 02 Jan 2026 03:04:05 GMT", nowMs), 0);
  assert.equal(skewOf("Fri, 02 Jan 2026 03:04:15 GMT", nowMs), 10);
  assert.equal(skewOf("yesterday", nowMs), null);
  assert.equal(skewOf(undefined, nowMs), null);
});

test("the monitor asks again after each answer, never twice at a time, and stops at once", async (t) => {
  const enough = new Gate();
  const engine = await scriptedEngine(t, (response, n) => {
    response.statusCode = n === 0 ? 200 : 503;
    response.end();
    if (n === 4) enough.open();
  });
  const asker = new HealthClient(engineConfig(engine.url), 30_000);
  const patience = { failures: 3, passes: 1, holdMs: 0 };
  const monitor = new EngineMonitor({ engine: "engine0", asker, intervalMs: 1, patience });
  assert.deepEqual(monitor.look(), {
    ok: null,
    waiting: true,
    reason: "engine engine0 has not answered its /health yet",
  });
  const running = monitor.run();
  await enough.opened;
  monitor.stop();
  await running;
  const found = monitor.look();
  assert.ok(found.ok === false && found.reason.includes("503"));
  assert.equal(engine.maxInFlight, 1);
});
