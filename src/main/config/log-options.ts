/**
 * `--log-level` and `--log-format`, and how the variables that Dynamo's components read map to them: one environment may
 * set up both kinds of process. MAIN THREAD, at start only.
 */
import type { LogFormat, LogLevel } from "../log-level.ts";
import { notAllowed } from "./option-spec.ts";
import type { Defaulted, Place } from "./option-spec.ts";
import { oneOf } from "./value-types.ts";

const LOG_GROUP = "Logs";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
const TRUE_WORDS: readonly string[] = ["1", "true", "on", "yes"];
const FALSE_WORDS: readonly string[] = ["0", "false", "off", "no"];

export const LOG_OPTIONS: { readonly logLevel: Defaulted<LogLevel>; readonly logFormat: Defaulted<LogFormat> } = {
  logLevel: {
    name: "log-level",
    type: oneOf(LOG_LEVELS),
    env: [
      {
        name: "DYN_LOG",
        note: "a filter such as info,module=trace; its first level without a module counts, off means error",
        translate: levelOfFilter,
      },
    ],
    default: "info",
    group: LOG_GROUP,
    help: "The least severe messages that are logged, on stderr.",
  },
  logFormat: {
    name: "log-format",
    type: oneOf(["text", "json"] as const),
    env: [
      { name: "DYN_LOGGING_CONSOLE_FORMAT", note: "readable means text, jsonl means json", translate: formatOfConsole },
      { name: "DYN_LOGGING_JSONL", note: "true means json", translate: formatOfJsonl },
    ],
    default: "text",
    group: LOG_GROUP,
    help: "Lines for people, or one JSON object a line.",
  },
};

function levelOfFilter(filter: string, place: Place): string | undefined {
  for (const part of filter.split(",")) {
    const directive = part.trim().toLowerCase();
    // What names a module is for that module only, and kvcast has none of the modules it could mean.
    if (directive === "" || /[=:[]/.test(directive)) continue;
    if (directive === "off") return "error";
    if (LOG_LEVELS.some((level) => level === directive)) return directive;
    throw notAllowed(place, filter, `a level (${LOG_LEVELS.join(", ")}, off), and after commas module=level`);
  }
  return undefined;
}

function formatOfConsole(value: string, place: Place): string {
  const word = value.trim().toLowerCase();
  if (word === "readable") return "text";
  if (word === "jsonl") return "json";
  throw notAllowed(place, value, "readable or jsonl");
}

function formatOfJsonl(value: string, place: Place): string | undefined {
  const word = value.trim().toLowerCase();
  if (TRUE_WORDS.includes(word)) return "json";
  if (FALSE_WORDS.includes(word)) return undefined;
  throw notAllowed(place, value, `one of ${[...TRUE_WORDS, ...FALSE_WORDS].join(", ")}`);
}
