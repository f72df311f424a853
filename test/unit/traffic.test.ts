import assert from "node:assert/strict";
import { test } from "node:test";
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import { Random } from "../../src/main/engine/random.ts";
import { BlockHashes } from "../../src/main/engine/traffic-content.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { SMALL_TRAFFIC, TrafficModel, runModel } from "../support/traffic-model.ts";

test("half of the hashes are above 2^63, and their bits are even", () => {
  const { model } = runModel({ ...SMALL_TRAFFIC, events: 20_000, blocks: 1 });
  const hashes = [...model.everStored];
  for (let bit = 0n; bit < 64n; bit++) {
    const share = hashes.filter((hash) => ((hash >> bit) & 1n) === 1n).length / hashes.length;
    assert.ok(share > 0.48 && share < 0.52, `bit ${bit} is set in ${share} of the hashes`);
  }
});

test("the share of removals is the one asked for", () => {
  for (const removed of [0.05, 0.2, 0.5]) {
    const { model } = runModel({ ...SMALL_TRAFFIC, events: 20_000, removed });
    const share = model.removed / 20_000;
    assert.ok(Math.abs(share - removed) < 0.01, `${share} instead of ${removed}`);
  }
});

test("the cache fills up and then stays of one size", () => {
  const config = { ...SMALL_TRAFFIC, events: Infinity, blocks: 1, tokens: 1, ranks: 64 };
  const traffic = new Traffic(config);
  const model = new TrafficModel(config);
  const raw = new RawEvent();
  const run = (events: number): number => {
    for (let i = 0; i < events && traffic.next(raw); i++) model.take(raw);
    return model.live.size;
  };
  const full = run(110_000);
  const later = run(50_000);
  assert.ok(full > 20_000, `${full} live blocks are too few for a full cache`);
  assert.ok(Math.abs(later - full) < full / 5, `from ${full} to ${later} live blocks`);
});

test("with few removals the oldest requests are forgotten, and what is removed is still live", () => {
  // 64 ranks remember 256 requests each; about 500 finish on each.
  const { model } = runModel({ ...SMALL_TRAFFIC, events: 130_000, blocks: 1, tokens: 1, ranks: 64, removed: 0.0005 });
  assert.ok(model.removed > 20);
});

test("requests share hot prefixes", () => {
  const { model, traffic } = runModel({ ...SMALL_TRAFFIC, events: 5000 });
  const started = traffic.emitted.requestsStarted;
  assert.ok(model.roots < started * 0.4 && model.roots > started * 0.1, `${model.roots} of ${started} begin at a root`);
  const children = [...model.live.values()].map((block) => block.children);
  assert.ok(Math.max(...children) > 20, "a prefix has many continuations");
  assert.ok(traffic.emitted.reusedBlocks > 0);
});

test("token ids have all widths", () => {
  const traffic = new Traffic({ ...SMALL_TRAFFIC, removed: 0 });
  const raw = new RawEvent();
  const widths = new Map<string, number>();
  while (traffic.next(raw)) {
    for (const token of raw.tokens.subarray(0, raw.tokenCount)) {
      const width = token < 128 ? "7 bits" : token < 256 ? "8 bits" : token < 65_536 ? "16 bits" : "32 bits";
      widths.set(width, (widths.get(width) ?? 0) + 1);
    }
  }
  assert.deepEqual([...widths.keys()].toSorted(), ["16 bits", "32 bits", "7 bits", "8 bits"]);
  assert.ok((widths.get("16 bits") ?? 0) > (widths.get("32 bits") ?? 0));
});

test("keys beyond 32 bits keep hashes apart", () => {
  const hashes = new BlockHashes(new Random(7));
  const seen = new Set<string>();
  for (const serial of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 33, 2 ** 41, 2 ** 42 - 1]) {
    for (const index of [0, 1, 2 ** 22 - 1]) {
      hashes.compute(serial, index);
      seen.add(hashes.pair.join("/"));
    }
  }
  assert.equal(seen.size, 27);
});

test("a finished traffic leaves the scratch alone", () => {
  const traffic = new Traffic({ ...SMALL_TRAFFIC, events: 1 });
  const raw = new RawEvent();
  assert.ok(traffic.next(raw));
  assert.ok(traffic.next(raw));
  const { eventId } = raw;
  assert.equal(traffic.next(raw), false);
  assert.equal(raw.eventId, eventId);
});
