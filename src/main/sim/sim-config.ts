/**
 * What a stand-in engine can be told, and the little language for its faults. MAIN THREAD.
 *
 *   FAULT     = KIND { ":" ARGUMENT } [ "@" WINDOW ]
 *   ARGUMENT  = SHARE (`5%`) | COUNT (`5000`) | SPEED (`10B/s`) | ROUTE (`/metrics`, `/*` for all)
 *   WINDOW    = FROM `s` (`@30s`, from then on) | FROM "-" UNTIL `s` (`@30-60s`), in seconds since the start
 *
 *   gap:SHARE                       that share of the events is missing; their ids are not given to others
 *   restart-at:COUNT                after COUNT events the engine is a new process: `created`, ids from 0, new hashes
 *   unhealthy                       `/health` answers 503, and `/v1/completions` 500
 *   zombie                          `/health` answers 200, lists are empty, and nothing moves or generates any more
 *   mute                            events are lost, `created` ones too, and all else goes on: as with event_buffer_max_size 0
 *   hang [:SHARE] [:ROUTE]          the request is taken and never answered
 *   http500 [:SHARE] [:ROUTE]       status 500
 *   garbage [:SHARE] [:ROUTE]       a page of HTML or random bytes where JSON should be
 *   truncate [:SHARE] [:ROUTE]      half the body, the connection then closed in order
 *   drop-connection [:SHARE] [:ROUTE]   half the body, the connection then reset
 *   slow [:SPEED] [:SHARE] [:ROUTE]     the body in drops
 *   bloat [:SHARE] [:ROUTE]         ten megabytes of metrics
 *   lies [:SHARE] [:ROUTE]          metrics, and behind them what breaks their format: series twice, bytes that are no text, label bombs
 *
 * Arguments come in any order. Without a share every answer is hit, without a route those of `/kv_cache_events`, of
 * `bloat` and `lies` those of `/prometheus/metrics`, and without a speed `slow` runs at 10 bytes a second. Which answers and events are hit follows from the traffic's seed.
 */
import { ConfigError } from "../../shared/errors.ts";
import type { TrafficConfig } from "../config/config.ts";

const ANSWER_FAULTS = ["hang", "http500", "garbage", "truncate", "drop-connection", "slow", "bloat", "lies"] as const;
type AnswerFaultKind = (typeof ANSWER_FAULTS)[number];

