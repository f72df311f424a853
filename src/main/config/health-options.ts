/**
 * Options about how the engines of `kvcast serve` are watched. MAIN THREAD, at start only.
 *
 * The variables are those of Dynamo, so that an environment made for its workers says the same here.
 */
import { PAYLOAD_FORMS, type PayloadForm } from "../health/payload.ts";
import { PAYLOAD_VARIABLE } from "../health/payload-text.ts";
import { endpointNames, lenientSeconds } from "./health-types.ts";
import type { Defaulted, OptionSpec, ValueType } from "./option-spec.ts";
import { directoryName, integer, oneOf, onOff, orWord, seconds } from "./value-types.ts";

const HTTP_GROUP = "HTTP";
const MONITOR_GROUP = "Engine health";
const CANARY_GROUP = "Canary";

/** Waits of the engine monitor, which the reference lets be 0. */
export const MONITOR_VARIABLES = {
  interval: "DYN_ENGINE_HEALTH_CHECK_INTERVAL",
  timeout: "DYN_ENGINE_HEALTH_CHECK_TIMEOUT",
  shutdownTimeout: "DYN_ENGINE_HEALTH_SHUTDOWN_TIMEOUT",
} as const;
const MIN_WAIT_SECONDS = 0.1;
const MAX_WAIT_SECONDS = 86_400;

const results = integer({ min: 1, max: 100, unit: "results in a row" });
const wait = seconds(MIN_WAIT_SECONDS, MAX_WAIT_SECONDS);
const waitOrOff = orWord(wait, "off", null);

const payloadText: ValueType<string> = {
  placeholder: "JSON|@FILE",
  takes: "a JSON object, or @ and the name of a file with one",
  parse: (text: string): string => text,
};

function monitorVariable(name: string, zero: string): OptionSpec<unknown>["env"][number] {
  return {
    name,
    note: "what is no number is left alone, with a warning",
    translate: (text: string): string | undefined => {
      const { seconds: value } = lenientSeconds(name, text);
      if (value === undefined) return undefined;
      if (value === 0) return zero;
      return String(Math.min(MAX_WAIT_SECONDS, Math.max(MIN_WAIT_SECONDS, value)));
    },
  };
}

