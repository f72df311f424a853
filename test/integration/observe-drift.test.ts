/**
 * Boards and rules against the real thing: every query of every panel and rule is executed by a real Prometheus that scrapes real
 * services. No panel may be empty, and no rule unhealthy.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { BOARDS } from "../../observe/boards/boards.ts";
import { grafanaExpr } from "../../observe/boards/board-model.ts";
import { type AskRange, boardPage } from "../../observe/pictures/board-page.ts";
import { smallPng } from "../../observe/pictures/small-png.ts";
import { readQuery, withoutVariables } from "../../observe/promql.ts";
import { isAlert } from "../../src/main/observe/rules/rule-model.ts";
import { RULE_GROUPS } from "../../src/main/observe/rules/rule-file.ts";
import { eventually } from "../support/fault/deadline.ts";
import { observedScene } from "../support/observe/observed-scene.ts";
import { photographer } from "../support/observe/pictures.ts";
import { requireTool } from "../support/tools.ts";

/** Everything has happened by then, on a busy machine too. */
const LIMIT_MS = 60_000;
/** Longer than the test: what happened once is in it to the end. */
const WINDOW = "2m";
/** Of which there may be no number: the ring need not become full, and Grafana then says "No traffic". */
const MAY_BE_IDLE = "kvcast_ring_wait_seconds";
/** What only the engine itself shows here, on its own page. */
const ENGINES_OWN = /trtllm_spec_decode/;
/** Seconds that pictures show, for which the test then goes on, and the folder that they are written to. */
const PICTURE_SECONDS = Number(process.env["KVCAST_PICTURE_SECONDS"] ?? "8");
const PICTURE_FOLDER = process.env["KVCAST_PICTURES"];
const MAX_PICTURE_BYTES = 300_000;
const MIN_PICTURE_BYTES = 10_000;

const QUERIES = BOARDS.flatMap(({ name, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(({ expr }) => ({ where: `${name}/${title}`, expr: chosen(expr, WINDOW) })),
    ),
  ),
);
/** A query of a board, with the job kvcast and all instances and engines chosen. */
function chosen(expr: string, window: string): string {
  const job = ENGINES_OWN.test(expr) ? ".*" : "kvcast";
  return withoutVariables(grafanaExpr(expr).replaceAll("$job", job), window);
}

const RULES = RULE_GROUPS.flatMap(({ rules }) => rules);

test("every panel has data, every rule is healthy, and what rules ask for is there", async (t) => {
  const prometheus = await observedScene(t);
  if (prometheus === null) return;

  await t.test("panels", async () => {
    let empty = QUERIES;
    // What has had data once has it; a busy machine is not asked again.
    const filled = eventually("no panel is empty", LIMIT_MS, async () => {
      const answers = await Promise.all(
        empty.map(async (query) => {
          const samples = await prometheus.query(query.expr);
          const numbers = samples.filter(({ value }) => value !== undefined && !Number.isNaN(Number(value[1])));
          return (query.expr.includes(MAY_BE_IDLE) ? samples : numbers).length > 0 ? [] : [query];
        }),
      );
      empty = answers.flat();
      return empty.length === 0 ? true : null;
    });
    await filled.catch(() => assert.deepEqual(empty, [], "these are empty"));
  });

  await t.test("rules", async () => {
    const states = await eventually("all rules were evaluated", LIMIT_MS, async () => {
      const rules = await prometheus.rules();
      return rules.every(({ health }) => health !== "unknown") ? rules : null;
    });
    assert.equal(states.length, RULES.length);
    for (const { name, health, lastError = "", alerts = [] } of states) {
      assert.deepEqual([name, health, lastError], [name, "ok", ""]);
      for (const { annotations } of alerts)
        assert.ok(!JSON.stringify(annotations).includes("error"), JSON.stringify(annotations));
    }
    const firing = states.flatMap(({ name, alerts = [] }) =>
      alerts.some(({ state }) => state === "firing") ? [name] : [],
    );
    assert.ok(firing.includes("KvcastEngineEventLoss"), `an engine lost events; firing: ${firing.join(", ")}`);
    // Nothing of this happens here, whatever else does.
    for (const never of ["KvcastBooksDoNotBalance", "KvcastTargetDown", "KvcastEventsLost", "KvcastCrashLooping"]) {
      assert.ok(!firing.includes(never), never);
    }
    for (const rule of RULES) {
      if (isAlert(rule)) continue;
      assert.ok((await prometheus.query(rule.record)).length > 0, rule.record);
    }
    for (const { value } of await prometheus.query("instance:kvcast_unaccounted_events:sum"))
      assert.equal(value?.[1], "0");
  });

  await t.test("names in rules", async () => {
    const names = await prometheus.names();
    for (const rule of RULES) {
      for (const { metric } of readQuery(rule.expr.replaceAll(/\$(?:job|dynamo)/g, 'job=~".*"')).selectors) {
        assert.ok(names.has(metric), `${isAlert(rule) ? rule.alert : rule.record}: nobody has ${metric}`);
      }
    }
  });

  await t.test("pictures", async (sub) => {
    const program = requireTool(sub, "chromium");
    if (program === null) return;
    const photograph = await photographer(sub, program);
    const startedAt = performance.now();
    await eventually("there is enough to show", (PICTURE_SECONDS + 60) * 1000, async () => {
      const age = await prometheus.query(`count_over_time(up{job="kvcast"}[${PICTURE_SECONDS + 10}s])`);
      return age.every(({ value }) => Number(value?.[1]) >= PICTURE_SECONDS / 2 - 1) ? true : null;
    });
    assert.ok(performance.now() - startedAt < (PICTURE_SECONDS + 60) * 1000);
    const end = Date.now() / 1000;
    const step = Math.max(1, Math.round(PICTURE_SECONDS / 120));
    const ask: AskRange = async (expr) => {
      const found = await prometheus.queryRange(chosen(expr, "10s"), end - PICTURE_SECONDS, end, step);
      return found.map(({ metric, values = [] }) => ({ labels: metric, values: onSteps(values, end, step) }));
    };
    for (const board of BOARDS) {
      const html = await boardPage(board, { ask, minutes: PICTURE_SECONDS / 60 });
      const { png: large, text } = await photograph(html);
      for (const { title } of board.rows.flatMap(({ panels }) => panels)) assert.ok(text.includes(title), title);
      assert.ok(!html.includes("NaN") && !html.includes("undefined"), board.name);
      // Takes a second for a long board.
      if (PICTURE_FOLDER === undefined && board.name !== "overview") continue;
      const png = smallPng(large);
      assert.deepEqual(png.subarray(16, 24), large.subarray(16, 24), "the same size");
      assert.ok(png.length > MIN_PICTURE_BYTES && png.length < MAX_PICTURE_BYTES, `${board.name}: ${png.length} bytes`);
      assert.ok(png.length < large.length);
      if (PICTURE_FOLDER !== undefined) writeFileSync(path.join(PICTURE_FOLDER, `${board.name}.png`), png);
    }
  });
});

/** A value for each step; null where Prometheus has none, or one that is no number. */
function onSteps(
  values: readonly (readonly [number, string])[],
  end: number,
  step: number,
): readonly (number | null)[] {
  const made = Array.from({ length: Math.floor(PICTURE_SECONDS / step) + 1 }, (): number | null => null);
  for (const [seconds, text] of values) {
    const at = Math.round((seconds - (end - PICTURE_SECONDS)) / step);
    if (at >= 0 && at < made.length && Number.isFinite(Number(text))) made[at] = Number(text);
  }
  return made;
}
