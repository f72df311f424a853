/**
 * The command line: which command, which flags, and what a user reads when something is wrong. MAIN THREAD. The only user
 * of commander. A command's own code is loaded when the command runs, so that help and errors come at once.
 *
 * Data goes to stdout, talk to stderr. Every error is `kvcast: error: …` and the next step.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { CLUSTER_COMMANDS, type ClusterCommand } from "../control/commands.ts";
import { loadServeConfig } from "../config/load.ts";
import { MissingOptionError, quoted } from "../config/option-spec.ts";
import { DOCTOR_OPTION_LIST } from "../config/doctor-options.ts";
import type { DoctorSwitches } from "../config/load-doctor.ts";
import type { TailSwitches } from "../config/load-tail.ts";
import type { Environment, Flags, OptionSpec } from "../config/option-spec.ts";
import { didYouMean } from "../config/suggest.ts";
import { ConfigError, EXIT, KvcastError, messageOf } from "../../shared/errors.ts";
import { firstSignal } from "./first-signal.ts";
import { Hangups } from "./hangup.ts";
import { renderHelp } from "./help.ts";
import type { HelpPage } from "./help.ts";
import { requireOpenFiles } from "./open-files.ts";
import { DASHBOARDS_PAGE, RULES_PAGE, SCRAPE_PAGE } from "./observe-pages.ts";
import {
  CLUSTER_PAGE,
  CHECK_PAGE,
  CONSOLIDATE_PAGE,
  DOCTOR_PAGE,
  FLOOD_PAGE,
  INDEX_PAGE,
  ROOT_PAGE,
  PERF_PAGE,
  SERVE_PAGE,
  SIM_PAGE,
  TAIL_PAGE,
  flagNames,
} from "./pages.ts";
import { VERSION } from "./version.ts";

/** The process, as far as commands may touch it. */
export interface CliIo {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

const PAGES = {
  serve: SERVE_PAGE,
  consolidate: CONSOLIDATE_PAGE,
  index: INDEX_PAGE,
  sim: SIM_PAGE,
  tail: TAIL_PAGE,
  flood: FLOOD_PAGE,
  perf: PERF_PAGE,
  "scrape-config": SCRAPE_PAGE,
  rules: RULES_PAGE,
  dashboards: DASHBOARDS_PAGE,
  cluster: CLUSTER_PAGE,
  check: CHECK_PAGE,
  doctor: DOCTOR_PAGE,
} as const;

/** Runs one command to its end and returns the exit code. Never throws. */
export async function runCli(io: CliIo): Promise<number> {
  let code: number = EXIT.ok;
  const program = pageCommand(new Command("kvcast"), ROOT_PAGE)
    .version(`kvcast ${VERSION}`, "-V, --version")
    .exitOverride()
    // Errors are printed once, by `report`.
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: () => {},
    });

  const serveFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("serve"), SERVE_PAGE), SERVE_PAGE.options, serveFlags).action(async () => {
    code = await serve(serveFlags, io);
  });

  const consolidateFlags = new Map<string, string[]>();
  addFlags(
    pageCommand(program.command("consolidate"), CONSOLIDATE_PAGE),
    CONSOLIDATE_PAGE.options,
    consolidateFlags,
  ).action(async () => {
    code = await consolidate(consolidateFlags, io);
  });

  const indexFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("index"), INDEX_PAGE), INDEX_PAGE.options, indexFlags).action(async () => {
    code = await index(indexFlags, io);
  });

  const simFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("sim"), SIM_PAGE), SIM_PAGE.options, simFlags)
    .option("--json")
    .action(async (options: { readonly json?: boolean }) => {
      code = await sim(simFlags, options.json === true, io);
    });

  const tailFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("tail"), TAIL_PAGE), TAIL_PAGE.options, tailFlags)
    .argument("[EP]")
    .option("--sync")
    .option("--stats")
    .option("--json")
    .option("--tokens")
    .action(async (endpoint: string | undefined, switches: Partial<TailSwitches>) => {
      code = await tail(endpoint, tailFlags, switches, io);
    });

  const perfFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("perf"), PERF_PAGE), PERF_PAGE.options, perfFlags)
    .argument("[URL]")
    .option("--json")
    .action(async (url: string | undefined, { json = false }: { readonly json?: boolean }) => {
      code = await perf(url, perfFlags, json, io);
    });

  const clusterFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("cluster"), CLUSTER_PAGE), CLUSTER_PAGE.options, clusterFlags)
    .addArgument(new Argument("<COMMAND>").choices(CLUSTER_COMMANDS))
    .argument("[LEVEL]")
    .option("--json")
    .action(
      async (
        name: ClusterCommand,
        level: string | undefined,
        { json = false }: { readonly json?: boolean },
        command: Command,
      ) => {
        if (name === "log-level" && level === undefined) command.error("log-level: the level is missing behind it");
        if (name !== "log-level" && level !== undefined)
          command.error(`${name} takes nothing behind it, as ${quoted(level)}`);
        code = await cluster(name, level ?? null, clusterFlags, json, io);
      },
    );

  const checkFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("check"), CHECK_PAGE), CHECK_PAGE.options, checkFlags)
    .argument("[URL]")
    .action(async (url: string | undefined) => {
      code = await check(url, checkFlags, io);
    });

  const doctorFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("doctor"), DOCTOR_PAGE), DOCTOR_OPTION_LIST, doctorFlags)
    .option("--drain")
    .option("--json")
    .option("--strict")
    .action(async (switches: Partial<DoctorSwitches>) => {
      code = await doctor(doctorFlags, switches, io);
    });

  const floodFlags = new Map<string, string[]>();
  addFlags(pageCommand(program.command("flood"), FLOOD_PAGE), FLOOD_PAGE.options, floodFlags)
    .argument("[SERVE...]")
    .option("--json")
    .action(async (operands: readonly string[], { json = false }: { readonly json?: boolean }, command: Command) => {
      // Only what stands behind -- is for the service; a word before it is a mistake.
      const dashes = io.argv.indexOf("--");
      const behind = dashes === -1 ? [] : io.argv.slice(dashes + 1);
      if (operands.length > behind.length) {
        command.error(`${quoted(operands[0] ?? "")} is no option; options of kvcast serve go behind --`);
      }
      code = await flood(floodFlags, behind, json, io);
    });

  const scrapeFlags = new Map<string, string[]>();
  const scrape = pageCommand(program.command("scrape-config"), SCRAPE_PAGE);
  // A line that starts a service is taken as it is, with the options that do not matter here too.
  const scrapeOptions = [...new Set([...SCRAPE_PAGE.options, ...SERVE_PAGE.options])];
  addFlags(scrape, scrapeOptions, scrapeFlags).action(async () => {
    const { loadScrapeConfig } = await import("../config/load-observe.ts");
    const config = await loadScrapeConfig(scrapeFlags, io.env);
    const { runScrapeConfig } = await import("./observe.ts");
    code = runScrapeConfig(config, io);
  });

  const rulesFlags = new Map<string, string[]>();
  exporter(program, "rules", RULES_PAGE, rulesFlags, async () => {
    const { loadRulesConfig } = await import("../config/load-observe.ts");
    const config = loadRulesConfig(rulesFlags);
    const { runRulesExport } = await import("./observe.ts");
    code = runRulesExport(config, io);
  });

  const dashboardsFlags = new Map<string, string[]>();
  exporter(program, "dashboards", DASHBOARDS_PAGE, dashboardsFlags, async () => {
    const { loadDashboardsConfig } = await import("../config/load-observe.ts");
    const config = loadDashboardsConfig(dashboardsFlags);
    const { runDashboardsExport } = await import("./observe.ts");
    code = runDashboardsExport(config, io);
  });

  try {
    await program.parseAsync([...io.argv], { from: "user" });
    return code;
  } catch (error) {
    return report(error, io);
  }
}

