/** The table of states, cell by cell, and what patience makes of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  PROBE_EVENTS,
  PROBE_STATES,
  type ProbeEvent,
  type ProbeState,
  TRANSITIONS,
  VERDICTS,
} from "../../src/main/health/state-table.ts";
import { Watched } from "../../src/main/health/watched.ts";

/** Written down a second time, the other way round: by event. */
const EXPECTED: Readonly<Record<ProbeEvent, Readonly<Record<ProbeState, ProbeState>>>> = {
  pass: { starting: "starting", well: "well", doubted: "well", ill: "mending", mending: "mending" },
  passed: { starting: "well", well: "well", doubted: "well", ill: "well", mending: "well" },
  fail: { starting: "starting", well: "doubted", doubted: "doubted", ill: "ill", mending: "ill" },
  failed: { starting: "ill", well: "ill", doubted: "ill", ill: "ill", mending: "ill" },
  proof: { starting: "well", well: "well", doubted: "well", ill: "well", mending: "well" },
  void: { starting: "starting", well: "starting", doubted: "starting", ill: "starting", mending: "starting" },
};

const FAILURES = 3;
const PASSES = 2;

interface Clock {
  ms: number;
}

function watched(clock: Clock, holdMs: number = 0): Watched {
  return new Watched({ failures: FAILURES, passes: PASSES, holdMs }, () => clock.ms);
}

function times(count: number, act: () => void): void {
  for (let i = 0; i < count; i++) act();
}

/** Brings a fresh one into a state. */
const INTO: Readonly<Record<ProbeState, (one: Watched) => void>> = {
  starting: () => {},
  well: (one) => one.proof(),
  doubted: (one) => {
    one.proof();
    one.fail();
  },
  ill: (one) => times(FAILURES, () => one.fail()),
  mending: (one) => {
    times(FAILURES, () => one.fail());
    one.pass();
  },
};

/** Makes an event happen, whatever happened before. */
const HAPPEN: Readonly<Record<ProbeEvent, (one: Watched) => void>> = {
  pass: (one) => one.pass(),
  passed: (one) => times(PASSES, () => one.pass()),
  fail: (one) => one.fail(),
  failed: (one) => times(FAILURES, () => one.fail()),
  proof: (one) => one.proof(),
  void: (one) => one.forget(),
};

test("every state says what becomes of it at every event, and nothing else", () => {
  assert.deepEqual(Object.keys(TRANSITIONS).toSorted(), PROBE_STATES.toSorted());
  assert.deepEqual(Object.keys(VERDICTS).toSorted(), PROBE_STATES.toSorted());
  for (const state of PROBE_STATES) {
    assert.deepEqual(Object.keys(TRANSITIONS[state]).toSorted(), PROBE_EVENTS.toSorted());
  }
});

for (const state of PROBE_STATES) {
  for (const event of PROBE_EVENTS) {
    test(`${state} at ${event} becomes ${EXPECTED[event][state]}`, () => {
      assert.equal(TRANSITIONS[state][event], EXPECTED[event][state]);
      // Driven through results, as probes do it. One more good result than one is enough where one was there already.
      const one = watched({ ms: 0 });
      INTO[state](one);
      assert.equal(one.state, state);
      HAPPEN[event](one);
      const isEnough = state === "mending" && event === "pass";
      assert.equal(one.state, isEnough ? "well" : EXPECTED[event][state]);
      assert.equal(one.ok, VERDICTS[one.state]);
    });
  }
}

test("only results in a row count", () => {
  const one = watched({ ms: 0 });
  one.proof();
  for (let i = 0; i < 10; i++) {
    times(FAILURES - 1, () => one.fail());
    one.pass();
    assert.equal(one.ok, true);
  }
  times(FAILURES, () => one.fail());
  for (let i = 0; i < 10; i++) {
    times(PASSES - 1, () => one.pass());
    one.fail();
    assert.equal(one.ok, false);
  }
  times(PASSES, () => one.pass());
  assert.equal(one.ok, true);
});

test("a bad verdict is held, against proof too, and what was good meanwhile counts behind that", () => {
  const clock = { ms: 0 };
  const one = watched(clock, 1000);
  times(FAILURES, () => one.fail());
  times(5, () => one.pass());
  one.proof();
  assert.equal(one.state, "mending");
  clock.ms = 999;
  one.proof();
  assert.equal(one.ok, false);
  clock.ms = 1000;
  one.pass();
  assert.equal(one.state, "well");
});

test("the hold begins when the verdict turns, not with each further failure", () => {
  const clock = { ms: 0 };
  const one = watched(clock, 1000);
  times(FAILURES, () => one.fail());
  clock.ms = 900;
  one.fail();
  clock.ms = 1000;
  times(PASSES, () => one.pass());
  assert.equal(one.ok, true);
});
