/** How gaps are filled, with a replay that the test plays: how often it is asked, and what is called lost. */
import assert from "node:assert/strict";
import test from "node:test";
import { delivered } from "../../src/main/tail/delivered.ts";
import { type Gap, GapFiller, type Replays } from "../../src/main/tail/gap-filler.ts";
import { LiveQueue } from "../../src/main/tail/live-queue.ts";
import { RecentMessages } from "../../src/main/tail/recent-messages.ts";
import { newCounters } from "../../src/main/tail/stream-counters.ts";
import type { StreamCounters, StreamItem } from "../../src/main/tail/stream-items.ts";
import { numberFrame, storedPayload } from "../support/scripted-publisher.ts";

/** A publisher's window, as far as it was filled when a request came. */
class FakeReplay implements Replays {
  readonly closed = false;
  readonly asked: number[] = [];
  open: number = 0;
  oldest: number;
  newest: number;

  constructor(oldest: number, newest: number) {
    this.oldest = oldest;
    this.newest = newest;
  }

  async *replay(from: number): ReturnType<Replays["replay"]> {
    this.asked.push(from);
    this.open++;
    const { newest } = this;
    try {
      for (let sequence = Math.max(from, this.oldest); sequence <= newest; sequence++) {
        yield { sequence, payload: storedPayload(sequence) };
      }
    } finally {
      this.open--;
    }
  }
}

interface Filling {
  readonly gaps: GapFiller<StreamItem>;
  readonly counters: StreamCounters;
}

function filling(replay: Replays | null): Filling {
  const counters = newCounters();
  return { gaps: new GapFiller(replay, new RecentMessages(), counters, delivered), counters };
}

function word(item: StreamItem): string {
  if (item.kind === "batch") return String(item.sequence);
  assert.ok(item.kind === "gap");
  return `${item.healed ? "healed" : "lost"} ${item.from}-${item.to}`;
}

async function filled({ gaps }: Filling, gap: Gap): Promise<string[]> {
  const words: string[] = [];
  for await (const item of gaps.fill(gap)) words.push(word(item));
  return words;
}

test("gaps that are known together are filled from one answer", async () => {
  const replay = new FakeReplay(0, 9);
  const all = filling(replay);
  assert.deepEqual(await filled(all, { from: 1, to: 2, hasNext: () => true }), ["1", "2", "healed 1-2"]);
  assert.deepEqual(await filled(all, { from: 4, to: 4, hasNext: () => true }), ["4", "healed 4-4"]);
  assert.deepEqual(await filled(all, { from: 7, to: 8, hasNext: () => false }), ["7", "8", "healed 7-8"]);
  assert.deepEqual(replay.asked, [1]);
  assert.equal(replay.open, 0, "the last one lets go of it");
  assert.equal(all.counters.gaps, 3);
  assert.equal(all.counters.healed, 5);
});

test("an answer that was left open and has ended is no proof of a loss: the rest is asked for", async () => {
  const replay = new FakeReplay(0, 5);
  const all = filling(replay);
  assert.deepEqual(await filled(all, { from: 1, to: 2, hasNext: () => true }), ["1", "2", "healed 1-2"]);
  replay.newest = 9;
  assert.deepEqual(await filled(all, { from: 4, to: 8, hasNext: () => true }), ["4", "5", "6", "7", "8", "healed 4-8"]);
  assert.deepEqual(replay.asked, [1, 6]);
  // Nor is one behind which the window has moved on.
  assert.deepEqual(await filled(all, { from: 9, to: 12, hasNext: () => false }), ["9", "healed 9-9", "lost 10-12"]);
  assert.deepEqual(replay.asked, [1, 6, 10]);
  await all.gaps.drop();
  assert.equal(replay.open, 0);
});

test("what was read too far is not lost for the next gap", async () => {
  const replay = new FakeReplay(5, 9);
  const all = filling(replay);
  assert.deepEqual(await filled(all, { from: 1, to: 3, hasNext: () => true }), ["lost 1-3"]);
  assert.deepEqual(await filled(all, { from: 5, to: 6 }), ["5", "6", "healed 5-6"]);
  assert.deepEqual(replay.asked, [1]);
});

test("a run may begin at 1: that 0 is missing is no loss, unless a replay has it", async () => {
  const beginning = { from: 0, to: 0, isBeginning: true };
  for (const replay of [null, new FakeReplay(1, 5), new FakeReplay(0, -1)]) {
    const all = filling(replay);
    assert.deepEqual(await filled(all, beginning), []);
    assert.equal(all.counters.gaps + all.counters.lost, 0);
  }
  const healing = filling(new FakeReplay(0, 5));
  assert.deepEqual(await filled(healing, beginning), ["0", "healed 0-0"]);
  assert.equal(healing.counters.gaps, 1);
  assert.deepEqual(await filled(filling(new FakeReplay(1, 5)), { ...beginning, to: 2 }), ["1", "2", "healed 1-2"]);
  assert.deepEqual(await filled(filling(null), { ...beginning, to: 2 }), ["lost 0-2"]);
  // Where it is known that there was a message 0, it is lost.
  assert.deepEqual(await filled(filling(null), { from: 0, to: 0 }), ["lost 0-0"]);
});

test("a queue knows of gaps in what waits, up to where numbers go back", async () => {
  for (const [numbers, behind, isGap] of [
    [[5, 6, 7], 4, false],
    [[5, 7], 4, true],
    [[6], 4, true],
    [[5, 0, 9], 4, false],
    [[], 4, false],
  ] as const) {
    const left = [...numbers];
    const queue = new LiveQueue(
      {
        receive: async () => {
          const number = left.shift();
          if (number === undefined) throw new Error("closed");
          return [Buffer.alloc(0), numberFrame(number), Buffer.alloc(1)];
        },
      },
      1e6,
    );
    await queue.pump();
    assert.equal(queue.hasGapBehind(behind), isGap, String(numbers));
  }
});
