/** When which load is published: to routers, and to the planner. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { decode } from "@msgpack/msgpack";
import type { IterationStat } from "../../src/main/load/iteration-stat.ts";
import { LoadPublisher } from "../../src/main/load/load-publisher.ts";
import { LoadTable } from "../../src/main/load/load-table.ts";
import { ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import type { LoadMessage } from "../../src/shared/nats-messages.ts";
import { INFLIGHT, stat, usage, without } from "../support/load-rows.ts";
import { RecordingLog } from "../support/recording-log.ts";

const WORKER = 2n ** 63n + 5n;

interface Rig {
  readonly publisher: LoadPublisher;
  readonly log: RecordingLog;
  /** `rank used` of the loads since the last call. */
  readonly loads: () => Promise<string[]>;
  /** The planner's messages since the last call. */
  readonly passes: () => Pass[];
  /** Moves the clock and lets what is due go out. */
  readonly pass: (ms: number) => void;
  readonly setAnswers: (answers: boolean) => void;
}

interface Pass {
  readonly worker_id: string;
  readonly dp_rank: number;
  readonly counter_id: number;
  readonly wall_time: number;
  readonly scheduled_requests: Readonly<Record<string, number>>;
  readonly queued_requests: Readonly<Record<string, number>>;
}

function rig(t: TestContext, attentionDpSize: number, base: number = 0): Rig {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const posted: LoadMessage[] = [];
  const log = new RecordingLog();
  let nowMs = 5000;
  let answers = true;
  const publisher = new LoadPublisher({
    workerId: WORKER,
    ranks: { ...ranksOfOnly(attentionDpSize), base },
    post: (message) => posted.push(message),
    log,
    engineAnswers: () => answers,
    now: () => nowMs,
  });
  t.after(() => publisher.stop());
  const take = (topic: string): LoadMessage[] => {
    const taken = posted.filter((message) => message.topic === topic);
    for (const message of taken) posted.splice(posted.indexOf(message), 1);
    return taken;
  };
  return {
    publisher,
    log,
    loads: async () => {
      // What a step brought goes out in a microtask behind it.
      await Promise.resolve();
      return take("kv_metrics").map(({ rank, payload }) => {
        const load = decode(payload, { useBigInt64: true }) as Record<string, unknown>;
        assert.deepEqual([load["worker_id"], load["dp_rank"]], [WORKER, rank]);
        assert.deepEqual([load["active_decode_blocks"], load["active_prefill_tokens"]], [null, null]);
        return `${rank} ${String(load["kv_used_blocks"])}`;
      });
    },
    passes: () =>
      take("forward-pass-metrics").map(({ rank, payload }) => {
        const pass = decode(payload) as Pass;
        assert.deepEqual([pass.worker_id, pass.dp_rank], [WORKER.toString(), rank]);
        return pass;
      }),
    pass: (ms) => {
      nowMs += ms;
      t.mock.timers.tick(ms);
    },
    setAnswers: (value) => (answers = value),
  };
}

function heartbeat(pass: Pass): boolean {
  const figures = [...Object.values(pass.scheduled_requests), ...Object.values(pass.queued_requests)];
  return pass.wall_time === 0 && figures.every((figure) => figure === 0);
}

test("each rank is known with zero blocks before the engine has said anything", async (t) => {
  for (const ranks of [1, 4]) {
    const { publisher, loads } = rig(t, ranks);
    publisher.start();
    assert.deepEqual(await loads(), ["0 0", "1 0", "2 0", "3 0"].slice(0, ranks));
    t.mock.timers.reset();
  }
});

test("ranks of one answer do not overwrite each other, and keep their order", async (t) => {
  const { publisher, loads } = rig(t, 2);
  publisher.start();
  await loads();
  for (const [rank, used] of [
    [0, 7],
    [1, 8],
    [0, 9],
    [1, 10],
  ] as const) {
    publisher.note(usage(rank, used));
  }
  assert.deepEqual(await loads(), ["0 9", "1 10"]);
});

test("ranks of a later engine stand behind those of the ones before it, to routers and to the planner", async (t) => {
  const { publisher, loads, passes } = rig(t, 2, 6);
  publisher.start();
  assert.deepEqual(await loads(), ["6 0", "7 0"]);
  publisher.note(usage(1, 8));
  publisher.note(stat({ attentionDpRank: 1 }));
  assert.deepEqual((await loads()).at(-1)?.split(" ")[0], "7");
  assert.deepEqual(
    passes().map(({ dp_rank: rank }) => rank),
    [7, 7],
  );
});

test("a figure that did not change is not sent again before the heartbeat", async (t) => {
  const { publisher, loads, pass } = rig(t, 2);
  publisher.start();
  publisher.note(usage(0, 5));
  assert.deepEqual(await loads(), ["0 0", "1 0", "0 5"]);
  pass(500);
  publisher.note(usage(0, 5));
  publisher.note(usage(1, 3));
  assert.deepEqual(await loads(), ["1 3"]);
  pass(499);
  assert.deepEqual(await loads(), []);
  pass(1);
  assert.deepEqual(await loads(), ["0 5"], "rank 1 was sent later, so its turn comes later");
  pass(500);
  assert.deepEqual(await loads(), ["1 3"]);
});

test("a row without cache figures, or of a foreign rank, changes no load", async (t) => {
  const { publisher, loads } = rig(t, 1);
  publisher.start();
  publisher.note(usage(0, 5));
  await loads();
  publisher.note(stat({ kvCacheStats: null }));
  publisher.note(usage(1, 9));
  assert.deepEqual(await loads(), []);
});

