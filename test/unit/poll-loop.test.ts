import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { mock, test } from "node:test";
import type { PollProfile } from "../../src/main/config/config.ts";
import type { Drain, DrainOutcome } from "../../src/main/engine/drain-client.ts";
import { DrainError } from "../../src/main/engine/drain-error.ts";
import { HttpSource } from "../../src/main/engine/http-source.ts";
import {
  MAX_ERROR_SLEEP_MS,
  PollBackoff,
  runPollLoop,
  Sleeper,
  type PollReport,
} from "../../src/main/engine/poll-loop.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { engineConfig } from "../support/scripted-engine.ts";

const defaults: PollProfile = { name: "default", minSleepMs: 5, maxSleepMs: 100, factor: 1.5, maxItemsPerStep: 256 };
const noJitter = (): number => 0.5;

const items: PollReport = { events: 1, failed: false, again: false };
const idle: PollReport = { events: 0, failed: false, again: false };
const broken: PollReport = { events: 0, failed: true, again: false };

function sleepsFor(reports: readonly PollReport[], random: () => number = noJitter, profile = defaults): number[] {
  const backoff = new PollBackoff(profile, random);
  return reports.map((report) => backoff.next(report));
}

// The reference's polling scripts, through the whole source.

interface GoldenRun {
  readonly sleeps: readonly number[];
  readonly handled: readonly (readonly number[])[];
  readonly raised: string | null;
}
interface GoldenCase {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly factor: number;
  readonly script: readonly { readonly items?: readonly number[]; readonly raise?: string }[];
  readonly v0: GoldenRun;
  readonly v1: GoldenRun;
}
const golden: { readonly cases: readonly GoldenCase[] } = JSON.parse(
  readFileSync(path.join(process.cwd(), "test/fixtures/dynamo/golden_polling_loop.json"), "utf8"),
);

/**
 * What kvcast is held to where the two versions of the reference differ. Everywhere else it is the newer one: it hands
 * all events of a fetch over in one step, and waits the same times.
 */
const DIFFERS: Readonly<Record<string, { handled: readonly number[][]; sleeps: "v0"; why: string }>> = {
  data_then_error: {
    handled: [[1, 2], [3]],
    sleeps: "v0",
    why: "the newer loop ends with the first error and takes the engine's events with it; the older one goes on",
  },
};

/**
 * One fetch as an HTTP answer. An empty queue or a wait without events ends an answer like any other; an error breaks
 * the body off.
 */
function answerOf(step: GoldenCase["script"][number]): { body: string; error: DrainError | null } {
  const entries = (step.items ?? []).map((id) => `{"event_id":${id},"data":{"type":"removed","block_hashes":[${id}]}}`);
  const failed = step.raise === "error";
  return {
    body: `[${entries.join(",")}${failed ? "," : "]"}`,
    error: failed ? new DrainError("connect", "fetch failed") : null,
  };
}

async function runScript({ min, max, factor, script }: GoldenCase): Promise<{ sleeps: number[]; handled: number[][] }> {
  const sleeps: number[] = [];
  let fetches = 0;
  const drain: Drain = {
    answering: false,
    async drain(onChunk): Promise<DrainOutcome> {
      const { body, error } = answerOf(script[fetches++] ?? {});
      assert.equal(await onChunk(Buffer.from(body)), true);
      return { error, cut: false, elapsedMs: 1 };
    },
    abort() {},
    renew() {},
    close() {},
  };
  const sink = new RecordingSink();
  const source: HttpSource = new HttpSource({
    config: engineConfig(new URL("http://127.0.0.1:8000")),
    profile: {
      name: "reference",
      minSleepMs: min * 1000,
      maxSleepMs: max * 1000,
      factor,
      maxItemsPerStep: 256,
    },
    sink,
    counters: new EngineCounters("engine0", "http", 1),
    log: new RecordingLog(),
    wallClock: () => 0,
    ports: {
      drain,
      random: noJitter,
      // The recorded runs sleep once more after the empty fetch that ended them.
      sleep: async (ms) => {
        sleeps.push(ms / 1000);
        if (fetches > script.length) source.stop();
      },
    },
  });
  await source.run();
  return { sleeps, handled: sink.steps.map((step) => step.map(({ eventId }) => eventId)) };
}

test("the scripts of the reference's loop are all here", () => {
  assert.deepEqual(
    golden.cases.map(({ name }) => name),
    ["idle_kv", "idle_stats", "reset_after_data", "timeout_counts_as_idle", "data_then_timeout", "data_then_error"],
  );
  const raising = golden.cases.filter(({ v1 }) => v1.raised !== null).map(({ name }) => name);
  assert.deepEqual(Object.keys(DIFFERS), raising);
});

