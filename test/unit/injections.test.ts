/** When kvcast clears a rank by itself: at the start, when the engine begins anew, when ids are missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { IntakeRig } from "../support/intake-rig.ts";
import {
  block,
  createdJson,
  type EventFields,
  type Json,
  rawEventOf,
  removedJson,
  storedJson,
} from "../support/raw-events.ts";
import { savedAt } from "../support/saved-ranks.ts";

/** A stored block whose hash is the number. */
function stored(id: number, hash: number, fields: EventFields = {}): Json {
  return storedJson(id, [block(hash, 4)], fields);
}

test("at the start the configured ranks are cleared, each once and in order, before anything else", async () => {
  const rig = new IntakeRig({ policy: { onStart: true }, ranks: 3 });
  await rig.begin();
  assert.deepEqual(rig.out, ["C0", "C1", "C2"]);
  assert.equal(rig.flushes, 1, "nobody else may flush for a while");
  rig.feed(stored(0, 5, { rank: 1 }), stored(0, 6));
  assert.deepEqual(rig.out.slice(3), ["S1:5", "S0:6"]);
  assert.deepEqual(rig.counters.injected, { start: 3, restart: 0, gap: 0, command: 0, tier_move: 0 });
});

test("a full ring makes the start wait, and it goes on where it stopped", async () => {
  const rig = new IntakeRig({ policy: { onStart: true }, ranks: 3, full: [true, false, true, true, false, true] });
  await rig.begin();
  assert.deepEqual(rig.out, ["C0", "C1", "C2"]);
  assert.equal(rig.refusals, 4);
});

test("a stop ends the wait of the start", async () => {
  const rig = new IntakeRig({ policy: { onStart: true }, full: Array.from({ length: 9 }, () => true) });
  let asked = 0;
  await rig.intake.begin(() => ++asked === 3);
  assert.deepEqual(rig.out, []);
  assert.equal(rig.refusals, 3);
  rig.assertBalanced();
});

test("a rank beyond the configured size is cleared when it shows up, be it with an event that is not published", async () => {
  const rig = new IntakeRig({ policy: { onStart: true }, ranks: 1 });
  await rig.begin();
  rig.feed(stored(7, 1, { rank: 5 }), createdJson(0, { rank: 9 }), stored(8, 2, { rank: 5 }));
  assert.deepEqual(rig.out, ["C0", "C5", "S5:1", "C9", "S5:2"]);
  assert.equal(rig.counters.injected.start, 3);
});

test("without the switch nothing is cleared at the start", async () => {
  const rig = new IntakeRig({ policy: { onRestart: true, onGap: true } });
  await rig.begin();
  rig.feed(stored(3, 1), stored(0, 2, { rank: 5 }));
  assert.deepEqual(rig.out, ["S0:1", "S5:2"]);
});

test("a restart is told before the event that reveals it, for that rank alone", () => {
  const rig = new IntakeRig({ policy: { onRestart: true } });
  rig.feed(stored(0, 1), stored(1, 2), stored(0, 3, { rank: 1 }), stored(0, 4), stored(1, 5, { rank: 1 }));
  assert.deepEqual(rig.out, ["S0:1", "S0:2", "S1:3", "C0", "S0:4", "S1:5"]);
  assert.deepEqual(rig.counters.injected, { start: 0, restart: 1, gap: 0, command: 0, tier_move: 0 });
  assert.equal(rig.counters.resets, 1);
});

test("the clear goes out also when the event behind it does not", () => {
  const rig = new IntakeRig({ policy: { onRestart: true, onGap: true } });
  const broken = rawEventOf(stored(20, 9));
  broken.fail("bad_type");
  rig.feed(stored(0, 1), stored(1, 2), createdJson(0), stored(1, 3));
  rig.accept(broken);
  assert.deepEqual(rig.out, ["S0:1", "S0:2", "C0", "S0:3", "C0"]);
  assert.deepEqual(rig.counters.injected, { start: 0, restart: 1, gap: 1, command: 0, tier_move: 0 });
  assert.equal(rig.counters.filtered.created, 1);
  assert.equal(rig.counters.invalid.bad_type, 1);
});

test("a full ring holds the event behind the clear, and neither comes twice", () => {
  for (let fullOffers = 0; fullOffers < 4; fullOffers++) {
    const rig = new IntakeRig({ policy: { onRestart: true } });
    rig.feed(stored(0, 1), stored(1, 2));
    rig.fill(fullOffers);
    rig.feed(stored(0, 3));
    assert.equal(rig.refusals, fullOffers);
    assert.deepEqual(rig.out, ["S0:1", "S0:2", "C0", "S0:3"]);
  }
});

test("a clear that is owed outlives the event that was given up with it", () => {
  const rig = new IntakeRig({ policy: { onRestart: true } });
  rig.feed(stored(0, 1), stored(1, 2));
  rig.fill(2);
  const raw = rawEventOf(stored(0, 3));
  assert.equal(rig.intake.accept(raw), false);
  assert.equal(rig.intake.retry(), false);
  // What a source does at the end of its patience.
  rig.counters.countReceived(raw.kind);
  rig.counters.droppedAtShutdown++;
  rig.assertBalanced();
  rig.feed(stored(0, 7, { rank: 1 }), stored(1, 4));
  assert.deepEqual(rig.out, ["S0:1", "S0:2", "S1:7", "C0", "S0:4"]);
});