test("nothing goes out after the end", async (t) => {
  const { publisher, loads, pass } = rig(t, 1);
  publisher.start();
  await loads();
  publisher.stop();
  pass(5000);
  assert.deepEqual(await loads(), []);
});

test("the planner hears of each row, under its rank and with a number of that rank", (t) => {
  const { publisher, passes } = rig(t, 4);
  for (const rank of [0, 1, 2, 3, 3]) {
    publisher.note(stat({ attentionDpRank: rank }, { numCtxTokens: 100 * (rank + 1) }));
  }
  assert.deepEqual(
    passes().map((pass) => [pass.dp_rank, pass.counter_id, pass.scheduled_requests["sum_prefill_tokens"]]),
    [
      [0, 1, 100],
      [1, 1, 200],
      [2, 1, 300],
      [3, 1, 400],
      [3, 2, 400],
    ],
  );
});

test("what waits at one rank is not told of another", (t) => {
  const { publisher, passes } = rig(t, 2);
  const quiet = Object.fromEntries(Object.keys(INFLIGHT).map((field) => [field, 0]));
  publisher.note(stat({}, { ...quiet, numQueuedContextRequests: 8664, numQueuedCtxTokens: 155_952 }));
  publisher.note(stat({ attentionDpRank: 1 }, { ...quiet, numGenRequests: 2, numGenKvTokens: 33 }));
  const [first, second] = passes();
  assert.deepEqual([first?.wall_time, second?.wall_time], [0.025, 0.025]);
  assert.equal(first?.queued_requests["num_prefill_requests"], 8664);
  assert.equal(first.queued_requests["sum_prefill_tokens"], 155_952);
  assert.equal(first.scheduled_requests["num_decode_requests"], 0);
  assert.equal(second?.queued_requests["num_prefill_requests"], 0);
  assert.equal(second.scheduled_requests["num_decode_requests"], 2);
  assert.equal(second.scheduled_requests["sum_decode_kv_tokens"], 33);
});

test("a rank without rows for a second is idle, and says so each second", (t) => {
  const { publisher, passes, pass } = rig(t, 2);
  publisher.start();
  pass(3000);
  assert.deepEqual(passes(), [], "nothing is known of the engine");
  publisher.note(stat());
  assert.equal(passes().length, 1);
  pass(750);
  publisher.note(stat());
  assert.deepEqual(passes().map(heartbeat), [false]);
  pass(250);
  const idle = passes();
  assert.deepEqual(
    idle.map((one) => [one.dp_rank, one.counter_id, heartbeat(one)]),
    [[1, 1, true]],
  );
  pass(750);
  assert.deepEqual(
    passes().map((one) => [one.dp_rank, one.counter_id, heartbeat(one)]),
    [[0, 3, true]],
  );
});

test("an engine that does not answer is not called idle", (t) => {
  const { publisher, passes, pass, setAnswers } = rig(t, 1);
  publisher.start();
  publisher.note(stat());
  passes();
  setAnswers(false);
  pass(5000);
  assert.deepEqual(passes(), []);
  setAnswers(true);
  pass(250);
  assert.deepEqual(passes().map(heartbeat), [true]);
});

const INCOMPLETE: readonly (readonly [string, IterationStat])[] = [
  ...Object.keys(INFLIGHT).map(
    (field) => [`without ${field}`, stat({ inflightBatchingStats: without(INFLIGHT, field) })] as const,
  ),
  ["without forward-pass figures", stat({ inflightBatchingStats: undefined })],
  ["with null for them", stat({ inflightBatchingStats: null })],
];

for (const [title, first] of INCOMPLETE) {
  test(`a first row ${title} ends the planner's messages for good, not the routers'`, async (t) => {
    const { publisher, passes, loads, pass, log } = rig(t, 1);
    publisher.start();
    publisher.note(first);
    publisher.note(stat());
    pass(5000);
    assert.deepEqual(passes(), []);
    assert.equal(log.of("warn").length, 1);
    assert.ok((await loads()).includes("0 10"));
  });
}

test("only the first row is checked; what a later one lacks is 0", (t) => {
  const { publisher, passes, log } = rig(t, 1);
  publisher.note(stat());
  publisher.note(stat({ iterLatencyMS: 10, inflightBatchingStats: null }));
  const [, second] = passes();
  assert.equal(second?.wall_time, 0.01);
  assert.ok(Object.values(second.scheduled_requests).every((figure) => figure === 0));
  assert.deepEqual(log.lines, []);
});

test("the table of loads holds each rank's last figures, and zeros before", () => {
  const table = new LoadTable(2);
  assert.deepEqual([table.ranks, table.used(0), table.max(0), table.usage(0)], [2, 0, 0, 0]);
  table.note(usage(1, 25));
  table.note(usage(2, 99));
  assert.deepEqual([table.used(0), table.used(1), table.max(1), table.usage(1)], [0, 25, 100, 0.25]);
  table.note(stat({ attentionDpRank: 1, kvCacheStats: null }));
  assert.equal(table.usage(1), 0.25, "a row that says nothing changes nothing");
  table.note(stat({ attentionDpRank: 1, kvCacheStats: { usedNumBlocks: 5, maxNumBlocks: 0 } }));
  assert.deepEqual([table.used(1), table.usage(1), table.used(2), table.usage(7)], [5, 0, 0, 0]);
});
