/**
 * `registerEngineMetricsCallback`: puts the metrics of an engine on the page of its endpoint, with the labels that say whose
 * they are. ANY THREAD. The library's counterpart of the Python function of the same name.
 */
import { messageOf } from "../../shared/errors.ts";
import type { InjectedLabels } from "./label-injection.ts";
import {
  type ExpfmtLog,
  type ExpfmtOptions,
  type ExpfmtRegistry,
  getPrometheusExpfmt,
  PROCESS_LOG,
} from "./prometheus-expfmt.ts";
import type { RuntimeMetrics } from "./runtime-metrics.ts";

const DEFAULT_ENDPOINT_NAME = "generate";

/** The endpoint on whose page the metrics go. */
export interface MetricsEndpoint {
  readonly metrics: Pick<RuntimeMetrics, "registerPrometheusExpfmtCallback">;
  /** Number of the worker; u64. */
  connectionId(): bigint | number;
}

export interface EngineMetricsOptions extends Omit<ExpfmtOptions, "injectLabels"> {
  readonly endpoint: MetricsEndpoint;
  readonly registry: ExpfmtRegistry;
  /** Labels of the caller's own. Those that are made here go before them. */
  readonly injectCustomLabels?: InjectedLabels;
  /** With `componentName`: labels for the place of the endpoint and the worker's number in hexadecimal are made. */
  readonly namespaceName?: string;
  readonly componentName?: string;
  /** Default `generate`. */
  readonly endpointName?: string;
  /** Becomes `model` and `model_name`, where a place is named. */
  readonly modelName?: string;
}

/** The registry is printed anew at each scrape. A label of a series itself goes before all that are injected. */
export function registerEngineMetricsCallback(options: EngineMetricsOptions): void {
  const { endpoint, registry, injectCustomLabels = {}, log = PROCESS_LOG } = options;
  const made = madeLabels(options, log);
  for (const name of Object.keys(injectCustomLabels)) {
    if (name in made)
      log.warn(`the label ${JSON.stringify(name)} is made here already; the value that was given for it is not used`);
  }
  const expfmt: ExpfmtOptions = { ...options, log, injectLabels: { ...injectCustomLabels, ...made } };
  endpoint.metrics.registerPrometheusExpfmtCallback(() => getPrometheusExpfmt(registry, expfmt));
}

function madeLabels(options: EngineMetricsOptions, log: ExpfmtLog): InjectedLabels {
  const { namespaceName, componentName, modelName } = options;
  if (!namespaceName || !componentName) return {};
  const labels: Record<string, string> = {
    dynamo_namespace: namespaceName,
    dynamo_component: componentName,
    dynamo_endpoint: options.endpointName ?? DEFAULT_ENDPOINT_NAME,
  };
  if (modelName) {
    labels["model"] = modelName;
    labels["model_name"] = modelName;
  }
  try {
    labels["worker_id"] = options.endpoint.connectionId().toString(16);
  } catch (error) {
    log.debug(`the endpoint has no number, so there is no worker_id label: ${messageOf(error)}`);
  }
  return labels;
}
