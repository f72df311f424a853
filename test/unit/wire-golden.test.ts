/**
 * Recorded output of the Python publishers, byte for byte: an engine's JSON through the scanner, the normaliser, the
 * record and the frame encoder, against what the classes of August 2026 (`dynamo`) and January 2026 (`dynamo-2026-01`)
 * put on the wire for the same events.
 *
 * Where kvcast differs on purpose, a table says which message and why. The January dialect changes the wire only: what
 * that version's own rules made of an event is not reproduced.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { Normaliser } from "../../src/main/normalise/normaliser.ts";
import type { WireFormat } from "../../src/shared/wire-format.ts";
import { asList, asObject, asText, type Json, type JsonObject, readFixture } from "../support/raw-events.ts";
import { WireBatch } from "../support/wire.ts";

interface Difference {
  readonly why: string;
  /** Recorded messages that kvcast does not send. */
  readonly without?: readonly number[];
  /** Recorded messages that it sends with another rank. */
  readonly ranks?: Readonly<Record<number, number>>;
  /** Messages that it sends behind the recorded ones, as [kind, hash]. */
  readonly more?: readonly (readonly ["S" | "R", number])[];
}

const D2 = "D2: without an announcement the largest window of the traffic is published";
const D7 = "D7: a malformed event costs itself, what follows is published";
const D8 = "D8: an event without blocks is not published";

const AUGUST: Readonly<Record<string, Difference>> = {
  partial_stops_later_full_blocks: { why: D8, without: [0] },
  only_partial_block: { why: D8, without: [0] },
  empty_blocks_list: { why: D8, without: [0] },
  oversized_after_partial_not_reached: { why: D8, without: [0] },
  remove_of_partial_suppressed_then_second_remove_passes: { why: D8, without: [0] },
  partial_then_completed_same_hash_then_removed: {
    why: `D5: a hash that is a full block now is no partial block any more; ${D8}`,
    without: [0],
    more: [["R", 10]],
  },
  partial_hash_shared_between_ranks: {
    why: `D4: each rank has its own partial blocks; ${D8}`,
    without: [0],
    more: [["R", 10]],
  },
  no_created_events_with_window_field: { why: D2, more: [["S", 2]] },
  created_without_window_then_windowed_events: { why: D2, more: [["S", 2]] },
  late_created_ignored: {
    why: "D3: a late announcement teaches the window anew",
    without: [1],
    more: [["S", 2]],
  },
  first_stored_from_small_window_is_published: { why: "D1: an announced window filters at once", without: [0] },
  gap_duplicate_and_backwards: { why: "an id equal to the last is a duplicate and dropped", without: [1] },
  malformed_in_middle: { why: D7, more: [["R", 1]] },
};

const JANUARY_RULES = "the January rules are not reproduced";
const NO_RANK = "the January class knew no ranks and always said 0";
const JANUARY: Readonly<Record<string, Difference>> = {
  partial_stops_later_full_blocks: { why: D8, without: [0] },
  only_partial_block: { why: D8, without: [0] },
  empty_blocks_list: { why: D8, without: [0] },
  oversized_after_partial_not_reached: { why: D8, without: [0] },
  remove_of_partial_suppressed_then_second_remove_passes: { why: D8, without: [0, 1] },
  remove_empty: { why: D8, without: [0] },
  remove_all_null: { why: D8, without: [0] },
  partial_then_completed_same_hash_then_removed: { why: `D5; ${D8}`, without: [0, 2], more: [["R", 10]] },
  partial_hash_shared_between_ranks: { why: `D4; ${D8}`, without: [0, 1], more: [["R", 10]] },
  no_created_events_with_window_field: { why: D2, more: [["S", 2]] },
  created_without_window_then_windowed_events: { why: D2, more: [["S", 2]] },
  late_created_ignored: { why: "D3", without: [1], more: [["S", 2]] },
  first_stored_from_small_window_is_published: { why: "D1", without: [0] },
  gap_duplicate_and_backwards: { why: "an id equal to the last is a duplicate and dropped", without: [1] },
  gap_per_rank_independent: { why: NO_RANK, ranks: { 1: 1, 3: 1 } },
  unknown_rank: { why: NO_RANK, ranks: { 0: 5 } },
  malformed_in_middle: { why: D7, more: [["R", 1]] },
  mm_key_bad_hex: { why: `${JANUARY_RULES}: it did not look at multimodal keys`, without: [0] },
  cache_salt_conflict_drops: { why: `${JANUARY_RULES}: it did not look at salts`, without: [0] },
  cache_salt_conflict_on_partial_block_also_drops: { why: `${JANUARY_RULES}: it did not look at salts`, without: [0] },
};

