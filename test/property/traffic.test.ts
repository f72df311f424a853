import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { type SeenEvent, snapshot } from "../support/recording-sink.ts";
import { runModel } from "../support/traffic-model.ts";

const numRuns = Number(process.env["RUNS"] ?? 100);

const anyTraffic: fc.Arbitrary<TrafficConfig> = fc.record({
  events: fc.integer({ min: 0, max: 600 }),
  ratePerSecond: fc.constant(Infinity),
  blocks: fc.integer({ min: 1, max: 6 }),
  tokens: fc.integer({ min: 1, max: 5 }),
  ranks: fc.integer({ min: 1, max: 5 }),
  removed: fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  seed: fc.integer({ min: 0, max: 0xffff_ffff }),
});

function eventsOf(config: TrafficConfig): SeenEvent[] {
  const traffic = new Traffic(config);
  const raw = new RawEvent();
  const events: SeenEvent[] = [];
  while (traffic.next(raw)) events.push(snapshot(raw));
  return events;
}

test("any traffic is a possible history of caches, of the exact length asked for", () => {
  fc.assert(
    fc.property(anyTraffic, (config) => {
      const { model, traffic } = runModel(config);
      assert.equal(model.created, config.ranks);
      assert.equal(model.stored + model.removed, config.events);
      assert.equal(traffic.made, config.events);
      assert.deepEqual(Array.from(traffic.lastEventId), model.lastIds);
      const { created, stored, removed, storedBlocks, removedBlocks } = traffic.emitted;
      assert.deepEqual([created, stored, removed], [model.created, model.stored, model.removed]);
      assert.deepEqual([storedBlocks, removedBlocks], [model.everStored.size, model.removedBlocks]);
      if (config.removed === 0) assert.equal(model.removed, 0);
    }),
    { numRuns },
  );
});

test("the seed makes the traffic, whatever scratch it is written into", () => {
  fc.assert(
    fc.property(anyTraffic, (config) => {
      assert.deepEqual(eventsOf(config), eventsOf(config));
    }),
    { numRuns: Math.ceil(numRuns / 4) },
  );
});

test("another seed makes other hashes and tokens", () => {
  fc.assert(
    fc.property(anyTraffic, fc.integer({ min: 1, max: 0xffff }), (config, step) => {
      const one = runModel({ ...config, events: 100 }).model;
      const other = runModel({ ...config, events: 100, seed: (config.seed + step) % 2 ** 32 }).model;
      assert.ok([...one.everStored].every((hash) => !other.everStored.has(hash)));
    }),
    { numRuns: Math.ceil(numRuns / 4) },
  );
});
