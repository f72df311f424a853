/** A new process of the engine under the old address: ids start at 0, all blocks are new, and nobody must mix the two up. */
import assert from "node:assert/strict";
import test from "node:test";
import { lasting } from "../support/fault/deadline.ts";
import { faultRun, probe, restartClears } from "../support/fault/run.ts";
import type { Checker } from "../support/fault/checker.ts";

/** Between the last event of one life and the first of the next stands a clear of that rank. */
function assertClearsBetweenLives(checker: Checker, ranks: number, lives: number): void {
  for (let rank = 0; rank < ranks; rank++) {
    let life = -1;
    let clearedSince = false;
    for (const entry of checker.stream(rank)) {
      if (entry === null) {
        clearedSince = true;
        continue;
      }
      if (entry.event.life !== life) {
        assert.ok(clearedSince, `rank ${rank}: life ${entry.event.life} begins without a clear`);
        life = entry.event.life;
      }
      clearedSince = false;
    }
    assert.equal(life, lives - 1, `rank ${rank} was in every life`);
  }
}

test("the engine dies and is back 3 s later, with ids from 0: reset, not gap; a clear goes before the new events", async (t) => {
  const ranks = 2;
  const run = await faultRun(t, { ranks });
  const { engine, checker } = run;
  engine.eventsPerDrain = 25;
  await checker.until("events flow", 15_000, () => checker.delivered >= 1500);
  await probe(engine, checker);
  await engine.down();
  engine.newLife();
  await lasting(3000);
  await engine.up();
  engine.eventsPerDrain = 25;
  await checker.until("events flow again", 15_000, () => checker.delivered >= 3000);
  const { lost } = await run.settle({
    injected: restartClears(ranks, ranks),
    resets: ranks,
    atLeast: { delivered: 3000 },
  });
  assert.equal(lost, 0);
  assertClearsBetweenLives(checker, ranks, 2);
});

test("the engine restarts ten times between two polls: each is seen", async (t) => {
  const lives = 10;
  const run = await faultRun(t);
  const { engine, checker } = run;
  for (let life = 0; life < lives; life++) {
    if (life > 0) engine.newLife();
    engine.emit(100);
    await probe(engine, checker);
  }
  const { lost } = await run.settle({
    injected: restartClears(1, lives - 1),
    resets: lives - 1,
    atLeast: { delivered: lives * 99 },
  });
  assert.equal(lost, 0);
  assertClearsBetweenLives(checker, 1, lives);
});
