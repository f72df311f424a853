/** The checks of the service itself, of the consolidator's sources, and of an engine's progress, each as the thing stands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SourceCounters } from "../../src/main/consolidate/source-counters.ts";
import type { Check, Finding } from "../../src/main/health/check.ts";
import { EngineProgress } from "../../src/main/health/engine-progress.ts";
import type { CheckName } from "../../src/main/health/health-report.ts";
import { serviceChecks } from "../../src/main/health/service-checks.ts";
import { sourceChecks } from "../../src/main/health/source-checks.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { FakePipeline } from "../support/fake-pipeline.ts";

class StallingPipeline extends FakePipeline {
  stalledSeconds: number | null = null;

  mainStallSeconds(): number | null {
    return this.stalledSeconds;
  }

  /** Which of its threads run. */
  set(names: Readonly<Record<string, boolean>>): this {
    const restarts = { error: 0, oom: 0, exit: 0, heartbeat: 0 };
    this.status = Object.entries(names).map(([name, up]) => ({ name, up, restarts }));
    return this;
  }
}

function the(checks: readonly Check[], name: CheckName, target: string | null = null): Check {
  return checks.find((check) => check.name === name && check.target === target) ?? assert.fail(`no ${name}`);
}

function reasonOf(finding: Finding): string | null {
  return finding.ok === true ? null : finding.reason;
}

const RUNNING = { publisher: true, encoder0: true, indexer: true };

test("each thread has a check; without the index events flow, so that one only warns", () => {
  const pipeline = new StallingPipeline().set(RUNNING);
  const checks = serviceChecks(pipeline, { isDraining: () => false });
  for (const [name, severity] of [
    ["publisher", "critical"],
    ["encoder0", "critical"],
    ["indexer", "warning"],
  ] as const) {
    const check = the(checks, "threads", name);
    assert.equal(check.severity, severity);
    assert.deepEqual(check.look(), { ok: true });
    pipeline.set({ ...RUNNING, [name]: false });
    assert.equal(reasonOf(check.look()), `thread ${name} is not running`);
    for (const other of Object.keys(RUNNING)) {
      if (other !== name) assert.equal(the(checks, "threads", other).look().ok, true);
    }
    pipeline.set(RUNNING);
  }
});

test("the end, a hold, a stall and NATS, alone and beside ZMQ", () => {
  let isDraining = false;
  let held: string | null = null;
  const pipeline = new StallingPipeline().set(RUNNING);
  const checks = serviceChecks(pipeline, { isDraining: () => isDraining, held: () => held });
  assert.deepEqual(the(checks, "shutdown").look(), { ok: true });
  isDraining = true;
  assert.equal(reasonOf(the(checks, "shutdown").look()), "the service is shutting down");
  assert.deepEqual(the(checks, "held").look(), { ok: true });
  held = "two workers are missing";
  assert.equal(reasonOf(the(checks, "held").look()), held);
  assert.deepEqual(the(checks, "main_loop").look(), { ok: true });
  pipeline.stalledSeconds = 2.5;
  assert.equal(reasonOf(the(checks, "main_loop").look()), "the main thread stood still for 2.5 s");
  assert.deepEqual(the(checks, "nats").look(), { ok: null, waiting: false, reason: "nothing goes to NATS" });

  for (const use of ["load", "events"] as const) {
    pipeline.natsUse = use;
    assert.equal(the(serviceChecks(pipeline, { isDraining: () => false }), "nats").severity, "warning");
  }
  const both = the(serviceChecks(pipeline, { isDraining: () => false }), "nats");
  assert.equal(both.severity, "warning");
  assert.equal(reasonOf(both.look()), "there is no connection to NATS");
  pipeline.publisher.set(PUBLISHER_CELLS.natsUp, 1);
  assert.deepEqual(both.look(), { ok: true });
  pipeline.endpoint = null;
  assert.equal(the(serviceChecks(pipeline, { isDraining: () => false }), "nats").severity, "critical");
});

test("a source that has not been there is waited for; one that was there is missed; a lost connection is held for a second", () => {
  const counters = new SourceCounters("vllm0", "vllm");
  let nowMs = 0;
  const check = the(
    sourceChecks(counters, () => nowMs),
    "source_connected",
    "vllm0",
  );
  assert.equal(check.severity, "critical");
  assert.deepEqual(check.look(), { ok: null, waiting: true, reason: "source vllm0 has not been there yet" });
  counters.up = 1;
  assert.deepEqual(check.look(), { ok: true });
  counters.up = 0;
  assert.equal(reasonOf(check.look()), "the connection to source vllm0 is lost");
  counters.up = 1;
  nowMs = 999;
  assert.equal(check.look().ok, false);
  nowMs = 1000;
  assert.deepEqual(check.look(), { ok: true });
});

