/**
 * The options of `kvcast scrape-config`, `kvcast rules` and `kvcast dashboards`, which print what Prometheus and Grafana need.
 * Flags only. MAIN THREAD, at start only.
 */
import { BOARD_NAMES, type BoardName } from "../observe/board-names.ts";
import {
  notAllowed,
  type Defaulted,
  type OptionSpec,
  type Place,
  type Repeatable,
  type ValueType,
} from "./option-spec.ts";
import { fileName, integer, oneOf } from "./value-types.ts";

export const SCRAPE_FORMATS = ["prometheus", "pod-monitor", "service-monitor"] as const;
export type ScrapeFormat = (typeof SCRAPE_FORMATS)[number];
export const RULES_FORMATS = ["file", "prometheus-rule"] as const;
export type RulesFormat = (typeof RULES_FORMATS)[number];
export const DASHBOARD_FORMATS = ["file", "config-map"] as const;
export type DashboardFormat = (typeof DASHBOARD_FORMATS)[number];

/** The `job` of a scrape by hand is `kvcast`; that of a PodMonitor without a job label is `NAMESPACE/NAME`. */
export const JOB_REGEX = ".*kvcast.*";
const JOB_GROUP = "Names";
const OUTPUT_GROUP = "Output";
const MAX_REGEX_CHARS = 500;

/** A regular expression for a whole label value. Go's kind and JavaScript's agree on what people write here. */
const labelRegex: ValueType<string> = {
  placeholder: "REGEX",
  takes: `a regular expression of at most ${MAX_REGEX_CHARS} characters, for the whole value of the label job`,
  parse(text: string, place: Place): string {
    const trimmed = text.trim();
    // Lookaround and backreferences are JavaScript's alone.
    if (
      trimmed === "" ||
      trimmed.length > MAX_REGEX_CHARS ||
      /[\n\0]|\(\?[=!<]|\\[1-9]/.test(trimmed) ||
      !compiles(trimmed)
    ) {
      throw notAllowed(place, text, labelRegex.takes);
    }
    return trimmed;
  },
};

function compiles(pattern: string): boolean {
  try {
    return new RegExp(pattern, "u") instanceof RegExp;
  } catch {
    return false;
  }
}

/** A name that Kubernetes and Prometheus both take. */
const objectName: ValueType<string> = {
  placeholder: "NAME",
  takes: "1 to 63 of a-z 0-9 and -, not at the ends",
  parse(text: string, place: Place): string {
    if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text.trim())) throw notAllowed(place, text, objectName.takes);
    return text.trim();
  },
};

const hostAndPort: ValueType<string> = {
  placeholder: "HOST:PORT",
  takes: "host:port, an IPv6 address in brackets",
  parse(text: string, place: Place): string {
    const match = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(text.trim());
    const port = Number(match?.[1] ?? 0);
    if (port < 1 || port > 65_535) throw notAllowed(place, text, hostAndPort.takes);
    return text.trim();
  },
};

