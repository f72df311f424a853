/**
 * `getPrometheusExpfmt`: the text of a metrics registry, filtered and labelled, for programs. ANY THREAD.
 *
 *   registry ─► text ─► labels injected ─► lines filtered ─► names prefixed ─► text
 *
 * The library's counterpart of the Python function of the same name, with its two generations in one: `addPrefix` is of
 * January 2026, `injectLabels` of August. Like it, it never throws: a scrape must not fail for one part of its page.
 */
import { messageOf } from "../../shared/errors.ts";
import { filterLines, isFiltering, type LineFilter } from "./line-filter.ts";
import type { InjectedLabels } from "./label-injection.ts";
import { injectLabels } from "./text-injection.ts";

/** Anything that prints itself in the Prometheus text format; a `Registry` of prom-client does. */
export interface ExpfmtRegistry {
  metrics(): string | Promise<string>;
}

/** Where messages go. */
export interface ExpfmtLog {
  debug(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface ExpfmtOptions {
  /** Only lines whose metric begins with one of these. Default: all. */
  readonly metricPrefixFilters?: readonly string[];
  /** No lines whose metric begins with one of these. */
  readonly excludePrefixes?: readonly string[];
  /** Names get this in front, in the place of the include prefix that they have; those that have it already stay. */
  readonly addPrefix?: string;
  /** Added to each series that does not have them. `le` and `quantile` are refused. */
  readonly injectLabels?: InjectedLabels;
  /** Default: warnings and errors become warnings of the process. */
  readonly log?: ExpfmtLog;
}

function nothing(): void {}

export const PROCESS_LOG: ExpfmtLog = {
  debug: nothing,
  warn: (message) => process.emitWarning(message, { code: "KVCAST_EXPFMT" }),
  error: (message) => process.emitWarning(message, { code: "KVCAST_EXPFMT" }),
};

/**
 * The registry's page, with a line feed at its end; empty when nothing is left, and after an error, which the log is told of.
 * With any filter blank lines are left out.
 */
export async function getPrometheusExpfmt(registry: ExpfmtRegistry, options: ExpfmtOptions = {}): Promise<string> {
  try {
    const plain = await registry.metrics();
    const labels = options.injectLabels ?? {};
    const text = Object.keys(labels).length === 0 ? plain : injectLabels(plain, labels);
    const filter: LineFilter = {
      include: options.metricPrefixFilters ?? [],
      exclude: options.excludePrefixes ?? [],
      addPrefix: options.addPrefix ?? null,
    };
    if (isFiltering(filter)) return filterLines(text, filter);
    return text === "" || text.endsWith("\n") ? text : `${text}\n`;
  } catch (error) {
    (options.log ?? PROCESS_LOG).error(`the metrics of a registry are left out: ${messageOf(error)}`);
    return "";
  }
}
