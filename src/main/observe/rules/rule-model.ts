/**
 * Rules of Prometheus as data. MAIN THREAD.
 *
 * In an expression `$job` stands for the matcher of kvcast's jobs and `$dynamo` for that of Dynamo's: `up{$job}`. Labels of
 * the target (instance, pod, …) stay on: sums say `without` what they drop. Only where series of different kinds meet,
 * they are joined `on` names.
 */

/** critical wakes someone up, warning becomes a ticket, info is for those who look. */
export type Severity = "critical" | "warning" | "info";

export interface RecordingRule {
  /** `level:metric:operations`. */
  readonly record: string;
  readonly expr: string;
}

export interface AlertRule {
  /** Also the name of its runbook. */
  readonly alert: string;
  readonly expr: string;
  /** How long it must hold, in Prometheus' words. */
  readonly for?: string;
  /** How long it stays after it last held. */
  readonly keepFiringFor?: string;
  readonly severity: Severity;
  /** A sentence without values. */
  readonly summary: string;
  /** With labels and the value, as a template of Prometheus. */
  readonly description: string;
}

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (RecordingRule | AlertRule)[];
}

/** What an expression is finished with. */
export interface RuleNames {
  /** Regular expressions for the label `job`. */
  readonly job: string;
  readonly dynamoJob: string;
}

export function isAlert(rule: RecordingRule | AlertRule): rule is AlertRule {
  return "alert" in rule;
}

/** The expression as Prometheus takes it. */
export function finishedExpr(expr: string, { job, dynamoJob }: RuleNames): string {
  // Functions, because a `$` in the regular expression would be a pattern of replaceAll.
  return expr.replaceAll("$job", () => matcher(job)).replaceAll("$dynamo", () => matcher(dynamoJob));
}

function matcher(regex: string): string {
  return `job=~${JSON.stringify(regex)}`;
}
