/**
 * The parameters of made-up traffic. `--engine synthetic:?…` and the flags of `kvcast sim` share them: same names, same
 * ranges, same defaults. MAIN THREAD, at start only.
 */
import { MAX_RANK } from "../../shared/record.ts";
import { notAllowed } from "./option-spec.ts";
import type { Place, ValueType } from "./option-spec.ts";
import type { TrafficConfig } from "./config.ts";
import { decimal, decimalOf, integer, orWord } from "./value-types.ts";

/** Largest attention-DP group that is taken for meant. */
export const MAX_RANKS: number = MAX_RANK + 1;
export const MAX_BLOCK_TOKENS = 65_536;

/** An event of more tokens than this is far beyond any context, and would only use up memory. */
const MAX_EVENT_TOKENS = 4_194_304;
const MAX_RATE = 1e9;

const rate: ValueType<number> = {
  placeholder: "R",
  takes: `events a second, more than 0 and at most ${MAX_RATE}, or max`,
  parse(text: string, place: Place): number {
    if (text.trim() === "max") return Number.POSITIVE_INFINITY;
    const value = decimalOf(text);
    if (!(value > 0 && value <= MAX_RATE)) throw notAllowed(place, text, rate.takes);
    return value;
  },
};

interface TrafficParameter {
  readonly type: ValueType<number>;
  /** As a user would write it; undefined where the default is the value of another option. */
  readonly default: string | undefined;
  /** What the default is, in words, where it is not a plain value. */
  readonly defaultNote?: string;
  readonly help: string;
}

/** By name in the URL and, with two dashes, on the command line of `kvcast sim`. */
export type TrafficParameters = { readonly [K in TrafficName]: TrafficParameter };
export type TrafficName = "events" | "rate" | "blocks" | "tokens" | "ranks" | "removed" | "seed" | "burst";

export const TRAFFIC: TrafficParameters = {
  events: {
    type: orWord(integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), "unlimited", Number.POSITIVE_INFINITY),
    default: "unlimited",
    help: "Stored and removed events to make in all; created events come on top. The service stays up after the last.",
  },
  rate: {
    type: rate,
    // Enough to see the figures move, and a fraction of one core.
    default: "1000",
    help: "Events a second over all ranks; max is as fast as it goes.",
  },
  blocks: {
    type: integer({ min: 1, max: 65_536, unit: "blocks" }),
    default: "2",
    help: "Blocks in each stored event.",
  },
  tokens: {
    type: integer({ min: 1, max: MAX_BLOCK_TOKENS, unit: "tokens" }),
    default: undefined,
    defaultNote: "the KV block size",
    help: "Tokens in each block.",
  },
  ranks: {
    type: integer({ min: 1, max: MAX_RANKS, unit: "attention-DP ranks" }),
    default: undefined,
    defaultNote: "the attention-DP size",
    help: "Attention-DP ranks that the events come from.",
  },
  removed: {
    type: decimal({ min: 0, max: 1 }),
    // An engine under load evicts about as many blocks as it stores; with two blocks an event the cache still grows.
    default: "0.2",
    help: "Share of the events that remove blocks.",
  },
  seed: {
    type: integer({ min: 0, max: 4_294_967_295 }),
    default: "1",
    help: "The same seed makes the same events.",
  },
  burst: {
    type: decimal({ min: 1, max: 1000 }),
    default: "1",
    help:
      "With more than 1 the events of every 5 s come at their beginning, at so many times the rate, and then none until " +
      "the next 5 s; 5 is a second of bursts and four of silence. Needs a rate other than max.",
  },
};

/** Names in the order of the documentation. */
export const TRAFFIC_NAMES: readonly TrafficName[] = [
  "events",
  "rate",
  "blocks",
  "tokens",
  "ranks",
  "removed",
  "seed",
  "burst",
];

/** The whole from its parts; what is absent takes its default. Throws ConfigError when the parts do not go together. */
export function completeTraffic(
  given: Partial<TrafficValues>,
  others: { readonly tokens: number; readonly ranks: number },
  place: Place,
): TrafficConfig {
  const value = (name: TrafficName): number => {
    const parameter = TRAFFIC[name];
    const text = parameter.default;
    if (given[name] !== undefined) return given[name];
    return text === undefined ? Number.NaN : parameter.type.parse(text, place);
  };
  const blocks = value("blocks");
  const tokens = given.tokens ?? others.tokens;
  if (blocks * tokens > MAX_EVENT_TOKENS) {
    throw notAllowed(place, `blocks=${blocks}, tokens=${tokens}`, `at most ${MAX_EVENT_TOKENS} tokens an event`);
  }
  const ratePerSecond = value("rate");
  const burst = value("burst");
  if (burst !== 1 && ratePerSecond === Infinity) {
    throw notAllowed(place, `burst=${burst}, rate=max`, "bursts with a rate in events a second only");
  }
  return Object.freeze({
    events: value("events"),
    ratePerSecond,
    blocks,
    tokens,
    ranks: given.ranks ?? others.ranks,
    removed: value("removed"),
    seed: value("seed"),
    ...(burst === 1 ? {} : { burst }),
  });
}

/** Parameter values by the names that users write. */
export type TrafficValues = { [K in TrafficName]: number };
