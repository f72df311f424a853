/** The families about the pages of engines that go on ours. MAIN THREAD. */
import { REFUSALS } from "../expfmt/refusal.ts";
import { FETCH_OUTCOMES, type PageCounters } from "../engine-page/page-counters.ts";
import type { Family, Series } from "./cell-metric.ts";

/** What the metrics need to know of an engine's page. */
export interface PageView {
  readonly counters: PageCounters;
  /** Null when none is shown. */
  ageSeconds(): number | null;
}

export function enginePageFamilies(pages: readonly PageView[]): readonly Family[] {
  const perPage = (name: string, read: (page: PageView) => number | null): Family => {
    const series = pages.map((page) => ({ labels: { engine: page.counters.engine }, read: () => read(page) }));
    return { name, series: () => series };
  };
  const perValue = <V extends string>(
    name: string,
    label: string,
    values: readonly V[],
    column: (counters: PageCounters) => Readonly<Record<V, number>>,
  ): Family => {
    const series: readonly Series[] = pages.flatMap(({ counters }) =>
      values.map((value) => ({
        labels: { engine: counters.engine, [label]: value },
        read: () => column(counters)[value],
      })),
    );
    return { name, series: () => series };
  };
  return [
    perPage("engine_page_up", ({ counters }) => counters.up),
    perPage("engine_page_age_seconds", (page) => page.ageSeconds()),
    perValue("engine_page_fetches_total", "outcome", FETCH_OUTCOMES, ({ fetches }) => fetches),
    perValue("engine_page_refused_lines_total", "reason", REFUSALS, ({ refused }) => refused),
    perPage("engine_page_bytes", ({ counters }) => counters.bytes),
    perPage("engine_page_series", ({ counters }) => counters.series),
    perPage("engine_page_fetch_seconds", ({ counters }) => counters.fetchSeconds),
    perPage("engine_page_parse_seconds", ({ counters }) => counters.parseSeconds),
  ];
}
