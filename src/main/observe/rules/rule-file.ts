/** All rules, and the files that Prometheus and its operator take. MAIN THREAD. */
import type { RulesFormat } from "../../config/observe-options.ts";
import { yamlText } from "../yaml-text.ts";
import { PIPELINE_ALERTS } from "./pipeline-alerts.ts";
import { RECORDING } from "./recording.ts";
import {
  type AlertRule,
  finishedExpr,
  isAlert,
  type RecordingRule,
  type RuleGroup,
  type RuleNames,
} from "./rule-model.ts";
import { SERVICE_ALERTS } from "./service-alerts.ts";
import { DYNAMO_ALERTS, ENGINE_ALERTS } from "./serving-alerts.ts";
import { SOURCE_ALERTS } from "./source-alerts.ts";

export const RULE_GROUPS: readonly RuleGroup[] = [
  RECORDING,
  SERVICE_ALERTS,
  SOURCE_ALERTS,
  PIPELINE_ALERTS,
  ENGINE_ALERTS,
  DYNAMO_ALERTS,
];

export interface RuleFileOptions extends RuleNames {
  readonly format: RulesFormat;
  /** Of the object on Kubernetes. */
  readonly name: string;
  /** Without a slash at its end. */
  readonly runbookUrl: string;
}

/** The whole file. */
export function ruleFileText(options: RuleFileOptions): string {
  const groups = RULE_GROUPS.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => ruleObject(rule, options)),
  }));
  const comments = [
    "Recording and alert rules for kvcast, written by kvcast rules export: change them there, not here.",
  ];
  if (options.format === "file") return yamlText([{ groups }], comments);
  const labels = { "app.kubernetes.io/name": options.name };
  const metadata = { name: options.name, labels };
  return yamlText(
    [{ apiVersion: "monitoring.coreos.com/v1", kind: "PrometheusRule", metadata, spec: { groups } }],
    comments,
  );
}

function ruleObject(rule: RecordingRule | AlertRule, options: RuleFileOptions): Readonly<Record<string, unknown>> {
  const expr = finishedExpr(rule.expr, options);
  if (!isAlert(rule)) return { record: rule.record, expr };
  return {
    alert: rule.alert,
    expr,
    ...(rule.for === undefined ? {} : { for: rule.for }),
    ...(rule.keepFiringFor === undefined ? {} : { keep_firing_for: rule.keepFiringFor }),
    labels: { severity: rule.severity },
    annotations: {
      summary: rule.summary,
      description: rule.description,
      runbook_url: `${options.runbookUrl}/${rule.alert}.md`,
    },
  };
}