export const HEALTH_OPTIONS: {
  readonly useEndpointHealthStatus: OptionSpec<readonly string[]>;
  readonly engineHealthInterval: Defaulted<number | null>;
  readonly engineHealthTimeout: Defaulted<number | null>;
  readonly engineHealthFailures: Defaulted<number>;
  readonly engineHealthSuccesses: Defaulted<number>;
  readonly engineHealthShutdownTimeout: Defaulted<number>;
  readonly engineStallAfter: Defaulted<number | null>;
  readonly quietAfter: Defaulted<number | null>;
  readonly onEngineDeath: Defaulted<"exit" | "wait">;
  readonly canary: Defaulted<boolean>;
  readonly canaryWaitTime: Defaulted<number>;
  readonly canaryTimeout: Defaulted<number>;
  readonly canaryFailures: Defaulted<number>;
  readonly canarySuccesses: Defaulted<number>;
  readonly canaryPayload: OptionSpec<string>;
  readonly canaryForm: Defaulted<PayloadForm>;
  readonly modelPath: OptionSpec<string>;
  readonly bosTokenId: OptionSpec<number>;
} = {
  useEndpointHealthStatus: {
    name: "use-endpoint-health-status",
    type: endpointNames,
    env: [{ name: "DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS" }],
    group: HTTP_GROUP,
    help: "Endpoints that alone decide what /health says; there is generate, which stands for the engines.",
  },
  engineHealthInterval: {
    name: "engine-health-interval",
    type: waitOrOff,
    env: [monitorVariable(MONITOR_VARIABLES.interval, String(MIN_WAIT_SECONDS))],
    default: "2",
    group: MONITOR_GROUP,
    help: "Wait between two requests to an engine's own /health; off for none.",
  },
  engineHealthTimeout: {
    name: "engine-health-timeout",
    type: waitOrOff,
    env: [monitorVariable(MONITOR_VARIABLES.timeout, "off")],
    // The reference waits 30 s, and takes one failure for the end; three of these are sooner known, and surer.
    default: "5",
    group: MONITOR_GROUP,
    help: "Deadline of such a request; off for none, and then an engine that hangs is not noticed by it.",
  },
  engineHealthFailures: {
    name: "engine-health-failures",
    type: results,
    env: [{ name: "KVCAST_ENGINE_HEALTH_FAILURES" }],
    default: "3",
    group: MONITOR_GROUP,
    help: "Failures in a row after which the engine counts as ill; Dynamo takes 1.",
  },
  engineHealthSuccesses: {
    name: "engine-health-successes",
    type: results,
    env: [{ name: "KVCAST_ENGINE_HEALTH_SUCCESSES" }],
    default: "1",
    group: MONITOR_GROUP,
    help: "Successes in a row after which it counts as well again.",
  },
  engineHealthShutdownTimeout: {
    name: "engine-health-shutdown-timeout",
    type: wait,
    env: [monitorVariable(MONITOR_VARIABLES.shutdownTimeout, String(MIN_WAIT_SECONDS))],
    default: "60",
    group: MONITOR_GROUP,
    help: "Most that the end of kvcast may take when an engine has died; it takes 4.5 s in any case.",
  },
  engineStallAfter: {
    name: "engine-stall-after",
    type: orWord(seconds(1, MAX_WAIT_SECONDS), "off", null),
    env: [{ name: "KVCAST_ENGINE_STALL_AFTER" }],
    // Where one request runs alone, some releases say nothing before it ends; with the canary that is no matter.
    default: "120",
    group: MONITOR_GROUP,
    help: "An engine with requests of which nothing moves for so long, neither iterations nor events, counts as ill.",
  },
  quietAfter: {
    name: "quiet-after",
    type: orWord(seconds(1, MAX_WAIT_SECONDS), "off", null),
    env: [{ name: "KVCAST_QUIET_AFTER" }],
    default: "30",
    group: MONITOR_GROUP,
    help: "An engine that fills blocks, by its statistics, and tells of none for so long has something wrong with its events.",
  },
  onEngineDeath: {
    name: "on-engine-death",
    type: oneOf(["exit", "wait"] as const),
    env: [{ name: "KVCAST_ON_ENGINE_DEATH" }],
    default: "wait", // the engine has a supervisor of its own, and subscribers keep their connection
    group: MONITOR_GROUP,
    help: "When an engine that was well is ill, by its /health or because nothing moves: wait until it is back, or exit with 1.",
  },
  canary: {
    name: "canary",
    type: onOff,
    bare: "on",
    env: [
      {
        name: "DYN_HEALTH_CHECK_ENABLED",
        note: "1, true, on or yes; anything else is off",
        translate: (text: string): string => (/^\s*(?:1|true|on|yes)\s*$/i.test(text) ? "on" : "off"),
      },
    ],
    default: "off", // as in the reference: it costs the engine a request now and then
    group: CANARY_GROUP,
    help: "Ask an idle engine for one token now and then; until it or a request of somebody is answered, the engine is not ready.",
  },
  canaryWaitTime: {
    name: "canary-wait-time",
    type: wait,
    env: [{ name: "DYN_CANARY_WAIT_TIME" }],
    default: "10",
    group: CANARY_GROUP,
    help: "Silence after which the canary is sent.",
  },
  canaryTimeout: {
    name: "canary-timeout",
    type: wait,
    env: [{ name: "DYN_HEALTH_CHECK_REQUEST_TIMEOUT" }],
    default: "3",
    group: CANARY_GROUP,
    help: "Most time until the first response.",
  },
  canaryFailures: {
    name: "canary-failures",
    type: results,
    env: [{ name: "KVCAST_CANARY_FAILURES" }],
    default: "3",
    group: CANARY_GROUP,
    help: "Canaries in a row without a good response after which the engine is not ready; Dynamo takes 1.",
  },
  canarySuccesses: {
    name: "canary-successes",
    type: results,
    env: [{ name: "KVCAST_CANARY_SUCCESSES" }],
    default: "1",
    group: CANARY_GROUP,
    help: "Good responses in a row after which it is ready again.",
  },
  canaryPayload: {
    name: "canary-payload",
    type: payloadText,
    env: [{ name: PAYLOAD_VARIABLE, note: "what is no JSON object is left alone, with a warning" }],
    group: CANARY_GROUP,
    help: "Payload in place of the usual one, as a whole: token_ids, stop_conditions, sampling_options.",
  },
  canaryForm: {
    name: "canary-form",
    type: oneOf(PAYLOAD_FORMS),
    env: [{ name: "KVCAST_CANARY_FORM" }],
    default: "v1",
    group: CANARY_GROUP,
    help: "The usual payload of today, or that of Dynamo's release of January 2026.",
  },
  modelPath: {
    name: "model-path",
    type: directoryName,
    env: [{ name: "KVCAST_MODEL_PATH" }],
    group: CANARY_GROUP,
    help: "Directory of the model, whose files say which token begins a text; that token is the canary's prompt.",
  },
  bosTokenId: {
    name: "bos-token-id",
    type: integer({ min: 0, max: 4_294_967_295 }),
    env: [{ name: "KVCAST_BOS_TOKEN_ID" }],
    defaultNote: "what the files in --model-path say, else 1",
    group: CANARY_GROUP,
    help: "That token.",
  },
};
