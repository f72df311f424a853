/** Writes scenarios as a file for `promtool test rules`. */
import { yamlText } from "../../src/main/observe/yaml-text.ts";
import { isAlert, type AlertRule } from "../../src/main/observe/rules/rule-model.ts";
import { RULE_GROUPS } from "../../src/main/observe/rules/rule-file.ts";
import { type AlertScenarios, type Firing, type Silent, USUAL_TARGET } from "./scenario.ts";

export const ALERTS: readonly AlertRule[] = RULE_GROUPS.flatMap(({ rules }) => rules.filter(isAlert));

/**
 * The file, for rules that lie at `ruleFile` as seen from it. They are evaluated `every` so often, all of them in each test: where
 * windows are long, seldom is enough.
 */
export function testFileText(
  ruleFile: string,
  runbookUrl: string,
  { every, scenarios }: { readonly every: string; readonly scenarios: readonly AlertScenarios[] },
): string {
  const tests = scenarios.flatMap(({ alert, firing, silent }) => [
    ...firing.map((each) => testOf(alert, "fires", each, [expected(alert, runbookUrl, each)])),
    ...silent.map((each) => testOf(alert, "is silent", each, [])),
  ]);
  return yamlText(
    [{ rule_files: [ruleFile], evaluation_interval: every, tests }],
    ["promtool test rules: when each alert fires, and when it does not."],
  );
}

function testOf(alert: string, what: string, { why, series, at }: Silent, exp_alerts: readonly unknown[]): unknown {
  return {
    name: `${alert} ${what}: ${why}`,
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: withTarget(name), values })),
    alert_rule_test: [{ eval_time: at, alertname: alert, ...(exp_alerts.length > 0 ? { exp_alerts } : {}) }],
  };
}

/** The usual target's labels, unless the series has its own. */
function withTarget(series: string): string {
  const [name = "", labels = ""] = series.replace(/\}$/, "").split("{");
  const own = Object.entries(USUAL_TARGET).filter(([label]) => !new RegExp(`(?:^|,)${label}=`).test(labels));
  return `${name}{${[...own.map(([label, value]) => `${label}="${value}"`), ...(labels === "" ? [] : [labels])].join(",")}}`;
}

function expected(alert: string, runbookUrl: string, { labels, says }: Firing): unknown {
  const rule = ALERTS.find((each) => each.alert === alert);
  if (rule === undefined) throw new Error(`there is no alert ${alert}`);
  const all = Object.entries({ ...USUAL_TARGET, ...labels, severity: rule.severity });
  return {
    exp_labels: Object.fromEntries(all.filter(([, value]) => value !== null)),
    exp_annotations: { summary: rule.summary, description: says, runbook_url: `${runbookUrl}/${alert}.md` },
  };
}
