/** Messages of the event plane: recorded ones, broken ones, and the order of a rank's events. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { encode } from "@msgpack/msgpack";
import * as fc from "fast-check";
import { BlockFeed } from "../../src/main/router-feed/block-feed.ts";
import { FeedCounters } from "../../src/main/router-feed/feed-counters.ts";
import { readEnvelope } from "../../src/main/router-feed/plane-decoder.ts";
import { PlaneFeed, type PlaneNews } from "../../src/main/router-feed/plane-feed.ts";
import { readLoad } from "../../src/main/router-feed/plane-load.ts";
import { dumpIndex, type DumpedBlock } from "../../src/main/router-index/dump.ts";
import { RouterIndex } from "../../src/main/router-index/router-index.ts";

interface Samples {
  readonly samples: readonly { readonly name: string; readonly frames_hex: readonly string[] }[];
  readonly jetstream_json_legacy: { readonly body: string };
}

const FILE = path.join(process.cwd(), "test/fixtures/consolidator/derived_wire_samples.json");
const recorded = JSON.parse(readFileSync(FILE, "utf8")) as Samples;

function sample(name: string): Buffer {
  const [hex] = recorded.samples.find((each) => each.name === name)?.frames_hex ?? [];
  assert.ok(hex);
  return Buffer.from(hex, "hex");
}

class Rig {
  readonly index: RouterIndex = new RouterIndex({ maxPairs: 1000, onFull: "refuse" });
  readonly counters: FeedCounters = new FeedCounters();
  readonly news: PlaneNews[] = [];
  readonly feed: PlaneFeed;

  constructor() {
    this.feed = new PlaneFeed(new BlockFeed(this.index, this.counters, 4), (news) => this.news.push(news));
  }

  blocks(): DumpedBlock[] {
    const blocks: DumpedBlock[] = [];
    dumpIndex(this.index, (block) => blocks.push(block));
    return blocks;
  }

  take(publisher: bigint, ...events: readonly unknown[]): void {
    this.feed.takePayload(publisher, encode(events, { useBigInt64: true }));
  }
}

const HASHES = [15_000_000_000_000_000_001n, 7n];
const LOCALS = [14_643_705_804_678_351_452n, 16_777_012_769_546_811_212n];

function event(id: number, data: unknown, more: object = {}): unknown {
  return { worker_id: 42, storage_tier: "device", event: { event_id: id, data, dp_rank: 0 }, ...more };
}

function stored(id: number, hash: bigint, parent: bigint | null = null): unknown {
  const blocks = [{ block_hash: hash, tokens_hash: hash + 1000n, mm_extra_info: null }];
  return event(id, { stored: { parent_hash: parent, start_position: null, blocks } });
}

test("a recorded message: two blocks, one removed, then all cleared", () => {
  const envelope = readEnvelope(sample("event_plane_envelope_kv_events"));
  assert.ok(envelope);
  assert.equal(envelope.publisher, 123_456_789n);
  assert.equal(envelope.topic, "kv-events");
  const rig = new Rig();
  rig.feed.takePayload(envelope.publisher, envelope.payload);
  assert.deepEqual(rig.counters.events, { stored: 1, removed: 1, cleared: 1 });
  assert.deepEqual(rig.blocks(), []);
  assert.equal(rig.index.counters.stored, 2);
  assert.equal(rig.index.counters.removed, 1);
  assert.equal(rig.index.counters.cleared, 1);
});

test("a recorded event in JSON, with hashes beyond 2^53", () => {
  const rig = new Rig();
  rig.feed.takeJson(recorded.jetstream_json_legacy.body);
  assert.deepEqual(
    rig.blocks().map(({ worker, parent, hash, local }) => ({ worker, parent, hash, local })),
    [
      { worker: 42n, parent: null, hash: HASHES[0], local: LOCALS[0] },
      { worker: 42n, parent: HASHES[0], hash: HASHES[1], local: LOCALS[1] },
    ],
  );
});

test("a recorded load: what is in use counts where nothing is said of requests", () => {
  const envelope = readEnvelope(sample("event_plane_active_load"));
  assert.ok(envelope);
  assert.deepEqual(readLoad(envelope.payload), { worker: 42n, rank: 0, activeBlocks: 917 });
  const decoding = encode(
    { worker_id: 2n ** 63n, dp_rank: 3, active_decode_blocks: 5, kv_used_blocks: 917 },
    { useBigInt64: true },
  );
  assert.deepEqual(readLoad(decoding), { worker: 2n ** 63n, rank: 3, activeBlocks: 5 });
  assert.equal(readLoad(encode({ worker_id: 1, dp_rank: 0 })), null);
  assert.equal(readLoad(encode([1, 2])), null);
});

test("an event that comes twice is left out; one behind a hole takes all that was known with it", () => {
  const rig = new Rig();
  rig.take(1n, stored(5, 1n), stored(6, 2n, 1n));
  rig.take(1n, stored(6, 3n, 2n), stored(7, 4n, 2n));
  assert.equal(rig.index.pairs, 3);
  assert.equal(rig.counters.skipped.duplicate, 1);
  assert.equal(rig.counters.lost, 0, "what came before the first was not lost: it was never to be had");
  rig.take(1n, stored(10, 9n));
  assert.equal(rig.counters.lost, 2);
  assert.deepEqual(rig.news, [{ worker: 42n, rank: 0, reason: "gap", lost: 2, blocks: 3 }]);
  assert.deepEqual(
    rig.blocks().map(({ hash }) => hash),
    [9n],
  );
});

test("a rank whose ids begin anew with another publisher is another life; one that goes on is not", () => {
  const rig = new Rig();
  rig.take(1n, stored(1, 1n), stored(2, 2n, 1n));
  rig.take(2n, stored(3, 3n, 2n));
  assert.equal(rig.index.pairs, 3);
  rig.take(3n, stored(1, 9n));
  assert.deepEqual(rig.news, [{ worker: 42n, rank: 0, reason: "restart", lost: 0, blocks: 3 }]);
  assert.equal(rig.index.pairs, 1);
  rig.take(4n, event(1, "cleared"), stored(2, 5n));
  assert.equal(rig.news.length, 1, "who clears first says it all");
  assert.equal(rig.index.pairs, 1);
  assert.deepEqual(rig.counters.drops, { gap: 0, restart: 1, snapshot: 0, cleared: 1, unregistered: 0 });
});

test("what is no RouterEvent is refused, and costs what comes behind it in its message", () => {
  const broken: readonly unknown[] = [
    7,
    {},
    event(1, "something"),
    event(1, { stored: { parent_hash: null } }),
    event(1, { stored: { parent_hash: null, blocks: [{ block_hash: 1 }] } }),
    event(1, { removed: { block_hashes: ["x"] } }),
    event(1, "cleared", { storage_tier: "tape" }),
    event(1, "cleared", { residency_domain: null }),
    { ...(event(1, "cleared") as object), worker_id: -1 },
  ];
  for (const one of broken) {
    const rig = new Rig();
    rig.take(1n, stored(1, 1n), one, stored(2, 2n));
    assert.equal(rig.counters.refused.event, 1, JSON.stringify(one));
    assert.equal(rig.index.pairs, 1);
    rig.feed.takeJson(JSON.stringify(one));
    assert.equal(rig.counters.refused.event, 2, JSON.stringify(one));
  }
  const rig = new Rig();
  rig.feed.takePayload(1n, encode({ not: "a list" }));
  rig.feed.takeJson("{");
  assert.equal(rig.counters.refused.event, 2);
});

test("bytes of any kind neither throw nor hang", () => {
  const whole = sample("event_plane_envelope_kv_events");
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.uint8Array({ maxLength: 8 }), (at, bytes) => {
      const message = Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + bytes.length)]);
      const rig = new Rig();
      const envelope = readEnvelope(message);
      if (envelope !== null) rig.feed.takePayload(envelope.publisher, envelope.payload);
      rig.feed.takePayload(1n, message);
      readLoad(message);
      assert.ok(rig.index.pairs <= 2);
    }),
    { numRuns: 500 },
  );
});
