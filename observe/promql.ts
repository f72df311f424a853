/** Reads queries with the grammar of Prometheus itself. The one user of lezer-promql. */
import { parser } from "@prometheus-io/lezer-promql";

export interface Selector {
  readonly metric: string;
  /** Of its matchers. */
  readonly labels: readonly string[];
  /** Functions and aggregations around it, the innermost first. */
  readonly around: readonly string[];
}

export interface ReadQuery {
  /** Where the grammar ends; empty for a sound query. */
  readonly errors: readonly string[];
  readonly selectors: readonly Selector[];
  /** In by, without, on, ignoring, group_left, group_right. */
  readonly groupings: readonly string[];
}

const INTERVALS = /\$__(?:rate_interval|range|interval)/g;

/** The query with its variables filled in, which no grammar knows. */
export function withoutVariables(expr: string, interval: string = "5m"): string {
  return expr.replaceAll(INTERVALS, interval).replaceAll(/\$\w+/g, ".*");
}

export function readQuery(expr: string): ReadQuery {
  const text = withoutVariables(expr);
  const errors: string[] = [];
  const selectors: Selector[] = [];
  const groupings: string[] = [];
  parser.parse(text).iterate({
    enter: (node) => {
      const words = text.slice(node.from, node.to);
      if (node.type.isError) errors.push(`${node.from}: ${words.slice(0, 40)}`);
      if (node.name === "GroupingLabels") {
        for (const child of node.node.getChildren("LabelName")) groupings.push(text.slice(child.from, child.to));
      }
      if (node.name !== "VectorSelector") return;
      const identifier = node.node.getChild("Identifier");
      const matchers = node.node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
      const around: string[] = [];
      for (let up = node.node.parent; up !== null; up = up.parent) {
        const name = up.getChild("FunctionIdentifier") ?? up.getChild("AggregateOp");
        if (name !== null && up.name !== "PromQL") around.push(text.slice(name.from, name.to));
      }
      selectors.push({
        metric: identifier === null ? "" : text.slice(identifier.from, identifier.to),
        labels: matchers.map((matcher) => {
          const label = matcher.getChild("LabelName");
          return label === null ? "" : text.slice(label.from, label.to);
        }),
        around,
      });
    },
  });
  return { errors, selectors, groupings };
}

/** The name of the family that a series belongs to. */
export function familyOf(series: string): string {
  return series.replace(/_(?:bucket|sum|count)$/, "");
}
