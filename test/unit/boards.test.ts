/**
 * Queries of boards and rules against what there is: grammar, names, labels, and the rules that Grafana's own linter of dashboards
 * has. Whether they give data a real Prometheus says: `test/integration/observe-drift.test.ts`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { BOARDS } from "../../observe/boards/boards.ts";
import { grafanaExpr, type Panel } from "../../observe/boards/board-model.ts";
import { description } from "../../observe/boards/grafana.ts";
import { type KnownMetric, knownMetrics, TARGET_LABELS } from "../../observe/known-metrics.ts";
import { familyOf, readQuery } from "../../observe/promql.ts";
import { UNCHARTED } from "../../observe/uncharted.ts";
import { CATALOGUE } from "../../src/main/metrics/catalogue.ts";
import { fullName } from "../../src/main/metrics/metric-definition.ts";
import { BOARD_NAMES } from "../../src/main/observe/board-names.ts";
import { finishedExpr } from "../../src/main/observe/rules/rule-model.ts";
import { RULE_GROUPS } from "../../src/main/observe/rules/rule-file.ts";

const ENGINE_PAGE = readFileSync(
  path.join(process.cwd(), "test/fixtures/trtllm/trtllm_prometheus_metrics.txt"),
  "utf8",
);
const KNOWN = knownMetrics(ENGINE_PAGE);
/** `le` is in every histogram; `part` is what label_replace adds for the length of a sum. */
const ANYWHERE = new Set([...TARGET_LABELS, "le", "part"]);

const PANELS: readonly Panel[] = BOARDS.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels));
const PANEL_QUERIES = PANELS.flatMap(({ title, queries }) =>
  queries.map(({ expr }) => [title, grafanaExpr(expr)] as const),
);
const RULE_QUERIES = RULE_GROUPS.flatMap(({ rules }) => rules).map(
  (rule) =>
    ["alert" in rule ? rule.alert : rule.record, finishedExpr(rule.expr, { job: "a", dynamoJob: "b" })] as const,
);
const ALL = [...PANEL_QUERIES, ...RULE_QUERIES];

/** Of a series name: a counter or gauge by its own name, a histogram by those of its parts. */
function known(series: string): KnownMetric | undefined {
  const own = KNOWN.get(series);
  if (own !== undefined) return own.type === "histogram" ? undefined : own;
  const family = KNOWN.get(familyOf(series));
  return family?.type === "histogram" && familyOf(series) !== series ? { ...family, type: "counter" } : undefined;
}

test("the grammar of Prometheus takes every query", () => {
  assert.ok(PANEL_QUERIES.length > 200 && RULE_QUERIES.length === 50, `${PANEL_QUERIES.length} ${RULE_QUERIES.length}`);
  for (const [where, expr] of ALL) {
    const { errors, selectors } = readQuery(expr);
    assert.deepEqual(errors, [], `${where}: ${expr}`);
    assert.ok(selectors.length > 0, where);
  }
});

test("the reader of queries finds what is wrong with one", () => {
  assert.notDeepEqual(readQuery("sum(rate(a[5m])").errors, []);
  assert.notDeepEqual(readQuery('a{x="1"').errors, []);
  const { selectors, groupings } = readQuery(
    'sum by (x, le) (rate(a_b:c{job=~"$job",y="2"}[$__rate_interval])) / on (z) d',
  );
  assert.deepEqual(selectors, [
    { metric: "a_b:c", labels: ["job", "y"], around: ["rate", "sum"] },
    { metric: "d", labels: [], around: [] },
  ]);
  assert.deepEqual(groupings, ["x", "le", "z"]);
});

test("every metric and label that is asked for exists", () => {
  for (const [where, expr] of ALL) {
    const { selectors, groupings } = readQuery(expr);
    const there = new Set(ANYWHERE);
    for (const { metric, labels } of selectors) {
      const found = known(metric);
      assert.ok(found !== undefined, `${where}: there is no ${metric}`);
      for (const label of found.labels) there.add(label);
      for (const label of labels) {
        assert.ok(ANYWHERE.has(label) || found.labels.includes(label), `${where}: ${metric} has no label ${label}`);
      }
    }
    for (const label of groupings) assert.ok(there.has(label), `${where}: nothing has the label ${label}`);
  }
});

test("counters are only seen by their rate or increase, and gauges never", () => {
  const overTime = ["rate", "increase"];
  for (const [where, expr] of ALL) {
    // The books are about the counts themselves.
    if (where === "instance:kvcast_unaccounted_events:sum") continue;
    for (const { metric, around } of readQuery(expr).selectors) {
      const found = known(metric);
      if (found === undefined) continue;
      const isRate = around.some((name) => overTime.includes(name));
      assert.equal(
        isRate,
        found.type === "counter",
        `${where}: ${metric}, a ${found.type}, within ${around.join(", ")}`,
      );
    }
  }
});

