import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Secret } from "../../src/shared/secret.ts";
import type { PollProfile } from "../../src/main/config/config.ts";
import type { Drain, DrainOutcome, DrainPorts } from "../../src/main/engine/drain-client.ts";
import { DrainError, type DrainErrorDetail, type DrainFailure } from "../../src/main/engine/drain-error.ts";
import type { OnChunk } from "../../src/main/engine/drain-exchange.ts";
import { HttpSource } from "../../src/main/engine/http-source.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { Gate } from "../support/gate.ts";
import { engineConfig } from "../support/scripted-engine.ts";

const profile: PollProfile = { name: "default", minSleepMs: 5, maxSleepMs: 100, factor: 1.5, maxItemsPerStep: 256 };

const SECRET = "s3cret-salt";

function removed(id: number): string {
  return `{"event_id":${id},"data":{"type":"removed","block_hashes":[${id}]}}`;
}

function body(...ids: number[]): string {
  return `[${ids.map(removed).join(",")}]`;
}

interface Answer {
  /** Pieces of the body. */
  readonly chunks?: readonly string[];
  readonly error?: DrainError;
  readonly elapsedMs?: number;
  /** The drain ends when this resolves, or when it is aborted. */
  readonly until?: Promise<void>;
}

function failing(reason: DrainFailure, detail?: DrainErrorDetail): Answer {
  return { error: new DrainError(reason, `${reason} happened`, detail) };
}

/** Answers from a list; when it is used up the source is stopped. */
class ScriptedDrain implements Drain {
  answering: boolean = false;
  drains: number = 0;
  aborts: number = 0;
  closed: boolean = false;
  readonly #answers: readonly Answer[];
  #cut: Gate = new Gate();
  whenDone: () => void = () => {};

  constructor(answers: readonly Answer[]) {
    this.#answers = answers;
  }