async function serve(flags: Flags, io: CliIo): Promise<number> {
  requireOpenFiles();
  const hangups = new Hangups();
  try {
    const loaded = await loadServeConfig(flags, io.env);
    const signal = firstSignal();
    const { runServe } = await import("./serve.ts");
    return await runServe(loaded, signal, hangups);
  } finally {
    hangups.close();
  }
}

async function consolidate(flags: Flags, io: CliIo): Promise<number> {
  requireOpenFiles();
  const { loadConsolidateConfig } = await import("../config/load-consolidate.ts");
  const loaded = await loadConsolidateConfig(flags, io.env);
  if (loaded === null) {
    io.err("kvcast: DYN_KVBM_KV_EVENTS_ENABLE_CONSOLIDATOR switches the consolidator off; there is nothing to do\n");
    return EXIT.ok;
  }
  const signal = firstSignal();
  const { runConsolidate } = await import("./consolidate.ts");
  return runConsolidate(loaded, signal);
}

async function index(flags: Flags, io: CliIo): Promise<number> {
  requireOpenFiles();
  const { loadIndexConfig } = await import("../config/load-index.ts");
  const config = await loadIndexConfig(flags, io.env);
  const signal = firstSignal();
  const { runIndex } = await import("./index-command.ts");
  return runIndex(config, signal);
}

