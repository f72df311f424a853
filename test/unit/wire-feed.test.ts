/** Which events of a source reach the consolidator's books, and which are left out, by reason. */
import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "@msgpack/msgpack";
import type { ConsolidateMode, SourceKind } from "../../src/main/consolidate/consolidator.ts";
import { SourceCounters } from "../../src/main/consolidate/source-counters.ts";
import { WireFeed } from "../../src/main/consolidate/wire-feed.ts";
import { ConsolidatorRig } from "../support/consolidator-rig.ts";

interface FeedOptions {
  readonly kind?: SourceKind;
  readonly compat?: boolean;
  readonly mode?: ConsolidateMode;
}

class FeedRig {
  readonly rig: ConsolidatorRig;
  readonly counters: SourceCounters;
  readonly feed: WireFeed;

  constructor({ kind = "vllm", compat = false, mode = "dedup" }: FeedOptions = {}) {
    this.rig = new ConsolidatorRig({ compat, mode, sources: [kind] });
    this.counters = new SourceCounters("x", kind);
    this.feed = new WireFeed({
      source: 0,
      kind,
      consolidator: this.rig.consolidator,
      counters: this.counters,
      onlyBlockSizeTokens: null,
      compat,
      identity: "legacy",
    });
  }

  take(...events: readonly unknown[]): string {
    this.feed.take(encode([1.5, events, 0], { useBigInt64: true }), 1.5);
    return this.rig.short();
  }

  /** Reasons that were counted, with how often. */
  skipped(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.counters.skipped).filter(([, count]) => count > 0));
  }
}

const stored = (hash: number, more: object = {}): object => ({
  type: "BlockStored",
  block_hashes: [hash],
  parent_block_hash: null,
  token_ids: [hash, 1],
  block_size: 2,
  ...more,
});
const removed = (hash: number, more: object = {}): object => ({ type: "BlockRemoved", block_hashes: [hash], ...more });
const SLIDING = { kv_cache_spec_kind: "sliding_window" };
const FULL = { kv_cache_spec_kind: "full_attention" };

test("an engine with several kinds of attention: one group of layers counts, in what is removed too", () => {
  const feed = new FeedRig();
  assert.equal(feed.take(stored(1, { group_idx: 0, ...FULL }), stored(1, { group_idx: 1, ...SLIDING })), "+1");
  // A sliding window lets go of what has left it; the other layers still have it.
  assert.equal(feed.take(removed(1, { group_idx: 1 })), "");
  assert.equal(feed.take(removed(1, { group_idx: 1, ...SLIDING })), "");
  assert.equal(feed.take(stored(2, { group_idx: 1 })), "");
  assert.equal(feed.take(removed(1, { group_idx: 0 })), "-1");
  assert.deepEqual(feed.skipped(), { attention_kind: 2, attention_group: 2 });
  const { received, applied } = feed.counters;
  assert.equal(received.stored + received.removed, applied + 4);
});

test("which group it is is learned anew after a restart of the source", () => {
  const feed = new FeedRig();
  feed.take(stored(1, { group_idx: 0, ...SLIDING }), stored(2, { group_idx: 1, ...FULL }));
  assert.equal(feed.take(stored(3, { group_idx: 1 }), stored(4, { group_idx: 0 })), "+3");
  feed.feed.restart();
  assert.equal(feed.take(stored(5, { group_idx: 1 }), stored(6, { group_idx: 0 })), "+6");
});

test("compatible, all groups are one, as Dynamo's consolidator has them", () => {
  const feed = new FeedRig({ compat: true });
  assert.equal(feed.take(stored(1, { group_idx: 0, ...FULL }), stored(2, { group_idx: 1, ...SLIDING })), "+1 +2");
  assert.equal(feed.take(removed(1, { group_idx: 1 })), "-1");
});

test("blocks that depend on something that cannot be told apart are not taken for others of the same tokens", () => {
  const one = stored(1, { token_ids: [7, 8] });
  const other = stored(2, { token_ids: [7, 8], extra_keys: [["a prompt embedding"]] });
  const feed = new FeedRig();
  assert.equal(feed.take(one, other, removed(2), removed(1)), "+1 -1");
  assert.deepEqual(feed.skipped(), { extra_keys: 1 });
  assert.equal(new FeedRig({ compat: true }).take(one, other), "+1");
  assert.equal(new FeedRig({ mode: "passthrough" }).take(one, other), "+1");
});

test("media: an engine is asked about its device, a source for tiers about all that are known", () => {
  const media = [undefined, "GPU", "CPU_TIER1", "DISK", "tape"];
  const events = media.map((medium, i) => stored(i + 1, medium === undefined ? {} : { medium }));
  const engine = new FeedRig();
  assert.equal(engine.take(...events), "+1 +2");
  assert.deepEqual(engine.skipped(), { medium: 3 });
  const tiers = new FeedRig({ kind: "kvbm" });
  assert.equal(tiers.take(...events), "+1 +2 +3 +4");
  assert.deepEqual(tiers.skipped(), { medium: 1 });
});
