/**
 * Half an hour of one engine's life, in virtual time: its server, its generation and its statistics fail in turn, and the checks
 * tell of each in time, once, and of nothing else.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineHealthConfig } from "../../src/main/config/health-config.ts";
import { NO_FACTS } from "../../src/main/engine/engine-probe.ts";
import { SettingsCheck } from "../../src/main/engine/settings-check.ts";
import type { CanarySender, ProbeOutcome } from "../../src/main/health/canary-client.ts";
import { EngineHealth } from "../../src/main/health/engine-health.ts";
import type { HealthAnswer, HealthAsker } from "../../src/main/health/health-client.ts";
import { HealthBoard } from "../../src/main/health/health-board.ts";
import { ENGINE_CHECKS, type EngineCheck } from "../../src/main/health/health-report.ts";
import { iterationStatOf } from "../../src/main/load/iteration-stat.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { engineConfig } from "../support/scripted-engine.ts";
import { VirtualTime } from "../support/virtual-time.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const WELL: HealthAnswer = { kind: "well", skewSeconds: 0 };
const ILL: HealthAnswer = { kind: "ill", problem: { reason: "503", fix: "restart" }, skewSeconds: null };

const CONFIG: EngineHealthConfig = {
  intervalMs: 2 * SECOND,
  timeoutMs: 5 * SECOND,
  patience: { failures: 3, passes: 1, holdMs: 0 },
  shutdownTimeoutMs: MINUTE,
  stallAfterMs: 2 * MINUTE,
  quietAfterMs: 30 * SECOND,
  exitsOnDeath: false,
  canary: {
    waitMs: 10 * SECOND,
    timeoutMs: 3 * SECOND,
    patience: { failures: 3, passes: 1, holdMs: 0 },
    payload: null,
    form: "v1",
    bosTokenId: 1,
  },
};

/** What an engine does at a time. */
interface Phase {
  readonly untilMs: number;
  /** The answer to `/health` and how long it takes. */
  readonly health: (n: number) => readonly [HealthAnswer, number];
  readonly canary: (n: number) => readonly [ProbeOutcome, number];
  /** Requests that run, and whether iterations go on. */
  readonly requests: number;
  readonly iterates: boolean;
  /** It is another process than before, to which no connection was left. */
  readonly isAnother?: boolean;
}

class Engine implements HealthAsker, CanarySender {
  readonly #time: VirtualTime;
  readonly #phases: readonly Phase[];
  #asked = 0;
  #inFlight = { health: 0, canary: 0 };
  most: { health: number; canary: number } = { health: 0, canary: 0 };
  /** When canaries were sent. */
  readonly sentMs: number[] = [];

  constructor(time: VirtualTime, phases: readonly Phase[]) {
    this.#time = time;
    this.#phases = phases;
  }

  get phase(): Phase {
    const found = this.#phases.find(({ untilMs }) => this.#time.now() < untilMs) ?? this.#phases.at(-1);
    assert.ok(found);
    return found;
  }

  async ask(): Promise<HealthAnswer> {
    return this.#answer("health", this.phase.health(this.#asked++));
  }