async function sim(flags: Flags, json: boolean, io: CliIo): Promise<number> {
  const { loadSimConfig } = await import("../config/load-sim.ts");
  const config = loadSimConfig(flags, io.env);
  const signal = firstSignal();
  const { runSimCommand } = await import("./sim.ts");
  return runSimCommand({ ...config, json }, signal, (text) => io.out(text));
}

async function tail(
  endpoint: string | undefined,
  flags: Flags,
  switches: Partial<TailSwitches>,
  io: CliIo,
): Promise<number> {
  const { loadTailConfig } = await import("../config/load-tail.ts");
  const { json = false, stats = false, sync = false, tokens = false } = switches;
  const config = loadTailConfig(endpoint, flags, { json, stats, sync, tokens });
  const signal = firstSignal();
  const { runTail } = await import("./tail.ts");
  return runTail(config, signal, io);
}

async function perf(url: string | undefined, flags: Flags, json: boolean, io: CliIo): Promise<number> {
  const { loadPerfConfig } = await import("../config/load-perf.ts");
  const { PERF_PATH } = await import("../http/perf-route.ts");
  const config = loadPerfConfig(url, flags, json, PERF_PATH);
  const { runPerf } = await import("./perf.ts");
  return runPerf(config, io);
}

async function cluster(
  command: ClusterCommand,
  level: string | null,
  flags: Flags,
  json: boolean,
  io: CliIo,
): Promise<number> {
  const { loadClusterCommand } = await import("../config/load-cluster.ts");
  const config = loadClusterCommand(command, level, flags, io.env, json);
  const signal = firstSignal();
  const { runCluster } = await import("./cluster.ts");
  return runCluster(config, signal, io);
}

async function check(url: string | undefined, flags: Flags, io: CliIo): Promise<number> {
  const { loadCheckConfig } = await import("../config/load-check.ts");
  const config = loadCheckConfig(url, flags);
  const { runCheck } = await import("./check.ts");
  return runCheck(config, io);
}

async function doctor(flags: Flags, switches: Partial<DoctorSwitches>, io: CliIo): Promise<number> {
  const { loadDoctorConfig } = await import("../config/load-doctor.ts");
  const { json = false, strict = false, drain = false } = switches;
  const config = await loadDoctorConfig(flags, io.env, { json, strict, drain });
  const { runDoctor } = await import("./doctor.ts");
  return runDoctor(config, io);
}

