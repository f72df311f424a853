/** What may stand at the end of an event that is an array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { storedArray, theEvent, theStored } from "../support/wire-payload.ts";

/** Tails, and what they say: group, kind, window, locality, owner. */
const MM = [{ mm_objects: [{ mm_hash: 9, offsets: [] }] }];
const TAILS: readonly (readonly [readonly unknown[], readonly unknown[]])[] = [
  [[], [null, "absent", null, "absent", "framework"]],
  [[3], [3, "absent", null, "absent", "framework"]],
  [
    [3, "full_attention"],
    [3, "main", null, "absent", "framework"],
  ],
  [["full_attention"], [null, "main", null, "absent", "framework"]],
  [
    ["mamba", 3],
    [3, "other", null, "absent", "framework"],
  ],
  [
    [3, "full_attention", 4096],
    [3, "main", 4096, "absent", "framework"],
  ],
  [
    [3, 4096],
    [3, "absent", 4096, "absent", "framework"],
  ],
  [
    [3, 4096, 5],
    [3, "absent", 4096, "absent", "framework"],
  ],
  [
    [null, null, 4096],
    [4096, "absent", null, "absent", "framework"],
  ],
  [
    [null, null, 4096, null],
    [null, "absent", 4096, "absent", "framework"],
  ],
  [
    [3, "full_attention", 4096, "LOCAL"],
    [3, "main", 4096, "local", "framework"],
  ],
  [
    [3, "full_attention", null, "REMOTE", "kvcr"],
    [3, "main", null, "remote", "kvcr"],
  ],
  [
    [null, null, null, null, null],
    [null, "absent", null, "absent", "framework"],
  ],
  [
    [null, null, null, null, "else"],
    [null, "absent", null, "absent", "unknown"],
  ],
  [
    [0, "mla_attention", null, null, null, "more", { of: "it" }],
    [0, "main", null, "absent", "framework"],
  ],
  // Of four places that do not fit, each is what its type says; the last text counts.
  [
    ["full_attention", 3, 4096, "LOCAL"],
    [3, "other", 4096, "absent", "framework"],
  ],
  [
    [3, "full_attention", 4096, 5],
    [3, "main", 4096, "absent", "framework"],
  ],
  [
    [3, "full_attention", 4096, true],
    [3, "main", 4096, "absent", "framework"],
  ],
  [
    [2 ** 32, -1, 1.5, "mamba", [1]],
    [null, "other", null, "absent", "framework"],
  ],
  [
    [{ a: 1 }, 3],
    [3, "absent", null, "absent", "framework"],
  ],
];

test("the tail of an array is read by its places if it fits them, and by its types if not", () => {
  for (const [tail, expected] of TAILS) {
    for (const event of [storedArray(null, null, null, null, ...tail), ["BlockRemoved", [1], null, ...tail]]) {
      const { groupIdx, specKind, slidingWindow, locality, ownership } = theEvent(event);
      assert.deepEqual([groupIdx, specKind, slidingWindow, locality, ownership], expected, JSON.stringify(tail));
    }
  }
});

test("multimodal infos may stand in the tail of a stored event", () => {
  for (const tail of [
    [MM, 3, "full_attention", 4096],
    [3, MM, "full_attention", 4096],
  ]) {
    const view = theStored(storedArray(null, null, null, null, ...tail));
    assert.deepEqual([view.groupIdx, view.specKind, view.slidingWindow], [3, "main", 4096]);
    assert.deepEqual([view.mmListPresent, view.mm], [true, [[9n], null]]);
  }
  const removed = theEvent(["BlockRemoved", [1], null, MM, 3]);
  assert.equal(removed.groupIdx, 3);
  // With infos in front the text of the fifth place is no locality.
  const shifted = theStored(storedArray(null, null, null, null, MM, 3, "full_attention", 4096, "LOCAL"));
  assert.deepEqual([shifted.locality, shifted.specKind], ["absent", "other"]);
});
