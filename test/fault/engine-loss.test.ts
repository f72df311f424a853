/** Events that are lost before kvcast could have them: reported to the event, rank by rank, whoever lost them. */
import assert from "node:assert/strict";
import test from "node:test";
import { Checker } from "../support/fault/checker.ts";
import { lasting } from "../support/fault/deadline.ts";
import { judge } from "../support/fault/judge.ts";
import type { Truth } from "../support/fault/ledger.ts";
import { faultRun, probe, serveFlags, startClears } from "../support/fault/run.ts";
import { Dice, faultSeed } from "../support/fault/seed.ts";
import { startSimHere } from "../support/fault/sim-truth.ts";
import { serve } from "../support/processes.ts";

test("kvcast is stopped for two seconds and the engine's buffer overflows: the gap is what the buffer lost", async (t) => {
  const ranks = 2;
  const engine = await startSimHere(t, { seed: faultSeed(t), events: 15_000, rate: 5000, ranks }, 2000);
  const service = await serve(t, serveFlags(engine.url, ranks));
  const checker = Checker.connect(t, service.facts.zmqEndpoint, engine.ledger);
  await checker.until("events flow", 15_000, () => checker.delivered >= 2000);
  service.child.kill("SIGSTOP");
  await lasting(2000);
  service.child.kill("SIGCONT");
  const stats = await engine.finished(10_000);
  await checker.until("the last event of each rank arrives", 15_000, () =>
    stats.lastIds.every((id, rank) => {
      const last = engine.ledger.entries(rank)[id];
      return last !== undefined && checker.hasArrived(last);
    }),
  );
  const verdict = await judge(service.facts.url, engine.ledger, checker, {
    injected: startClears(ranks),
    atLeast: { delivered: 5000, lost: 1000 },
  });
  assert.equal(verdict.lost, stats.droppedByOverflow);
  assert.equal(verdict.received, stats.drained);
});

for (const policy of ["mark", "clear"] as const) {
  test(`an engine that forgets the oldest now and then, --on-engine-gap ${policy}`, async (t) => {
    const run = await faultRun(t, { ranks: 4, flags: `--on-engine-gap ${policy}` });
    const { engine, checker } = run;
    const dice = new Dice(run.seed);
    engine.emit(20);
    await probe(engine, checker);
    for (let i = 0; i < 100; i++) {
      engine.emit(dice.between(20, 60));
      engine.overflow(dice.between(0, 15));
      const target = checker.delivered + 1;
      await checker.until("the rest arrives", 15_000, () => checker.delivered >= target);
    }
    const { page, holes } = await run.settle({
      clearsGaps: policy === "clear",
      atLeast: { delivered: 2000, lost: 300 },
    });
    assert.ok(holes >= 50, `only ${holes} holes`);
    assert.equal(page.sum("kvcast_rank_dirty"), policy === "mark" ? 4 : 0);
    if (policy === "clear") for (let rank = 0; rank < 4; rank++) assertClearedAtHoles(checker, rank);
  });
}

/** Behind each hole in the ids of the rank stands a clear before anything else. */
function assertClearedAtHoles(checker: Checker, rank: number): void {
  let next = 1;
  let cleared = false;
  for (const entry of checker.stream(rank)) {
    if (entry === null) cleared = true;
    else {
      const { id } = entry.event;
      assert.ok(id === next || cleared, `rank ${rank}: ${next} to ${id - 1} are missing without a clear`);
      next = id + 1;
      cleared = false;
    }
  }
}

test("two kvcasts drain one engine: together they have everything, and each reports what the other got", async (t) => {
  const ranks = 2;
  const run = await faultRun(t, { ranks, perDrain: 50 });
  const { engine, checker } = run;
  engine.emit(500);
  await probe(engine, checker);

  engine.confirms = false;
  const known = Array.from({ length: ranks }, (_, rank) => engine.ledger.entries(rank).length);
  const service = await serve(t, serveFlags(engine.url, ranks));
  // It knows nothing of what was before.
  const truth: Truth = {
    ranks,
    entries: (rank) => engine.ledger.entries(rank).slice(known[rank]),
    find: (type, hash) => engine.ledger.find(type, hash),
  };
  const second = Checker.connect(t, service.facts.zmqEndpoint, truth);
  engine.eventsPerDrain = 20;
  await Promise.all(
    [checker, second].map((each) => each.until("both get their share", 15_000, () => each.delivered >= 2000)),
  );
  engine.eventsPerDrain = 0;
  // What one of them got last the other can only miss when something comes after it.
  await Promise.all(
    [checker, second].map(async (each) => {
      const { delivered } = each;
      const feed = setInterval(() => engine.emit(1), 5);
      await each.until("both are up to date", 15_000, () => each.delivered >= delivered + 20);
      clearInterval(feed);
    }),
  );

  const expected = { injected: startClears(ranks), atLeast: { delivered: 1000, lost: 500 } };
  const first = await judge(run.service.facts.url, engine.ledger, checker, expected);
  const other = await judge(service.facts.url, truth, second, expected);
  assert.ok(first.lost + other.lost >= 1500, "they really took turns");
  for (let rank = 0; rank < ranks; rank++) {
    for (const entry of engine.ledger.entries(rank)) {
      if (entry.event.kind === "created") continue;
      assert.equal(
        Number(checker.hasArrived(entry)) + Number(second.hasArrived(entry)),
        entry.fate === "queued" ? 0 : 1,
        `event ${entry.event.id} of rank ${rank} went to one of them`,
      );
    }
  }
});
