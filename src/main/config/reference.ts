/**
 * Writes `docs/configuration.md` from the tables of options. Runs when the documentation is made, and in the test that
 * holds the file to it; the service never calls it.
 */
import type { OptionSpec } from "./option-spec.ts";
import { CLUSTER_COMMAND_OPTION_LIST } from "./cluster-options.ts";
import { BUNDLE_OPTION_LIST } from "./bundle-options.ts";
import { CHECK_OPTION_LIST } from "./check-options.ts";
import { CONFIG_OPTIONS } from "./config-options.ts";
import { CONSOLIDATE_OPTION_LIST } from "./consolidate-options.ts";
import { INDEX_OPTION_LIST } from "./index-options.ts";
import { DOCTOR_OPTIONS } from "./doctor-options.ts";
import { FLOOD_OPTION_LIST } from "./flood-options.ts";
import { RECORD_OPTION_LIST } from "./record-options.ts";
import { REPLAY_OPTION_LIST } from "./replay-options.ts";
import { SERVE_OPTION_LIST } from "./options.ts";
import { DASHBOARDS_OPTION_LIST, RULES_OPTION_LIST, SCRAPE_OPTION_LIST } from "./observe-options.ts";
import { PERF_OPTION_LIST } from "./perf-options.ts";
import { SIM_OPTION_LIST } from "./sim-options.ts";
import { TAIL_OPTION_LIST } from "./tail-options.ts";
import { TOP_OPTION_LIST } from "./top-options.ts";
import { TRAFFIC, TRAFFIC_NAMES } from "./traffic-options.ts";

/** An exit code, or a range of them, and what it means. */
export interface ExitCodeText {
  readonly name: string;
  readonly says: string;
}

