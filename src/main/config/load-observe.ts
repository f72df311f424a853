/**
 * Makes the configurations of the commands that print scrape configurations, rules and boards. MAIN THREAD, once, at start.
 */
import { hostname } from "node:os";
import type { ScrapeConfig } from "../observe/scrape-config.ts";
import type { BoardName } from "../observe/board-names.ts";
import { BOARD_NAMES } from "../observe/board-names.ts";
import { fileEntries } from "./load.ts";
import { DASHBOARDS_OPTIONS, RULES_OPTIONS, SCRAPE_OPTIONS } from "./observe-options.ts";
import type { DashboardFormat, RulesFormat } from "./observe-options.ts";
import { type Environment, flagPlace, type Flags, refused } from "./option-spec.ts";
import { SERVE_OPTIONS, SERVE_OPTION_LIST } from "./options.ts";
import { Resolver } from "./resolve.ts";

export interface RulesConfig {
  readonly format: RulesFormat;
  /** File to write; null: stdout. */
  readonly output: string | null;
  /** Regular expressions for the label `job`. */
  readonly job: string;
  readonly dynamoJob: string;
  readonly name: string;
  readonly runbookUrl: string;
}

export interface DashboardsConfig {
  readonly format: DashboardFormat;
  readonly boards: readonly BoardName[];
  /** Directory, or file of a ConfigMap; null: stdout. */
  readonly output: string | null;
  readonly job: string;
  readonly name: string;
  /** Null: alerts link to nothing. */
  readonly runbookUrl: string | null;
}

/**
 * Where a `kvcast serve` with these flags, this environment and file would be scraped. Of its options only those count that
 * matter here: a machine that prepares a configuration need not have the files that the others name.
 */
export async function loadScrapeConfig(flags: Flags, env: Environment): Promise<ScrapeConfig> {
  const resolver = new Resolver({ flags, env, file: await fileEntries(flags, env, SERVE_OPTION_LIST) });
  const own = new Resolver({ flags, env: {}, file: new Map() });
  const host = resolver.pick(SERVE_OPTIONS.systemHost);
  const port = resolver.pick(SERVE_OPTIONS.systemPort);
  const target = own.find(SCRAPE_OPTIONS.target);
  const given = target === undefined ? port : Number(target.slice(target.lastIndexOf(":") + 1));
  if (given === null || given === 0) {
    const why =
      given === null ? "there is no HTTP server to scrape" : "any free port is none that Prometheus could know";
    throw refused(resolver.placeOf(SERVE_OPTIONS.systemPort), `${why}; give a port, or --target HOST:PORT`);
  }
  const engines = resolver
    .all(SERVE_OPTIONS.engine)
    .map(({ value }, i) => ({ ...value, name: value.name ?? `engine${i}` }));
  const onOurPage = resolver.pick(SERVE_OPTIONS.engineMetrics) !== "off";
  return Object.freeze({
    format: own.pick(SCRAPE_OPTIONS.format),
    name: own.pick(SCRAPE_OPTIONS.name),
    target: target ?? `${reachable(host)}:${given}`,
    port: port === null || port === 0 ? given : port,
    intervalS: own.pick(SCRAPE_OPTIONS.interval),
    engines: engines.flatMap((engine) =>
      engine.kind === "http" && !onOurPage ? [{ name: engine.name, url: engine.url }] : [],
    ),
    natsExporter: own.find(SCRAPE_OPTIONS.natsExporter) ?? null,
  });
}

/** An address that stands for all of them is none to connect to. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return hostname();
  return host.includes(":") ? `[${host}]` : host;
}

/** Throws ConfigError for any value that is not allowed. */
export function loadRulesConfig(flags: Flags): RulesConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  return Object.freeze({
    format: resolver.pick(RULES_OPTIONS.format),
    output: resolver.find(RULES_OPTIONS.output) ?? null,
    job: resolver.pick(RULES_OPTIONS.job),
    dynamoJob: resolver.pick(RULES_OPTIONS.dynamoJob),
    name: resolver.pick(RULES_OPTIONS.name),
    runbookUrl: resolver.pick(RULES_OPTIONS.runbookUrl),
  });
}

/** Throws ConfigError for any value that is not allowed. */
export function loadDashboardsConfig(flags: Flags): DashboardsConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const format = resolver.pick(DASHBOARDS_OPTIONS.format);
  const chosen = resolver.all(DASHBOARDS_OPTIONS.board).map(({ value }) => value);
  const boards = BOARD_NAMES.filter((name) => chosen.length === 0 || chosen.includes(name));
  const output = resolver.find(DASHBOARDS_OPTIONS.output) ?? null;
  if (output === null && format === "file" && boards.length > 1) {
    throw refused(
      flagPlace(DASHBOARDS_OPTIONS.output.name),
      "several boards are several files: name a directory, or one --board",
    );
  }
  return Object.freeze({
    format,
    boards,
    output,
    job: resolver.pick(DASHBOARDS_OPTIONS.job),
    name: resolver.pick(DASHBOARDS_OPTIONS.name),
    runbookUrl: resolver.find(DASHBOARDS_OPTIONS.runbookUrl) ?? null,
  });
}
