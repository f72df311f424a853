/** The options of `kvcast record`. Flags only. MAIN THREAD, at start only. */
import type { OptionSpec } from "./option-spec.ts";
import { SERVE_OPTIONS, type ServeOptions } from "./options.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { TAIL_OPTIONS } from "./tail-options.ts";
import { seconds } from "./value-types.ts";

const GROUP = "Source";

/** An option of another command, without its variables: what is recorded is said where it is recorded. */
function flagOnly<T extends OptionSpec<unknown>>(spec: T, group: string): T {
  return { ...spec, env: [], group };
}

const PUBLISHER: OptionSpec<string> = {
  name: "publisher",
  type: peerEndpoint,
  env: [],
  group: GROUP,
  help: "Record what this publisher sends, beside its other subscribers, whom it costs nothing.",
};

const DURATION: OptionSpec<number> = {
  name: "duration",
  type: seconds(0.1, 86_400 * 366),
  env: [],
  defaultNote: "until it is stopped",
  group: "Output",
  help: "End after so long.",
};

type EngineOptions =
  | "engine"
  | "engineHeaderFile"
  | "engineCaFile"
  | "engineClientCertFile"
  | "engineClientKeyFile"
  | "engineTimeout"
  | "engineMaxResponseBytes"
  | "pollProfile";

export const RECORD_OPTIONS: Pick<ServeOptions, EngineOptions> &
  Pick<typeof TAIL_OPTIONS, "topic" | "replay" | "replayFraming" | "zmqCurveServerKey" | "zmqCurveClientKeyFile"> & {
    readonly publisher: OptionSpec<string>;
    readonly duration: OptionSpec<number>;
  } = {
  engine: {
    ...flagOnly(SERVE_OPTIONS.engine, GROUP),
    help:
      "Read this trtllm-serve, http(s)://host:port, and record its answers. What is read is gone from the engine: nothing else, " +
      "as kvcast serve, may read it meanwhile.",
  },
  publisher: PUBLISHER,
  engineHeaderFile: flagOnly(SERVE_OPTIONS.engineHeaderFile, "Engine"),
  engineCaFile: flagOnly(SERVE_OPTIONS.engineCaFile, "Engine"),
  engineClientCertFile: flagOnly(SERVE_OPTIONS.engineClientCertFile, "Engine"),
  engineClientKeyFile: flagOnly(SERVE_OPTIONS.engineClientKeyFile, "Engine"),
  engineTimeout: flagOnly(SERVE_OPTIONS.engineTimeout, "Engine"),
  engineMaxResponseBytes: flagOnly(SERVE_OPTIONS.engineMaxResponseBytes, "Engine"),
  pollProfile: flagOnly(SERVE_OPTIONS.pollProfile, "Engine"),
  topic: flagOnly(TAIL_OPTIONS.topic, "Publisher"),
  replay: flagOnly(TAIL_OPTIONS.replay, "Publisher"),
  replayFraming: flagOnly(TAIL_OPTIONS.replayFraming, "Publisher"),
  zmqCurveServerKey: flagOnly(TAIL_OPTIONS.zmqCurveServerKey, "Publisher"),
  zmqCurveClientKeyFile: flagOnly(TAIL_OPTIONS.zmqCurveClientKeyFile, "Publisher"),
  duration: DURATION,
};

/** All of them, in the order of the documentation. */
export const RECORD_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(RECORD_OPTIONS);
