/** Every file under deploy/, and the list of runbooks, that are made of tables in the code. `npm run docs` writes them; a test holds them to it. */
import { JOB_REGEX } from "../src/main/config/observe-options.ts";
import { ruleFileText } from "../src/main/observe/rules/rule-file.ts";
import { boardConfigMaps } from "../src/main/observe/board-export.ts";
import { BOARDS } from "./boards/boards.ts";
import { grafanaText } from "./boards/grafana.ts";
import { runbookIndex } from "./runbook-index.ts";
import { BURN_SCENARIOS, PIPELINE_SCENARIOS } from "./scenarios/pipeline.ts";
import type { AlertScenarios } from "./scenarios/scenario.ts";
import { SERVICE_SCENARIOS } from "./scenarios/service.ts";
import { SERVING_SCENARIOS } from "./scenarios/serving.ts";
import { SOURCE_SCENARIOS } from "./scenarios/source.ts";
import { testFileText } from "./scenarios/test-file.ts";
import { type ScrapeConfig, scrapeConfigText } from "../src/main/observe/scrape-config.ts";

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const RULES = { job: JOB_REGEX, dynamoJob: ".+", name: "kvcast", runbookUrl: "docs/runbooks" } as const;
/** A worker with the usual port, an engine that is scraped itself, and an exporter for NATS on its usual port. */
const SCRAPE: Omit<ScrapeConfig, "format"> = {
  name: "kvcast",
  target: "127.0.0.1:8081",
  port: 8081,
  intervalS: 5,
  engines: [{ name: "engine0", url: new URL("http://127.0.0.1:8000") }],
  natsExporter: "127.0.0.1:7777",
};

interface ScenarioFile {
  readonly every: string;
  readonly scenarios: readonly AlertScenarios[];
}

export const SCENARIOS: Readonly<Record<string, ScenarioFile>> = {
  service: { every: "1m", scenarios: SERVICE_SCENARIOS },
  source: { every: "1m", scenarios: SOURCE_SCENARIOS },
  pipeline: { every: "1m", scenarios: PIPELINE_SCENARIOS },
  budget: { every: "10m", scenarios: BURN_SCENARIOS },
  serving: { every: "5m", scenarios: SERVING_SCENARIOS },
};

const DASHBOARD_COMMENTS = [
  "The boards of deploy/grafana for Grafana's sidecar, made by npm run docs; kvcast dashboards export --format config-map prints them.",
];

export function generatedFiles(): readonly GeneratedFile[] {
  const boards = BOARDS.map((board) => ({ name: `kvcast-${board.name}.json`, text: grafanaText(board) }));
  return [
    { path: "deploy/prometheus/prometheus.yml", text: scrapeConfigText({ ...SCRAPE, format: "prometheus" }) },
    { path: "deploy/prometheus/rules/kvcast.yml", text: ruleFileText({ ...RULES, format: "file" }) },
    ...Object.entries(SCENARIOS).map(([name, scenarios]) => ({
      path: `deploy/prometheus/tests/${name}.test.yml`,
      text: testFileText("../rules/kvcast.yml", RULES.runbookUrl, scenarios),
    })),
    { path: "docs/runbooks/README.md", text: runbookIndex() },
    ...boards.map(({ name, text }) => ({ path: `deploy/grafana/${name}`, text })),
    { path: "deploy/kubernetes/pod-monitor.yaml", text: scrapeConfigText({ ...SCRAPE, format: "pod-monitor" }) },
    {
      path: "deploy/kubernetes/service-monitor.yaml",
      text: scrapeConfigText({ ...SCRAPE, format: "service-monitor" }),
    },
    { path: "deploy/kubernetes/prometheus-rule.yaml", text: ruleFileText({ ...RULES, format: "prometheus-rule" }) },
    { path: "deploy/kubernetes/dashboards.yaml", text: boardConfigMaps(boards, "kvcast", DASHBOARD_COMMENTS) },
  ];
}
