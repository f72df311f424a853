/** Options of what is read of an engine beside its events, and of what kind of worker it is. MAIN THREAD, at start only. */
import {
  type Backend,
  BACKENDS,
  DISAGGREGATION_ALIASES,
  DISAGGREGATION_MODES,
  type DisaggregationMode,
  disaggregationModeOf,
  MODALITIES,
  type Modality,
} from "../component-metrics/worker-traits.ts";
import { notAllowed } from "./option-spec.ts";
import type { Defaulted, OptionSpec, Place, ValueType } from "./option-spec.ts";
import { oneOf, shortText } from "./value-types.ts";

const GROUP = "Engine data";
const MAX_MODEL_BYTES = 200;

/** `auto`: where the engine has it. */
export const DATA_MODES = ["auto", "on", "off"] as const;
export type DataMode = (typeof DATA_MODES)[number];

const modeNames: readonly string[] = [...DISAGGREGATION_MODES, ...Object.keys(DISAGGREGATION_ALIASES)];
const disaggregationMode: ValueType<DisaggregationMode> = {
  placeholder: "MODE",
  takes: `one of ${modeNames.join(", ")}`,
  parse(text: string, place: Place): DisaggregationMode {
    const mode = disaggregationModeOf(text.trim());
    if (mode === null) throw notAllowed(place, text, disaggregationMode.takes);
    return mode;
  },
};

export const DATA_OPTIONS: {
  readonly iterationStats: Defaulted<DataMode>;
  readonly perfMetrics: Defaulted<DataMode>;
  readonly model: OptionSpec<string>;
  readonly disaggregationMode: OptionSpec<DisaggregationMode>;
  readonly backend: OptionSpec<Backend>;
  readonly modality: OptionSpec<Modality>;
} = {
  iterationStats: {
    name: "iteration-stats",
    type: oneOf(DATA_MODES),
    env: [{ name: "KVCAST_ITERATION_STATS" }],
    default: "auto",
    group: GROUP,
    help:
      "Read the engine's iteration statistics (GET /metrics), which nobody else may read then. auto: stop when three " +
      "answers in a row are empty, and look again every 30 s.",
  },
  perfMetrics: {
    name: "perf-metrics",
    type: oneOf(DATA_MODES),
    env: [{ name: "KVCAST_PERF_METRICS" }],
    default: "auto",
    group: GROUP,
    help:
      "Read the engine's records of finished requests (GET /perf_metrics), which nobody else may read then. auto: every 30 s " +
      "while the engine keeps none.",
  },
  model: {
    name: "model",
    type: shortText("NAME", MAX_MODEL_BYTES),
    env: [{ name: "KVCAST_MODEL" }],
    defaultNote: "what each engine says",
    group: GROUP,
    help: "Model name in the labels of metrics.",
  },
  disaggregationMode: {
    name: "disaggregation-mode",
    type: disaggregationMode,
    env: [{ name: "KVCAST_DISAGGREGATION_MODE" }],
    defaultNote: "what each engine says, else prefill_and_decode",
    group: GROUP,
    help: "Which half of a request the engines serve, for the labels of metrics; agg and pd mean prefill_and_decode.",
  },
  backend: {
    name: "backend",
    type: oneOf(BACKENDS),
    env: [{ name: "KVCAST_BACKEND" }],
    defaultNote: "what each engine says, else pytorch",
    group: GROUP,
    help: "What runs the model inside TensorRT-LLM, for kvcast_engine_info.",
  },
  modality: {
    name: "modality",
    type: oneOf(MODALITIES),
    env: [{ name: "KVCAST_MODALITY" }],
    defaultNote: "what each engine says, else text",
    group: GROUP,
    help: "What the engines take in and give out, for kvcast_engine_info.",
  },
};