/** When a fault is on, in milliseconds since the start; `untilMs` is Infinity for no end. */
export interface FaultWindow {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface GapFault extends FaultWindow {
  readonly kind: "gap";
  /** 0 to 1. */
  readonly share: number;
}

interface RestartFault {
  readonly kind: "restart-at";
  /** Publishable events (stored and removed) before the restart. */
  readonly count: number;
}

/** States of the engine as a whole. */
const STATE_FAULTS = ["unhealthy", "zombie", "mute"] as const;
export type StateFaultKind = (typeof STATE_FAULTS)[number];

export interface StateFault extends FaultWindow {
  readonly kind: StateFaultKind;
}

export interface AnswerFault extends FaultWindow {
  readonly kind: AnswerFaultKind;
  /** 0 to 1. */
  readonly share: number;
  /** A path, or `/*` for all of them. */
  readonly route: string;
  /** For `slow` only. */
  readonly bytesPerSecond: number;
}

export type Fault = GapFault | RestartFault | StateFault | AnswerFault;

/**
 * How the drain behaves, by generation of engine: `a` answers when the traffic has paused for `holdMs`, `b` always after
 * `holdMs`, `c` at once.
 */
export const DRAIN_GENERATIONS = ["a", "b", "c"] as const;
export type DrainGeneration = (typeof DRAIN_GENERATIONS)[number];

/** The dialect of the event JSON: two of the engine's second cache manager, today's, and the one of 2025. */
export const EVENTS_FORMS = ["v1", "v2_sha256", "v2_sha256_64", "legacy"] as const;
export type EventsForm = (typeof EVENTS_FORMS)[number];

export const SIM_PERF_METRICS = ["on", "off", "decode"] as const;
export type SimPerfMetrics = (typeof SIM_PERF_METRICS)[number];

export interface SimConfig {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly traffic: TrafficConfig;
  /** Told in the statistics; the traffic's blocks have the size that the traffic says. */
  readonly kvBlockSizeTokens: number;
  /** Events that wait for a drain; beyond it the oldest are dropped, as the engine does. */
  readonly bufferMaxEvents: number;
  readonly faults: readonly Fault[];
  /** The traffic starts with the first drain, which is answered with an empty list. Default false. */
  readonly startEmpty?: boolean;
  readonly generation: DrainGeneration;
  /** How long generations a and b hold a call, in milliseconds. Default 2000. */
  readonly holdMs?: number;
  /** The one verb that `/kv_cache_events` takes. */
  readonly eventsVerb: "post" | "get";
  readonly eventsForm: EventsForm;
  /** Whether `/metrics` has rows, as with `enable_iter_perf_stats`. Default true. */
  readonly iterationStats?: boolean;
  /** What records of requests there are: none, those of an ordinary engine, or those of a decode server. Default `on`. */
  readonly perfMetrics?: SimPerfMetrics;
  /** Whether there is a `/prometheus/metrics`. Default true. */
  readonly prometheus?: boolean;
}

export const SIM_DEFAULTS: Omit<SimConfig, "traffic"> = {
  host: "127.0.0.1",
  port: 8000,
  kvBlockSizeTokens: 32,
  bufferMaxEvents: 65_536,
  faults: [],
  startEmpty: false,
  generation: "c",
  holdMs: 2000,
  eventsVerb: "post",
  eventsForm: "v1",
  iterationStats: true,
  perfMetrics: "on",
  prometheus: true,
};

export const EVENTS_ROUTE = "/kv_cache_events";
export const METRICS_ROUTE = "/prometheus/metrics";
const ALWAYS: FaultWindow = { fromMs: 0, untilMs: Infinity };
const DEFAULT_SLOW_BYTES_PER_SECOND = 10;

/** Whether a fault is a state of the engine. */
export function isStateFault(fault: Fault): fault is StateFault {
  return STATE_FAULTS.some((kind) => kind === fault.kind);
}

/** What one fault text may hold besides its kind. */
interface Arguments {
  share?: number;
  count?: number;
  route?: string;
  bytesPerSecond?: number;
}

/** Reads one `--fault` value. Throws ConfigError, which says what is allowed. */
export function parseFault(text: string): Fault {
  const [head = "", windowText, ...rest] = text.split("@");
  if (rest.length > 0) throw refuse(text, "there is more than one @");
  const [kind = "", ...words] = head.split(":");
  const window = windowText === undefined ? ALWAYS : parseWindow(text, windowText);

  if (kind === "gap") {
    const { share } = parseArguments(text, words, ["share"]);
    if (share === undefined) throw refuse(text, "gap needs the share of events to leave out, for example gap:1%");
    return { kind, share, ...window };
  }
  if (kind === "restart-at") {
    const { count } = parseArguments(text, words, ["count"]);
    if (count === undefined) throw refuse(text, "restart-at needs a number of events, for example restart-at:5000");
    if (window !== ALWAYS) throw refuse(text, "restart-at takes no time, it happens at its number of events");
    return { kind, count };
  }
  const stateKind = STATE_FAULTS.find((name) => name === kind);
  if (stateKind !== undefined) {
    parseArguments(text, words, []);
    return { kind: stateKind, ...window };
  }
  const answerKind = ANSWER_FAULTS.find((name) => name === kind);
  if (answerKind === undefined) {
    throw refuse(text, `the kinds are gap:1%, restart-at:5000, ${[...STATE_FAULTS, ...ANSWER_FAULTS].join(", ")}`);
  }
  const allowed: (keyof Arguments)[] = ["share", "route"];
  if (answerKind === "slow") allowed.push("bytesPerSecond");
  const {
    share = 1,
    route = answerKind === "bloat" || answerKind === "lies" ? METRICS_ROUTE : EVENTS_ROUTE,
    bytesPerSecond = DEFAULT_SLOW_BYTES_PER_SECOND,
  } = parseArguments(text, words, allowed);
  return { kind: answerKind, share, route, bytesPerSecond, ...window };
}

function parseArguments(text: string, words: readonly string[], allowed: readonly (keyof Arguments)[]): Arguments {
  const found: Arguments = {};
  for (const word of words) {
    const [name, value] = parseArgument(text, word);
    if (!allowed.includes(name)) throw refuse(text, `${quote(word)} does not belong to this kind of fault`);
    if (found[name] !== undefined) throw refuse(text, `${quote(word)} comes on top of another value of its sort`);
    Object.assign(found, { [name]: value });
  }
  return found;
}

function parseArgument(text: string, word: string): [keyof Arguments, number | string] {
  if (/^\/\S*$/.test(word)) return ["route", word];
  const share = /^(\d+(?:\.\d+)?)%$/.exec(word)?.[1];
  if (share !== undefined) {
    if (Number(share) > 100) throw refuse(text, `${quote(word)} is more than 100%`);
    return ["share", Number(share) / 100];
  }
  const speed = /^(\d+)B\/s$/.exec(word)?.[1];
  if (speed !== undefined) {
    if (Number(speed) === 0) throw refuse(text, "a speed is at least 1B/s; hang never answers");
    return ["bytesPerSecond", Number(speed)];
  }
  if (/^\d+$/.test(word) && Number.isSafeInteger(Number(word))) return ["count", Number(word)];
  throw refuse(text, `${quote(word)} is no share (5%), count (5000), speed (10B/s) or route (/metrics)`);
}

function parseWindow(text: string, word: string): FaultWindow {
  const match = /^(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?s$/.exec(word);
  if (match === null) throw refuse(text, `${quote(`@${word}`)} is no time; allowed are @30s and @30-60s`);
  const fromMs = Number(match[1]) * 1000;
  const untilMs = match[2] === undefined ? Infinity : Number(match[2]) * 1000;
  if (untilMs <= fromMs) throw refuse(text, `${quote(`@${word}`)} ends before it begins`);
  return { fromMs, untilMs };
}

function quote(word: string): string {
  return JSON.stringify(word.slice(0, 80));
}

function refuse(text: string, why: string): ConfigError {
  return new ConfigError("--fault", `--fault ${quote(text)} is not allowed: ${why}`);
}