  async drain(onChunk: OnChunk): Promise<DrainOutcome> {
    const answer = this.#answers[this.drains++];
    if (this.drains === this.#answers.length) this.whenDone();
    const { chunks = [], error = null, elapsedMs = 1, until } = answer ?? {};
    for (const chunk of chunks) {
      this.answering = true;
      if (!(await onChunk(Buffer.from(chunk))) || this.aborts > 0) {
        this.answering = false;
        return { error: null, cut: true, elapsedMs };
      }
    }
    const cut =
      until === undefined ? false : await Promise.race([until.then(() => false), this.#cut.opened.then(() => true)]);
    this.answering = false;
    return { error: cut ? null : error, cut, elapsedMs };
  }

  abort(): void {
    this.aborts++;
    this.#cut.open();
  }

  renew(): void {}

  close(): void {
    this.closed = true;
  }
}

interface Rig {
  readonly source: HttpSource;
  readonly drain: ScriptedDrain;
  readonly sink: RecordingSink;
  readonly counters: EngineCounters;
  readonly log: RecordingLog;
  readonly sleeps: number[];
  /** Moves the journal's clock. */
  now: number;
}

/** A source over scripted answers; it stops with the last of them unless told otherwise. */
function rigOf(answers: readonly Answer[], over: { stopAtEnd?: boolean; ports?: Partial<DrainPorts> } = {}): Rig {
  const drain = new ScriptedDrain(answers);
  const sink = new RecordingSink();
  const counters = new EngineCounters("engine0", "http", 1);
  const log = new RecordingLog();
  const sleeps: number[] = [];
  const source = new HttpSource({
    config: engineConfig(new URL("http://engine.example:8000/base"), {
      headers: new Secret({ authorization: SECRET }),
    }),
    profile,
    sink,
    counters,
    log,
    wallClock: () => 1_700_000_000.5,
    ports: {
      drain,
      random: () => 0.5,
      monotonic: () => rig.now,
      sleep: async (ms) => void sleeps.push(ms),
      ...over.ports,
    },
  });
  const rig: Rig = { source, drain, sink, counters, log, sleeps, now: 0 };
  // As from a timer: the poll that brings the last answer still counts in full.
  if (over.stopAtEnd !== false) drain.whenDone = () => queueMicrotask(() => source.stop());
  return rig;
}

function fakeTimers(t: TestContext): void {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
}

test("polls, events, bytes and times are counted", async () => {
  const rig = rigOf([{ chunks: ["[]"], elapsedMs: 20 }, { chunks: [body(0, 1), "  "] }, { chunks: ["[]"] }]);
  await rig.source.run();
  const { counters } = rig;
  assert.deepEqual(counters.polls, { items: 1, empty: 2, error: 0 });
  assert.equal(counters.receivedBytes, 2 + body(0, 1).length + 2 + 2);
  assert.equal(counters.up, 1);
  assert.equal(counters.lastEventTimestampSeconds, 1_700_000_000.5);
  assert.equal(
    counters.pollDuration.counts.reduce((a, b) => a + b),
    3,
  );
  assert.ok(Math.abs(counters.pollDuration.sum - 0.022) < 1e-9);
  assert.equal(counters.pollBackoffSeconds, 0.005);
  assert.deepEqual(rig.sink.ids, [0, 1]);
  assert.equal(rig.sink.unflushed, 0);
  assert.equal(rig.drain.closed, true);
});

test("an empty answer sets no event time", async () => {
  const rig = rigOf([{ chunks: ["[", "]"] }]);
  await rig.source.run();
  assert.equal(rig.counters.lastEventTimestampSeconds, 0);
  assert.equal(rig.sink.steps.length, 0);
});

for (const reason of ["connect", "timeout", "http_status", "decode", "oversize"] as const) {
  test(`a drain that fails with ${reason} is counted and the next one is made`, async () => {
    const rig = rigOf([failing(reason), { chunks: [body(7)] }]);
    await rig.source.run();
    assert.deepEqual(rig.counters.polls, { items: 1, empty: 0, error: 1 });
    assert.equal(rig.counters.errors[reason], 1);
    assert.deepEqual(rig.sleeps, [5]);
    assert.deepEqual(rig.sink.ids, [7]);
  });
}

test("up follows the last poll", async () => {
  const seen: number[] = [];
  const rig: Rig = rigOf([{ chunks: ["[]"] }, failing("connect"), failing("connect"), { chunks: ["[]"] }], {
    ports: { sleep: async () => void seen.push(rig.counters.up) },
  });
  await rig.source.run();
  assert.deepEqual([...seen, rig.counters.up], [1, 0, 0, 1]);
});

test("events before the broken place are delivered, the answer is cut, the log holds no payload", async () => {
  const chunk = `${body(0, 1).slice(0, -1)},{"event_id":2,"data":{"cache_salt":"${SECRET}" nonsense`;
  const rig = rigOf([{ chunks: [chunk, "never read"] }, { chunks: [body(5)] }]);
  await rig.source.run();
  assert.deepEqual(rig.sink.ids, [0, 1, 5]);
  assert.deepEqual(rig.counters.polls, { items: 1, empty: 0, error: 1 });
  assert.equal(rig.counters.errors.decode, 1);
  assert.equal(rig.counters.receivedBytes, chunk.length + body(5).length, "the second chunk was not asked for");
  assert.deepEqual(rig.sleeps, [], "after events, a failure does not wait");
  const [line] = rig.log.of("warn");
  assert.equal(line?.fields["reason"], "decode");
  assert.equal(line?.fields["byte_offset"], chunk.indexOf("nonsense"));
  assert.doesNotMatch(JSON.stringify(rig.log.lines), new RegExp(`${SECRET}|nonsense`));
});

for (const [what, text, reason] of [
  ["an HTML page", "<html>", "decode"],
  ["an object", '{"error":"x"}', "schema"],
  ["nothing", "", "decode"],
  ["a list that is not closed", body(1, 2).slice(0, -1), "decode"],
  ["two lists", "[][]", "decode"],
  ["a nest of lists", "[".repeat(100_000), "schema"],
] as const) {
  test(`an answer that is ${what} fails the poll with ${reason}`, async () => {
    const rig = rigOf([{ chunks: [text] }]);
    await rig.source.run();
    assert.equal(rig.counters.errors[reason], 1);
    assert.deepEqual(rig.counters.polls, { items: 0, empty: 0, error: 1 });
  });
}

test("a broken connection hands on what had come, and is the reason, not the half body", async () => {
  // In pieces, so that the last whole entry is still waiting in the scanner when the connection breaks.
  const entry = removed(1);
  const chunks = ["[", removed(0), ",", entry.slice(0, -3), entry.slice(-3), ","];
  const rig = rigOf([{ chunks, ...failing("connect") }]);
  await rig.source.run();
  assert.deepEqual(rig.sink.ids, [0, 1]);
  assert.equal(rig.counters.errors.connect, 1);
  assert.equal(rig.counters.errors.decode, 0);
  assert.equal(rig.log.of("warn")[0]?.fields["reason"], "connect");
});

test("a connection the engine had closed as idle: counted, not waited for, not told", async () => {
  const stale = failing("connect", { staleSocket: true });
  const rig = rigOf([{ chunks: ["[]"] }, stale, { chunks: ["[]"] }]);
  await rig.source.run();
  assert.equal(rig.counters.errors.connect, 1);
  assert.deepEqual(rig.sleeps, [5]);
  assert.equal(rig.log.of("warn").length, 0);
  assert.equal(rig.log.of("info").length, 1, "only that it answers at all");
});

test("a step ends after the most items, and the event loop gets a turn", async () => {
  const ids = Array.from({ length: 600 }, (_, i) => i);
  const rig = rigOf([{ chunks: [body(...ids)] }]);
  const turnsAtFlush: number[] = [];
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const flush = rig.sink.flush.bind(rig.sink);
  rig.sink.flush = (): void => {
    turnsAtFlush.push(turns);
    flush();
  };
  await rig.source.run();
  counting = false;
  assert.deepEqual(
    rig.sink.steps.map((step) => step.length),
    [256, 256, 88],
  );
  const [first = 0, second = 0, third = 0] = turnsAtFlush;
  assert.ok(second > first && third > second, `flushes at turns ${turnsAtFlush.join(" ")}`);
});

test("a full sink is flushed, waited for, and asked again until it takes the event", async () => {
  const rig = rigOf([{ chunks: [body(0, 1, 2), "\n"] }, { chunks: [body(3)] }]);
  rig.sink.room = 1;
  const full = rig.sink.untilFull();
  const running = rig.source.run();
  await full;
  await nextTurn();
  assert.deepEqual(rig.sink.ids, [0]);
  assert.equal(rig.sink.unflushed, 0, "what was taken left before the wait");
  assert.equal(rig.drain.drains, 1);
  rig.sink.allow(0);
  await nextTurn();
  assert.deepEqual(rig.sink.ids, [0], "a wake-up without room is no room");
  rig.sink.allow(Infinity);
  await running;
  assert.deepEqual(rig.sink.ids, [0, 1, 2, 3]);
  assert.equal(rig.sink.unflushed, 0);
  assert.equal(rig.sink.refusals, 1);
  assert.equal(rig.counters.droppedAtShutdown, 0);
});

test("an event that is taken on a retry as the last of an answer is flushed", async () => {
  const rig = rigOf([{ chunks: [body(0)] }]);
  rig.sink.room = 0;
  const full = rig.sink.untilFull();
  const running = rig.source.run();
  await full;
  rig.sink.allow(Infinity);
  await running;
  assert.deepEqual(rig.sink.ids, [0]);
  assert.equal(rig.sink.unflushed, 0);
});

// The log.

test("an outage is told once for each reason, its end once, and steady polls not at all", async () => {
  const rig: Rig = rigOf(
    [
      { chunks: ["[]"] },
      { chunks: ["[]"] },
      ...Array.from({ length: 5 }, () => failing("connect")),
      ...Array.from({ length: 5 }, () => failing("http_status", { status: 503 })),
      { chunks: ["[]"] },
      { chunks: ["[]"] },
    ],
    { ports: { sleep: async () => void (rig.now += 1000) } },
  );
  await rig.source.run();
  assert.deepEqual(
    rig.log.lines.map(({ level, msg, fields }) => [level, msg, fields["reason"], fields["failed_polls"]]),
    [
      ["info", "the engine answers", undefined, undefined],
      ["warn", "polling the engine fails", "connect", 1],
      ["warn", "polling the engine fails", "http_status", 6],
      ["info", "the engine answers again", undefined, 10],
    ],
  );
  assert.equal(rig.log.lines[3]?.fields["seconds"], 10);
});

test("when every other poll fails, a kind of line comes once in ten seconds", async () => {
  const answers = Array.from({ length: 40 }, (_, i): Answer => (i % 2 === 0 ? failing("timeout") : { chunks: ["[]"] }));
  const rig: Rig = rigOf(answers, { ports: { sleep: async () => void (rig.now += 500) } });
  await rig.source.run();
  assert.equal(rig.log.of("warn").length, 2);
  assert.equal(rig.log.of("info").length, 2, "an end is told for each beginning that was");
});

test("an outage that began in a quiet time is told when that is over", async () => {
  const answers = [failing("timeout"), { chunks: ["[]"] }, ...Array.from({ length: 20 }, () => failing("timeout"))];
  const rig: Rig = rigOf(answers, { ports: { sleep: async () => void (rig.now += 1000) } });
  await rig.source.run();
  assert.deepEqual(
    rig.log.of("warn").map(({ fields }) => fields["failed_polls"]),
    [1, 9],
  );
});

for (const [status, hint] of [
  [404, /wrong URL, or a server without KV-cache events/],
  [405, /wrong URL, or a server without KV-cache events/],
  [307, /redirects are not followed/],
  [401, /--engine-header-file/],
  [403, /--engine-header-file/],
] as const) {
  test(`status ${status} comes with a hint, once`, async () => {
    const answer = failing("http_status", { status });
    const rig = rigOf([answer, answer, answer]);
    await rig.source.run();
    const warnings = rig.log.of("warn");
    assert.equal(warnings.length, 1);
    assert.match(String(warnings[0]?.fields["hint"]), hint);
  });
}

test("many different statuses are one kind of line", async () => {
  const rig = rigOf(Array.from({ length: 90 }, (_, i) => failing("http_status", { status: 500 + i })));
  await rig.source.run();
  assert.equal(rig.log.of("warn").length, 1);
});

test("empty answers are never a warning; those that wait for events are noted once", async () => {
  const slow: Answer = { chunks: ["[]"], elapsedMs: 2010 };
  const fast: Answer = { chunks: ["[]"], elapsedMs: 2 };
  const once = rigOf([slow, fast, slow, fast]);
  await once.source.run();
  assert.equal(once.log.lines.length, 1, "one slow answer alone says nothing");
  const slowWithEvents: Answer = { chunks: [body(1)], elapsedMs: 2010 };
  const rig = rigOf([slow, slowWithEvents, slow, slow, slow]);
  await rig.source.run();
  const notes = rig.log.of("info").filter(({ msg }) => /waits for events/.test(msg));
  assert.equal(notes.length, 1);
  assert.equal(rig.log.of("warn").length, 0);
});

test("neither the description nor the log shows a header's value", async () => {
  const rig = rigOf([failing("connect"), { chunks: ["[]"] }]);
  await rig.source.run();
  assert.equal(rig.source.describe(), "trtllm-serve http://engine.example:8000/base");
  assert.doesNotMatch(JSON.stringify(rig.log.lines), new RegExp(SECRET));
});

// stop() in each state.

test("stop before run: no poll", async () => {
  const rig = rigOf([{ chunks: ["[]"] }]);
  rig.source.stop();
  await rig.source.run();
  assert.equal(rig.drain.drains, 0);
  assert.equal(rig.drain.closed, true);
});

test("stop while sleeping: at once, and a second stop is harmless", async (t) => {
  fakeTimers(t);
  const rig = rigOf([{ chunks: ["[]"] }], { stopAtEnd: false });
  // With the sleep that the rig replaces.
  const source = new HttpSource({
    config: engineConfig(new URL("http://engine.example:8000")),
    profile,
    sink: rig.sink,
    counters: rig.counters,
    log: rig.log,
    wallClock: () => 0,
    ports: { drain: rig.drain },
  });
  const running = source.run();
  await nextTurn();
  assert.equal(rig.drain.drains, 1);
  source.stop();
  source.stop();
  await running;
  assert.equal(rig.drain.drains, 1);
});

test("stop while the engine has not answered: a short grace, then cut, in no poll count", async (t) => {
  fakeTimers(t);
  const rig = rigOf([{ until: new Gate().opened }], { stopAtEnd: false });
  const running = rig.source.run();
  await nextTurn();
  rig.source.stop();
  mock.timers.tick(249);
  assert.equal(rig.drain.aborts, 0);
  mock.timers.tick(1);
  assert.equal(rig.drain.aborts, 1);
  await running;
  assert.deepEqual(rig.counters.polls, { items: 0, empty: 0, error: 0 });
  assert.equal(rig.log.of("warn").length, 0);
});

test("stop while the engine has not answered, and events flow: the longer grace, and what is lost is told", async (t) => {
  fakeTimers(t);
  const rig = rigOf([{ chunks: [body(0)] }, { until: new Gate().opened }], { stopAtEnd: false });
  const running = rig.source.run();
  while (rig.drain.drains < 2) await nextTurn();
  rig.source.stop();
  mock.timers.tick(250);
  mock.timers.tick(2749);
  assert.equal(rig.drain.aborts, 0);
  mock.timers.tick(1);
  assert.equal(rig.drain.aborts, 1);
  await running;
  assert.match(String(rig.log.of("warn")[0]?.msg), /taken out for that answer is lost/);
});

test("stop just before the engine answers: its events are delivered", async (t) => {
  fakeTimers(t);
  const rig = rigOf([{ chunks: [body(0)], until: new Gate().opened }], { stopAtEnd: false });
  const running = rig.source.run();
  rig.source.stop();
  await nextTurn();
  mock.timers.tick(250);
  assert.equal(rig.drain.aborts, 0, "an answer that has begun gets the longer grace");
  mock.timers.tick(2750);
  assert.equal(rig.drain.aborts, 1);
  await running;
  assert.deepEqual(rig.sink.ids, [0]);
  assert.match(String(rig.log.of("warn")[0]?.msg), /rest of that answer is lost/);
});

test("stop inside an answer that goes on: it is read to its end", async (t) => {
  fakeTimers(t);
  const rest = new Gate();
  const rig = rigOf([{ chunks: [body(0, 1)], until: rest.opened }], { stopAtEnd: false });
  const running = rig.source.run();
  await nextTurn();
  rig.source.stop();
  mock.timers.tick(2900);
  rest.open();
  await running;
  assert.equal(rig.drain.aborts, 0);
  assert.deepEqual(rig.counters.polls, { items: 1, empty: 0, error: 0 });
  assert.deepEqual(rig.sink.ids, [0, 1]);
});

for (const stopping of [false, true]) {
  test(`stop while the sink is full${stopping ? " and stopping" : ""}: given up after the grace`, async (t) => {
    fakeTimers(t);
    const rig = rigOf([{ chunks: [body(0, 1, 2, 3, 4)] }], { stopAtEnd: false });
    rig.sink.room = 2;
    const full = rig.sink.untilFull();
    const running = rig.source.run();
    await full;
    rig.sink.stopping = stopping;
    rig.source.stop();
    await nextTurn();
    mock.timers.tick(250);
    await nextTurn();
    mock.timers.tick(2749);
    await nextTurn();
    assert.equal(rig.counters.droppedAtShutdown, 0);
    mock.timers.tick(1);
    await running;
    assert.deepEqual(rig.sink.ids, [0, 1]);
    assert.equal(rig.counters.droppedAtShutdown, 3);
    assert.equal(rig.counters.received.removed, 3, "the sink counts those it takes; these are counted by the source");
    assert.equal(rig.log.of("warn").at(-1)?.fields["events"], 3);
  });
}

test("stop while the sink is full, and it gets room in time: nothing is given up", async (t) => {
  fakeTimers(t);
  const rig = rigOf([{ chunks: [body(0, 1, 2)] }], { stopAtEnd: false });
  rig.sink.room = 1;
  const full = rig.sink.untilFull();
  const running = rig.source.run();
  await full;
  rig.source.stop();
  await nextTurn();
  mock.timers.tick(500);
  rig.sink.allow(Infinity);
  await running;
  assert.deepEqual(rig.sink.ids, [0, 1, 2]);
  assert.equal(rig.counters.droppedAtShutdown, 0);
});

test("stop while the sink is full and the answer is over: the longer grace too", async (t) => {
  fakeTimers(t);
  const entry = removed(1);
  // The closing bracket alone is not worth a second try of the entry, so it is read after the answer's end.
  const rig = rigOf([{ chunks: ["[", entry.slice(0, -3), entry.slice(-3), "]"] }], { stopAtEnd: false });
  rig.sink.room = 0;
  const full = rig.sink.untilFull();
  const running = rig.source.run();
  await full;
  assert.equal(rig.drain.answering, false);
  rig.source.stop();
  mock.timers.tick(250);
  await nextTurn();
  assert.equal(rig.counters.droppedAtShutdown, 0);
  rig.sink.allow(1);
  await running;
  assert.deepEqual(rig.sink.ids, [1]);
});

test("a sink that throws is a bug: run rejects, and the connections are closed", async () => {
  const rig = rigOf([{ chunks: [body(0)] }]);
  rig.sink.accept = (): boolean => {
    throw new Error("bug");
  };
  await assert.rejects(rig.source.run(), /bug/);
  assert.equal(rig.drain.closed, true);
});
