/** A ring far too small for the traffic: reading waits, nothing is dropped, and an event larger than a slot goes through. */
import assert from "node:assert/strict";
import test from "node:test";
import { scrape } from "../support/books.ts";
import { Checker } from "../support/fault/checker.ts";
import { eventually, lasting } from "../support/fault/deadline.ts";
import { judge } from "../support/fault/judge.ts";
import { OracleEngine } from "../support/fault/oracle-engine.ts";
import { probe, serveFlags, startClears } from "../support/fault/run.ts";
import { Dice, faultSeed } from "../support/fault/seed.ts";
import { serve } from "../support/processes.ts";

const RANKS = 3;
const HELD_MS = 1000;

for (const format of ["vllm", "dynamo"] as const) {
  test(`two slots of 4 KiB, ${format}: held for a second, then flooded with events of all sizes`, async (t) => {
    const seed = faultSeed(t);
    const dice = new Dice(seed);
    const engine = await OracleEngine.start(t, { seed, ranks: RANKS, perDrain: 200 });
    const tiny = "--ring-slots 2 --slot-bytes 4KiB --clear-on-start";
    const service = await serve(t, serveFlags(engine.url, RANKS, `${tiny} --wire-format ${format}`));
    const { url } = service.facts;
    // Held back, because nobody has subscribed yet.
    engine.emit(5000);
    await eventually("the ring is full", 15_000, async () => {
      const page = await scrape(url);
      const full = page.sum("kvcast_ring_occupied_slots") === page.sum("kvcast_ring_capacity_slots");
      return full && page.sum("kvcast_ring_wait_seconds_count") >= 0 ? true : null;
    });
    const { drains, queued } = engine;
    assert.ok(queued > 4000, "what has no room is not fetched");
    await lasting(HELD_MS);
    assert.deepEqual([engine.drains, engine.queued], [drains, queued], "nothing is fetched while the ring is full");
    assert.equal((await fetch(`${url}/live`)).status, 200);

    for (let i = 0; i < 40; i++) {
      engine.emitOn(dice.between(0, RANKS - 1), dice.between(300, 3000));
      engine.emit(20);
    }
    const checker = Checker.connect(t, service.facts.zmqEndpoint, engine.ledger);
    await probe(engine, checker);
    const { lost, page } = await judge(url, engine.ledger, checker, {
      injected: startClears(RANKS),
      atLeast: { delivered: 5800 },
    });
    assert.equal(lost, 0);
    assert.equal(page.sum("kvcast_ring_dropped_events_total"), 0);
    const waited = page.sum("kvcast_ring_full_seconds_total");
    assert.ok(waited >= (HELD_MS / 1000) * 0.9, `${waited} s of waiting were counted`);
  });
}
