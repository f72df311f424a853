/**
 * What Prometheus must know to scrape a kvcast and what stands around it. MAIN THREAD.
 *
 * The page is made at most once in 100 ms and an engine's page fetched at most once a second, so a short interval costs
 * little; what is worth seeing between two scrapes (the highest ring fill, stalls) is kept by kvcast itself.
 */
import type { ScrapeFormat } from "../config/observe-options.ts";
import { yamlText } from "./yaml-text.ts";

const METRICS_PATH = "/metrics";
/** What Prometheus sends away with before it counts as hanging; never above the interval. */
const MAX_TIMEOUT_S = 10;
const EVALUATION_INTERVAL = "15s";

/** An engine that is scraped itself, because kvcast does not put its metrics on its own page. */
export interface EngineTarget {
  readonly name: string;
  readonly url: URL;
}

export interface ScrapeConfig {
  readonly format: ScrapeFormat;
  /** The job; the name of the object on Kubernetes. */
  readonly name: string;
  /** host:port as Prometheus reaches it. */
  readonly target: string;
  /** Of the system port, for objects on Kubernetes. */
  readonly port: number;
  readonly intervalS: number;
  readonly engines: readonly EngineTarget[];
  /** host:port of a prometheus-nats-exporter; null: none. */
  readonly natsExporter: string | null;
}

/** A whole file, with comments that say what to change. */
export function scrapeConfigText(config: ScrapeConfig): string {
  switch (config.format) {
    case "prometheus":
      return yamlText(
        [prometheusConfig(config)],
        [
          "Prometheus for kvcast: kvcast scrape-config prints it for the configuration that it is given.",
          "prometheus --config.file=prometheus.yml; the rules: kvcast rules export --output rules/kvcast.yml",
          ...(config.engines.length > 0
            ? [
                "Engines are scraped themselves only where kvcast does not put their metrics on its own page (--engine-metrics off).",
              ]
            : []),
        ],
      );
    case "pod-monitor":
      return yamlText(
        [monitor(config, "PodMonitor")],
        [
          "For the Prometheus operator. The pod needs the label app.kubernetes.io/name and must name the container port.",
        ],
      );
    case "service-monitor":
      return yamlText(
        [monitor(config, "ServiceMonitor")],
        ["For the Prometheus operator. The Service needs the label app.kubernetes.io/name."],
      );
  }
}

function prometheusConfig(config: ScrapeConfig): unknown {
  const { name, target, engines, natsExporter } = config;
  const times = { scrape_interval: `${config.intervalS}s`, scrape_timeout: timeoutOf(config) };
  return {
    global: { ...times, evaluation_interval: EVALUATION_INTERVAL },
    rule_files: ["rules/*.yml"],
    scrape_configs: [
      { job_name: name, metrics_path: METRICS_PATH, static_configs: [{ targets: [target] }] },
      ...engineJobs(engines),
      ...(natsExporter === null ? [] : [{ job_name: "nats", static_configs: [{ targets: [natsExporter] }] }]),
    ],
  };
}

/** Schemes and paths are of a job, not of a target: one job for each that there is. */
function engineJobs(engines: readonly EngineTarget[]): unknown[] {
  const jobs = new Map<string, EngineTarget[]>();
  for (const engine of engines) {
    const key = `${engine.url.protocol.slice(0, -1)} ${engine.url.pathname.replace(/\/+$/, "")}/prometheus/metrics`;
    jobs.set(key, [...(jobs.get(key) ?? []), engine]);
  }
  return Array.from(jobs, ([key, members], i) => {
    const [scheme = "", path = ""] = key.split(" ");
    return {
      // The rules look for jobs with our name.
      job_name: i === 0 ? "kvcast-engine" : `kvcast-engine-${i + 1}`,
      scheme,
      metrics_path: path,
      static_configs: members.map(({ name, url }) => ({
        targets: [`${url.hostname}:${url.port || (scheme === "https" ? "443" : "80")}`],
        labels: { engine: name },
      })),
    };
  });
}

function monitor(config: ScrapeConfig, kind: "PodMonitor" | "ServiceMonitor"): unknown {
  const { name, port, intervalS } = config;
  const endpoint = {
    targetPort: port,
    path: METRICS_PATH,
    interval: `${intervalS}s`,
    scrapeTimeout: timeoutOf(config),
  };
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind,
    metadata: { name, labels: { "app.kubernetes.io/name": name } },
    spec: {
      // Otherwise the job is called after namespace and monitor, or after the Service.
      jobLabel: "app.kubernetes.io/name",
      selector: { matchLabels: { "app.kubernetes.io/name": name } },
      [kind === "PodMonitor" ? "podMetricsEndpoints" : "endpoints"]: [endpoint],
    },
  };
}

function timeoutOf({ intervalS }: ScrapeConfig): string {
  return `${Math.min(intervalS, MAX_TIMEOUT_S)}s`;
}