/** Where runbooks are read: a URL, or a path for those who have the files. */
const runbookBase: ValueType<string> = {
  placeholder: "URL",
  takes: "a URL or path without white space, below which ALERT.md lies",
  parse(text: string, place: Place): string {
    const trimmed = text.trim().replace(/\/+$/, "");
    // `{{` would be a template of Prometheus.
    if (trimmed === "" || /\s|\{\{/.test(trimmed) || trimmed.length > 1000)
      throw notAllowed(place, text, runbookBase.takes);
    return trimmed;
  },
};

const job: Defaulted<string> = {
  name: "job",
  type: labelRegex,
  env: [],
  default: JOB_REGEX,
  group: JOB_GROUP,
  help: "Jobs of Prometheus whose targets are kvcast.",
};

const name: Defaulted<string> = {
  name: "name",
  type: objectName,
  env: [],
  default: "kvcast",
  group: JOB_GROUP,
  help: "The job, or the name of the Kubernetes object; pods are found by the label app.kubernetes.io/name.",
};

/** The first form is the default. */
function formatOption<F extends string>(forms: readonly [F, ...F[]], help: string): Defaulted<F> {
  return { name: "format", type: oneOf<F>(forms), env: [], default: forms[0], group: OUTPUT_GROUP, help };
}

function outputOption(help: string): OptionSpec<string> {
  return { name: "output", type: fileName, env: [], defaultNote: "stdout", group: OUTPUT_GROUP, help };
}

export const SCRAPE_OPTIONS: {
  readonly format: Defaulted<ScrapeFormat>;
  readonly name: Defaulted<string>;
  readonly target: OptionSpec<string>;
  readonly interval: Defaulted<number>;
  readonly natsExporter: OptionSpec<string>;
} = {
  format: formatOption(SCRAPE_FORMATS, "A configuration of Prometheus, or an object for its operator on Kubernetes."),
  name,
  target: {
    name: "target",
    type: hostAndPort,
    env: [],
    defaultNote: "system-host and system-port",
    group: "Scraping",
    help: "Where Prometheus reaches kvcast, if not where kvcast listens.",
  },
  interval: {
    name: "interval",
    type: integer({ min: 1, max: 300, unit: "seconds" }),
    env: [],
    default: "5",
    group: "Scraping",
    help: "Time between two scrapes. The highest ring fill is kept for 60 s, so that any interval up to there sees it.",
  },
  natsExporter: {
    name: "nats-exporter",
    type: hostAndPort,
    env: [],
    group: "Scraping",
    help: "A prometheus-nats-exporter beside the NATS server, which has no metrics page itself.",
  },
};

export const RULES_OPTIONS: {
  readonly format: Defaulted<RulesFormat>;
  readonly output: OptionSpec<string>;
  readonly job: Defaulted<string>;
  readonly dynamoJob: Defaulted<string>;
  readonly name: Defaulted<string>;
  readonly runbookUrl: Defaulted<string>;
} = {
  format: formatOption(RULES_FORMATS, "A rule file of Prometheus, or a PrometheusRule for its operator on Kubernetes."),
  output: outputOption("The file to write."),
  job,
  dynamoJob: {
    ...job,
    name: "dynamo-job",
    default: ".+",
    help: "Jobs whose targets are Dynamo's frontends and workers.",
  },
  name,
  runbookUrl: {
    name: "runbook-url",
    type: runbookBase,
    env: [],
    default: "docs/runbooks",
    group: JOB_GROUP,
    help: "Where people find the runbooks; ALERT.md is put behind it.",
  },
};

export const DASHBOARDS_OPTIONS: {
  readonly format: Defaulted<DashboardFormat>;
  readonly board: Repeatable<BoardName>;
  readonly output: OptionSpec<string>;
  readonly job: Defaulted<string>;
  readonly name: Defaulted<string>;
  readonly runbookUrl: OptionSpec<string>;
} = {
  format: formatOption(
    DASHBOARD_FORMATS,
    "JSON for Grafana's import and provisioning, or a ConfigMap a board with the label grafana_dashboard for its sidecar.",
  ),
  board: {
    name: "board",
    type: oneOf(BOARD_NAMES),
    env: [],
    repeatable: true,
    defaultNote: "all",
    group: OUTPUT_GROUP,
    help: "Which boards.",
  },
  output: outputOption(
    "The directory to write a file a board into, made if it is not there; for a ConfigMap the file.",
  ),
  job,
  name,
  runbookUrl: {
    name: "runbook-url",
    type: runbookBase,
    env: [],
    defaultNote: "no links",
    group: JOB_GROUP,
    help: "Where people find the runbooks: an alert that fires then links to its own.",
  },
};

export const SCRAPE_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(SCRAPE_OPTIONS);
export const RULES_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(RULES_OPTIONS);
export const DASHBOARDS_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(DASHBOARDS_OPTIONS);
