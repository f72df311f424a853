/** The one reader of the engine's statistics, with answers from a script. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Drain, DrainOutcome } from "../../src/main/engine/drain-client.ts";
import { DrainError } from "../../src/main/engine/drain-error.ts";
import type { OnChunk } from "../../src/main/engine/drain-exchange.ts";
import type { IterationStat } from "../../src/main/load/iteration-stat.ts";
import { MAX_ROW_BYTES } from "../../src/main/load/stat-row.ts";
import type { StatsMode } from "../../src/main/load/stats-pace.ts";
import { StatsPoller, type StatSubscriber } from "../../src/main/load/stats-poller.ts";
import { Gate } from "../support/gate.ts";
import { row } from "../support/load-rows.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { engineConfig } from "../support/scripted-engine.ts";

type Answer = readonly string[] | DrainError | Promise<void>;

/** Answers from a list, in pieces or with an error; a promise holds the answer back until it is cut. */
class ScriptedDrain implements Drain {
  answering: boolean = false;
  drains: number = 0;
  running: number = 0;
  mostRunning: number = 0;
  closed: boolean = false;
  readonly #answers: readonly Answer[];
  readonly #cut: Gate = new Gate();
  whenDone: () => void = () => {};

  constructor(answers: readonly Answer[]) {
    this.#answers = answers;
  }

