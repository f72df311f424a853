/** What the catalogue says of one metric. MAIN THREAD; data. */

export const METRIC_PREFIX = "kvcast_";

export type MetricType = "counter" | "gauge" | "histogram";

export interface MetricDefinition {
  /** Default `kvcast_`. Metrics that others have named have none. */
  readonly prefix?: string;
  /** Without the prefix. */
  readonly name: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds without +Inf, in the unit of the name; histograms only. */
  readonly buckets?: readonly number[];
}

/** What the page calls it. */
export function fullName({ prefix = METRIC_PREFIX, name }: MetricDefinition): string {
  return prefix + name;
}

/** What users may rely on. `stable`: ours, kept as it is. `reference`: named by another project, and changed when that does. */
export type Stability = "stable" | "reference";

export interface CatalogueSection {
  readonly title: string;
  /** Of all its metrics. Default `stable`. */
  readonly stability?: Stability;
  /** What is to be said of all of them, a paragraph. */
  readonly intro?: string;
  readonly metrics: readonly MetricDefinition[];
}

export function counter(name: string, labels: readonly string[], help: string): MetricDefinition {
  return { name, type: "counter", labels, help };
}
export function gauge(name: string, labels: readonly string[], help: string): MetricDefinition {
  return { name, type: "gauge", labels, help };
}
export function histogram(
  name: string,
  labels: readonly string[],
  buckets: readonly number[],
  help: string,
): MetricDefinition {
  return { name, type: "histogram", labels, help, buckets };
}
