/** The watchdog over the main thread, with a main thread that is well or not as the test says. */
import assert from "node:assert/strict";
import test from "node:test";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { MainWatch } from "../../src/workers/main-watch.ts";

const SHAPE = { slots: 2, slotBytes: 1024 };
const CHECK_EVERY_MS = 250;

class Scene extends RingMemory {
  readonly counters: CounterBlock = CounterBlock.allocate(PUBLISHER_CELLS.size);
  readonly lines: string[] = [];
  watch: MainWatch;
  #nowMs: number = 50_000;
  #beatMs: number = 50_000;

  constructor() {
    super(RingMemory.allocate(SHAPE).buffer, SHAPE);
    this.watch = this.newWatch();
  }

  /** As a publisher thread makes it that takes over from a dead one. */
  newWatch(): MainWatch {
    return new MainWatch(this, this.counters, (line) => this.lines.push(line));
  }

  override msSinceBeat(): number {
    return this.#nowMs - this.#beatMs;
  }

  /** So much time passes, with or without main's signs of life, and with a check every so often. */
  pass(ms: number, isWell: boolean, everyMs: number = CHECK_EVERY_MS): this {
    for (let passed = 0; passed < ms; passed += everyMs) {
      this.#nowMs += everyMs;
      if (isWell) this.#beatMs = this.#nowMs;
      this.watch.check(this.#nowMs);
    }
    return this;
  }

  /** Stalled or not, episodes, seconds of the last one, seconds of the longest. */
  get cells(): number[] {
    const { mainStalled, mainStalls, mainStallSeconds, mainLongestStallSeconds } = PUBLISHER_CELLS;
    return [mainStalled, mainStalls, mainStallSeconds, mainLongestStallSeconds].map((cell) => this.counters.read(cell));
  }
}

test("a main thread that turns, or pauses for a second, is well", () => {
  const scene = new Scene();
  scene.pass(3000, true).pass(1500, false).pass(3000, true);
  assert.deepEqual(scene.cells, [0, 0, 0, 0]);
  assert.deepEqual(scene.lines, []);
});

test("an episode is counted and told once, lasts until main is well for a moment, and is remembered", () => {
  const scene = new Scene();
  scene.pass(3000, true).pass(1750, false);
  assert.deepEqual(scene.cells, [1, 1, 1.75, 1.75]);
  scene.pass(1250, false);
  assert.deepEqual(scene.cells, [1, 1, 3, 3]);
  scene.pass(500, true);
  assert.equal(scene.cells[0], 1, "a probe that has waited must see it");
  scene.pass(250, true);
  assert.deepEqual(scene.cells, [0, 1, 3, 3]);
  scene.pass(2000, false).pass(1000, true);
  assert.deepEqual(scene.cells, [0, 2, 2, 3]);
  assert.equal(scene.lines.length, 2);
  assert.equal(scene.lines[0], "kvcast: the main thread has not turned for 1.8 s; publishing goes on\n");
});

test("a process that was stopped as a whole has no stalled main thread", () => {
  const scene = new Scene();
  scene.pass(3000, true).pass(60_000, false, 60_000);
  assert.equal(scene.cells[1], 0);
  // One that stays away afterwards has.
  scene.pass(1500, false);
  assert.equal(scene.cells[1], 0);
  scene.pass(250, false);
  assert.deepEqual(scene.cells, [1, 1, 1.75, 1.75]);
});

test("an episode outlives the publisher that began it", () => {
  const scene = new Scene();
  scene.pass(3000, true).pass(2000, false);
  scene.watch = scene.newWatch();
  scene.pass(2000, false);
  assert.deepEqual(scene.cells.slice(0, 2), [1, 1]);
  scene.pass(750, true);
  assert.deepEqual(scene.cells.slice(0, 2), [0, 1]);
  assert.equal(scene.lines.length, 1);
});
