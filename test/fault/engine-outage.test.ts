/** An engine that cannot be reached: kvcast says so, waits without effort, loses nothing itself, and is back at once. */
import assert from "node:assert/strict";
import test from "node:test";
import { scrape } from "../support/books.ts";
import { eventually, lasting } from "../support/fault/deadline.ts";
import { cpuSeconds } from "../support/fault/proc.ts";
import { faultRun, type FaultRun } from "../support/fault/run.ts";

/** One cap of the wait after failures, with its jitter, and the poll itself. */
const RESUMES_MS = 1500;
const OUTAGE_MS = 3000;

interface Health {
  readonly status: number;
  readonly reasons: readonly string[];
}

async function health(run: FaultRun): Promise<Health> {
  const response = await fetch(`${run.service.facts.url}/health`);
  const { reasons } = (await response.json()) as { reasons: string[] };
  return { status: response.status, reasons };
}

/** An outage that has begun: what must be seen of it, while it lasts and in its cost. */
async function watchOutage(run: FaultRun): Promise<void> {
  const { url } = run.service.facts;
  await eventually("the engine is seen to be down", RESUMES_MS, async () =>
    (await scrape(url)).sum("kvcast_source_up") === 0 ? true : null,
  );
  const { status, reasons } = await health(run);
  assert.equal(status, 503);
  // Its own /health, which is asked now and then, may be missed already.
  assert.equal(reasons[0], "engine engine0 does not answer");
  assert.ok(
    reasons.slice(1).every((reason) => reason.includes("/health")),
    reasons.join("\n"),
  );
  assert.equal((await fetch(`${url}/live`)).status, 200);

  const failedBefore = (await scrape(url)).sum("kvcast_source_polls_total", { outcome: "error" });
  const cpuBefore = cpuSeconds(run.pid);
  const begunMs = performance.now();
  await lasting(OUTAGE_MS);
  const cpu = cpuSeconds(run.pid) - cpuBefore;
  const seconds = (performance.now() - begunMs) / 1000;
  assert.ok(cpu / seconds < 0.05, `${cpu} s of processor time in ${seconds} s`);

  const page = await scrape(url);
  const failed = page.sum("kvcast_source_polls_total", { outcome: "error" }) - failedBefore;
  // 5, 7.5, 11 ms … 1 s: some fourteen tries to the cap, then one a second.
  assert.ok(failed >= 2 && failed <= 20, `${failed} tries in ${seconds} s`);
  const backoff = page.sum("kvcast_source_poll_backoff_seconds");
  assert.ok(backoff > 0 && backoff <= 1.2, `waits ${backoff} s`);
}

async function flowing(run: FaultRun, events: number): Promise<void> {
  run.engine.eventsPerDrain = 20;
  const target = run.checker.delivered + events;
  await run.checker.until("events flow", 15_000, () => run.checker.delivered >= target);
}

async function resumed(run: FaultRun): Promise<void> {
  const before = run.checker.delivered;
  await run.checker.until("events flow again", RESUMES_MS, () => run.checker.delivered > before);
  await eventually("ready again", RESUMES_MS, async () => ((await health(run)).status === 200 ? true : null));
}

test("the network to the engine is gone for 3 s, twice: only what was in transit is lost, and reported", async (t) => {
  const run = await faultRun(t, { ranks: 3 });
  const { engine } = run;
  await flowing(run, 2000);
  await engine.down();
  await watchOutage(run);
  // The engine itself went on all the time.
  engine.emit(500);
  await engine.up();
  await resumed(run);
  await flowing(run, 1000);
  await engine.down();
  await lasting(300);
  await engine.up();
  await resumed(run);
  const { page } = await run.settle({ atLeast: { delivered: 3000 } });
  assert.ok(page.sum("kvcast_source_errors_total", { reason: "connect" }) >= 10);
  const lines = run.service.logs.filter((record) => record.msg === "polling the engine fails");
  assert.equal(lines.length, 1, "one line for all the failed polls of ten seconds");
  assert.ok(engine.maxInFlight === 1);
});

test("the engine is not there at first", async (t) => {
  const run = await faultRun(t);
  await run.engine.down();
  await watchOutage(run);
  run.engine.emit(100);
  await run.engine.up();
  await resumed(run);
  await run.settle({ atLeast: { delivered: 70 } });
});
