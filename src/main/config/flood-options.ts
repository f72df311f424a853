/** The options of `kvcast flood`, the load test. Flags only. MAIN THREAD, at start only. */
import type { FloodProfile } from "../flood/plan.ts";
import { notAllowed, refused } from "./option-spec.ts";
import type { Defaulted, OptionSpec, Place, ValueType } from "./option-spec.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { TRAFFIC } from "./traffic-options.ts";
import { SERVE_OPTIONS } from "./options.ts";
import { decimal, oneOf, seconds } from "./value-types.ts";

/** With --profile burst: a second of events at this times the rate, then none until five seconds are over. */
export const BURST_FACTOR = 5;
/** Where a ramp starts that is given no rate, events a second. */
export const RAMP_START = 10_000;
export const DURATION_SECONDS = 10;
/** A ramp has a dozen steps. */
export const RAMP_DURATION_SECONDS = 4;

const TARGET_GROUP = "What is tested";
const LOAD_GROUP = "Load";
const MEASURE_GROUP = "Measurement";

const metricsUrl: ValueType<string> = {
  placeholder: "URL",
  takes: "http://host:port, with or without /metrics",
  parse(text: string, place: Place): string {
    const trimmed = text.trim();
    if (!/^https?:\/\/[^/\\\s]/i.test(trimmed) || !URL.canParse(trimmed))
      throw notAllowed(place, shown(text), metricsUrl.takes);
    const url = new URL(trimmed);
    if (url.username !== "" || url.password !== "") {
      throw refused(place, "the URL holds a user name or password, which process lists would show");
    }
    if (url.pathname === "/") url.pathname = "/metrics";
    return url.href;
  },
};

/** Without what may be a secret in front of an @. */
function shown(text: string): string {
  return text.slice(text.lastIndexOf("@") + 1);
}

export type FloodOptions = {
  readonly source: OptionSpec<"builtin" | "sim">;
  readonly zmqEndpoint: OptionSpec<string>;
  readonly metricsUrl: OptionSpec<string>;
  readonly profile: OptionSpec<FloodProfile>;
  readonly rate: OptionSpec<number>;
  readonly blocks: OptionSpec<number>;
  readonly tokens: OptionSpec<number>;
  readonly ranks: OptionSpec<number>;
  readonly removed: OptionSpec<number>;
  readonly seed: OptionSpec<number>;
  readonly duration: OptionSpec<number>;
  readonly warmUp: Defaulted<number>;
  readonly maxAge: Defaulted<number>;
  readonly minRate: OptionSpec<number>;
};

/** Those of the load have defaults in words: with --zmq-endpoint they have none. */
export const FLOOD_OPTIONS: FloodOptions = {
  source: {
    name: "source",
    type: oneOf(["builtin", "sim"] as const),
    env: [],
    defaultNote: "builtin",
    group: TARGET_GROUP,
    help:
      "Where the events come from: builtin is the built-in engine of kvcast serve, sim a kvcast sim in a process of its own, " +
      "which serve reads over HTTP.",
  },
  zmqEndpoint: {
    name: "zmq-endpoint",
    type: peerEndpoint,
    env: [],
    defaultNote: "none, a service is started",
    group: TARGET_GROUP,
    help: "Test the service that publishes there, under the load that it has. Nothing is started.",
  },
  metricsUrl: {
    name: "metrics-url",
    type: metricsUrl,
    env: [],
    defaultNote: "none",
    group: TARGET_GROUP,
    help: "The page of that service, for its books, CPU and memory. Without it these are unknown.",
  },
  profile: {
    name: "profile",
    type: oneOf(["steady", "ramp", "burst"] as const),
    env: [],
    defaultNote: "steady",
    group: LOAD_GROUP,
    help:
      "steady holds the rate. ramp doubles it until the service no longer keeps up (under 95 % of the events come in time, " +
      "p99 of their age is above --max-age, or some are lost), and then narrows that down to a tenth: the knee. burst sends " +
      `the events of every 5 s in the first one, at ${BURST_FACTOR} times the rate, and then none for 4 s.`,
  },
  rate: {
    name: "rate",
    type: TRAFFIC.rate.type,
    env: [],
    defaultNote: `max; with --profile ramp ${RAMP_START}`,
    group: LOAD_GROUP,
    help: "Events a second over all ranks; max is as fast as it goes. A ramp starts with it, bursts have it on average.",
  },
  blocks: trafficFlag("blocks", TRAFFIC.blocks.default),
  tokens: trafficFlag("tokens", SERVE_OPTIONS.kvBlockSize.default),
  ranks: trafficFlag("ranks", SERVE_OPTIONS.attentionDpSize.default),
  removed: trafficFlag("removed", TRAFFIC.removed.default),
  seed: trafficFlag("seed", TRAFFIC.seed.default),
  duration: {
    name: "duration",
    type: seconds(0.5, 86_400),
    env: [],
    defaultNote: `${DURATION_SECONDS}; with --profile ramp ${RAMP_DURATION_SECONDS}`,
    group: MEASURE_GROUP,
    help: "Time that is measured; of a ramp each step.",
  },
  warmUp: {
    name: "warm-up",
    type: seconds(0, 3600),
    env: [],
    default: "2",
    group: MEASURE_GROUP,
    help: "Time before that, from the first event on: it is verified as the rest is, and its ages stand apart.",
  },
  maxAge: {
    name: "max-age",
    type: decimal({ min: 0.1, max: 60_000, unit: "milliseconds" }),
    env: [],
    default: "100",
    group: MEASURE_GROUP,
    help: "Of a ramp: a step fails where one event in a hundred is older than this when the subscriber has it.",
  },
  minRate: {
    name: "min-rate",
    type: decimal({ min: 0, max: 1e9, unit: "events a second" }),
    env: [],
    defaultNote: "none",
    group: MEASURE_GROUP,
    help: "Exit code 3 when fewer came, over the whole time measured; of a ramp when fewer came at the knee.",
  },
};

/** All of them, in the order of the documentation. */
export const FLOOD_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(FLOOD_OPTIONS);

function trafficFlag(name: "blocks" | "tokens" | "ranks" | "removed" | "seed", text: string = ""): OptionSpec<number> {
  return { name, type: TRAFFIC[name].type, env: [], defaultNote: text, group: LOAD_GROUP, help: TRAFFIC[name].help };
}
