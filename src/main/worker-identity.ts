/** What kind of worker an engine is, which labels its figures. MAIN THREAD. */
import type { Backend, DisaggregationMode, Modality } from "./component-metrics/worker-traits.ts";
import type { ServeConfig } from "./config/config.ts";
import type { EngineFacts } from "./engine/engine-probe.ts";

/** What kind of worker it is: as configured, else as it says, else as most are. */
export interface WorkerIdentity {
  readonly model: string;
  readonly component: string;
  readonly disaggregationMode: DisaggregationMode;
  readonly backend: Backend;
  readonly modality: Modality;
  /** Null where the engine does not say. */
  readonly engineVersion: string | null;
}

/** `engine`: its name, which stands for the model while nothing else is known. */
export function identityOf(configured: ServeConfig["worker"], facts: EngineFacts, engine: string): WorkerIdentity {
  const { model, component, disaggregationMode, backend, modality } = configured;
  return {
    model: model ?? facts.model ?? engine,
    component,
    disaggregationMode: disaggregationMode ?? facts.disaggregationMode ?? "prefill_and_decode",
    backend: backend ?? facts.backend ?? "pytorch",
    modality: modality ?? facts.modality ?? "text",
    engineVersion: facts.version,
  };
}
