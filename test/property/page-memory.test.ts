/** Bytes in pages against plain buffers, several at a time over the same memory, and what becomes of pages that are given back. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { PAGE_BYTES, PagedBytes, PageMemory } from "../../src/workers/page-memory.ts";

const MAX_BYTES = 3 * PAGE_BYTES;

interface Held {
  readonly real: PagedBytes;
  model: Buffer;
}

const bytes = fc.uint8Array({ maxLength: MAX_BYTES, size: "max" });
const STEP = fc.oneof(
  fc.record({ do: fc.constant("begin" as const), bytes }),
  fc.record({ do: fc.constant("append" as const), which: fc.nat(), bytes }),
  fc.record({
    do: fc.constant("set" as const),
    which: fc.nat(),
    at: fc.nat(),
    value: fc.maxSafeNat(),
    wide: fc.constantFrom(2, 4, 8),
  }),
  fc.record({ do: fc.constant("release" as const), which: fc.nat() }),
);

function set({ real, model }: Held, at: number, value: number, wide: number): void {
  if (wide === 2) {
    real.setUint16(at, value % 2 ** 16);
    model.writeUInt16BE(value % 2 ** 16, at);
  } else if (wide === 4) {
    real.setUint32(at, value % 2 ** 32);
    model.writeUInt32BE(value % 2 ** 32, at);
  } else {
    real.setUint64(at, value);
    model.writeBigUInt64BE(BigInt(value), at);
  }
}

function pagesOf(length: number): number {
  return Math.ceil(length / PAGE_BYTES);
}

test("what is put in comes out, numbers over the border of two pages too, and nobody touches the pages of another", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60, size: "max" }), (steps) => {
      const memory = new PageMemory();
      const all: Held[] = [];
      for (const step of steps) {
        if (step.do === "begin") {
          all.push({ real: new PagedBytes(memory, step.bytes), model: Buffer.from(step.bytes) });
          continue;
        }
        const held = all[step.which % Math.max(1, all.length)];
        if (held === undefined) continue;
        const { real, model } = held;
        if (step.do === "append") {
          const before = real.heldBytes;
          const growth = real.growthTo(model.length + step.bytes.length);
          real.append(step.bytes);
          assert.equal(real.heldBytes, before + growth);
          held.model = Buffer.concat([model, step.bytes]);
        } else if (step.do === "release") {
          real.release();
          held.model = Buffer.alloc(0);
        } else if (model.length >= step.wide) {
          set(held, step.at % (model.length - step.wide + 1), step.value, step.wide);
        }
      }
      for (const { real, model } of all) {
        assert.equal(real.length, model.length);
        assert.deepEqual(real.copyOut(), model);
      }
      const used = all.reduce((sum, { model }) => sum + pagesOf(model.length), 0);
      assert.equal(memory.bytes - memory.freePages * PAGE_BYTES, used * PAGE_BYTES);
    }),
  );
});

test("pages are used again: memory is what was needed at a time, not what was needed in all", () => {
  const memory = new PageMemory();
  const one = new Uint8Array(100 * PAGE_BYTES);
  new PagedBytes(memory, one).release();
  const { bytes: atFirst } = memory;
  for (let i = 0; i < 1000; i++) {
    const held = new PagedBytes(memory, one);
    held.release();
    // As a message whose fate is told twice.
    held.release();
  }
  assert.equal(memory.bytes, atFirst);
});
