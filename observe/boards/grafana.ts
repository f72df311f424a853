/** Boards as Grafana's JSON, by Grafana's own SDK. The one user of it; nothing of it is needed where kvcast runs. */
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  type DataSourceRef,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  MappingType,
  type Panel as GrafanaPanel,
  QueryVariableBuilder,
  RowBuilder,
  SpecialValueMatch,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Threshold,
  type ValueMapping,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as HeatmapBuilder } from "@grafana/grafana-foundation-sdk/heatmap";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as StateBuilder } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as SeriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { familyOf, readQuery } from "../promql.ts";
import { type Board, grafanaExpr, type Panel, TARGET_MATCHERS, withHeights } from "./board-model.ts";

const SOURCE: DataSourceRef = { type: "prometheus", uid: "${datasource}" };
const GOOD = "green";
const BAD = "red";
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The JSON file of a board. */
export function grafanaText(board: Board): string {
  return `${JSON.stringify(dashboard(board).build(), null, 2)}\n`;
}

/** What it says, and then the names of its metrics, for those who look for one. */
export function description(panel: Panel): string {
  const names = panel.queries.flatMap(({ expr }) =>
    readQuery(grafanaExpr(expr)).selectors.map(({ metric }) => familyOf(metric)),
  );
  return `${panel.says} Metrics: ${[...new Set(names)].join(", ")}`;
}

function dashboard(board: Board): DashboardBuilder {
  const builder = new DashboardBuilder(board.title)
    .uid(`kvcast-${board.name}`)
    .description(board.says)
    .tags(["kvcast"])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .timezone("browser")
    .link(
      new DashboardLinkBuilder("kvcast")
        .type(DashboardLinkType.Dashboards)
        .tags(["kvcast"])
        .keepTime(true)
        .includeVars(true)
        .asDropdown(false),
    )
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"))
    .withVariable(variable("job", "Job", "kvcast_build_info"))
    .withVariable(variable("instance", "Instance", 'kvcast_build_info{job=~"$job"}'))
    .withVariable(variable("engine", "Engine", `kvcast_source_up{${TARGET_MATCHERS}}`));
  let id = 0;
  for (const row of board.rows) {
    builder.withRow(new RowBuilder(row.title).id(++id));
    for (const { panel, height } of withHeights(row)) builder.withPanel(grafanaPanel(panel, ++id, height));
  }
  return builder;
}

function variable(name: string, label: string, series: string): QueryVariableBuilder {
  const query = `label_values(${series}, ${name})`;
  return (
    new QueryVariableBuilder(name)
      .label(label)
      .datasource(SOURCE)
      .query({ query, refId: name })
      .definition(query)
      .multi(true)
      .includeAll(true)
      .allValue(".*")
      .refresh(VariableRefresh.OnTimeRangeChanged)
      // oxlint-disable-next-line unicorn/no-array-sort -- a builder, no array
      .sort(VariableSort.NaturalAsc)
      .current({ selected: true, text: ["All"], value: ["$__all"] })
  );
}

function grafanaPanel(panel: Panel, id: number, height: number): Builder<GrafanaPanel> {
  const { title, unit, width, absent } = panel;
  const builder = kindOf(panel)
    .id(id)
    .title(title)
    .description(description(panel))
    .datasource(SOURCE)
    .unit(unit)
    .noValue(absent)
    .mappings(mappings(panel))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps(panel)))
    .targets(targets(panel))
    .height(height)
    .span(width);
  // A count that reaches below 0 would be none, but a difference may.
  return panel.max === undefined ? builder : builder.min(0).max(panel.max);
}

function kindOf({ kind, stacked }: Panel): SeriesBuilder | StatBuilder | StateBuilder | HeatmapBuilder {
  switch (kind) {
    case "series":
      return (
        new SeriesBuilder()
          .fillOpacity(stacked === true ? 40 : 5)
          .lineWidth(1)
          .showPoints(VisibilityMode.Never)
          .stacking(new StackingConfigBuilder().mode(stacked === true ? StackingMode.Normal : StackingMode.None))
          .legend(
            new VizLegendOptionsBuilder()
              .displayMode(LegendDisplayMode.List)
              .placement(LegendPlacement.Bottom)
              .showLegend(true),
          )
          // oxlint-disable-next-line unicorn/no-array-sort -- a builder, no array
          .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
      );
    case "stat":
      return new StatBuilder()
        .colorMode(BigValueColorMode.Value)
        .graphMode(BigValueGraphMode.None)
        .textMode(BigValueTextMode.Auto)
        .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false));
    case "state":
      return new StateBuilder().showValue(VisibilityMode.Never).mergeValues(true).rowHeight(0.8);
    case "heatmap":
      return new HeatmapBuilder().calculate(false).hideLegend();
  }
}

function targets({ kind, queries, title }: Panel): Builder<Dataquery>[] {
  return queries.map(({ expr, legend }, i) => {
    const query = new DataqueryBuilder()
      .datasource(SOURCE)
      .refId(LETTERS[i] ?? "")
      .expr(grafanaExpr(expr))
      .legendFormat(legend === "" ? title : legend);
    if (kind === "heatmap") return query.range().format(PromQueryFormat.Heatmap);
    return kind === "stat" ? query.instant() : query.range();
  });
}

/** NaN is a quantile of nothing: there was no traffic. No series at all is another thing, which `noValue` says. */
function mappings({ kind, idle, neutral }: Panel): ValueMapping[] {
  const special: ValueMapping = {
    type: MappingType.SpecialValue,
    options: { match: SpecialValueMatch.NotANumber, result: { text: idle, color: "text", index: 2 } },
  };
  if (kind !== "state") return [special];
  const [yes, no] = neutral === true ? ["blue", "transparent"] : [GOOD, BAD];
  return [
    {
      type: MappingType.ValueToText,
      options: { 0: { text: "No", color: no, index: 0 }, 1: { text: "Yes", color: yes, index: 1 } },
    },
    special,
  ];
}

function steps({ yellow, red, kind }: Panel): Threshold[] {
  const base: Threshold = { value: null, color: kind === "stat" && red === undefined ? "text" : GOOD };
  return [
    base,
    ...(yellow === undefined ? [] : [{ value: yellow, color: "yellow" }]),
    ...(red === undefined ? [] : [{ value: red, color: BAD }]),
  ];
}
