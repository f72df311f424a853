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

/** What is needed of a board to name the jobs that it offers. */
interface Templating {
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

/** The JSON of one board, whose variable `job` offers these jobs only. */
export function boardFile(board: BoardName, job: string): BoardFile {
  const name = `kvcast-${board}.json`;
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  if (job === JOB_REGEX) return { name, text };
  // Grafana takes a regular expression with its slashes; one inside would end it.
  const regex = `/^(?:${job.replaceAll(/(?<!\\)\//g, String.raw`\/`)})$/`;
  const dashboard = JSON.parse(text) as Templating;
  const list = dashboard.templating.list.map((each) => (each.name === "job" ? { ...each, regex } : each));
  return { name, text: `${JSON.stringify({ ...dashboard, templating: { list } }, null, 2)}\n` };
}

/** One ConfigMap, which Grafana's sidecar finds by its label. */
export function boardsConfigMap({ boards, job, name }: DashboardsConfig): string {
  const files = boards.map((board) => boardFile(board, job));
  return yamlText([
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `${name}-dashboards`, labels: { "app.kubernetes.io/name": name, grafana_dashboard: "1" } },
      data: Object.fromEntries(files.map((file) => [file.name, file.text])),
    },
  ]);
}