  async send(): Promise<ProbeOutcome> {
    this.sentMs.push(this.#time.now());
    return this.#answer("canary", this.phase.canary(this.sentMs.length));
  }

  renew(): void {}
  close(): void {}

  async #answer<T>(what: "health" | "canary", [answer, takesMs]: readonly [T, number]): Promise<T> {
    this.most[what] = Math.max(this.most[what], ++this.#inFlight[what]);
    await this.#time.sleep(takesMs);
    this.#inFlight[what]--;
    return answer;
  }
}

function row(iteration: number, active: number): ReturnType<typeof iterationStatOf> {
  return iterationStatOf({
    iter: iteration,
    numActiveRequests: active,
    numCompletedRequests: 0,
    numQueuedRequests: 0,
    inflightBatchingStats: { numContextRequests: 0, numCtxTokens: 0 },
  });
}

interface Life {
  readonly health: EngineHealth;
  readonly board: HealthBoard;
  readonly log: RecordingLog;
  readonly engine: Engine;
  readonly counters: EngineCounters;
  readonly deaths: string[];
  readonly time: VirtualTime;
}

function begin(phases: readonly Phase[], config: EngineHealthConfig = CONFIG): Life {
  const time = new VirtualTime();
  const engine = new Engine(time, phases);
  const counters = new EngineCounters("e", "http", 1);
  counters.up = 1;
  const log = new RecordingLog();
  const deaths: string[] = [];
  const health = new EngineHealth({
    engine: engineConfig(new URL("http://127.0.0.1:1"), { name: "e" }),
    config,
    kvBlockSizeTokens: 32,
    ranks: 1,
    counters,
    facts: () => NO_FACTS,
    identity: () => null,
    settings: new SettingsCheck(32, log),
    onDeath: (error) => deaths.push(error.message),
    ports: { asker: engine, sender: engine, now: time.now, sleep: time.sleep },
  });
  const board = new HealthBoard({ names: ENGINE_CHECKS, log, wallClock: () => time.now() / SECOND });
  board.add(...health.checks);
  return { health, board, log, engine, counters, deaths, time };
}

/** Lets it live, with a look each second, as the service has it. Returns when each check turned, in seconds. */
async function live(
  { health, board, engine, time, counters }: Life,
  untilMs: number,
): Promise<Record<string, [number, boolean][]>> {
  void health.run();
  const turns: Record<string, [number, boolean][]> = {};
  let iteration = 0;
  let before = engine.phase;
  for (let atMs = SECOND; atMs <= untilMs; atMs += SECOND) {
    await time.until(atMs);
    const { requests, iterates, isAnother = false } = engine.phase;
    if (engine.phase !== before && isAnother) counters.errors.connect++;
    before = engine.phase;
    const stat = row(iterates ? ++iteration : iteration, requests);
    // The statistics of an engine that is dead are empty; one that iterates tells of each step.
    if (iterates && stat !== null && requests > 0) health.onStat(stat);
    health.sample();
    for (const { name, ok } of board.report()) {
      const list = (turns[name] ??= []);
      if (ok !== null && list.at(-1)?.[1] !== ok) list.push([atMs / SECOND, ok]);
    }
  }
  health.stop();
  return turns;
}

const IDLE: Omit<Phase, "untilMs"> = {
  health: () => [WELL, 5],
  canary: () => ["ok", 50],
  requests: 0,
  iterates: false,
};

/** Between two times, in seconds, both included. */
function between(turn: [number, boolean] | undefined, from: number, to: number, ok: boolean): void {
  assert.ok(
    turn !== undefined && turn[1] === ok && turn[0] >= from && turn[0] <= to,
    `${String(turn)}: ${from} to ${to}`,
  );
}

test("thirty minutes: slow start, idleness, work, a zombie, 503 for ever, flapping, and peace", async () => {
  const life = begin([
    { ...IDLE, untilMs: 45 * SECOND, health: () => [ILL, 5], canary: () => ["unreachable", 5] },
    { ...IDLE, untilMs: 5 * MINUTE },
    { ...IDLE, untilMs: 10 * MINUTE, requests: 3, iterates: true },
    // Its server answers, lists are empty, requests hang.
    { ...IDLE, untilMs: 15 * MINUTE, canary: () => ["timeout", 3 * SECOND], requests: 3 },
    { ...IDLE, untilMs: 20 * MINUTE, health: () => [ILL, 5], canary: () => ["http_status", 5] },
    {
      ...IDLE,
      untilMs: 25 * MINUTE,
      health: (n) => [n % 2 === 0 ? ILL : WELL, 5],
      canary: (n) => [n % 2 === 0 ? "timeout" : "ok", 5],
    },
    { ...IDLE, untilMs: Infinity },
  ]);
  const turns = await live(life, 30 * MINUTE);

  const alive = turns["engine_alive"] ?? [];
  // Three bad answers, 2 s apart; back with the first good one.
  between(alive[0], 4, 6, false);
  between(alive[1], 45, 48, true);
  between(alive[2], 15 * 60 + 4, 15 * 60 + 7, false);
  between(alive[3], 20 * 60, 20 * 60 + 5, true);
  assert.equal(alive.length, 4, "neither the zombie nor the flapping turns it");

  const canary = turns["engine_canary"] ?? [];
  // The third canary: 10 s after the end of the one before, each.
  between(canary[0], 30, 31, false);
  between(canary[1], 50, 52, true);
  // The zombie: three canaries of 3 s each, the first one 10 s after the last work.
  between(canary[2], 10 * 60 + 36, 10 * 60 + 41, false);
  between(canary[3], 20 * 60, 20 * 60 + 21, true);
  assert.equal(canary.length, 4);

  const progress = turns["engine_progress"] ?? [];
  between(progress[0], 5 * 60, 5 * 60 + 2, true);
  between(progress[1], 12 * 60 - 1, 12 * 60 + 2, false);
  // A canary that is answered is movement.
  between(progress[2], 20 * 60, 20 * 60 + 21, true);
  assert.equal(progress.length, 3);

  for (const name of ENGINE_CHECKS) {
    const others: readonly EngineCheck[] = ["engine_alive", "engine_canary", "engine_progress"];
    if (!others.includes(name))
      assert.ok(
        (turns[name] ?? []).every(([, ok]) => ok),
        name,
      );
  }
  // Each turn but those to a first good verdict is a line, and a count.
  const lines = life.log.lines.filter(({ msg }) => msg.startsWith("a health check"));
  assert.equal(lines.length, 4 + 4 + 2);
  assert.equal(life.board.changes("engine_alive") + life.board.changes("engine_canary"), 8);
  assert.equal(life.board.changes("engine_progress"), 2);

  assert.deepEqual(life.engine.most, { health: 1, canary: 1 }, "never two at a time");
  const { sentMs } = life.engine;
  for (const [i, ms] of sentMs.entries()) assert.ok(i === 0 || ms - (sentMs[i - 1] ?? 0) >= 10 * SECOND);
  const whileWorking = sentMs.filter((ms) => ms > 5 * MINUTE + 10 * SECOND && ms < 10 * MINUTE);
  assert.deepEqual(whileWorking, [], "an engine that works for others is not asked");
  assert.ok(sentMs.length > 80 && sentMs.length < 160, `${sentMs.length} canaries`);
  const counts = life.health.probes ?? assert.fail();
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    sentMs.length,
  );
  assert.deepEqual(life.deaths, []);
});

