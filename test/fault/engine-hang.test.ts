/**
 * An engine that takes a request and does not answer it, or not to its end: the deadline ends the wait, polls never
 * overlap, and of an answer that broke off all that had arrived is published and the rest is reported, to the event.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { scrape } from "../support/books.ts";
import { Checker } from "../support/fault/checker.ts";
import { eventually, lasting } from "../support/fault/deadline.ts";
import { judge } from "../support/fault/judge.ts";
import { faultRun, type FaultRun, serveFlags, startClears } from "../support/fault/run.ts";
import { Dice, faultSeed } from "../support/fault/seed.ts";
import { startSim } from "../support/fault/sim-truth.ts";
import { serve } from "../support/processes.ts";

async function errors(run: FaultRun, reason: string, atLeast: number, limitMs: number): Promise<void> {
  await eventually(`${atLeast} polls fail with ${reason}`, limitMs, async () => {
    const page = await scrape(run.service.facts.url);
    return page.sum("kvcast_source_errors_total", { reason }) >= atLeast ? true : null;
  });
}

async function flow(run: FaultRun, events: number): Promise<void> {
  const target = run.checker.delivered + events;
  await run.checker.until("events flow", 15_000, () => run.checker.delivered >= target);
}

test("the engine process is stopped for 2 s and goes on: what it answered to nobody is reported lost", async (t) => {
  const ranks = 2;
  const engine = await startSim(t, { seed: faultSeed(t), events: 16_000, rate: 3000, ranks });
  const service = await serve(t, serveFlags(engine.url, ranks, "--engine-timeout 0.5"));
  const checker = Checker.connect(t, service.facts.zmqEndpoint, engine.ledger);
  const { url } = service.facts;
  await checker.until("events flow", 15_000, () => checker.delivered >= 2000);
  engine.process.child.kill("SIGSTOP");
  await eventually("two polls time out", 15_000, async () =>
    (await scrape(url)).sum("kvcast_source_errors_total", { reason: "timeout" }) >= 2 ? true : null,
  );
  const down = await fetch(`${url}/health`);
  assert.equal(down.status, 503);
  assert.equal((await fetch(`${url}/live`)).status, 200);
  engine.process.child.kill("SIGCONT");
  const { lastIds } = await engine.finished(10_000);
  await checker.until("the last event of each rank arrives", 15_000, () =>
    lastIds.every((id, rank) => {
      const last = engine.ledger.entries(rank)[id];
      return last !== undefined && checker.hasArrived(last);
    }),
  );
  await judge(url, engine.ledger, checker, {
    injected: startClears(ranks),
    atLeast: { delivered: 4000, lost: 1 },
  });
});

test("a black hole, then a half-open connection: the deadline ends both, one poll at a time", async (t) => {
  const run = await faultRun(t, { ranks: 2, proxied: true, flags: "--engine-timeout 0.5" });
  const { engine, proxy } = run;
  engine.eventsPerDrain = 20;
  await flow(run, 1000);
  proxy.blackHole();
  await errors(run, "timeout", 2, 15_000);
  proxy.heal();
  await flow(run, 1000);
  proxy.delay(50);
  await flow(run, 200);
  proxy.halfOpen();
  await errors(run, "timeout", 3, 15_000);
  proxy.heal();
  await flow(run, 1000);
  await run.settle({ atLeast: { delivered: 3000 } });
  assert.equal(engine.maxInFlight, 1);
});

test("an engine that drips: the deadline is for the whole answer, and what has arrived is published", async (t) => {
  const run = await faultRun(t, { proxied: true, flags: "--engine-timeout 1" });
  const { engine, proxy } = run;
  engine.eventsPerDrain = 20;
  await flow(run, 500);
  proxy.throttle(4000);
  await errors(run, "timeout", 2, 15_000);
  proxy.heal();
  await flow(run, 500);
  await run.settle({ atLeast: { delivered: 1000, lost: 1 } });
  assert.equal(engine.maxInFlight, 1);
});

test("forty answers are cut off at any byte: each event is delivered or reported lost", async (t) => {
  const run = await faultRun(t, { ranks: 3, proxied: true });
  const { engine, proxy, seed } = run;
  const dice = new Dice(seed);
  engine.eventsPerDrain = 25;
  await flow(run, 200);
  for (let cut = 0; cut < 40; cut++) {
    const { accepted } = proxy;
    proxy.cutAfter(dice.between(1, 12_000));
    await eventually("the connection is cut and made again", 15_000, () => (proxy.accepted > accepted ? true : null));
  }
  await flow(run, 200);
  await run.settle({ atLeast: { delivered: 400, lost: 20 } });
});

test("bytes that nobody sent come instead of an answer", async (t) => {
  const run = await faultRun(t, { proxied: true });
  const { engine, proxy } = run;
  engine.eventsPerDrain = 10;
  await flow(run, 200);
  for (let i = 0; i < 5; i++) {
    const { accepted } = proxy;
    proxy.inject(Buffer.from("SSH-2.0-not what you think\r\n\r\n\0\xff".repeat(20), "latin1"));
    await eventually("the connection is given up", 15_000, () => (proxy.accepted > accepted ? true : null));
  }
  await lasting(100);
  await flow(run, 200);
  await run.settle({ atLeast: { delivered: 400 } });
});
