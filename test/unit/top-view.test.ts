/** The terminal view: a snapshot becomes lines, and lines become what a terminal has to be sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIVE_VERSION, type LiveSnapshot } from "../../src/shared/live-snapshot.ts";
import { bar, count, duration, plain, rate, span, spark } from "../../src/main/top/figures.ts";
import { difference, painted, piece } from "../../src/main/top/lines.ts";
import { TopModel } from "../../src/main/top/top-model.ts";
import { topLines } from "../../src/main/top/top-view.ts";

// oxlint-disable-next-line no-control-regex -- these codes are what is looked for
const CODE = /\u001B\[\d+m/g;

const SNAPSHOT: LiveSnapshot = {
  version: LIVE_VERSION,
  at: 1_800_000_000,
  uptimeSeconds: 3723,
  ready: false,
  stages: [
    {
      id: "engine",
      state: "ok",
      reason: null,
      rate: 1000,
      total: 250_000,
      p99: 0.004,
      fill: 0.5,
      lost: 0,
      lostLately: 0,
    },
    {
      id: "zmq",
      state: "bad",
      reason: "it dropped \u001B[31mmessages",
      rate: 0,
      total: 12,
      p99: null,
      fill: null,
      lost: 7,
      lostLately: 7,
    },
  ],
  engines: [
    {
      name: "engine0",
      kind: "http",
      up: false,
      rate: 0,
      received: 5,
      published: 5,
      lost: 2,
      invalid: 0,
      filtered: 0,
      duplicates: 0,
      restarts: 1,
      errors: 0,
      readP99: null,
      ageP50: null,
      ageP99: 0.02,
      lastEventAt: null,
      storedRate: 3,
      removedRate: 1,
      usage: 0.5,
      indexedBlocks: null,
      ranks: [{ rank: 1, used: 50, blocks: 100, rate: 0, missing: 3, dirty: true }],
      ranksLeftOut: 4,
    },
  ],
  ring: { occupied: 0, capacity: 8, fullSeconds: 0 },
  sinks: [],
  threads: [],
  sequence: 41,
  unaccounted: 0,
  latencyP50: 0.001,
  latencyP99: 0.002,
  checks: [
    { name: "engine0", ok: false, reason: "it does not answer", fix: "start it", severity: "critical" },
    { name: "pipeline", ok: true, reason: "it runs", fix: "", severity: "critical" },
  ],
  markers: [{ id: 3, at: 1_800_000_000, kind: "gap", text: "2 ids are missing" }],
  tail: {
    events: [
      {
        at: 1_800_000_000,
        type: "stored",
        sequence: 41,
        engine: "engine0",
        rank: 1,
        blocks: 2,
        tier: "GPU",
        hash: "ab12",
      },
    ],
    leftOut: 0,
  },
  viewers: 1,
};

function model(): TopModel {
  const made = new TopModel("127.0.0.1:8081");
  made.take({ type: "snapshot", snapshot: SNAPSHOT });
  return made;
}

function text(made: TopModel, columns: number = 200, rows: number = 60, colour: boolean = false): string[] {
  return topLines(made.state, columns, rows).map((line) => painted(line, columns, colour));
}

test("a snapshot is told in words, without a colour, and without what a terminal would obey", () => {
  const lines = text(model());
  const whole = lines.join("\n");
  assert.ok(!whole.includes("\u001B"));
  assert.equal(lines[0], "kvcast  127.0.0.1:8081  NOT READY  up 1 h 2 min  message #41  p99 2.0 ms");
  assert.match(whole, /^Engines +ok +1000 +250\.0k +4\.0 ms +50 % +0$/m);
  assert.match(whole, /^ZMQ +BAD +0 +12 +- +- +7 {2}it dropped \?\[31mmessages$/m);
  assert.match(whole, /^engine0 \(http\) DOWN .* 2 lost {2}1 restarts$/m);
  assert.match(whole, /^ {2}rank 1 +\[#{10}\.{10}\] +50 % {2}50 of 100 blocks {2}3 ids missing {2}DIRTY$/m);
  assert.match(whole, /and 4 more ranks/);
  assert.match(whole, /^checks: 1 of 2 are well\n! engine0: it does not answer\n {2}→ start it$/m);
  assert.match(whole, /gap: 2 ids are missing/);
  assert.match(whole, /#41 +stored +engine0 rank 1 {2}2 blocks GPU ab12$/m);
});

test("no line is wider and no view longer than the terminal, with colours as without", () => {
  for (const columns of [1, 20, 80]) {
    for (const rows of [1, 5, 12, 100]) {
      const plainLines = text(model(), columns, rows);
      assert.ok(plainLines.length <= rows);
      for (const line of plainLines) assert.ok(line.length <= columns, line);
      const coloured = text(model(), columns, rows, true);
      assert.deepEqual(
        coloured.map((line) => line.replaceAll(CODE, "").trimEnd()),
        plainLines,
      );
    }
  }
});

test("only lines that differ are written, and the first screen clears the terminal", () => {
  assert.equal(difference(null, ["a", ""]), "\u001B[2J\u001B[1;1Ha\u001B[K");
  assert.equal(difference(["a", "b", "c"], ["a", "x"]), "\u001B[2;1Hx\u001B[K\u001B[3;1H\u001B[K");
  assert.equal(difference(["a"], ["a"]), "");
});

test("what was cut loses no reset", () => {
  assert.equal(painted([piece("ab", "red"), piece("cd")], 1, true), "\u001B[31ma\u001B[0m");
});

test("paused it shows what was there, and still that the service is away", () => {
  const made = model();
  made.togglePause();
  made.take({ type: "snapshot", snapshot: { ...SNAPSHOT, sequence: 99 } });
  assert.match(text(made)[0] ?? "", /message #41 .*PAUSED/);
  made.lost("it is gone");
  assert.match(text(made).join("\n"), /AWAY\n! trying again: it is gone/);
  made.togglePause();
  assert.match(text(made)[0] ?? "", /message #99/);
});

test("markers are told once, and after a restart begin anew", () => {
  const made = model();
  made.take({ type: "snapshot", snapshot: SNAPSHOT });
  assert.equal(made.state.markers.length, 1);
  const service = { version: "1.2.3", node: "v20", epoch: "e", startedAt: 0 };
  const hello = {
    version: LIVE_VERSION,
    service,
    options: [],
    links: [],
    columns: [],
    history: [],
    markers: [],
    tail: [],
  } as const;
  made.take({ type: "hello", hello });
  made.take({ type: "snapshot", snapshot: { ...SNAPSHOT, markers: [{ id: 0, at: 1, kind: "restart", text: "new" }] } });
  assert.deepEqual(
    made.state.markers.map(({ id }) => id),
    [0],
  );
});

test("figures", () => {
  assert.deepEqual([0, 99_999, 250_000, 3.2e6, 4e9].map(count), ["0", "99999", "250.0k", "3.2M", "4.0G"]);
  assert.deepEqual([null, 0, 1.25, 400].map(rate), ["-", "0", "1.3", "400"]);
  assert.deepEqual([null, 0.0001, 0.004, 0.25, 3].map(duration), ["-", "100 µs", "4.0 ms", "250 ms", "3.0 s"]);
  assert.deepEqual([5, 65, 3723, 90_000].map(span), ["5 s", "1 min 5 s", "1 h 2 min", "1 d 1 h"]);
  assert.equal(bar(2, 4), "[####]");
  assert.equal(spark([0, null, 4, 8], 3), " ▅█");
  assert.equal(plain("a\u001B[2J\u009B\u202Eb"), "a?[2J??b");
});