for (const script of golden.cases) {
  test(`reference loop: ${script.name}`, async () => {
    const differs = DIFFERS[script.name];
    const run = await runScript(script);
    assert.deepEqual(run.handled, differs?.handled ?? script.v1.handled);
    const expected = differs === undefined ? script.v1.sleeps : script[differs.sleeps].sleeps;
    assert.equal(run.sleeps.length, expected.length);
    for (const [i, seconds] of run.sleeps.entries()) {
      assert.ok(Math.abs(seconds - (expected[i] ?? NaN)) < 1e-12, `sleep ${i}: ${seconds}, expected ${expected[i]}`);
    }
  });
}

test("257 events in one fetch are handled as 256 and 1", async () => {
  const ids = Array.from({ length: 257 }, (_, i) => i);
  const run = await runScript({
    name: "",
    min: 0.005,
    max: 0.02,
    factor: 1.5,
    script: [{ items: ids }],
    v0: { sleeps: [], handled: [], raised: null },
    v1: { sleeps: [], handled: [], raised: null },
  });
  assert.deepEqual(run.handled, [ids.slice(0, 256), ids.slice(256)]);
});

// The rules on their own.

test("idle waits grow to the maximum, events bring them back and do not wait", () => {
  const sleeps = sleepsFor([...Array.from({ length: 9 }, () => idle), items, items, idle, idle]);
  const grown = [5, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 85.4296875, 100];
  assert.deepEqual(sleeps, [...grown, 0, 0, 5, 7.5]);
});

test("failures without events wait longer and longer, up to a second", () => {
  const sleeps = sleepsFor(Array.from({ length: 20 }, () => broken));
  assert.deepEqual(sleeps.slice(0, 4), [5, 7.5, 11.25, 16.875]);
  assert.deepEqual(sleeps.slice(-3), [MAX_ERROR_SLEEP_MS, MAX_ERROR_SLEEP_MS, MAX_ERROR_SLEEP_MS]);
  for (const [i, ms] of sleeps.entries()) assert.ok(ms >= (sleeps[i - 1] ?? 0));
});

test("an answer after failures starts both waits anew", () => {
  const failures = Array.from({ length: 15 }, () => broken);
  assert.deepEqual(sleepsFor([idle, idle, ...failures, idle, broken, idle]).slice(-3), [5, 5, 5]);
});

test("a failure after events goes on at once, a second failure in a row waits", () => {
  const partly: PollReport = { events: 3, failed: true, again: false };
  assert.deepEqual(sleepsFor([partly, partly, partly, items, partly, items, broken]), [0, 5, 7.5, 0, 0, 0, 5]);
});

test("a failure that says nothing about the engine goes on at once, once", () => {
  const stale: PollReport = { events: 0, failed: true, again: true };
  assert.deepEqual(sleepsFor([idle, stale, idle, stale, stale, broken]), [5, 0, 5, 0, 5, 7.5]);
});

test("jitter is a fifth either way, never beyond the cap, and only on failures", () => {
  assert.deepEqual(
    sleepsFor([idle, broken, idle], () => 0),
    [5, 4, 5],
  );
  assert.ok(Math.abs((sleepsFor([broken], () => 1)[0] ?? 0) - 6) < 1e-9);
  const long = sleepsFor(
    Array.from({ length: 30 }, () => broken),
    () => 0.999,
  );
  assert.ok(long.every((ms) => ms <= MAX_ERROR_SLEEP_MS));
});

test("the loop tells every wait, does not sleep when stopped during a poll, and ends", async () => {
  const script = [idle, items, broken, idle];
  const waits: number[] = [];
  const slept: number[] = [];
  let stopped = false;
  await runPollLoop(
    {
      poll: async () => {
        const report = script.shift() ?? idle;
        stopped = script.length === 0;
        return report;
      },
      sleep: async (ms) => void slept.push(ms),
      waiting: (ms) => waits.push(ms),
      stopped: () => stopped,
    },
    new PollBackoff(defaults, noJitter),
  );
  assert.deepEqual(waits, [5, 0, 5, 5]);
  assert.deepEqual(slept, [5, 5]);
});

test("a sleeper wakes by time or by call", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const sleeper = new Sleeper();
  sleeper.wake();
  const byTime = sleeper.sleep(50);
  mock.timers.tick(50);
  await byTime;
  const byCall = sleeper.sleep(1e6);
  sleeper.wake();
  await byCall;
});