test("every panel has a title, words, a unit, queries that differ, and legends of labels that it has", () => {
  assert.deepEqual(
    BOARDS.map(({ name }) => name),
    BOARD_NAMES,
  );
  for (const { name, rows, says } of BOARDS) {
    assert.match(says, /[.:]?\w.*\.$/, name);
    const titles = rows.flatMap(({ panels }) => panels.map(({ title }) => title));
    assert.equal(new Set(titles).size, titles.length, `${name}: two panels of one title`);
  }
  for (const panel of PANELS) {
    const { title, says, unit, queries, idle, absent, width } = panel;
    assert.ok(title.length > 1 && unit.length > 0 && idle !== "" && absent !== "", title);
    assert.match(says, /^[A-Za-z0-9].*[.:]$/, title);
    assert.match(description(panel), / Metrics: [a-zA-Z_:0-9]+(?:, [a-zA-Z_:0-9]+)*$/, title);
    assert.ok(queries.length > 0 && queries.length <= 26, title);
    assert.ok(24 % width === 0 || width === 9, `${title}: ${width}`);
    assert.equal(new Set(queries.map(({ expr }) => expr)).size, queries.length, title);
    for (const { expr, legend } of queries) {
      const { selectors, groupings } = readQuery(grafanaExpr(expr));
      const first = selectors[0];
      const labels = new Set([...TARGET_LABELS, ...groupings, ...(known(first?.metric ?? "")?.labels ?? [])]);
      for (const label of legend.matchAll(/\{\{(\w+)\}\}/g))
        assert.ok(labels.has(label[1] ?? ""), `${title}: ${legend}`);
      if (/^(?:sum|max|count|histogram_quantile)/.test(expr)) {
        for (const label of legend.matchAll(/\{\{(\w+)\}\}/g))
          assert.ok(groupings.includes(label[1] ?? ""), `${title}: ${legend}`);
      }
    }
  }
});

test("every query is about the chosen targets, and rates take Grafana's interval", () => {
  for (const [where, expr] of PANEL_QUERIES) {
    for (const { metric, labels } of readQuery(expr).selectors) {
      // Alerts have the labels of what they are about, which may be neither.
      if (metric === "ALERTS") continue;
      for (const label of TARGET_LABELS) assert.ok(labels.includes(label), `${where}: ${metric}`);
    }
    for (const window of expr.matchAll(/\[([^\]]*)\]/g)) {
      assert.ok(["$__rate_interval", "$__range"].includes(window[1] ?? ""), `${where}: [${window[1]}]`);
    }
  }
});

test("the JSON has what Grafana's linter asks for", () => {
  for (const { name } of BOARDS) {
    const board = JSON.parse(readFileSync(path.join(process.cwd(), `deploy/grafana/kvcast-${name}.json`), "utf8")) as {
      readonly uid: string;
      readonly editable: boolean;
      readonly links: readonly { readonly keepTime: boolean; readonly includeVars: boolean }[];
      readonly templating: {
        readonly list: readonly { readonly name: string; readonly multi?: boolean; readonly refresh?: number }[];
      };
      readonly panels: readonly {
        readonly id: number;
        readonly type: string;
        readonly datasource?: { readonly uid: string };
        readonly targets?: readonly {
          readonly refId: string;
          readonly expr: string;
          readonly datasource: { readonly uid: string };
        }[];
        readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
      }[];
    };
    assert.deepEqual([board.uid, board.editable], [`kvcast-${name}`, false]);
    assert.ok(board.links.every(({ keepTime, includeVars }) => keepTime && includeVars) && board.links.length > 0);
    assert.deepEqual(
      board.templating.list.map((each) => each.name),
      ["datasource", "job", "instance", "engine"],
    );
    for (const each of board.templating.list.slice(1)) assert.deepEqual([each.multi, each.refresh], [true, 2]);
    assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length, "ids");
    for (const { type, targets = [], datasource, gridPos } of board.panels) {
      assert.ok(gridPos.x + gridPos.w <= 24);
      if (type === "row") continue;
      assert.equal(datasource?.uid, "${datasource}");
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
      for (const target of targets) {
        assert.ok(target.refId !== "" && target.expr !== "");
        assert.equal(target.datasource.uid, "${datasource}");
      }
    }
  }
});

test("every metric is on a board, in a rule, or has a reason why not", () => {
  const asked = new Set(
    ALL.flatMap(([, expr]) => readQuery(expr).selectors.flatMap(({ metric }) => [metric, familyOf(metric)])),
  );
  const names = CATALOGUE.flatMap(({ metrics }) => metrics.map(fullName));
  for (const name of names) {
    if (name in UNCHARTED) assert.ok(!asked.has(name), `${name} is charted; it needs no reason in uncharted.ts`);
    else assert.ok(asked.has(name), `${name} is on no board and in no rule; chart it, or say why not in uncharted.ts`);
  }
  for (const name of Object.keys(UNCHARTED)) assert.ok(names.includes(name), `${name} in uncharted.ts is no metric`);
});
