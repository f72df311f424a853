/** Makes the configuration of `kvcast record` from its arguments. MAIN THREAD, once, at start. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import { ConfigError } from "../../shared/errors.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import type { HttpEngineConfig, PollProfile } from "./config.ts";
import { curveOfFlags } from "./curve-flags.ts";
import { loadEngines } from "./load-engines.ts";
import { MissingOptionError, refused, type Flags } from "./option-spec.ts";
import { RECORD_OPTIONS as OPTIONS } from "./record-options.ts";
import { Resolver } from "./resolve.ts";
import { fileName } from "./value-types.ts";

/** What is said by its mere presence. */
export interface RecordSwitches {
  readonly withTokens: boolean;
  readonly json: boolean;
}

export interface RecordedEngine {
  readonly kind: "engine";
  readonly engine: HttpEngineConfig;
  readonly profile: PollProfile;
}

export interface RecordedPublisher {
  readonly kind: "published";
  readonly endpoint: string;
  readonly topic: string;
  readonly replayEndpoint: string | null;
  readonly replayFraming: ReplayFraming;
  /** Null: the connection is not encrypted. */
  readonly curve: CurveClientKeys | null;
}

export interface RecordConfig extends RecordSwitches {
  readonly path: string;
  readonly source: RecordedEngine | RecordedPublisher;
  /** Infinity: until it is stopped. */
  readonly durationMs: number;
  readonly warnings: readonly string[];
}

/** The frozen configuration. Reads the files of an engine's credentials. Throws ConfigError for any value that is not allowed. */
export async function loadRecordConfig(path: string, flags: Flags, switches: RecordSwitches): Promise<RecordConfig> {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const warnings: string[] = [];
  const durationMs = resolver.find(OPTIONS.duration) ?? Infinity;
  return Object.freeze({
    ...switches,
    path: fileName.parse(path, { label: "the recording", option: "FILE" }),
    source: await loadSource(resolver, warnings),
    durationMs,
    warnings,
  });
}

async function loadSource(resolver: Resolver, warnings: string[]): Promise<RecordedEngine | RecordedPublisher> {
  const [target, ...others] = resolver.all(OPTIONS.engine);
  const endpoint = resolver.find(OPTIONS.publisher);
  if (target !== undefined && endpoint !== undefined) {
    throw refused(
      resolver.placeOf(OPTIONS.publisher),
      "one recording has one source: --engine or --publisher, not both",
    );
  }
  if (endpoint !== undefined) {
    return {
      kind: "published",
      endpoint,
      topic: resolver.pick(OPTIONS.topic),
      replayEndpoint: resolver.find(OPTIONS.replay) ?? null,
      replayFraming: resolver.pick(OPTIONS.replayFraming),
      curve: curveOfFlags(resolver),
    };
  }
  if (target === undefined) {
    throw new MissingOptionError("--engine", "say what to record: --engine URL or --publisher EP");
  }
  if (others[0] !== undefined)
    throw refused(others[0].place, "one recording has one engine; record the other into another file");
  // Sizes matter to engines of other kinds alone.
  const sizes = { kvBlockSizeTokens: 32, attentionDpSize: 1 };
  const { engines } = await loadEngines([target], sizes, resolver, warnings);
  const [engine] = engines;
  if (engine.kind !== "http") {
    const hint =
      engine.kind === "zmq" ? "an engine that publishes itself is recorded with --publisher" : "it is no engine";
    throw new ConfigError("--engine", `--engine: only a trtllm-serve, http(s)://host:port, can be recorded; ${hint}`);
  }
  return { kind: "engine", engine, profile: resolver.pick(OPTIONS.pollProfile) };
}
