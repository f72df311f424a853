/** How old events are, by what is known: of drained ones the most that it can be, of dated ones their date. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DrainError } from "../../src/main/engine/drain-error.ts";
import { HttpSource } from "../../src/main/engine/http-source.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { engineConfig } from "../support/scripted-engine.ts";

/** A drain at a moment, that brings so many events or fails. */
interface Step {
  readonly atMs: number;
  readonly events?: number;
  readonly fails?: boolean;
}

async function agesOf(steps: readonly Step[]): Promise<{ counters: EngineCounters; drains: number[] }> {
  const counters = new EngineCounters("engine0", "http", 1);
  const drains: number[] = [];
  let nowMs = 0;
  let n = 0;
  let nextId = 0;
  const source = new HttpSource({
    config: engineConfig(new URL("http://engine.example:8000")),
    profile: { name: "default", minSleepMs: 5, maxSleepMs: 100, factor: 1.5, maxItemsPerStep: 256 },
    sink: new RecordingSink(),
    counters,
    onDrain: (events) => drains.push(events),
    log: new RecordingLog(),
    ports: {
      monotonic: () => nowMs,
      random: () => 0.5,
      sleep: () => Promise.resolve(),
      drain: {
        answering: false,
        async drain(onChunk) {
          const step = steps[n++];
          if (n === steps.length) source.stop();
          nowMs = step?.atMs ?? nowMs;
          const events = Array.from({ length: step?.events ?? 0 }, () => {
            const id = nextId++;
            return { event_id: id, data: { type: "removed", block_hashes: [id] } };
          });
          await onChunk(Buffer.from(JSON.stringify(events)));
          const error = step?.fails === true ? new DrainError("connect", "gone") : null;
          return { error, cut: false, elapsedMs: 1 };
        },
        abort: () => {},
        renew: () => {},
        close: () => {},
      },
    },
  });
  await source.run();
  return { counters, drains };
}

function countOf({ eventAge }: EngineCounters): number {
  return eventAge.counts.reduce((sum, count) => sum + count, 0);
}

test("events of a drain are at most as old as the drain before; of the first nothing is known", async () => {
  const { counters, drains } = await agesOf([
    { atMs: 1000, events: 7 },
    { atMs: 1100 },
    { atMs: 1600, events: 3 },
    { atMs: 1700, events: 1 },
  ]);
  assert.equal(counters.eventAgeSource, "previous_drain");
  assert.equal(countOf(counters), 4);
  assert.equal(Math.round(counters.eventAge.sum * 1000), 3 * 500 + 100);
  assert.deepEqual(drains, [7, 3, 1], "a drain without events is none for the size of drains");
});

test("a drain that failed may have left events behind: the one before it counts", async () => {
  const { counters, drains } = await agesOf([
    { atMs: 1000 },
    { atMs: 2000, events: 1, fails: true },
    { atMs: 3000, events: 2 },
  ]);
  assert.equal(Math.round(counters.eventAge.sum), 1 + 2 * 2);
  assert.deepEqual(drains, [2]);
});

test("a date in the future counts as now, and is seen", () => {
  const counters = new EngineCounters("engine0", "zmq", 1);
  assert.equal(counters.eventAgeSource, "engine_timestamp");
  counters.observeAge(-5, 3);
  counters.observeAge(0.25, 2);
  counters.observeAge(9, 0);
  assert.deepEqual([counters.negativeAges, countOf(counters), counters.eventAge.sum], [3, 5, 0.5]);
  assert.equal(new EngineCounters("engine0", "synthetic", 1).eventAgeSource, null);
});
