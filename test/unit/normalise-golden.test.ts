/**
 * The recorded vectors of the reference publisher, against the normaliser.
 *
 * `v1_direct` and `v1_zmq` are its two outputs in August 2026. Where kvcast differs on purpose the table below says why
 * and what is expected instead; a case that is not in the table must agree with both outputs.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { Harness, type Removed, type Stored } from "../support/normaliser-harness.ts";
import { asList, asObject, asText, hashOf, type Json, type JsonObject, readFixture } from "../support/raw-events.ts";

type Outcome = Stored | Removed;

interface Difference {
  readonly why: string;
  /** Which outputs of the reference differ from ours. */
  readonly from: readonly ("direct" | "zmq")[];
  readonly events: readonly Outcome[];
}

const EMPTY_STORE = "D8: an event without blocks is not published";
const SIZE = 4;

function stored(hash: bigint, rank = 0): Stored {
  const tokens = Array.from({ length: SIZE }, (_, i) => i + 1);
  return { type: "stored", rank, hashes: [hash], parent: null, tokens, loraName: null, cacheSalt: null, mm: [null] };
}

function removed(list: readonly bigint[], rank = 0): Removed {
  return { type: "removed", rank, hashes: list };
}

const DIFFERENCES: Readonly<Record<string, Difference>> = {
  partial_stops_later_full_blocks: { why: EMPTY_STORE, from: ["zmq"], events: [] },
  only_partial_block: { why: EMPTY_STORE, from: ["zmq"], events: [] },
  empty_blocks_list: { why: EMPTY_STORE, from: ["zmq"], events: [] },
  oversized_after_partial_not_reached: { why: EMPTY_STORE, from: ["zmq"], events: [] },
  remove_of_partial_suppressed_then_second_remove_passes: {
    why: EMPTY_STORE,
    from: ["zmq"],
    events: [removed([10n])],
  },
  partial_then_completed_same_hash_then_removed: {
    why: `D5: a hash that is a full block now is no partial block any more; ${EMPTY_STORE}`,
    from: ["direct", "zmq"],
    events: [stored(10n), removed([10n])],
  },
  partial_hash_shared_between_ranks: {
    why: "D4: each rank has its own partial blocks",
    from: ["direct", "zmq"],
    events: [removed([10n], 1)],
  },
  no_created_events_with_window_field: {
    why: "D2: without an announcement the largest window of the traffic is published",
    from: ["direct", "zmq"],
    events: [stored(1n), stored(2n)],
  },
  created_without_window_then_windowed_events: {
    why: "D2: without an announcement the largest window of the traffic is published",
    from: ["direct", "zmq"],
    events: [stored(1n), stored(2n)],
  },
  late_created_ignored: {
    why: "D3: a late announcement teaches the window anew",
    from: ["direct", "zmq"],
    events: [stored(1n), stored(2n)],
  },
  first_stored_from_small_window_is_published: {
    why: "D1: an announced window filters at once",
    from: ["direct", "zmq"],
    events: [],
  },
  gap_duplicate_and_backwards: {
    why: "an id equal to the last is a duplicate and dropped",
    from: ["direct", "zmq"],
    events: [stored(1n), stored(3n), stored(4n)],
  },
  unknown_rank: {
    why: "an unknown rank is published and counted",
    from: ["direct"],
    events: [stored(1n, 5)],
  },
  malformed_in_middle: {
    why: "D7: a malformed entry costs itself only",
    from: ["direct", "zmq"],
    events: [stored(1n), removed([1n])],
  },
};

/** Where what is remembered in the end differs: highest id of rank 0, or the number of partial blocks. */
const OTHER_STATE: Readonly<Record<string, { why: string; lastId?: number; partials?: number }>> = {
  gap_duplicate_and_backwards: { why: "an old event does not lower the highest id", lastId: 7 },
  cache_salt_conflict_on_partial_block_also_drops: { why: "D6: a refused event remembers nothing", partials: 0 },
  partial_hash_shared_between_ranks: { why: "D4: rank 1 cannot take the partial block of rank 0", partials: 1 },
  malformed_in_middle: { why: "D7: the entry after the malformed one is read", lastId: 1 },
};

