/**
 * Options about the engines' own metrics, which go on our page. MAIN THREAD, at start only.
 */
import { labelRefusal } from "../expfmt/label-injection.ts";
import { type Defaulted, notAllowed, type Place, refused, type Repeatable, type ValueType } from "./option-spec.ts";
import { bytes, KIB, MIB, oneOf, seconds } from "./value-types.ts";

/** Names of today's engines begin so, and older ones are given it. */
export const DEFAULT_PREFIX = "trtllm_";

const MAX_PREFIX_CHARS = 200;

const metricPrefix: ValueType<string> = {
  placeholder: "PREFIX",
  takes: "the first letters of metric names, or * for all",
  parse(text: string, place: Place): string {
    const prefix = text.trim();
    if (prefix === "*") return "";
    if (!/^[A-Za-z_:][\w:]*$/.test(prefix) || prefix.length > MAX_PREFIX_CHARS) {
      throw notAllowed(place, text, metricPrefix.takes);
    }
    return prefix;
  },
};

export interface GivenLabel {
  readonly name: string;
  readonly value: string;
}

const metricLabel: ValueType<GivenLabel> = {
  placeholder: "NAME=VALUE",
  takes: "a label as NAME=VALUE",
  parse(text: string, place: Place): GivenLabel {
    const equals = text.indexOf("=");
    if (equals < 0) throw notAllowed(place, text, metricLabel.takes);
    const name = text.slice(0, equals).trim();
    const value = text.slice(equals + 1);
    const refusal = labelRefusal(name, value);
    if (refusal !== null) throw refused(place, `the label ${JSON.stringify(name)} ${refusal}`);
    return { name, value };
  },
};

export const ENGINE_METRICS_OPTIONS: {
  readonly engineMetrics: Defaulted<"families" | "lines" | "off">;
  readonly engineMetricsInclude: Repeatable<string>;
  readonly engineMetricsExclude: Repeatable<string>;
  readonly engineMetricsLabel: Repeatable<GivenLabel>;
  readonly engineMetricsTimeout: Defaulted<number>;
  readonly engineMetricsMaxBytes: Defaulted<number>;
  readonly engineMetricsMaxAge: Defaulted<number>;
} = {
  engineMetrics: {
    name: "engine-metrics",
    type: oneOf(["families", "lines", "off"] as const),
    env: [{ name: "KVCAST_ENGINE_METRICS" }],
    default: "families",
    group: "Engine metrics",
    help:
      "Puts the engines' own metrics, GET /prometheus/metrics, on /metrics: families takes or leaves whole families, lines each " +
      "line by its own name, as Dynamo's Python does. Only engines that are read over HTTP have them.",
  },
  engineMetricsInclude: {
    name: "engine-metrics-include",
    type: metricPrefix,
    env: [{ name: "KVCAST_ENGINE_METRICS_INCLUDE" }],
    repeatable: true,
    defaultNote: DEFAULT_PREFIX,
    group: "Engine metrics",
    help: "Takes only metrics whose names begin so.",
  },
  engineMetricsExclude: {
    name: "engine-metrics-exclude",
    type: metricPrefix,
    env: [{ name: "KVCAST_ENGINE_METRICS_EXCLUDE" }],
    repeatable: true,
    group: "Engine metrics",
    help: "Leaves out metrics whose names begin so, also of those that are to be taken.",
  },
  engineMetricsLabel: {
    name: "engine-metrics-label",
    type: metricLabel,
    env: [{ name: "KVCAST_ENGINE_METRICS_LABEL" }],
    repeatable: true,
    group: "Engine metrics",
    help: "A label for every series of the engines, where it does not have it itself.",
  },
  engineMetricsTimeout: {
    name: "engine-metrics-timeout",
    type: seconds(0.01, 60),
    env: [{ name: "KVCAST_ENGINE_METRICS_TIMEOUT" }],
    default: "1", // a tenth of what Prometheus waits for a scrape
    group: "Engine metrics",
    help: "Most that a scrape waits for an engine's page; it then shows the one before, and its age.",
  },
  engineMetricsMaxBytes: {
    name: "engine-metrics-max-bytes",
    type: bytes(4 * KIB, 64 * MIB),
    env: [{ name: "KVCAST_ENGINE_METRICS_MAX_BYTES" }],
    default: "4MiB", // a hundred times what a TensorRT-LLM engine has
    group: "Engine metrics",
    help: "Most bytes that an engine's page may have; a longer one is refused as a whole.",
  },
  engineMetricsMaxAge: {
    name: "engine-metrics-max-age",
    type: seconds(0, 3600),
    env: [{ name: "KVCAST_ENGINE_METRICS_MAX_AGE" }],
    default: "60",
    group: "Engine metrics",
    help: "Age at which an engine's page is left out, when no newer one is to be had.",
  },
};