  async drain(onChunk: OnChunk): Promise<DrainOutcome> {
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    const answer = this.#answers[this.drains++] ?? [];
    if (this.drains === this.#answers.length) this.whenDone();
    try {
      if (answer instanceof DrainError) return { error: answer, cut: false, elapsedMs: 1 };
      if (answer instanceof Promise) {
        await Promise.race([answer, this.#cut.opened]);
        return { error: null, cut: true, elapsedMs: 1 };
      }
      for (const chunk of answer) {
        if (!(await onChunk(Buffer.from(chunk)))) return { error: null, cut: true, elapsedMs: 1 };
      }
      return { error: null, cut: false, elapsedMs: 1 };
    } finally {
      this.running--;
    }
  }

  abort(): void {
    this.#cut.open();
  }

  renew(): void {}

  close(): void {
    this.closed = true;
  }
}

interface Rig {
  readonly poller: StatsPoller;
  readonly drain: ScriptedDrain;
  readonly log: RecordingLog;
  readonly sleeps: number[];
  readonly stats: IterationStat[];
}

interface RigOptions {
  readonly mode?: StatsMode;
  readonly ranks?: number;
  readonly subscribers?: readonly StatSubscriber[];
}

/** After the last answer the poller is stopped in the sleep that follows. */
function rig(answers: readonly Answer[], { mode = "on", ranks = 1, subscribers = [] }: RigOptions = {}): Rig {
  const drain = new ScriptedDrain(answers);
  const log = new RecordingLog();
  const sleeps: number[] = [];
  const stats: IterationStat[] = [];
  let done = false;
  drain.whenDone = () => (done = true);
  const poller: StatsPoller = new StatsPoller({
    config: engineConfig(new URL("http://engine.test")),
    mode,
    attentionDpSize: ranks,
    log,
    subscribers: [(stat) => stats.push(stat), ...subscribers],
    ports: {
      drain,
      random: () => 0.5,
      monotonic: () => sleeps.reduce((sum, ms) => sum + ms, 0),
      sleep: async (ms) => {
        sleeps.push(ms);
        if (done) poller.stop();
        await Promise.resolve();
      },
    },
  });
  return { poller, drain, log, sleeps, stats };
}

function used(...blocks: readonly number[]): string {
  return JSON.stringify(blocks.map((usedNumBlocks) => row({ kvCacheStats: { usedNumBlocks, maxNumBlocks: 100 } })));
}

function usedOf(stats: readonly IterationStat[]): (number | null)[] {
  return stats.map((stat) => stat.usedBlocks);
}

test("each row goes to every subscriber once, in order, from a single reader", async () => {
  const second: IterationStat[] = [];
  const third: IterationStat[] = [];
  const subscribers: StatSubscriber[] = [(stat) => second.push(stat), (stat) => third.push(stat)];
  const { poller, drain, stats } = rig([[used(1, 2)], [used()], [used(3)]], { subscribers });
  await poller.run();
  assert.deepEqual(usedOf(stats), [1, 2, 3]);
  assert.deepEqual(second, stats);
  assert.deepEqual(third, stats);
  assert.deepEqual([drain.drains, drain.mostRunning, drain.closed], [3, 1, true]);
  const { polls, rows, badRows, up } = poller.counters;
  assert.deepEqual([polls.items, polls.empty, polls.error, rows, badRows, up], [2, 1, 0, 3, 0, 0]);
});

test("a second reader of the same poller is refused, and the first goes on", async () => {
  const { poller, stats } = rig([[used(1)]]);
  const first = poller.run();
  await assert.rejects(poller.run(), { code: "KVCAST_STATS_OVERLAP" });
  await first;
  assert.deepEqual(usedOf(stats), [1]);
});

test("answers that come at once are still asked for 10 ms apart at the least", async () => {
  const { poller, sleeps, drain } = rig(Array.from({ length: 20 }, (_, i) => [i % 3 === 0 ? used() : used(i)]));
  await poller.run();
  assert.equal(drain.drains, 20);
  assert.equal(sleeps.length, 20, "one wait a poll");
  assert.ok(
    sleeps.every((ms) => ms >= 10),
    sleeps.join(" "),
  );
});

test("a reader that has failed ends at once and for good, instead of spinning", async () => {
  const { poller, drain, sleeps } = rig([[used(1)], [used(2)]], {
    subscribers: [
      () => {
        throw new Error("a bug of ours");
      },
    ],
  });
  await assert.rejects(poller.run(), /a bug of ours/u);
  for (let i = 0; i < 10; i++) await nextTurn();
  assert.deepEqual([drain.drains, sleeps.length, drain.closed, poller.counters.up], [1, 0, true, 0]);
  await assert.rejects(poller.run(), { code: "KVCAST_STATS_OVERLAP" });
});

test("one that was stopped before it ran asks nothing", async () => {
  const { poller, drain } = rig([[used(1)]]);
  poller.stop();
  await poller.run();
  assert.deepEqual([drain.drains, drain.closed], [0, true]);
});

test("stopping cuts a poll that waits inside the engine, and counts it as nothing", async () => {
  const { poller, drain, sleeps } = rig([new Gate().opened, [used(1)]]);
  const run = poller.run();
  await nextTurn();
  poller.stop();
  poller.stop();
  await run;
  assert.deepEqual([drain.drains, sleeps.length], [1, 0]);
  assert.deepEqual(poller.counters.polls, { items: 0, empty: 0, error: 0 });
});

test("a rank of null is rank 0, and a rank beyond the configured ones is counted and told once", async () => {
  const rows = [null, 1, 2, 3, 2].map((attentionDpRank) => row({ attentionDpRank }));
  const { poller, stats, log } = rig([[JSON.stringify(rows)]], { ranks: 2 });
  await poller.run();
  assert.deepEqual(
    stats.map((stat) => stat.rank),
    [0, 1],
  );
  assert.equal(poller.counters.unknownRankRows, 3);
  assert.deepEqual(
    log.of("warn").map((line) => line.fields),
    [{ rank: 2 }],
  );
});

test("bad rows cost themselves only, and are counted", async () => {
  const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
  const long = `{"kvCacheStats":{"usedNumBlocks":1},"x":"${"y".repeat(MAX_ROW_BYTES)}"}`;
  const bad = [
    "7",
    "null",
    '"row"',
    "[]",
    '{"attentionDpRank":-1}',
    '{"attentionDpRank":true}',
    '{"kvCacheStats":{"usedNumBlocks":1e999}}',
    `{"x":${deep}}`,
    long,
  ];
  const body = `[${[used(1).slice(1, -1), ...bad, used(2).slice(1, -1)].join(",")}]`;
  const { poller, stats, log } = rig([[body]]);
  await poller.run();
  assert.deepEqual(usedOf(stats), [1, 2]);
  assert.equal(poller.counters.badRows, bad.length);
  assert.equal(poller.counters.polls.items, 1);
  assert.equal(log.of("warn").length, 1, "a flood of bad rows is no flood of lines");
});

test("of a broken body the rows before the break count", async () => {
  const whole = used(1, 2, 3);
  const { poller, stats, log } = rig([[whole.slice(0, -20)], ["<html>"], ['{"detail":"x"}'], [""], [used(4)]]);
  await poller.run();
  assert.deepEqual(usedOf(stats), [1, 2, 4]);
  assert.deepEqual([poller.counters.errors.decode, poller.counters.errors.schema], [3, 1]);
  assert.ok(log.of("warn").length > 0);
  assert.ok(log.lines.every((line) => !JSON.stringify(line).includes("usedNumBlocks")));
});

test("rows are the same in pieces of any size", async () => {
  const body = used(...Array.from({ length: 150 }, (_, i) => i));
  for (const size of [1, 7, 100, 4096]) {
    const pieces = body.match(new RegExp(`.{1,${size}}`, "gsu")) ?? [];
    const { poller, stats } = rig([pieces]);
    await poller.run();
    assert.deepEqual(
      usedOf(stats),
      Array.from({ length: 150 }, (_, i) => i),
      `pieces of ${size}`,
    );
    assert.equal(poller.counters.receivedBytes, body.length);
  }
});

test("the event loop gets a turn within a long answer", async () => {
  let rows = 0;
  let rowsAtTurn = -1;
  const { poller } = rig([[used(...Array.from({ length: 500 }, (_, i) => i))]], {
    subscribers: [
      () => {
        if (rows++ === 0) setImmediate(() => (rowsAtTurn = rows));
      },
    ],
  });
  await poller.run();
  assert.equal(rows, 500);
  assert.ok(rowsAtTurn > 0 && rowsAtTurn <= 64, String(rowsAtTurn));
});

test("failures are counted by reason; a connection that was merely stale is told to nobody", async () => {
  const stale = new DrainError("connect", "stale", { staleSocket: true });
  const { poller, log } = rig([[used(1)], stale, [used(2)], new DrainError("timeout", "late"), [used(3)]]);
  await poller.run();
  const { errors, polls } = poller.counters;
  assert.deepEqual([errors.connect, errors.timeout, polls.error, polls.items], [1, 1, 2, 3]);
  assert.deepEqual(
    log.lines.map((line) => `${line.level} ${line.msg}`),
    [
      "info the engine gives iteration statistics",
      "warn the engine's statistics cannot be read",
      "info the engine's statistics can be read again",
    ],
  );
});

test("where statistics may be off, an engine without them is asked three times, then every 30 s, and told once", async () => {
  const missing = new DrainError("http_status", "HTTP status 404", { status: 404 });
  const { poller, log, sleeps, stats } = rig([[used()], missing, [used()], [used()], [used()], [used(1)]], {
    mode: "auto",
  });
  await poller.run();
  assert.deepEqual(sleeps, [1000, 1000, 30_000, 30_000, 30_000, 10]);
  assert.deepEqual(usedOf(stats), [1]);
  assert.deepEqual(
    log.of("info").map((line) => line.msg),
    [
      "the engine's statistics can be read again",
      "the engine gives no iteration statistics: its load is not known",
      "the engine gives iteration statistics",
    ],
  );
  assert.deepEqual(log.of("warn"), []);
});
