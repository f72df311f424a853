/** The judge of events that an engine publishes itself: each reason to leave one out, each to refuse one, and what goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { ranksAt, ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import { WireEvent } from "../../src/main/wire/wire-event.ts";
import { EventJudge, type EventJudgeOptions } from "../../src/main/zmq-engine/event-judge.ts";
import { GroupTable } from "../../src/main/zmq-engine/group-table.ts";
import { batch, type Fields, storedMap } from "../support/wire-payload.ts";

interface Rig {
  readonly judge: EventJudge;
  readonly counters: EngineCounters;
  readonly groups: GroupTable;
  readonly refused: string[];
  /** What becomes of one event: "publish", or `filtered reason`, or `invalid reason`. */
  readonly of: (event: unknown, rank?: number) => string;
}

function rig(options: Partial<EventJudgeOptions> = {}): Rig {
  const counters = new EngineCounters("engine0", "zmq", 2);
  const groups = new GroupTable();
  const refused: string[] = [];
  const judge = new EventJudge({
    kvBlockSizeTokens: 2,
    publishTierMoves: false,
    ranks: ranksOfOnly(2),
    counters,
    groups,
    onInvalid: (reason) => refused.push(reason),
    ...options,
  });
  const reader = new WireBatchReader();
  const wire = new WireEvent();
  const of = (event: unknown, rank: number = 0): string => {
    const before = sums(counters);
    assert.equal(reader.open(batch(event)), null);
    assert.ok(reader.next(wire));
    const verdict = judge.judge(wire, rank);
    if (verdict === "publish") {
      assert.equal(sums(counters), before, "it is counted when it is taken, and not before");
      judge.countPublished(wire, rank);
      return verdict;
    }
    const column: Readonly<Record<string, number>> = counters[verdict];
    const reasons = Object.keys(column).filter((reason) => column[reason] === 1);
    for (const reason of reasons) Object.assign(column, { [reason]: 0 });
    assert.equal(reasons.length, 1, "one outcome an event");
    return `${verdict} ${reasons[0]}`;
  };
  return { judge, counters, groups, refused, of };
}

function sums(counters: EngineCounters): string {
  return JSON.stringify([counters.received, counters.filtered, counters.invalid, counters.enqueued]);
}

const removed = (fields: Fields = {}): Fields => ({ type: "BlockRemoved", block_hashes: [1], ...fields });
const info = (hash: number): unknown => ({ mm_objects: [{ mm_hash: hash }] });
const cleared = (fields: Fields = {}): Fields => ({ type: "AllBlocksCleared", ...fields });

test("each reason, for stored and removed events", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["publish", storedMap()],
    ["publish", storedMap({ medium: "GPU", locality: "LOCAL", group_idx: 0, kv_cache_spec_kind: "mla_attention" })],
    ["publish", storedMap({ medium: "" })],
    ["publish", removed({ medium: "DEVICE" })],
    ["publish", cleared()],
    ["filtered ignored", { type: "Ignored" }],
    ["filtered ownership", storedMap({ ownership: "kvcr" })],
    ["filtered ownership", removed({ ownership: "of some other kind" })],
    ["filtered ownership", cleared({ ownership: "kvcr" })],
    ["filtered locality", storedMap({ locality: "REMOTE" })],
    ["filtered locality", removed({ locality: "local" })],
    ["filtered medium", storedMap({ medium: "gpu" })],
    ["filtered medium", removed({ medium: "OBJ" })],
    ["filtered tier_move", storedMap({ medium: "CPU" })],
    ["filtered tier_move", removed({ medium: "DISK" })],
    ["filtered tier_move", removed({ medium: "EXTERNAL" })],
    ["filtered attention_kind", storedMap({ kv_cache_spec_kind: "sliding_window" })],
    ["filtered attention_kind", removed({ kv_cache_spec_kind: "mamba" })],
    ["filtered attention_group", removed({ group_idx: 3 })],
    ["filtered extra_keys", storedMap({ extra_keys: [["who knows"], null] })],
    ["filtered no_blocks", removed({ block_hashes: [] })],
    ["filtered no_blocks", storedMap({ block_hashes: [], token_ids: [] })],
    ["filtered partial_block", storedMap({ block_hashes: [1], token_ids: [10] })],
    ["invalid block_size", storedMap({ block_size: 4 })],
    ["invalid block_size", storedMap({ block_size: 0 })],
    ["invalid token_count", storedMap({ token_ids: [10, 11] })],
    ["invalid token_count", storedMap({ token_ids: [10, 11, 12, 13, 14] })],
    ["invalid token_count", storedMap({ token_ids: [] })],
    [
      "invalid eagle",
      storedMap({
        block_hashes: [1],
        token_ids: [
          [1, 2],
          [2, 3],
        ],
      }),
    ],
  ];
  for (const [expected, event] of rows) assert.equal(rig().of(event), expected, JSON.stringify(event));
});

test("of several reasons the first in this order counts: ownership, locality, medium, group", () => {
  const { of } = rig();
  const all = { ownership: "kvcr", locality: "REMOTE", medium: "what", kv_cache_spec_kind: "mamba", block_size: 9 };
  const { ownership: _ownership, ...withoutOwner } = all;
  const { locality: _locality, ...withoutPlace } = withoutOwner;
  const { medium: _medium, ...withoutMedium } = withoutPlace;
  const { kv_cache_spec_kind: _kind, ...rest } = withoutMedium;
  assert.equal(of(storedMap(all)), "filtered ownership");
  assert.equal(of(storedMap(withoutOwner)), "filtered locality");
  assert.equal(of(storedMap(withoutPlace)), "filtered medium");
  assert.equal(of(storedMap(withoutMedium)), "filtered attention_kind");
  assert.equal(of(storedMap(rest)), "invalid block_size");
});