async function flood(flags: Flags, serveArgs: readonly string[], json: boolean, io: CliIo): Promise<number> {
  const { loadFloodConfig } = await import("../config/load-flood.ts");
  const config = loadFloodConfig(flags, serveArgs, json);
  const signal = firstSignal();
  const { runFlood } = await import("./flood.ts");
  return runFlood(config, signal, io);
}

/** A command whose one verb is `export`. */
function exporter(
  program: Command,
  name: string,
  page: HelpPage,
  flags: Map<string, string[]>,
  run: () => Promise<void>,
): void {
  addFlags(pageCommand(program.command(name), page), page.options, flags)
    .argument("<export>")
    .action(async (verb: string, _: unknown, command: Command) => {
      if (verb !== "export") command.error(`${quoted(verb)} is nothing that ${name} can do; it can export`);
      await run();
    });
}

function pageCommand(command: Command, page: HelpPage): Command {
  return command.configureHelp({ formatHelp: () => renderHelp(page) });
}

/** Declares the flags of a command. What is given ends up in `into`, by option name. */
function addFlags(command: Command, options: readonly OptionSpec<unknown>[], into: Map<string, string[]>): Command {
  const known = flagNames(options);
  for (const { name, bare } of options) {
    const option = new Option(bare === undefined ? `--${name} <value>` : `--${name} [value]`);
    if (bare !== undefined) option.preset(bare);
    option.argParser((value: string) => {
      if (known.has(value)) throw new InvalidArgumentError("That is a flag: the value is missing.");
      into.set(name, [...(into.get(name) ?? []), value]);
      return value;
    });
    command.addOption(option);
  }
  return command;
}

/** Says what went wrong and what to do next; returns the exit code. */
function report(error: unknown, io: CliIo): number {
  const help = `kvcast help${isCommand(io.argv[0]) ? ` ${io.argv[0]}` : ""}`;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok; // help and version
    io.err(`kvcast: error: ${usageMessage(error, io.argv)}\nkvcast: "${help}" lists what there is\n`);
    return EXIT.usage;
  }
  if (error instanceof MissingOptionError) {
    // The page first and the error last, where the eye is when a terminal stops scrolling.
    const page = isCommand(io.argv[0]) ? PAGES[io.argv[0]] : SERVE_PAGE;
    io.err(`${renderHelp(page)}\nkvcast: error: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof KvcastError) {
    io.err(`kvcast: error: ${error.message}\n`);
    if (error instanceof ConfigError) io.err(`kvcast: "${help}" says what each option takes\n`);
    return error.exitCode;
  }
  if (error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE")) {
    io.err(`kvcast: error: too many open files (${error.code}): raise the limit (ulimit -n, LimitNOFILE=)\n`);
    return EXIT.unavailable;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  io.err(`kvcast: error: a bug in kvcast: ${stack}\nkvcast: please report it, with these lines\n`);
  return EXIT.failure;
}

/** Commander's words on one line, with two repairs. */
function usageMessage(error: CommanderError, argv: readonly string[]): string {
  if (error.code === "commander.help") {
    // Commander has printed the page, and has no words of its own.
    return argv[0] === "help" ? `there is no command ${quoted(argv[1] ?? "")}` : "a command is missing";
  }
  // Of --flag=value it would repeat the value, which may be a secret, and not see what the flag resembles.
  const flag = /unknown option '(--[^=']+)=/.exec(error.message)?.[1];
  if (flag !== undefined) {
    return `unknown option '${flag}'${didYouMean(flag, flagNames(optionsOf(argv[0])))}`;
  }
  return error.message.replace(/^error: /, "").replaceAll("\n", " ");
}

function optionsOf(command: string | undefined): readonly OptionSpec<unknown>[] {
  if (command === "doctor") return DOCTOR_OPTION_LIST;
  return (isCommand(command) ? PAGES[command] : SERVE_PAGE).options;
}

function isCommand(word: string | undefined): word is keyof typeof PAGES {
  return word !== undefined && Object.hasOwn(PAGES, word);
}
