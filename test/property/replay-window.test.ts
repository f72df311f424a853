/**
 * The replay window against a plain list: random messages, takeovers by a new view of the same memory, and deaths of the
 * thread in the middle of an append, at each of its writes.
 */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { REPLAY_CONTROL } from "../../src/shared/replay-layout.ts";
import { ReplayWindow } from "../../src/workers/replay-window.ts";

interface Kept {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** The window as a list. `next` is the number after the last that came by. */
class Model {
  kept: Kept[] = [];
  first: number = -1;
  next: number = 0;
  readonly #maxBytes: number;
  readonly #maxBatches: number;

  constructor(maxBytes: number, maxBatches: number) {
    this.#maxBytes = maxBytes;
    this.#maxBatches = maxBatches;
  }

  bytes(): number {
    return this.kept.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  append(sequence: number, payload: Buffer): void {
    if (sequence < this.next) return;
    if (this.first === -1) this.first = sequence;
    if (sequence !== this.next || payload.length > this.#maxBytes) this.kept = [];
    this.next = sequence + 1;
    if (payload.length > this.#maxBytes) return;
    this.kept.push({ sequence, payload });
    while (this.kept.length > this.#maxBatches || this.bytes() > this.#maxBytes) this.kept.shift();
  }

  truncate(newest: number): void {
    if (this.next <= newest + 1) return;
    this.kept = this.kept.filter(({ sequence }) => sequence <= newest);
    this.next = newest + 1;
    if (this.first > newest) this.first = -1;
  }
}

/** Bytes that tell their message and their place in it. */
function payloadOf(sequence: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (sequence * 31 + i * 7 + 1) & 0xff));
}

function assertSame(window: ReplayWindow, model: Model): void {
  const { kept } = model;
  assert.equal(window.batches, kept.length);
  assert.equal(window.bytes, model.bytes());
  assert.equal(window.oldest, kept[0]?.sequence ?? -1);
  assert.equal(window.newest, kept.at(-1)?.sequence ?? -1);
  assert.equal(window.next, model.next);
  assert.equal(window.first, model.first);
  for (const { sequence, payload } of kept) assert.deepEqual(window.read(sequence), payload);
  assert.equal(window.read(window.oldest - 1), null);
  assert.equal(window.read(window.next), null);
  for (const start of [0, window.oldest - 1, window.oldest + 1, window.newest, window.newest + 1]) {
    assert.equal(window.seek(start), kept.find(({ sequence }) => sequence >= start)?.sequence ?? -1);
  }
}

/** Where an append dies: before, within or after its nth write to the shared memory. */
interface Death {
  readonly write: number;
  readonly at: "before" | "within" | "after";
}

class DiedError extends Error {}

/** Runs `append` and dies there. Only the two ways in which a window writes what others could see are counted. */
function dieDuring(append: () => void, death: Death): void {
  const { fill } = Buffer.prototype;
  const { store } = Atomics;
  let writes = 0;
  const die = (write: (part: "half" | "whole") => void): void => {
    if (writes++ !== death.write) return write("whole");
    if (death.at !== "before") write(death.at === "within" ? "half" : "whole");
    throw new DiedError();
  };
  const mutableBuffer = Buffer.prototype as { fill: unknown };
  const mutableAtomics = Atomics as { store: unknown };
  mutableBuffer.fill = function (this: Buffer, source: Buffer, start: number, end: number): Buffer {
    die((part) => fill.call(this, source, start, part === "whole" ? end : start + Math.ceil((end - start) / 2)));
    return this;
  };
  mutableAtomics.store = (array: Int32Array, index: number, value: number): number => {
    // A word is written or not.
    die(() => store(array, index, value));
    return value;
  };
  try {
    append();
  } catch (error) {
    if (!(error instanceof DiedError)) throw error;
  } finally {
    mutableBuffer.fill = fill;
    mutableAtomics.store = store;
  }
}

const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ op: fc.constant("append" as const), length: fc.nat({ max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("again" as const), back: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("gap" as const), missing: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("large" as const), by: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("takeover" as const), uncounted: fc.nat({ max: 4 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("death" as const),
      length: fc.nat({ max: 70 }),
      write: fc.nat({ max: 4 }),
      at: fc.constantFrom("before" as const, "within" as const, "after" as const),
    }),
  },
);

test("the window keeps what a list would keep, over takeovers and deaths", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 9 }),
      // Also where the low half of a number carries, and for numbers from a clock.
      fc.constantFrom(0, 1, 2 ** 32 - 3, 1_764_000_000_000_000),
      // Just below the place where a position wraps.
      fc.constantFrom(0, 0x7ffffffd, -3),
      fc.array(step, { maxLength: 80 }),
      (maxBytes, maxBatches, first, position, steps) => {
        let window = ReplayWindow.allocate(maxBytes, maxBatches);
        const positions = new Int32Array(window.buffer, 0, 2);
        positions[REPLAY_CONTROL.head] = position;
        positions[REPLAY_CONTROL.tail] = position;
        const model = new Model(maxBytes, maxBatches);
        const reopen = (): ReplayWindow => new ReplayWindow(window.buffer, maxBytes, maxBatches);
        const append = (sequence: number, length: number): void => {
          const payload = payloadOf(sequence, length);
          window.append(sequence, payload);
          model.append(sequence, payload);
        };
        append(first, 3);
        for (const each of steps) {
          const { next } = model;
          if (each.op === "append") append(next, each.length);
          else if (each.op === "again") append(Math.max(first, next - 1 - each.back), 5);
          else if (each.op === "gap") append(next + each.missing, 5);
          else if (each.op === "large") append(next, maxBytes + each.by);
          else if (each.op === "takeover") {
            const newest = Math.max(first - 1, next - 1 - each.uncounted);
            window = reopen();
            window.truncate(newest);
            model.truncate(newest);
          } else {
            const payload = payloadOf(next, each.length);
            const before = model.kept;
            dieDuring(() => window.append(next, payload), each);
            window = reopen();
            // What is there is whole, and follows each other without a gap.
            for (let sequence = window.oldest, left = window.batches; left > 0; left--, sequence++) {
              const kept = before.find((one) => one.sequence === sequence)?.payload;
              assert.deepEqual(window.read(sequence), kept ?? (sequence === next ? payload : undefined));
            }
            // The message in doubt comes again.
            append(next, each.length);
          }
          assertSame(window, model);
        }
      },
    ),
    { numRuns: Number(process.env["RUNS"] ?? 500) },
  );
});