test("a group is learned from a stored event, rank by rank, and forgotten with the rank", () => {
  const { of, groups } = rig();
  const main = storedMap({ group_idx: 2, kv_cache_spec_kind: "full_attention" });
  assert.equal(of(removed({ group_idx: 2 })), "filtered attention_group");
  assert.equal(of(removed({ group_idx: 2, kv_cache_spec_kind: "full_attention" })), "publish");
  assert.equal(of(removed({ group_idx: 2 })), "filtered attention_group", "a removal teaches nothing");
  assert.equal(of(main), "publish");
  assert.equal(of(removed({ group_idx: 2 })), "publish");
  assert.equal(of(storedMap({ group_idx: 2 })), "publish");
  assert.equal(of(removed({ group_idx: 2 }), 1), "filtered attention_group");
  groups.forget(0);
  assert.equal(of(removed({ group_idx: 2 })), "filtered attention_group");
});

test("group 0 counts until it is known to be another kind", () => {
  const { of } = rig();
  assert.equal(of(removed({ group_idx: 0 })), "publish");
  assert.equal(
    of(storedMap({ group_idx: 0, kv_cache_spec_kind: "chunked_local_attention" })),
    "filtered attention_kind",
  );
  assert.equal(of(removed({ group_idx: 0 })), "filtered attention_group");
  assert.equal(of(removed()), "publish", "without a number there is but one group");
});

test("group numbers from outside cannot fill memory, and those beyond all sense are never learned", () => {
  const { of } = rig();
  const kind = { kv_cache_spec_kind: "full_attention" };
  assert.equal(of(storedMap({ group_idx: 4_294_967_295, ...kind })), "publish");
  assert.equal(of(removed({ group_idx: 4_294_967_295 })), "filtered attention_group");
  // Otherwise its lesson would be taken for one of the next rank.
  assert.equal(of(storedMap({ group_idx: 1025, ...kind })), "publish");
  assert.equal(of(removed({ group_idx: 1 }), 1), "filtered attention_group");
});

test("tier moves that are wanted go out with their tier, and those of no known tier never", () => {
  const { of, judge } = rig({ publishTierMoves: true });
  for (const [medium, tier] of [
    ["GPU", 0],
    ["CPU", 1],
    ["STORAGE", 2],
    ["EXTERNAL", 3],
  ] as const) {
    assert.equal(of(storedMap({ medium })), "publish");
    assert.deepEqual([judge.out.tier, judge.out.blockCount, judge.out.tokenCount], [tier, 2, 4], medium);
    assert.equal(of(removed({ medium })), "publish");
    assert.equal(judge.out.tier, tier, medium);
  }
  assert.equal(of(storedMap({ medium: "OBJ" })), "filtered medium");
  assert.equal(of(storedMap({ medium: "CPU", token_ids: [] })), "publish", "moves often leave out the tokens");
  assert.deepEqual([judge.out.blockCount, judge.out.tokenCount], [2, 0]);
  assert.equal(of(storedMap({ medium: "CPU", token_ids: [1] })), "invalid token_count");
  assert.equal(of(storedMap({ medium: "CPU", kv_cache_spec_kind: "mamba" })), "filtered attention_kind");
  assert.equal(of(storedMap({ medium: "DISK", kv_cache_spec_kind: "mamba" })), "publish", "disks keep all kinds");
});

test("a short last block is cut off, with what is said of it", () => {
  const { of, judge } = rig();
  const event = storedMap({
    block_hashes: [7, 8, 9],
    token_ids: [1, 2, 3, 4, 5],
    block_mm_infos: [info(1), null, info(3)],
  });
  assert.equal(of(event), "publish");
  const { out } = judge;
  assert.deepEqual([out.blockCount, out.tokenCount], [2, 4]);
  assert.deepEqual(out.mmInfos, [[{ lo: 1, hi: 0 }], null]);
});

test("all fields go on, under the published rank", () => {
  const { of, judge, counters } = rig({ ranks: ranksAt(1, 3, 2) });
  assert.equal(of(storedMap({ parent_block_hash: -1, lora_name: "a", lora_id: 4, cache_salt: "" }), 1), "publish");
  const { out } = judge;
  assert.deepEqual([out.rank, out.hasParent, out.parentLo, out.parentHi], [3, true, 0xffff_ffff, 0xffff_ffff]);
  assert.deepEqual([out.loraName, out.loraId, out.cacheSalt, out.mmListPresent], ["a", 4, "", false]);
  assert.deepEqual([...out.hashLo.subarray(0, out.blockCount)], [1, 2]);
  assert.deepEqual([...out.tokens.subarray(0, out.tokenCount)], [10, 11, 12, 13]);
  assert.deepEqual([counters.received.stored, counters.enqueued], [1, 1]);
  assert.equal(of(cleared(), 0), "publish");
  assert.deepEqual([judge.out.rank, judge.out.kind, counters.received.cleared], [2, 3, 1]);
});

test("a rank beyond the size is published and counted where the engine is alone, and left out beside others", () => {
  const alone = rig();
  assert.equal(alone.of(storedMap(), 5), "publish");
  assert.equal(alone.counters.unknownRank, 1);
  const beside = rig({ ranks: ranksAt(0, 2, 2) });
  assert.equal(beside.of(storedMap(), 2), "filtered unknown_rank");
  assert.equal(beside.counters.unknownRank, 0);
});

test("whoever is told of refusals hears the reason", () => {
  const { of, refused } = rig();
  of(storedMap({ block_size: 3 }));
  of(storedMap({ ownership: "kvcr" }));
  of(storedMap({ token_ids: [1] }));
  assert.deepEqual(refused, ["block_size", "token_count"]);
});
