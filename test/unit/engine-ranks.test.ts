/** Where the ranks of several engines go, and that no event of one is ever published under a rank of another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { asPublished, ownPart, ranksAt, ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { UnknownRanks, UnknownRankSet } from "../../src/main/normalise/unknown-ranks.ts";
import { MAX_RANK } from "../../src/shared/record.ts";
import { IntakeRig } from "../support/intake-rig.ts";
import { Harness } from "../support/normaliser-harness.ts";
import {
  block,
  createdJson,
  type EventFields,
  type Json,
  rawEventOf,
  removedJson,
  storedJson,
} from "../support/raw-events.ts";
import { followed, savedAt } from "../support/saved-ranks.ts";

function stored(id: number, hash: number, fields: EventFields = {}): Json {
  return storedJson(id, [block(hash, 4)], fields);
}

test("engines stand one behind the other; one that is alone has all ranks", () => {
  assert.deepEqual(ranksAt(0, 1, 4), { size: 4, base: 0, highest: MAX_RANK });
  assert.deepEqual(ranksAt(0, 1, 4), ranksOfOnly(4));
  assert.deepEqual(
    [0, 1, 2].map((position) => ranksAt(position, 3, 4)),
    [
      { size: 4, base: 0, highest: 3 },
      { size: 4, base: 4, highest: 3 },
      { size: 4, base: 8, highest: 3 },
    ],
  );
});

test("what is saved by published ranks comes apart into engines, and together again", () => {
  const all = new Map([0, 1, 2, 3, 5, 6].map((rank) => [rank, followed(100 + rank)]));
  const places = [0, 1, 2].map((position) => ranksAt(position, 3, 2));
  const parts = places.map((place) => ownPart(all, place));
  assert.deepEqual(
    parts.map((part) => [...part].map(([rank, { lastEventId }]) => [rank, lastEventId])),
    [
      [
        [0, 100],
        [1, 101],
      ],
      [
        [0, 102],
        [1, 103],
      ],
      [[1, 105]],
    ],
  );
  const together = places.flatMap((place, i) => [...asPublished(parts[i] ?? new Map(), place)]);
  all.delete(6); // beyond the last engine
  assert.deepEqual(new Map(together), all);
  assert.deepEqual(ownPart(all, ranksOfOnly(1)), all);
});

test("stored, removed and cleared events go out under the engine's place; its books keep its own ranks", async () => {
  const rig = new IntakeRig({ place: ranksAt(2, 3, 2), policy: { onStart: true, onRestart: true, onGap: true } });
  await rig.begin();
  rig.feed(stored(0, 1), stored(1, 2), stored(0, 3, { rank: 1 }), removedJson(2, [1]), stored(0, 4), stored(4, 5));
  assert.deepEqual(rig.out, ["C4", "C5", "S4:1", "S4:2", "S5:3", "R4:1", "C4", "S4:4", "C4", "S4:5"]);
  assert.deepEqual([...rig.counters.lastEventId], [4, 0, -1]);
  assert.deepEqual([...rig.counters.missingIds], [3, 0, 0]);
  assert.equal(rig.counters.unknownRank, 0);
  assert.deepEqual([...(rig.intake.followed() ?? []).keys()], [0, 1]);
});

test("a dirty rank is named by its own number", () => {
  const rig = new IntakeRig({ place: ranksAt(1, 2, 2) });
  rig.feed(stored(0, 1, { rank: 1 }), stored(5, 2, { rank: 1 }));
  assert.deepEqual(rig.counters.dirtyRanks(), [{ rank: 1, reason: "gap", missing: 4 }]);
});

test("a rank beyond the size is another engine's number: nothing of it goes out, not even a clear", async () => {
  const rig = new IntakeRig({ place: ranksAt(0, 2, 2), policy: { onStart: true, onRestart: true, onGap: true } });
  await rig.begin();
  const broken = rawEventOf(stored(7, 1, { rank: 2 }));
  broken.fail("bad_type");
  rig.feed(
    stored(0, 1, { rank: 2 }),
    stored(9, 2, { rank: 2 }),
    stored(0, 3, { rank: 2 }),
    createdJson(0, { rank: MAX_RANK }),
  );
  rig.accept(broken);
  rig.feed(removedJson(1, [3], { rank: 2 }), stored(0, 4));
  assert.deepEqual(rig.out, ["C0", "C1", "S0:4"]);
  assert.equal(rig.counters.filtered.unknown_rank, 6);
  assert.equal(rig.counters.unknownRank, 0, "that counts the published ones");
  assert.equal(rig.counters.resets, 0);
  assert.deepEqual(rig.counters.dirtyRanks(), []);
  assert.deepEqual([...(rig.intake.followed() ?? []).keys()], [0], "it is not followed either");
  assert.deepEqual(
    rig.notices.map(({ code, rank }) => [code, rank]),
    [
      ["rank_left_out", 2],
      ["rank_left_out", MAX_RANK],
    ],
    "once a rank",
  );
});

test("an entry without an id, or with a rank that nobody can have, is malformed as ever", () => {
  const harness = new Harness({ place: ranksAt(0, 2, 1) });
  const raw = rawEventOf(stored(0, 1));
  raw.rank = MAX_RANK + 1;
  raw.fail("bad_type");
  assert.equal(harness.offer(raw), "invalid");
  const empty = rawEventOf({});
  assert.equal(harness.offer(empty), "invalid");
  assert.deepEqual(harness.reasons(), { bad_type: 1, empty_entry: 1 });
});

test("a rank of a later engine goes on where the saved state ends", async () => {
  const saved = savedAt(new Map([[0, 41]]));
  const rig = new IntakeRig({ place: ranksAt(1, 2, 2), policy: { onStart: true }, saved });
  await rig.begin();
  rig.feed(stored(42, 1), stored(42, 2, { rank: 1 }));
  assert.deepEqual(rig.out, ["C3", "S2:1", "S3:2"]);
});

test("the unknown ranks of all engines are told together", () => {
  const told: number[][] = [];
  const all = new UnknownRankSet((ranks) => told.push([...ranks]));
  const nobody = { gap: () => false, restart: (): void => {} };
  const [first, second] = [0, 1].map((position) => new UnknownRanks(nobody, new Map(), ranksAt(position, 2, 2), all));
  first?.first(1, 9, false);
  second?.first(0, 0, false);
  second?.gap(1, 3);
  second?.gap(1, 3);
  first?.restart(1);
  first?.restart(1);
  assert.deepEqual(told, [[1], [1, 3], [3]]);
});
