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
  const dashboard: Dashboard = JSON.parse(text);
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

/**
 * A ConfigMap for each board, which Grafana's sidecar finds by its label. `kubectl apply` keeps a second copy of an object in an
 * annotation, and 256 KiB is the most that annotations may have: all boards in one object would be more, as would indented ones be
 * before long.
 */
export function boardConfigMaps(files: readonly BoardFile[], name: string, comments: readonly string[] = []): string {
  const objects = files.map((file) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: `${name}-dashboard-${file.name.replace(/^kvcast-|\.json$/gu, "")}`,
      labels: { "app.kubernetes.io/name": name, grafana_dashboard: "1" },
    },
    data: { [file.name]: JSON.stringify(JSON.parse(file.text)) },
  }));
  return yamlText(objects, comments);
}

/** The boards that were asked for, as `boardConfigMaps` writes them. */
export function boardsConfigMap({ boards, name, ...choice }: DashboardsConfig): string {
  return boardConfigMaps(
    boards.map((board) => boardFile(board, choice)),
    name,
  );
}