test("without a canary, a zombie with requests is found by its standstill", async () => {
  const life = begin(
    [
      { ...IDLE, untilMs: 10 * SECOND, requests: 2, iterates: true },
      { ...IDLE, untilMs: Infinity, requests: 2 },
    ],
    { ...CONFIG, canary: null },
  );
  const turns = await live(life, 5 * MINUTE);
  between(turns["engine_progress"]?.[1], 129, 132, false);
  assert.deepEqual(turns["engine_canary"], []);
  assert.equal(life.engine.sentMs.length, 0);
});

test("an engine that has finished its requests may be silent for ever", async () => {
  const life = begin([{ ...IDLE, untilMs: Infinity }], { ...CONFIG, canary: null });
  const last = iterationStatOf({ iter: 5, numActiveRequests: 1, numCompletedRequests: 1, numQueuedRequests: 0 });
  assert.ok(last !== null);
  life.health.onStat(last);
  const turns = await live(life, 30 * MINUTE);
  assert.deepEqual(
    turns["engine_progress"]?.map(([, ok]) => ok),
    [true],
  );
});

test("one that is replaced by another takes its requests with it", async () => {
  const life = begin(
    [
      { ...IDLE, untilMs: 10 * SECOND, requests: 2, iterates: true },
      { ...IDLE, untilMs: Infinity, isAnother: true },
    ],
    { ...CONFIG, canary: null },
  );
  const turns = await live(life, 10 * MINUTE);
  assert.ok(turns["engine_progress"]?.every(([, ok]) => ok));
});

test("what the engine tells of the canary itself is no traffic, and no work", async () => {
  const life = begin([
    { ...IDLE, untilMs: Infinity, canary: () => ["timeout", 3 * SECOND], requests: 1, iterates: true },
  ]);
  const turns = await live(life, 40 * SECOND);
  assert.ok(life.engine.sentMs.length === 0, "before that, one request is somebody's");
  assert.equal(turns["engine_canary"]?.[0]?.[1], true);

  const own = begin([{ ...IDLE, untilMs: Infinity, canary: () => ["timeout", 3 * SECOND] }]);
  void own.health.run();
  for (let atMs = SECOND, iteration = 0; atMs <= 2 * MINUTE; atMs += SECOND) {
    await own.time.until(atMs);
    const since = atMs - (own.engine.sentMs.at(-1) ?? Infinity);
    const stat = row(++iteration, 1);
    // From its start until a second behind its deadline the engine works on the canary.
    if (stat !== null && since >= 0 && since < 4 * SECOND) own.health.onStat(stat);
    own.health.sample();
  }
  own.health.stop();
  assert.ok(own.engine.sentMs.length >= 8, `${own.engine.sentMs.length}`);
  assert.equal(own.board.report().find(({ name }) => name === "engine_canary")?.ok, false);
});

test("two requests while a canary is under way: one of them is somebody's", async () => {
  const life = begin([{ ...IDLE, untilMs: Infinity, canary: () => ["timeout", 3 * SECOND] }]);
  void life.health.run();
  await life.time.until(11 * SECOND);
  assert.equal(life.engine.sentMs.length, 1);
  const one = row(1, 1);
  const two = row(2, 2);
  assert.ok(one !== null && two !== null);
  const verdict = (): boolean | null | undefined =>
    life.board.report().find(({ name }) => name === "engine_canary")?.ok;
  life.health.onStat(one);
  assert.equal(verdict(), null);
  life.health.onStat(two);
  assert.equal(verdict(), true);
  life.health.stop();
});

test("events that come are traffic too, where there are no statistics", async () => {
  const life = begin([{ ...IDLE, untilMs: Infinity, canary: () => ["timeout", 3 * SECOND] }]);
  void life.health.run();
  for (let atMs = SECOND; atMs <= 3 * MINUTE; atMs += SECOND) {
    await life.time.until(atMs);
    life.counters.received.stored++;
    life.health.sample();
  }
  life.health.stop();
  assert.equal(life.engine.sentMs.length, 0);
});

test("--on-engine-death exit: an engine that was well and dies ends the service, once; one that never was is waited for", async () => {
  const dying = { ...CONFIG, exitsOnDeath: true };
  const dies = begin(
    [
      { ...IDLE, untilMs: MINUTE },
      { ...IDLE, untilMs: Infinity, health: () => [ILL, 5] },
    ],
    dying,
  );
  await live(dies, 5 * MINUTE);
  assert.deepEqual(dies.deaths, ["503, and --on-engine-death exit ends kvcast with it"]);

  const slow = begin([{ ...IDLE, untilMs: Infinity, health: () => [ILL, 5] }], dying);
  await live(slow, 30 * MINUTE);
  assert.deepEqual(slow.deaths, []);
});