/** What each case counts besides what it publishes. */
const REASONS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  partial_stops_later_full_blocks: { partial_block: 1 },
  only_partial_block: { partial_block: 1 },
  empty_blocks_list: { no_blocks: 1 },
  oversized_block_drops_event: { block_too_large: 1 },
  oversized_after_partial_not_reached: { partial_block: 1 },
  remove_of_partial_suppressed_then_second_remove_passes: { partial_block: 2 },
  remove_empty: { no_blocks: 1 },
  remove_all_null: { no_blocks: 1 },
  partial_then_completed_same_hash_then_removed: { partial_block: 1 },
  partial_hash_shared_between_ranks: { partial_block: 1 },
  window_learned_from_created_then_filter: { created: 2, window_size: 2 },
  created_without_window_then_windowed_events: { created: 1 },
  late_created_ignored: { created: 2, window_size: 1 },
  first_stored_from_small_window_is_published: { created: 2, window_size: 2 },
  updated_event_ignored_does_not_end_created_phase: { created: 2, updated: 1 },
  mm_key_bad_hex: { mm_key: 1 },
  cache_salt_conflict_drops: { salt_conflict: 1 },
  cache_salt_conflict_on_partial_block_also_drops: { salt_conflict: 1 },
  string_token_id_digest: { mm_key: 1 },
  missing_event_id: { missing_field: 1 },
  missing_parent_hash: { missing_field: 1 },
  unknown_type: { unknown_type: 1 },
  malformed_in_middle: { empty_entry: 1 },
};

function hashList(value: Json | undefined): bigint[] {
  return asList(value).map((hash) => hashOf(hash));
}

function mmInfos(value: Json | undefined): (bigint[] | null)[] {
  return asList(value).map((info) => {
    if (info === null) return null;
    return asList(asObject(info)["mm_objects"]).map((item) => hashOf(asObject(item)["mm_hash"]));
  });
}

function textOrNull(value: Json | undefined): string | null {
  return value === undefined || value === null ? null : asText(value);
}

function outcome(event: JsonObject, rank: number): Outcome {
  if (event["type"] === "removed" || event["type"] === "BlockRemoved") {
    return { type: "removed", rank, hashes: hashList(event["block_hashes"]) };
  }
  const parent = event["parent_hash"] ?? event["parent_block_hash"] ?? null;
  return {
    type: "stored",
    rank,
    hashes: hashList(event["block_hashes"]),
    parent: parent === null ? null : hashOf(parent),
    tokens: asList(event["token_ids"]).map(Number),
    loraName: textOrNull(event["lora_name"]),
    cacheSalt: textOrNull(event["cache_salt"]),
    mm: mmInfos(event["block_mm_infos"]),
  };
}

function direct(recorded: JsonObject): Outcome[] {
  return Object.entries(asObject(recorded["batches_by_rank"])).flatMap(([rank, batches]) =>
    asList(batches).flatMap((batch) => asList(batch).map((event) => outcome(asObject(event), Number(rank)))),
  );
}

function zmq(recorded: JsonObject): Outcome[] {
  return asList(recorded["messages"]).flatMap((message) => {
    const [, events, rank] = asList(asObject(message)["payload_decoded"]);
    return asList(events).map((event) => outcome(asObject(event), Number(rank)));
  });
}

const byRank = (events: readonly Outcome[]): Outcome[] => events.toSorted((a, b) => a.rank - b.rank);

const cases = asList(asObject(readFixture("dynamo/golden_kv_events.json"))["cases"]).map((item) => asObject(item));

test("the table names recorded cases only", () => {
  const names = new Set(cases.map((recorded) => recorded["name"]));
  assert.equal(names.size, 41);
  for (const table of [DIFFERENCES, OTHER_STATE, REASONS]) {
    for (const name of Object.keys(table)) assert.ok(names.has(name), name);
  }
});

for (const recorded of cases) {
  const name = asText(recorded["name"]);
  test(name, () => {
    const harness = new Harness({ blockSize: Number(recorded["kv_block_size"]), ranks: 2 });
    harness.feed(...asList(recorded["input_events"]));
    const { counters, published } = harness;

    const difference = DIFFERENCES[name];
    const v1Direct = direct(asObject(recorded["v1_direct"]));
    const v1Zmq = zmq(asObject(recorded["v1_zmq"]));
    if (difference !== undefined) assert.deepEqual(published, difference.events);
    if (difference?.from.includes("direct") === true) assert.notDeepEqual(byRank(published), v1Direct);
    else assert.deepEqual(byRank(published), v1Direct);
    if (difference?.from.includes("zmq") === true) assert.notDeepEqual(published, v1Zmq);
    else assert.deepEqual(published, v1Zmq);

    assert.deepEqual(harness.reasons(), REASONS[name] ?? {});

    const gaps = asList(asObject(recorded["v1_direct"])["gap_metric_calls"]).map(Number);
    assert.equal(
      counters.missingIds.reduce((a, b) => a + b, 0),
      gaps.reduce((a, b) => a + b, 0),
    );
    const state = asObject(asObject(recorded["v1_direct"])["final_state"]);
    const other = OTHER_STATE[name];
    assert.equal(counters.partialBlocksTracked, other?.partials ?? asList(state["partial_block_hashes"]).length);
    for (const [rank, last] of Object.entries(asObject(state["last_engine_event_id_by_rank"]))) {
      const expected = rank === "0" ? (other?.lastId ?? last) : last;
      assert.equal(counters.lastEventId[counters.rankCell(Number(rank))], expected);
    }
  });
}