/** Hashes stand in the fixture as decimal strings where they exceed 2^53; on the wire of an engine they are bare. */
function engineBody(events: Json): Buffer {
  const text = JSON.stringify(events).replace(
    /("(?:block_hash|parent_hash)":|"block_hashes":\[[^\]]*)("-?\d+")/g,
    (_all, before: string, quoted: string) => before + quoted.slice(1, -1),
  );
  // One pass replaces one hash of a list; a list may hold several.
  const again = text.replace(/"block_hashes":\[[^\]]*\]/g, (list) => list.replace(/"(\d+)"(?=[,\]])/g, "$1"));
  return Buffer.from(again);
}

function publishedBy(testCase: JsonObject, format: WireFormat): Buffer[] {
  const blockSize = Number(testCase["kv_block_size"]);
  const normaliser = new Normaliser({
    kvBlockSizeTokens: blockSize,
    ranks: ranksOfOnly(asList(testCase["ranks_available"]).length),
    mmTokenOffset: null,
    counters: new EngineCounters("engine0", "http", 2),
    onNotice: () => {},
  });
  const scanner = new EventScanner();
  scanner.begin();
  scanner.push(engineBody(testCase["input_events"] ?? []));
  scanner.end();
  const raw = new RawEvent();
  const payloads: Buffer[] = [];
  for (let step = scanner.next(raw); step !== "done"; step = scanner.next(raw)) {
    assert.equal(step, "event", scanner.error?.message);
    if (normaliser.normalise(raw) !== "publish") continue;
    const batch = new WireBatch();
    batch.add(normaliser.out);
    const { entries } = batch.encode(format, blockSize, normaliser.out.rank);
    payloads.push(...entries.map((entry) => entry.payload));
  }
  return payloads;
}

/** The short form of a payload that the tables use for messages that are not in the recording. */
function kindAndHash(payload: Buffer): readonly [string, number] {
  const stored = payload.includes("BlockStored");
  const hashes = payload.indexOf("block_hashes") + "block_hashes".length;
  return [stored ? "S" : "R", payload[hashes + 1] ?? -1];
}

function withRank(hex: string, rank: number): string {
  assert.ok(rank < 128);
  return hex.slice(0, -2) + rank.toString(16).padStart(2, "0");
}

function check(testCase: JsonObject, output: string, format: WireFormat, difference: Difference | undefined): void {
  const recorded = asList(asObject(testCase[output])["messages"]).map((message) =>
    asText(asObject(message)["payload_hex"]),
  );
  const expected = recorded
    .map((hex, i) => {
      const rank = difference?.ranks?.[i];
      return rank === undefined ? hex : withRank(hex, rank);
    })
    .filter((_, i) => difference?.without?.includes(i) !== true);
  const actual = publishedBy(testCase, format).map((payload) => payload.toString("hex"));
  const more = difference?.more ?? [];
  if (more.length === 0) {
    assert.deepEqual(actual, expected);
    return;
  }
  const added = actual.filter((hex) => !expected.includes(hex));
  assert.deepEqual(
    actual.filter((hex) => expected.includes(hex)),
    expected,
  );
  assert.deepEqual(
    added.map((hex) => kindAndHash(Buffer.from(hex, "hex"))),
    more,
  );
}

const cases = asList(asObject(readFixture("dynamo/golden_kv_events.json"))["cases"]).map(asObject);

test("the recorded cases are there, and each row of the tables is one of them", () => {
  assert.equal(cases.length, 41);
  const names = new Set(cases.map((testCase) => asText(testCase["name"])));
  for (const name of [...Object.keys(AUGUST), ...Object.keys(JANUARY)]) assert.ok(names.has(name), name);
});

for (const testCase of cases) {
  const name = asText(testCase["name"]);
  // A difference that does not show is a row to delete.
  test(`dynamo: ${name}${AUGUST[name] === undefined ? "" : ` (${AUGUST[name].why})`}`, () => {
    check(testCase, "v1_zmq", "dynamo", AUGUST[name]);
  });
  test(`dynamo-2026-01: ${name}${JANUARY[name] === undefined ? "" : ` (${JANUARY[name].why})`}`, () => {
    check(testCase, "v0_zmq", "dynamo-2026-01", JANUARY[name]);
  });
}
