/**
 * What `/health` and `/live` say of the service: gathered from its parts, when it is asked for. MAIN THREAD.
 */
import { INDEX_CELLS, PUBLISHER_CELLS } from "../shared/counters.ts";
import type { Epoch } from "../shared/index-messages.ts";
import type { HealthState } from "./http/health.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";

/** What is read: an engine, or a source of the consolidator. */
type ServedEngine = Pick<EngineCounters, "engine" | "up" | "dirtyRanks"> & { readonly kind: string };

export interface ServiceParts {
  readonly engines: readonly ServedEngine[];
  readonly pipeline: Pipeline;
  readonly epoch: Epoch;
  readonly version: string;
  /** The service has been told to stop. */
  readonly isDraining: boolean;
  /** Why no engine is read, on purpose; null where they are. */
  readonly held?: string | null;
  /** Since the service started, on a monotonic clock. */
  readonly uptimeMs: number;
}

export function healthOf(parts: ServiceParts): HealthState {
  const { engines, pipeline, epoch, version, isDraining, held = null, uptimeMs } = parts;
  // Events flow without an index.
  const dead = pipeline.workers().filter((worker) => !worker.up && worker.name !== "indexer");
  const sinks = sinksOf(
    pipeline,
    dead.every((worker) => worker.name !== "publisher"),
  );
  const notReady = [
    ...(isDraining ? ["the service is shutting down"] : []),
    // The events of that engine do not flow, whatever the others do.
    ...(held === null
      ? engines.filter(({ up }) => up !== 1).map(({ engine }) => `engine ${engine} does not answer`)
      : [held]),
    ...dead.map((worker) => `thread ${worker.name} is not running`),
    // Beside another sink it is that sink's trouble only: `sinks` says so, and the metrics.
    ...(sinks.length === 1 && sinks[0]?.name === "nats" && !sinks[0].up ? ["there is no connection to NATS"] : []),
  ];
  return {
    notReady,
    stalledSeconds: pipeline.mainStallSeconds(),
    uptimeMs,
    version,
    epoch,
    engines: engines.map((counters) => ({
      name: counters.engine,
      kind: counters.kind,
      up: counters.up === 1,
      dirtyRanks: counters.dirtyRanks(),
    })),
    index: indexHealth(pipeline),
    ring: { capacitySlots: pipeline.ringCapacitySlots, occupiedSlots: pipeline.occupiedSlots() },
    sinks,
  };
}

function sinksOf(pipeline: Pipeline, publisherLives: boolean): HealthState["sinks"] {
  const zmq = pipeline.zmqEndpoint();
  const isConnected = pipeline.publisher.read(PUBLISHER_CELLS.natsUp) === 1;
  return [
    ...(zmq === null ? [] : [{ name: "zmq", up: publisherLives, endpoint: zmq }]),
    ...(pipeline.sinks().includes("nats")
      ? [{ name: "nats", up: publisherLives && isConnected, endpoint: pipeline.natsServers }]
      : []),
  ];
}

function indexHealth({ index }: Pipeline): HealthState["index"] {
  if (index === null) return null;
  return {
    blocks: index.read(INDEX_CELLS.blocks),
    complete: index.read(INDEX_CELLS.complete) === 1,
    memoryBytes: index.read(INDEX_CELLS.memoryBytes),
  };
}