test("where a restart must not be told the rank is dirty from then on", () => {
  const rig = new IntakeRig({ policy: { onGap: true } });
  rig.feed(stored(0, 1), stored(1, 2), stored(0, 3));
  assert.deepEqual(rig.out, ["S0:1", "S0:2", "S0:3"]);
  assert.deepEqual(rig.counters.dirtyRanks(), [{ rank: 0, reason: "restart", missing: 0 }]);
  rig.feed(stored(3, 4));
  assert.deepEqual(rig.out.slice(3), ["C0", "S0:4"]);
  assert.deepEqual(rig.counters.dirtyRanks(), []);
});

test("a gap marks the rank until its next clear; what comes late does not heal it", () => {
  const rig = new IntakeRig({ policy: { onRestart: true } });
  rig.feed(stored(0, 1), stored(4, 2), stored(2, 3), stored(0, 9, { rank: 7 }), stored(2, 9, { rank: 7 }));
  assert.deepEqual(rig.counters.dirtyRanks(), [
    { rank: 0, reason: "gap", missing: 3 },
    { rank: 7, reason: "gap", missing: 1 },
  ]);
  rig.feed(stored(7, 4));
  assert.deepEqual(rig.counters.dirty.get(0), { reason: "gap", missing: 5 });
  rig.feed(createdJson(0));
  assert.deepEqual(rig.counters.dirtyRanks(), [{ rank: 7, reason: "gap", missing: 1 }]);
  rig.feed(stored(5, 5));
  assert.deepEqual(rig.counters.dirty.get(0), { reason: "gap", missing: 4 }, "counted from the clear on");
  assert.deepEqual(
    rig.out.filter((event) => event.startsWith("C")),
    ["C0"],
  );
  assert.equal(rig.counters.missingIds[0], 9, "the counter only rises");
});

test("a gap clears the rank before the event behind it, if that is wanted", () => {
  const rig = new IntakeRig({ policy: { onGap: true } });
  rig.feed(stored(0, 1), stored(4, 2), stored(5, 3));
  assert.deepEqual(rig.out, ["S0:1", "C0", "S0:2", "S0:3"]);
  assert.deepEqual(rig.counters.injected, { start: 0, restart: 0, gap: 1, command: 0, tier_move: 0 });
  assert.deepEqual(rig.counters.dirtyRanks(), []);
});

test("a rank stays dirty while its clear waits for room", () => {
  const rig = new IntakeRig({ policy: { onGap: true } });
  rig.feed(stored(0, 1));
  rig.fill(1);
  assert.equal(rig.intake.accept(rawEventOf(stored(2, 2))), false);
  assert.equal(rig.counters.dirty.size, 1);
  assert.equal(rig.intake.retry(), true);
  assert.equal(rig.counters.dirty.size, 0);
});

test("a gap that clears forgets partial blocks, one that marks does not", () => {
  for (const onGap of [true, false]) {
    const rig = new IntakeRig({ policy: { onGap } });
    rig.feed(storedJson(0, [block(5, 2)]), removedJson(3, [5]));
    assert.deepEqual(rig.out, onGap ? ["C0", "R0:5"] : []);
    assert.equal(rig.counters.partialBlocksTracked, 0);
  }
});

test("an event that waits for room is judged once: what was suppressed stays suppressed", () => {
  const rig = new IntakeRig();
  rig.feed(storedJson(0, [block(5, 2)]));
  rig.fill(3);
  rig.feed(removedJson(1, [5, 6]));
  assert.deepEqual(rig.out, ["R0:6"]);
});

test("a rank that goes on where the saved state ends is not cleared, any other is, once its first event is there", async () => {
  const expectedLastIds = new Map([
    [0, 41],
    [1, 41],
    [2, 41],
    [3, 41],
    [9, 41],
  ]);
  for (const onStart of [true, false]) {
    const rig = new IntakeRig({ policy: { onStart }, ranks: 5, saved: savedAt(expectedLastIds) });
    await rig.begin();
    assert.deepEqual(rig.out, onStart ? ["C4"] : []);
    rig.out.length = rig.counters.enqueued = rig.counters.injected.start = 0;
    rig.feed(stored(42, 1), stored(43, 2, { rank: 1 }), createdJson(0, { rank: 2 }), stored(41, 3, { rank: 3 }));
    rig.feed(stored(42, 4, { rank: 9 }), stored(43, 5), stored(44, 6, { rank: 1 }));
    assert.deepEqual(rig.out, ["S0:1", "C1", "S1:2", "C2", "C3", "S3:3", "S9:4", "S0:5", "S1:6"]);
    assert.equal(rig.counters.injected.start, 3);
  }
});

