/** The board: each change is told once and counted once, whoever looks how often; and what follows for readiness. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProbeConfig } from "../../src/main/config/health-config.ts";
import { type Check, FINE, type Finding, notHere, notYet } from "../../src/main/health/check.ts";
import { HealthBoard } from "../../src/main/health/health-board.ts";
import {
  CHECK_NAMES,
  type CheckName,
  ENGINE_CHECKS,
  SERVICE_CHECKS,
  type Severity,
  SOURCE_CHECKS,
} from "../../src/main/health/health-report.ts";
import { serviceStatus } from "../../src/main/health/service-status.ts";
import { RecordingLog } from "../support/recording-log.ts";

const BAD: Finding = { ok: false, reason: "it is broken", fix: "Mend it." };
const OFF: Finding = notHere("it is off");
const NEW: Finding = notYet("it is new");

class Scripted implements Check {
  readonly name: CheckName;
  readonly target: string | null;
  readonly severity: Severity;
  finding: Finding = FINE;

  constructor(name: CheckName, finding: Finding = FINE, severity: Severity = "critical", target: string | null = "e") {
    this.name = name;
    this.finding = finding;
    this.severity = severity;
    this.target = target;
  }

  look = (): Finding => this.finding;
}

interface Rig {
  readonly board: HealthBoard;
  readonly log: RecordingLog;
  seconds: number;
}

function rig(...checks: Check[]): Rig {
  const log = new RecordingLog();
  const made: Rig = {
    log,
    seconds: 100,
    board: new HealthBoard({ names: CHECK_NAMES, log, wallClock: () => made.seconds }),
  };
  made.board.add(...checks);
  return made;
}

test("the names are a promise: these lists only grow", () => {
  assert.deepEqual(SERVICE_CHECKS, ["shutdown", "held", "main_loop", "threads", "nats"]);
  assert.deepEqual(ENGINE_CHECKS, [
    "engine_reachable",
    "engine_alive",
    "engine_progress",
    "engine_canary",
    "created_phase",
    "all_filtered",
    "events_flow",
    "block_size",
    "second_consumer",
    "event_buffer",
    "clock_skew",
  ]);
  assert.deepEqual(SOURCE_CHECKS, ["source_connected", "all_filtered"]);
  assert.equal(new Set(CHECK_NAMES).size, CHECK_NAMES.length);
});

test("a change is one line with the reason and one count, however often anyone looks", () => {
  const check = new Scripted("engine_alive");
  const { board, log } = rig(check);
  for (let i = 0; i < 5; i++) board.look();
  assert.deepEqual(
    [log.lines.length, board.changes("engine_alive")],
    [0, 0],
    "that all is well is no news at the start",
  );
  check.finding = BAD;
  for (let i = 0; i < 5; i++) {
    board.look();
    board.readiness();
    board.report();
  }
  assert.deepEqual(log.lines, [
    {
      level: "warn",
      msg: "a health check fails",
      fields: { check: "engine_alive", target: "e", reason: "it is broken", fix: "Mend it." },
    },
  ]);
  assert.equal(board.changes("engine_alive"), 1);
  check.finding = FINE;
  for (let i = 0; i < 5; i++) board.look();
  assert.equal(log.lines.length, 2);
  assert.deepEqual(log.lines[1], {
    level: "info",
    msg: "a health check holds again",
    fields: { check: "engine_alive", target: "e" },
  });
  assert.equal(board.changes("engine_alive"), 2);
});

test("what begins with a failure is told; what comes to apply, or ceases to, is not, unless it failed", () => {
  const check = new Scripted("engine_canary", NEW);
  const { board, log } = rig(check);
  for (const finding of [NEW, OFF, FINE, OFF, NEW, FINE]) {
    check.finding = finding;
    board.look();
  }
  assert.equal(log.lines.length, 0);
  check.finding = BAD;
  board.look();
  check.finding = OFF;
  board.look();
  assert.deepEqual(
    log.lines.map(({ msg }) => msg),
    ["a health check fails", "a health check has nothing to look at any more"],
  );
});

test("a report has since when, and words only where something is to be said", () => {
  const check = new Scripted("engine_alive");
  const other = new Scripted("nats", OFF, "warning", null);
  const made = rig(check, other);
  made.board.look();
  made.seconds = 107.5;
  check.finding = BAD;
  made.board.look();
  made.seconds = 120;
  assert.deepEqual(made.board.report(), [
    {
      name: "engine_alive",
      target: "e",
      ok: false,
      severity: "critical",
      reason: "it is broken",
      fix: "Mend it.",
      since: 107.5,
    },
    { name: "nats", target: null, ok: null, severity: "warning", reason: "it is off", fix: "", since: 100 },
  ]);
  check.finding = FINE;
  assert.deepEqual(made.board.report()[0], {
    name: "engine_alive",
    target: "e",
    ok: true,
    severity: "critical",
    reason: "",
    fix: "",
    since: 120,
  });
});

test("one target that fails, or is not known yet, is enough for the gauge; what does not apply is not", () => {
  const a = new Scripted("engine_alive", FINE, "critical", "a");
  const b = new Scripted("engine_alive", OFF, "critical", "b");
  const { board } = rig(a, b);
  board.look();
  assert.equal(board.holds("engine_alive"), true);
  for (const finding of [BAD, NEW]) {
    b.finding = finding;
    board.look();
    assert.equal(board.holds("engine_alive"), false);
  }
  assert.equal(board.holds("nats"), true, "none of that name");
});

test("once the service ends, what fails is no news", () => {
  const check = new Scripted("engine_reachable");
  const { board, log } = rig(check);
  board.look();
  board.drain();
  check.finding = BAD;
  assert.equal(board.readiness().ready, false);
  assert.equal(log.lines.length, 0);
});

const PROBES: ProbeConfig = {
  healthPath: "/health",
  livePath: "/live",
  readyPath: "/ready",
  isLiveHealth: false,
  isReadyAtStart: false,
  endpoints: [],
};

/** What each question is answered by what is configured, and what four checks say. */
const STATUSES: readonly (readonly [
  what: string,
  probes: Partial<ProbeConfig>,
  findings: Readonly<Partial<Record<CheckName, Finding>>>,
  health: "ready" | "notready",
  ready: "ready" | "notready",
  generate: "ready" | "notready",
])[] = [
  ["all is well", {}, {}, "ready", "ready", "ready"],
  ["the engine is ill", {}, { engine_alive: BAD }, "notready", "notready", "notready"],
  ["a thread is gone", {}, { threads: BAD }, "notready", "notready", "ready"],
  ["nothing is known of the engine", {}, { engine_alive: NEW }, "notready", "notready", "notready"],
  ["a check does not apply", {}, { engine_canary: OFF }, "ready", "ready", "ready"],
  ["starting as ready", { isReadyAtStart: true }, { engine_reachable: NEW }, "ready", "notready", "ready"],
  ["starting as ready, but ill", { isReadyAtStart: true }, { engine_alive: BAD }, "notready", "notready", "notready"],
  [
    "starting as ready waits for the canary",
    { isReadyAtStart: true },
    { engine_canary: NEW },
    "notready",
    "notready",
    "notready",
  ],
  ["endpoints decide alone", { endpoints: ["generate"] }, { threads: BAD }, "ready", "notready", "ready"],
  [
    "endpoints decide alone, for the worse",
    { endpoints: ["generate"] },
    { engine_canary: BAD },
    "notready",
    "notready",
    "notready",
  ],
  ["an endpoint that nobody has", { endpoints: ["generate", "other"] }, {}, "notready", "ready", "ready"],
  [
    "whatever endpoints say, the end is the end",
    { endpoints: ["generate"] },
    { shutdown: BAD },
    "notready",
    "notready",
    "ready",
  ],
];

for (const [what, probes, findings, health, ready, generate] of STATUSES) {
  test(`status: ${what}`, () => {
    const names = ["shutdown", "threads", "engine_reachable", "engine_alive", "engine_canary"] as const;
    const { board } = rig(...names.map((name) => new Scripted(name, findings[name])));
    const status = serviceStatus(board, { ...PROBES, ...probes }, true);
    assert.deepEqual([status.health, status.ready, status.endpoints], [health, ready, { generate }]);
    assert.equal(status.reasons.length, ready === "ready" ? 0 : 1);
  });
}

test("a warning keeps nobody from being ready, and without engines there are no endpoints", () => {
  const { board } = rig(new Scripted("events_flow", BAD, "warning"));
  assert.deepEqual(serviceStatus(board, PROBES, false), {
    health: "ready",
    ready: "ready",
    reasons: [],
    endpoints: {},
  });
});