/** The whole page in Markdown. The codes come from the command line, which also prints them. */
export function renderReference(exitCodes: readonly ExitCodeText[]): string {
  return `${[
    "# Configuration",
    "",
    "<!-- Made by scripts/generate-docs.js from the tables of options. Do not edit. -->",
    "<!-- prettier-ignore-start -->",
    "",
    "An option of `kvcast serve` may be given as a flag, as an environment variable, or in a file. When it is given in",
    "more than one place, the flag wins, then the variable, then the file, then the default. When a flag is given twice,",
    "the last one counts. A variable that is empty counts as not set.",
    "",
    "An option that may be given more than once takes all its flags, or all of a variable, with white space between them, or",
    "a list in the file. Values of different places are not added up.",
    "",
    "Everything is read once, at the start, but for the files that the engine's options name, which SIGHUP has read again, and",
    "`--web-config-file`, which is read again when it changes.",
    "A value that is not allowed ends the start with exit code 78 and a message that names the place, the value and what is",
    "allowed there.",
    "",
    "## The file",
    "",
    "`--config FILE` or `KVCAST_CONFIG` names a YAML or JSON file. Its keys are the names of the flags without the",
    "dashes. A key that is no option is an error; a key without a value counts as not set.",
    "",
    "```yaml",
    "engine: # or one alone, without the list",
    "  - prod-a=https://trtllm-a.example:8443",
    "  - prod-b=https://trtllm-b.example:8443",
    "engine-header-file: /run/secrets/engine-headers",
    "kv-block-size: 32",
    "zmq-endpoint: tcp://127.0.0.1:20081",
    "system-port: 8081",
    "log-format: json",
    "```",
    "",
    "Before a start, `kvcast config check` says everything that is wrong with it at once, and `kvcast config show` what counts and where it",
    "comes from. For an editor that speaks YAML, `kvcast config schema > kvcast.schema.json` writes what may stand in the file; its first",
    "line then is `# yaml-language-server: $schema=kvcast.schema.json`.",
    "",
    "## Secrets",
    "",
    "No option takes a secret: process lists would show it to everyone. Options name files with secrets (`--nats-password-file`,",
    "`--engine-header-file`, …); `NATS_AUTH_PASSWORD`, `NATS_AUTH_TOKEN` and `NATS_AUTH_NKEY` may hold one, because a worker of Dynamo has",
    "them in its environment. What is shown anywhere has `***` in its place. A URL with a user name or password in it is refused. Tokens",
    "for engines belong into the file that `--engine-header-file` names, one header a line:",
    "",
    "```text",
    "# read at the start and after SIGHUP; never printed",
    "Authorization: Bearer …",
    "```",
    "",
    "## Options of `kvcast serve`",
    ...optionTables(SERVE_OPTION_LIST),
    "",
    "## The built-in engine",
    "",
    "`--engine synthetic:?NAME=VALUE&NAME=VALUE` makes events instead of reading them. In a shell it needs quotes.",
    "",
    "| Parameter | Default | Meaning |",
    "|---|---|---|",
    ...TRAFFIC_NAMES.map((name) => {
      const { type, default: text, defaultNote, help } = TRAFFIC[name];
      const shown = text === undefined ? (defaultNote ?? "") : `\`${text}\``;
      return row([`\`${name}\``, shown, `${help} Takes ${type.takes}.`]);
    }),
    "",
    "## Options of `kvcast consolidate`",
    "",
    "As those of `serve`: flags, variables or a file. Variables of Dynamo count as its own consolidator reads them;",
    "`DYN_KVBM_KV_EVENTS_ENABLE_CONSOLIDATOR` with anything but 1, true, on or yes ends the command at once, with exit code 0.",
    ...optionTables(CONSOLIDATE_OPTION_LIST),
    "",
    "## Options of `kvcast index`",
    "",
    "As those of `serve`: flags, variables or a file. [router.md](router.md) says what the index does.",
    ...optionTables(INDEX_OPTION_LIST),
    "",
    "## Options of `kvcast sim`",
    "",
    "Flags only, but for the log. Besides these, `--json` prints where it listens as a line of JSON on stdout.",
    ...optionTables(SIM_OPTION_LIST),
    "",
    "## Options of `kvcast tail`",
    "",
    "`kvcast tail [EP]`, flags only. Besides these, `--sync` begins with a snapshot, `--stats` prints figures instead of",
    "events, `--json` prints one JSON object a line, and `--tokens` prints token ids and cache salts too.",
    ...optionTables(TAIL_OPTION_LIST),
    "",
    "## Options of `kvcast top`",
    "",
    "`kvcast top [URL]`, flags only. Besides these, `--once` prints how the service is now and ends, and `--json` with it prints",
    "the answer of `/v1/live`. [live-page.md](live-page.md) says what is shown.",
    ...optionTables(TOP_OPTION_LIST),
    "",
    "## Options of `kvcast record`",
    "",
    "`kvcast record FILE`, flags only, with `--engine` or `--publisher`. Besides these, `--with-tokens` keeps token ids and cache",
    "salts, and `--json` prints what was recorded as one JSON object. [record.md](record.md) says what is in the file.",
    ...optionTables(RECORD_OPTION_LIST),
    "",
    "## Options of `kvcast replay`",
    "",
    "`kvcast replay EP|FILE`, flags only. Besides these, `--json` prints one JSON object a line, and `--tokens` prints token",
    "ids and cache salts too. [record.md](record.md) has more about recordings.",
    ...optionTables(REPLAY_OPTION_LIST),
    "",
    "## Options of `kvcast perf`",
    "",
    "`kvcast perf [URL]`, flags only. Besides these, `--json` prints the answer of `/v1/perf/requests`.",
    "[performance-data.md](performance-data.md) says what is in it.",
    ...optionTables(PERF_OPTION_LIST),
    "",
    "## Options of `kvcast cluster`",
    "",
    "`kvcast cluster COMMAND [options]`, flags or variables. Besides these, `--json` prints one JSON object a line.",
    "[cluster.md](cluster.md) says what the commands do.",
    ...optionTables(CLUSTER_COMMAND_OPTION_LIST),
    "",
    "## Options of `kvcast check`",
    "",
    "`kvcast check [URL]`, flags only. [doctor.md](doctor.md) says what it answers.",
    ...optionTables(CHECK_OPTION_LIST),
    "",
    "## Options of `kvcast doctor`",
    "",
    "`kvcast doctor [options]` takes the options, variables and file of `kvcast serve`, and as flags only these. Besides them, `--drain`",
    "reads events of engines too, `--strict` counts warnings, and `--json` prints one JSON object. [doctor.md](doctor.md) lists what",
    "is examined.",
    ...optionTables(Object.values(DOCTOR_OPTIONS)),
    "",
    "## Options of `kvcast config`",
    "",
    "`kvcast config show|check|schema [options]` takes the options, variables and file of the service that it looks at, and as a flag only",
    "this one. Besides it, `--json` prints one JSON object.",
    ...optionTables(Object.values(CONFIG_OPTIONS)),
    "",
    "## Options of `kvcast support-bundle`",
    "",
    "`kvcast support-bundle [URL] [options]` takes the options, variables and file of `kvcast serve`, and as flags only these. Besides",
    "them, `--json` prints one JSON object. [support.md](support.md) says what is in the bundle.",
    ...optionTables(BUNDLE_OPTION_LIST),
    "",
    "## Options of `kvcast flood`",
    "",
    "`kvcast flood [options] [-- options of kvcast serve]`, flags only. Besides these, `--json` prints one JSON object.",
    "[load-test.md](load-test.md) says how to read what comes out.",
    ...optionTables(FLOOD_OPTION_LIST),
    "",
    "## Options of `kvcast scrape-config`",
    "",
    "Flags only. Besides these all options of `kvcast serve` are taken, from flags, variables and the file; those that say where it",
    "is scraped count. [observability.md](observability.md) says what to do with the output, also of the next two.",
    ...optionTables(SCRAPE_OPTION_LIST),
    "",
    "## Options of `kvcast rules export`",
    "",
    "Flags only.",
    ...optionTables(RULES_OPTION_LIST),
    "",
    "## Options of `kvcast dashboards export`",
    "",
    "Flags only.",
    ...optionTables(DASHBOARDS_OPTION_LIST),
    "",
    "## Exit codes",
    "",
    "| Code | Meaning |",
    "|---|---|",
    ...exitCodes.map(({ name, says }) => row([name, says])),
    "",
    "<!-- prettier-ignore-end -->",
  ].join("\n")}\n`;
}

function optionTables(options: readonly OptionSpec<unknown>[]): string[] {
  const groups = new Set(options.map((option) => option.group));
  return [...groups].flatMap((group) => [
    "",
    `### ${group}`,
    "",
    "| Option | Variable | Default | Meaning |",
    "|---|---|---|---|",
    ...options.filter((option) => option.group === group).map(optionRow),
  ]);
}

function optionRow(option: OptionSpec<unknown>): string {
  const variables = option.env.map(({ name, note }) => `\`${name}\`${note === undefined ? "" : `: ${note}`}`);
  return row([
    `\`--${option.name} ${option.type.placeholder}\``,
    variables.join("<br>"),
    defaultText(option),
    `${option.help} Takes ${option.type.takes}.${option.repeatable === true ? " May be given more than once." : ""}`,
  ]);
}

function defaultText(option: OptionSpec<unknown>): string {
  if (option.default === undefined) return option.defaultNote ?? "";
  return option.default === "" ? "empty" : `\`${option.default}\``;
}

/** A row of a table. `|` would end a cell, even inside backticks. */
function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
