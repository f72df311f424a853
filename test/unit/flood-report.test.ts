/** What a flood prints: the table, the JSON, the bar. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkWhole } from "../../src/main/flood/check-whole.ts";
import { encode } from "@msgpack/msgpack";
import { Progress } from "../../src/main/flood/progress.ts";
import { reportJson } from "../../src/main/flood/report-json.ts";
import { figuresText, rampText, whole } from "../../src/main/flood/report-text.ts";
import { GOOD_FIGURES, NO_LOSS } from "../support/flood-figures.ts";

test("the table has every figure with its unit", () => {
  assert.equal(
    figuresText(GOOD_FIGURES, []),
    [
      "rate     1,000 events/s (median; 990 to 1,010)",
      "         1,000 events/s over all the 3.0 s, 0.30 MB/s",
      "         100.0 % of the 1,000 events/s offered",
      "events   3,500 in 700 messages, 1.05 MB, warm-up included",
      "loss     none: no hole in the sequence up to 699, all came that the service sent, and the books of the service balance",
      "age      p50 0.40 ms, p99 5.00 ms, p99.9 9.00 ms, max 12.3 ms",
      "         no events (in the warm-up)",
      "cpu      12.35 µs an event, 0.01 cores busy (all threads of the service)",
      "memory   100 MiB at most; the bound on events is 260 MiB",
      "",
    ].join("\n"),
  );
});

test("what is not known is said to be unknown, and faults are counted", () => {
  const blind = { offeredPerSecond: null, cpuMicrosPerEvent: null, cpuCores: null, peakRssBytes: null };
  const loss = { ...NO_LOSS, missingEvents: null, service: null };
  const text = figuresText({ ...GOOD_FIGURES, ...blind, interrupted: true, loss }, []);
  assert.match(text, /^rate .*; cut short$/m);
  assert.match(text, /^loss {5}none: no hole in the sequence up to 699; the books of the service were not read$/m);
  assert.match(text, /^cpu {6}unknown: .*--metrics-url/m);
  assert.match(text, /^memory {3}unknown: /m);
  assert.doesNotMatch(text, /offered/);
  assert.match(figuresText(GOOD_FIGURES, ["a", "b"]), /^loss {5}2 faults, see below$/m);
});

test("a ramp lists its steps and names the knee", () => {
  const low = { ratePerSecond: 1000, measured: GOOD_FIGURES, shortfall: null };
  const high = { ratePerSecond: 2000, measured: GOOD_FIGURES, shortfall: "too old" };
  const text = rampText({ steps: [low, high], knee: low, above: high });
  assert.equal(
    text,
    [
      "step     1,000 events/s: 1,000 came, p99 5.00 ms; holds",
      "step     2,000 events/s: 1,000 came, p99 5.00 ms; fails: too old",
      "knee     1,000 events/s hold, 2,000 fail",
      "",
    ].join("\n"),
  );
  assert.match(rampText({ steps: [high], knee: null, above: high }), /^knee {5}none: no rate held$/m);
  assert.match(rampText({ steps: [low], knee: low, above: null }), /no rate that fails was reached$/m);
});

test("the JSON survives being JSON, with the same figures", () => {
  const framing = {
    faults: [],
    minPerSecond: 900,
    reachedPerSecond: 999.9,
    exitCode: 0,
    signal: null,
    machine: "a machine",
    command: "kvcast flood",
  };
  const json = reportJson(GOOD_FIGURES, null, framing);
  assert.deepEqual(JSON.parse(JSON.stringify(json)), json);
  assert.deepEqual(json["rate_per_s"], { median: 1000, min: 990, max: 1010, mean: 999.9 });
  assert.deepEqual(json["age_ms"], {
    warm: { events: 900, p50: 0.4, p90: 0.9, p99: 5, p99_9: 9, max: 12.345 },
    cold: null,
  });
  assert.equal(json["cpu_us_per_event"], 12.345);
  assert.equal(json["exit_code"], 0);
  assert.equal("ramp" in json, false);
  const step = { ratePerSecond: 2000, measured: GOOD_FIGURES, shortfall: "too old" };
  const ramp = reportJson(null, { steps: [step], knee: null, above: step }, { ...framing, faults: ["no rate held"] });
  assert.equal("events" in ramp, false);
  assert.deepEqual(ramp["ramp"], {
    knee_per_s: null,
    fails_at_per_s: 2000,
    steps: [{ offered_per_s: 2000, delivered_per_s: 999.9, age_p99_ms: 5, shortfall: "too old" }],
  });
});

test("thousands have commas", () => {
  for (const [value, text] of [
    [0, "0"],
    [0.256, "0.26"],
    [999.6, "1,000"],
    [1_234_567.4, "1,234,567"],
    [100, "100"],
  ] as const) {
    assert.equal(whole(value), text);
  }
});

/** A bar at a clock that the test moves. */
function bar(columns: number | null): {
  readonly progress: Progress;
  readonly clock: { ms: number };
  readonly said: string[];
} {
  const clock = { ms: 0 };
  const said: string[] = [];
  const progress = new Progress({ columns, write: (text) => void said.push(text), now: () => clock.ms });
  return { progress, clock, said };
}

test("the bar comes after a second, writes over itself, fits the terminal, and goes away", () => {
  const { progress, clock, said } = bar(40);
  clock.ms = 900;
  progress.show("measuring", 0.1, 900);
  assert.deepEqual(said, []);
  clock.ms = 1400;
  progress.show("measuring", 0.5, 1400);
  const erase = "\r\u001B[2K";
  assert.deepEqual(said, [`${erase}${"measuring [############............] 1,000 events/s".slice(0, 39)}`]);
  progress.end();
  assert.equal(said.at(-1), erase);
  progress.end();
  assert.equal(said.length, 2);
});

test("without a terminal there is no bar", () => {
  const { progress, clock, said } = bar(null);
  clock.ms = 5000;
  progress.show("measuring", 0.5, 1000);
  progress.end();
  assert.deepEqual(said, []);
});

function check(batch: unknown, blockSizeTokens: number | null = 2): void {
  checkWhole(encode(batch), blockSizeTokens);
}

test("a message is one of events: maps or arrays, with the tokens that their blocks hold", () => {
  const stored = { type: "BlockStored", block_hashes: [1, 2], token_ids: [1, 2, 3, 4] };
  check([1.5, [stored, { type: "BlockRemoved", block_hashes: [3] }, { type: "AllBlocksCleared" }], 0]);
  check([1.5, [["BlockStored", [1], null, [1, 2], 2], ["BlockRemoved", [1], "GPU"], ["AllBlocksCleared"]], 3]);
  check([1.5, [{ ...stored, token_ids: [1] }], 0], null);
  for (const bad of [
    [1.5, [stored]],
    ["x", [stored], 0],
    [1.5, "x", 0],
    [1.5, [{ ...stored, token_ids: [1, 2, 3] }], 0],
    [1.5, [{ ...stored, token_ids: "1234" }], 0],
    [1.5, [{ type: "BlockRemoved", block_hashes: [] }], 0],
    [1.5, [{ type: "BlockMoved", block_hashes: [1] }], 0],
    [1.5, [["BlockStored"]], 0],
    [1.5, [null], 0],
    {},
  ]) {
    assert.throws(() => check(bad), /the first message/, JSON.stringify(bad));
  }
});
