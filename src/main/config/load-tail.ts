/** Makes the configuration of `kvcast tail` from its arguments. MAIN THREAD, once, at start. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import { curveOfFlags } from "./curve-flags.ts";
import { refused } from "./option-spec.ts";
import type { Flags } from "./option-spec.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { Resolver } from "./resolve.ts";
import { TAIL_ENDPOINT, TAIL_OPTIONS as OPTIONS } from "./tail-options.ts";
import type { TailEventType } from "./tail-options.ts";

/** What is said by its mere presence. */
export interface TailSwitches {
  readonly json: boolean;
  readonly stats: boolean;
  readonly sync: boolean;
  readonly tokens: boolean;
}

export interface TailConfig extends TailSwitches {
  readonly endpoint: string;
  readonly topic: string;
  readonly maxMessageBytes: number;
  /** Longest wait for a connection; null for no end. */
  readonly timeoutMs: number | null;
  /** Null: the connection is not encrypted. */
  readonly curve: CurveClientKeys | null;
  readonly replayEndpoint: string | null;
  readonly replayFraming: ReplayFraming;
  /** Empty: all. */
  readonly types: ReadonlySet<TailEventType>;
  /** Empty: all. */
  readonly ranks: ReadonlySet<number>;
  /** Infinity for no end. */
  readonly count: number;
}

/** The frozen configuration. Throws ConfigError for any value that is not allowed. */
export function loadTailConfig(endpoint: string | undefined, flags: Flags, switches: TailSwitches): TailConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const replayEndpoint = resolver.find(OPTIONS.replay) ?? null;
  if (switches.sync && replayEndpoint === null) {
    throw refused({ label: "--sync", option: "--sync" }, "it needs --replay EP, where the snapshot comes from");
  }
  return Object.freeze({
    ...switches,
    endpoint: peerEndpoint.parse(endpoint ?? TAIL_ENDPOINT, { label: "the address", option: "EP" }),
    topic: resolver.pick(OPTIONS.topic),
    maxMessageBytes: resolver.pick(OPTIONS.maxMessageBytes),
    timeoutMs: resolver.find(OPTIONS.timeout) ?? null,
    curve: curveOfFlags(resolver),
    replayEndpoint,
    replayFraming: resolver.pick(OPTIONS.replayFraming),
    types: new Set(resolver.all(OPTIONS.type).map(({ value }) => value)),
    ranks: new Set(resolver.all(OPTIONS.rank).map(({ value }) => value)),
    count: resolver.find(OPTIONS.count) ?? Infinity,
  });
}