test("a saved rank whose clear finds no room is still cleared once", () => {
  const rig = new IntakeRig({ saved: savedAt(new Map([[0, 5]])), full: [true, true, false, true] });
  rig.feed(stored(8, 1), stored(9, 2));
  assert.deepEqual(rig.out, ["C0", "S0:1", "S0:2"]);
  assert.equal(rig.refusals, 3);
});

test("a rank that goes on is judged with the window that it had, any other begins anew", () => {
  const large = { window: 4096 };
  const small = { window: 64 };
  const ranks = [0, 1, 2];
  const before = new IntakeRig({ ranks: 3 });
  for (const rank of ranks) {
    before.feed(createdJson(0, { rank, ...small }), createdJson(1, { rank, ...large, group: 3 }));
    before.feed(stored(2, 1, { rank, ...large, group: 3 }), stored(3, 2, { rank, ...large, group: 3 }));
  }
  const saved = before.intake.followed() ?? new Map();
  const rig = new IntakeRig({ ranks: 3, saved });
  for (const [rank, id] of [4, 5, 0].entries()) {
    rig.feed(stored(id, 3, { rank, ...small }), removedJson(id + 1, [1], { rank, ...small }));
    rig.feed(
      removedJson(id + 2, [2], { rank, ...large, group: 3 }),
      removedJson(id + 3, [1], { rank, ...large, group: 4 }),
    );
  }
  const of = (rank: number): string[] => rig.out.filter((event) => event[1] === String(rank));
  assert.deepEqual(of(0), ["R0:2"], "the window and the layer group that were told are published, nothing else");
  for (const rank of [1, 2]) {
    assert.deepEqual(of(rank), [`C${rank}`, `S${rank}:3`, `R${rank}:1`, `R${rank}:2`]);
  }
});

test("a window that came from the traffic goes on to rise with it, and a new lesson still replaces it", () => {
  const before = new IntakeRig();
  before.feed(stored(0, 1, { window: 64 }), stored(0, 1, { rank: 1, window: 4096 }));
  const rig = new IntakeRig({ saved: before.intake.followed() ?? new Map() });
  rig.feed(stored(1, 2, { window: 32 }), stored(2, 3, { window: 128 }), stored(3, 4, { window: 64 }));
  rig.feed(createdJson(1, { rank: 1, window: 64 }), stored(2, 5, { rank: 1, window: 4096 }));
  rig.feed(stored(3, 6, { rank: 1, window: 64 }));
  assert.deepEqual(rig.out, ["S0:3", "S1:6"]);
});

test("partial blocks are forgotten over a restart: their removal goes out, for a block that nobody knows", () => {
  const before = new IntakeRig();
  before.feed(storedJson(0, [block(7, 4), block(5, 2)]));
  assert.deepEqual(before.out, ["S0:7"]);
  const rig = new IntakeRig({ saved: before.intake.followed() ?? new Map() });
  rig.feed(removedJson(1, [5]));
  assert.deepEqual(rig.out, ["R0:5"]);
});

test("a command clears the configured ranks and those that were heard of at once; the books balance", async () => {
  const rig = new IntakeRig({ ranks: 2 });
  rig.feed(stored(3, 1), stored(4, 2, { rank: 5 }));
  assert.equal(await rig.clear(), 3);
  assert.deepEqual(rig.out, ["S0:1", "S5:2", "C0", "C1", "C5"]);
  assert.deepEqual(rig.counters.injected, { start: 0, restart: 0, gap: 0, command: 3, tier_move: 0 });
  assert.deepEqual(rig.told, [0, 5], "of rank 1 the engine has told nothing that the index could lack");
  rig.feed(stored(4, 3), stored(5, 4, { rank: 5 }));
  assert.deepEqual(rig.out.slice(5), ["S0:3", "S5:4"], "each once");
  rig.assertBalanced();
});

test("a command finds a full ring: nothing of a rank overtakes its clear, and what is not in time goes first later", async () => {
  const rig = new IntakeRig({ ranks: 2 });
  rig.feed(stored(3, 1), stored(3, 2, { rank: 1 }));
  rig.fill(1000);
  let asked = 0;
  assert.equal(await rig.clear(() => ++asked === 3), null);
  assert.deepEqual(rig.out, ["S0:1", "S1:2"]);
  rig.fill(2);
  rig.feed(stored(4, 3, { rank: 1 }), stored(4, 4));
  assert.deepEqual(rig.out.slice(2), ["C1", "S1:3", "C0", "S0:4"]);
  assert.equal(rig.counters.injected.command, 2);
});

test("a command makes a dirty rank clean, and replaces what an earlier run left unsure", async () => {
  const rig = new IntakeRig({
    ranks: 1,
    saved: savedAt(
      new Map([
        [0, 9],
        [4, 9],
      ]),
    ),
  });
  assert.equal(await rig.clear(), 2);
  assert.deepEqual(rig.out, ["C0", "C4"]);
  rig.feed(stored(10, 1), stored(12, 2));
  assert.equal(rig.counters.dirtyRanks().length, 1);
  await rig.clear();
  assert.deepEqual(rig.counters.dirtyRanks(), []);
});
