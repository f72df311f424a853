/** Help pages of the commands that print what Prometheus and Grafana need. MAIN THREAD. */
import { DASHBOARDS_OPTION_LIST, RULES_OPTION_LIST, SCRAPE_OPTION_LIST } from "../../config/observe-options.ts";
import { SERVE_OPTION_LIST } from "../../config/options.ts";
import type { HelpPage } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

/** Of the options of serve those that say where it is scraped; the others are taken and not looked at. */
const SHOWN_OF_SERVE = ["engine", "engine-metrics", "system-host", "system-port", "config"];

export const SCRAPE_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast scrape-config > prometheus.yml"],
      says: "For a kvcast serve on this machine with the environment of this shell.",
    },
    {
      command: ["kvcast scrape-config --config kvcast.yaml --target worker-3:8081"],
      says: "For the service with this file, on another machine.",
    },
    {
      command: ["kvcast scrape-config --format pod-monitor | kubectl apply -f -"],
      says: "For the Prometheus operator.",
    },
  ],
  usage: "kvcast scrape-config [options] [options of kvcast serve]",
  summary:
    "Prints how Prometheus scrapes a kvcast serve with these options, environment and file: its port and path, engines that it does " +
    "not show on its own page, and a NATS exporter if there is one.",
  options: [...SCRAPE_OPTION_LIST, ...SERVE_OPTION_LIST.filter(({ name }) => SHOWN_OF_SERVE.includes(name))],
  sections: [{ title: "Other", items: [HELP_SWITCH] }],
};

export const RULES_PAGE: HelpPage = {
  examples: [
    { command: ["kvcast rules export --output rules/kvcast.yml"], says: "A rule file for Prometheus." },
    {
      command: [
        "kvcast rules export --format prometheus-rule --runbook-url https://wiki.example/runbooks | kubectl apply -f -",
      ],
      says: "For the Prometheus operator, with links to where your runbooks are.",
    },
    {
      command: ["kvcast rules export --job 'sidecar|consolidator' | promtool check rules"],
      says: "For jobs of other names.",
    },
  ],
  usage: "kvcast rules export [options]",
  summary: "Prints recording and alert rules. Each alert has a runbook: docs/runbooks.",
  options: RULES_OPTION_LIST,
  sections: [{ title: "Other", items: [HELP_SWITCH] }],
};

export const DASHBOARDS_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast dashboards export --output dashboards/"],
      says: "All boards as files, to import or provision.",
    },
    { command: ["kvcast dashboards export --board overview"], says: "One of them on stdout." },
    {
      command: ["kvcast dashboards export --format config-map | kubectl apply -f -"],
      says: "For Grafana's sidecar on Kubernetes.",
    },
  ],
  usage: "kvcast dashboards export [options]",
  summary:
    "Prints boards for Grafana: overview, engines, pipeline, requests, runtime. docs/observability.md says how to read them.",
  options: DASHBOARDS_OPTION_LIST,
  sections: [{ title: "Other", items: [HELP_SWITCH] }],
};
