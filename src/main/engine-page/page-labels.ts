/** The labels that the series of engines' pages get, where they lack them. MAIN THREAD, at start. */
import type { EngineConfig, EngineMetricsConfig, ServeConfig } from "../config/config.ts";
import type { InjectedLabels } from "../expfmt/label-injection.ts";

/** What labels follow from. */
export type Labelled = Pick<ServeConfig, "engines" | "nats" | "worker">;

/** Engines that may have a page. */
export function pagedEngines(engines: readonly EngineConfig[]): (EngineConfig & { readonly kind: "http" })[] {
  return engines.filter((engine) => engine.kind === "http");
}

/** Labels that follow from the configuration of the service; one that was given by hand makes way for them. */
export function madeLabels(engine: string, { engines, nats, worker }: Labelled): InjectedLabels {
  return {
    // From the start on, and not only once a second engine answers: series must not change their names meanwhile.
    ...(pagedEngines(engines).length > 1 ? { engine } : {}),
    ...(nats === null
      ? {}
      : {
          dynamo_namespace: nats.place.namespace,
          dynamo_component: nats.place.component,
          dynamo_endpoint: nats.place.endpoint,
          worker_id: nats.place.workerId.toString(16),
          ...(worker.model === null ? {} : { model: worker.model, model_name: worker.model }),
        }),
  };
}

export function pageLabels(engine: string, config: Labelled, { labels }: EngineMetricsConfig): InjectedLabels {
  return { ...labels, ...madeLabels(engine, config) };
}
