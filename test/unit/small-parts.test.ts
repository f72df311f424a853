/** The small pure parts: sequence numbers, clock, hashes, occupancy window, memory bound, layout checks. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { memoryBoundBytes } from "../../src/main/memory-bound.ts";
import { OccupancyWindow } from "../../src/main/pipeline/occupancy.ts";
import { monotonicMicros, wallClockSeconds } from "../../src/shared/clock.ts";
import { EXIT, LayoutError } from "../../src/shared/errors.ts";
import { hashHalves } from "../../src/shared/hash64.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { ringBytes, roundToLine, roundToPowerOfTwo } from "../../src/shared/ring-layout.ts";
import { sequenceFrame } from "../../src/shared/zmq-wire.ts";
import { Sequencer } from "../../src/workers/sequencer.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";

test("sequence numbers are contiguous, eight bytes, big-endian, exact to 2^53", () => {
  const sequencer = new Sequencer(2 ** 32 - 2);
  assert.deepEqual([sequencer.take(), sequencer.take(), sequencer.take()], [2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32]);
  assert.equal(sequencer.next, 2 ** 32 + 1);
  fc.assert(
    fc.property(fc.maxSafeNat(), (sequence) => {
      assert.equal(sequenceFrame(sequence).readBigUInt64BE(), BigInt(sequence));
    }),
  );
});

test("the wall clock is the system's, in steps finer than a millisecond", () => {
  const values = new Set<number>();
  for (let i = 0; i < 1000; i++) {
    const beforeMs = Date.now();
    const seconds = wallClockSeconds();
    // However long the thread was kept waiting in between.
    assert.ok(seconds * 1000 > beforeMs - 5 && seconds * 1000 < Date.now() + 5);
    values.add(seconds);
  }
  assert.ok(values.size > 20, `${values.size} different values in a moment`);
  const before = monotonicMicros();
  assert.ok(monotonicMicros() >= before);
});

test("hash halves put together are the low 64 bits", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }), (value) => {
      const { lo, hi } = hashHalves(value);
      assert.equal((BigInt(hi) << 32n) | BigInt(lo), BigInt.asUintN(64, value));
    }),
  );
});

test("the occupancy window forgets after a minute, not before", () => {
  const window = new OccupancyWindow();
  window.note(7, 1000);
  window.note(3, 30_000);
  assert.equal(window.max(59_000), 7);
  assert.equal(window.max(65_000), 3);
  assert.equal(window.max(200_000), 0);
  window.note(2, 200_001);
  assert.equal(window.max(200_002), 2);
});

test("a ring that cannot be is refused with rule and value", () => {
  assert.throws(() => ringBytes({ slots: 3, slotBytes: 1024 }), /power of two, 2 or more, not 3/);
  assert.throws(() => ringBytes({ slots: 4, slotBytes: 1000 }), /multiple of 128, not 1000/);
  assert.throws(() => new RingMemory(new SharedArrayBuffer(128), { slots: 2, slotBytes: 1024 }), LayoutError);
  assert.deepEqual([2, 3, 16, 17].map(roundToPowerOfTwo), [2, 4, 16, 32]);
  assert.deepEqual([1, 128, 129].map(roundToLine), [128, 128, 256]);
});

async function bound(engines: readonly string[], more: readonly [string, string[]][] = []): Promise<number> {
  const flags = new Map<string, readonly string[]>([["engine", engines], ...more]);
  return memoryBoundBytes((await loadServeConfig(flags, {})).config, 0);
}

test("each engine that is read over HTTP may have answers in memory: events, metrics, statistics, records of requests", async () => {
  const page = 8 * 4 * 1024 * 1024;
  const answer = 2 * 256 * 1024 * 1024;
  const statistics = 2 * 16 * 1024 * 1024;
  const records = statistics + 4096 * 1024;
  for (const [stats, perf, more] of [
    ["off", "off", page],
    ["auto", "off", page + statistics],
    ["off", "on", page + records],
    ["auto", "auto", page + statistics + records],
  ] as const) {
    const flags: readonly [string, string[]][] = [
      ["iteration-stats", [stats]],
      ["perf-metrics", [perf]],
    ];
    const one = await bound(["http://h:1"], flags);
    assert.equal(await bound(["http://h:1", "synthetic:", "http://h:2"], flags), one + answer + more);
    const without: readonly [string, string[]][] = [...flags, ["engine-metrics", ["off"]]];
    assert.equal(await bound(["http://h:1"], without), one - page);
  }
});

test("the memory bound holds queue, answer and ring", async () => {
  const off = ["off"];
  const flags = { "iteration-stats": off, "perf-metrics": off, "engine-metrics": off, engine: ["http://127.0.0.1:1"] };
  const { config } = await loadServeConfig(new Map(Object.entries(flags)), {});
  assert.ok(config.engines[0].kind === "http");
  const { maxResponseBytes } = config.engines[0];
  assert.equal(memoryBoundBytes(config, 5), 5 + 2 * maxResponseBytes + config.zmqQueueBytes);
  assert.equal(memoryBoundBytes({ ...config, zmqEndpoint: null }, 5), 5 + 2 * maxResponseBytes);
  // Clients of the replay socket that do not read: so many, so many messages for each, and the one that is being sent.
  const withReplay = memoryBoundBytes({ ...config, replayEndpoint: "tcp://*:1" }, 5) - memoryBoundBytes(config, 5);
  assert.equal(withReplay, 32 * (8 + 1) * (config.slotBytes + 512));
  assert.ok(withReplay < 32 * 1024 * 1024);
  const small = { ...config, replayEndpoint: "tcp://*:1", wireFormat: "dynamo" } as const;
  // Of one event, far smaller, more may wait; all are still less.
  assert.equal(memoryBoundBytes(small, 5) - memoryBoundBytes(config, 5), 32 * (32 + 1) * (config.slotBytes / 16 + 512));
});

test("exit codes are the documented ones", () => {
  assert.deepEqual(Object.values(EXIT), [0, 1, 2, 3, 10, 69, 78]);
});