test("a source of which nothing can be used, however often anyone looks", () => {
  const counters = new SourceCounters("trtllm0", "trtllm");
  let nowMs = 0;
  const check = the(
    sourceChecks(counters, () => nowMs),
    "all_filtered",
    "trtllm0",
  );
  const after = (seconds: number, happens: () => void): Finding => {
    for (let i = 0; i < seconds; i++) {
      happens();
      nowMs += 1000;
      for (let looks = 0; looks < 5; looks++) check.look();
    }
    return check.look();
  };
  assert.deepEqual(
    after(30, () => {}),
    { ok: true },
  );
  const unusable = after(30, () => {
    counters.received.stored++;
    counters.skipped.block_size++;
  });
  assert.match(String(reasonOf(unusable)), /nothing that source trtllm0 told in the last minute/);
  counters.applied++;
  assert.deepEqual(
    after(10, () => {}),
    { ok: true },
    "held for ten seconds, and then good",
  );
  const refused = after(80, () => counters.refused.msgpack++);
  assert.equal(refused.ok, false, "messages that cannot be read count as well");
});

const STALL_MS = 1000;

function progress(stallAfterMs: number | null = STALL_MS): {
  readonly of: EngineProgress;
  /** Lets time pass, and looks. */
  readonly pass: (ms: number) => Finding;
} {
  let nowMs = 0;
  const of = new EngineProgress("e", stallAfterMs, () => nowMs);
  return {
    of,
    pass: (ms) => {
      nowMs += ms;
      return of.look();
    },
  };
}

const ROW = { rank: 0, iteration: 5, active: 1, queued: 0, completed: 0 };

test("progress: rows of the same iteration are no movement; another one is, also one that is lower", () => {
  const { of, pass } = progress();
  assert.equal(pass(0).ok, null);
  assert.equal(of.noteRow(ROW), true);
  assert.equal(pass(STALL_MS - 1).ok, true);
  assert.equal(of.noteRow(ROW), false);
  assert.match(String(reasonOf(pass(1))), /engine e has requests, and nothing has moved for more than 1 s/);
  assert.equal(of.noteRow({ ...ROW, iteration: 1 }), true);
  assert.equal(pass(0).ok, true);
});

test("progress: a request that comes to an idle engine has its time; queued ones count; ended ones do not", () => {
  const { of, pass } = progress();
  of.noteRow({ ...ROW, active: 3, completed: 3 });
  assert.equal(pass(100 * STALL_MS).ok, true);
  of.noteRow({ ...ROW, active: 0, queued: 2 });
  assert.equal(pass(STALL_MS - 1).ok, true);
  assert.equal(pass(1).ok, false);
});

test("progress: any rank, any event and any answer is movement", () => {
  for (const move of [
    (of: EngineProgress) => void of.noteRow({ ...ROW, rank: 1, iteration: 6, active: 0 }),
    (of: EngineProgress) => of.noteEvents(7),
    (of: EngineProgress) => of.moved(),
  ]) {
    const { of, pass } = progress();
    of.noteRow(ROW);
    of.noteRow({ ...ROW, rank: 1, active: 0 });
    assert.equal(pass(STALL_MS).ok, false);
    move(of);
    assert.equal(pass(0).ok, true);
  }
});

test("progress: what the engine does not say is not judged, nor what is switched off, nor what is gone", () => {
  const silent = progress();
  assert.equal(silent.of.noteRow({ ...ROW, active: null }), false);
  assert.equal(silent.pass(100 * STALL_MS).ok, null);
  const unnumbered = progress();
  for (let i = 0; i < 3; i++) {
    assert.equal(unnumbered.of.noteRow({ ...ROW, iteration: null }), true);
    assert.equal(unnumbered.pass(STALL_MS - 1).ok, true);
  }
  const off = progress(null);
  off.of.noteRow(ROW);
  assert.equal(off.pass(100 * STALL_MS).ok, null);
  const gone = progress();
  gone.of.noteRow(ROW);
  gone.of.forget();
  assert.equal(gone.pass(100 * STALL_MS).ok, null);
});
