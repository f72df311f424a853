/** Moves between tiers of an engine over HTTP, as events with a medium; the rig holds the books balanced at every step. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { IntakeRig } from "../support/intake-rig.ts";
import {
  block,
  createdJson,
  type Json,
  movedJson,
  removedJson,
  storedJson,
  updatedJson,
} from "../support/raw-events.ts";

const stored = (id: number, hash: number): Json => storedJson(id, [block(hash, 4)]);

test("a block that moves is told of in the tier that it moves to, and is removed from the one before", () => {
  const rig = new IntakeRig({ publishTierMoves: true });
  rig.feed(stored(0, 1), stored(1, 2), movedJson(2, 1, 0, 1), movedJson(3, 2, 0, 1), movedJson(4, 1, 1, 2));
  assert.deepEqual(rig.out, ["S0:1", "S0:2", "S0/1:1", "S0/1:2", "R0/1:1", "S0/2:1"]);
});

test("a block that is removed goes from where it was moved to as well", () => {
  const rig = new IntakeRig({ publishTierMoves: true });
  rig.feed(stored(0, 1), stored(1, 2), stored(2, 3));
  rig.feed(movedJson(3, 1, 0, 1), movedJson(4, 2, 0, 2), movedJson(5, 3, 0, 1), movedJson(6, 3, 1, 0));
  assert.deepEqual(rig.out.slice(3), ["S0/1:1", "S0/2:2", "S0/1:3", "R0/1:3"]);
  rig.feed(removedJson(7, [3, 2, 1]));
  assert.deepEqual(rig.out.slice(7), ["R0/1:1", "R0/2:2", "R0:3,2,1"]);
  assert.equal(rig.counters.injected.tier_move, 2);
  assert.equal(rig.counters.filtered.updated, 0);
  rig.feed(removedJson(8, [1]));
  assert.deepEqual(rig.out.slice(10), ["R0:1"], "once");
});

test("without the switch, and where nothing moves between tiers that are known, an update is left out", () => {
  const off = new IntakeRig();
  off.feed(stored(0, 1), movedJson(1, 1, 0, 1), removedJson(2, [1]));
  assert.deepEqual(off.out, ["S0:1", "R0:1"]);
  const rig = new IntakeRig({ publishTierMoves: true });
  const odd: Json[] = [
    updatedJson(0),
    movedJson(1, 1, 1, 1),
    movedJson(2, 1, 0, 3),
    movedJson(3, null, 0, 1),
    movedJson(4, "x", 0, 1),
    movedJson(5, 1, -1, 1),
    movedJson(6, 1, 0, "1"),
    movedJson(7, 1, null, 1),
    movedJson(8, [1], 0, 1),
  ];
  rig.feed(...odd);
  assert.deepEqual(rig.out, []);
  assert.equal(rig.counters.filtered.updated, odd.length, "and nothing of that is malformed");
});

test("a window that is not published does not move either", () => {
  const rig = new IntakeRig({ publishTierMoves: true });
  rig.feed(createdJson(0, { window: 128 }), createdJson(1, { window: 64 }));
  rig.feed(movedJson(2, 1, 0, 1, { window: 64 }), movedJson(3, 2, 0, 1, { window: 128 }));
  assert.deepEqual(rig.out, ["S0/1:2"]);
});

test("after a restart nothing is known of moves from before; another rank keeps its own", () => {
  const rig = new IntakeRig({ publishTierMoves: true, policy: { onRestart: true } });
  rig.feed(createdJson(0), createdJson(0, { rank: 1 }), movedJson(1, 1, 0, 1), movedJson(1, 1, 0, 1, { rank: 1 }));
  rig.feed(createdJson(0), removedJson(1, [1]), removedJson(2, [1], { rank: 1 }));
  assert.deepEqual(rig.out, ["S0/1:1", "S1/1:1", "C0", "R0:1", "R1/1:1", "R1:1"]);
});

test("a full ring holds every part of an event in its place, and none comes twice", () => {
  for (let refusals = 1; refusals < 8; refusals++) {
    const rig = new IntakeRig({ publishTierMoves: true });
    rig.feed(movedJson(0, 1, 0, 1), movedJson(1, 2, 0, 2));
    rig.fill(refusals);
    rig.feed(movedJson(2, 1, 1, 2), removedJson(3, [1, 2]));
    assert.deepEqual(rig.out, ["S0/1:1", "S0/2:2", "R0/1:1", "S0/2:1", "R0/2:1,2", "R0:1,2"]);
    assert.equal(rig.refusals, refusals);
  }
});
