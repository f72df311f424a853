/** Makes the configuration of `kvcast replay` from its arguments. MAIN THREAD, once, at start. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import { curveOfFlags } from "./curve-flags.ts";
import { refused, type Flags } from "./option-spec.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { REPLAY_OPTIONS as OPTIONS } from "./replay-options.ts";
import { Resolver } from "./resolve.ts";
import type { TailEventType } from "./tail-options.ts";
import { fileName } from "./value-types.ts";

/** What is said by its mere presence. */
export interface ReplaySwitches {
  readonly json: boolean;
  readonly tokens: boolean;
}

export interface ReplayConfig extends ReplaySwitches {
  /** What is replayed: a publisher's replay socket, or a recording. */
  readonly source:
    | { readonly kind: "publisher"; readonly endpoint: string; readonly curve: CurveClientKeys | null }
    | { readonly kind: "file"; readonly path: string };
  /** Null: the oldest. */
  readonly from: number | null;
  /** Infinity: the newest. */
  readonly to: number;
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
  readonly replayFraming: ReplayFraming;
  /** Empty: all. */
  readonly types: ReadonlySet<TailEventType>;
  /** Empty: all. */
  readonly ranks: ReadonlySet<number>;
  /** Infinity for no end. */
  readonly count: number;
}

/** The frozen configuration. Throws ConfigError for any value that is not allowed. */
export function loadReplayConfig(source: string, flags: Flags, switches: ReplaySwitches): ReplayConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const place = { label: "what to replay", option: "EP|FILE" };
  const curve = curveOfFlags(resolver);
  const from = resolver.find(OPTIONS.from) ?? null;
  const to = resolver.find(OPTIONS.to) ?? Infinity;
  if (to < (from ?? 0)) throw refused(resolver.placeOf(OPTIONS.to), `${to} comes before --from ${from}`);
  return Object.freeze({
    ...switches,
    source: /^[a-z]+:\/\//i.test(source)
      ? { kind: "publisher" as const, endpoint: peerEndpoint.parse(source, place), curve }
      : { kind: "file" as const, path: fileName.parse(source, place) },
    from,
    to,
    timeoutMs: resolver.pick(OPTIONS.timeout),
    maxMessageBytes: resolver.pick(OPTIONS.maxMessageBytes),
    replayFraming: resolver.pick(OPTIONS.replayFraming),
    types: new Set(resolver.all(OPTIONS.type).map(({ value }) => value)),
    ranks: new Set(resolver.all(OPTIONS.rank).map(({ value }) => value)),
    count: resolver.find(OPTIONS.count) ?? Infinity,
  });
}
