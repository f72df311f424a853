/**
 * The boards for Grafana: files that come with the package, made where the boards are defined. MAIN THREAD.
 */
import { readFileSync } from "node:fs";
import type { DashboardsConfig } from "../config/load-observe.ts";
import { JOB_REGEX } from "../config/observe-options.ts";
import type { BoardName } from "./board-names.ts";
import { yamlText } from "./yaml-text.ts";

/** From dist/src/main/observe to the package. */
const FOLDER = new URL("../../../../deploy/grafana/", import.meta.url);

export interface BoardFile {
  readonly name: string;
  readonly text: string;
}

/** What is needed of a board in order to name its jobs and runbooks. */
interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly DashboardPanel[];
}

interface DashboardPanel {
  readonly title: string;
  readonly fieldConfig?: { readonly defaults: Readonly<Record<string, unknown>> };
}

/** The panel whose values are alerts. */
const ALERTS_PANEL = "Firing alerts";

/** The JSON of one board, whose variable `job` offers these jobs only, and whose alerts link to runbooks. */
export function boardFile(
  board: BoardName,
  { job, runbookUrl }: Pick<DashboardsConfig, "job" | "runbookUrl">,
): BoardFile {
  const name = `kvcast-${board}.json`;
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  if (job === JOB_REGEX && runbookUrl === null) return { name, text };
  const dashboard = JSON.parse(text) as Dashboard;
  // Grafana takes a regular expression with its slashes; one inside would end it.
  const regex = `/^(?:${job.replaceAll(/(?<!\\)\//g, String.raw`\/`)})$/`;
  const list = dashboard.templating.list.map((each) =>
    each.name === "job" && job !== JOB_REGEX ? { ...each, regex } : each,
  );
  const panels = dashboard.panels.map((panel) => (runbookUrl === null ? panel : withRunbooks(panel, runbookUrl)));
  return { name, text: `${JSON.stringify({ ...dashboard, panels, templating: { list } }, null, 2)}\n` };
}

function withRunbooks(panel: DashboardPanel, runbookUrl: string): DashboardPanel {
  if (panel.title !== ALERTS_PANEL || panel.fieldConfig === undefined) return panel;
  const links = [{ title: "Runbook", url: `${runbookUrl}/\${__field.labels.alertname}.md`, targetBlank: true }];
  const { fieldConfig } = panel;
  return { ...panel, fieldConfig: { ...fieldConfig, defaults: { ...fieldConfig.defaults, links } } };
}

/** One ConfigMap, which Grafana's sidecar finds by its label. */
export function boardsConfigMap({ boards, name, ...choice }: DashboardsConfig): string {
  const files = boards.map((board) => boardFile(board, choice));
  return yamlText([
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `${name}-dashboards`, labels: { "app.kubernetes.io/name": name, grafana_dashboard: "1" } },
      data: Object.fromEntries(files.map((file) => [file.name, file.text])),
    },
  ]);
}
