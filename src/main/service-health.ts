/**
 * What `/health`, `/ready` and `/live` say of the service: gathered from its parts, when it is asked for. MAIN THREAD.
 */
import { INDEX_CELLS } from "../shared/index-cells.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { Epoch } from "../shared/index-messages.ts";
import type { ProbeConfig } from "./config/health-config.ts";
import type { HealthBoard } from "./health/health-board.ts";
import { serviceStatus } from "./health/service-status.ts";
import type { HealthState } from "./http/health.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";

/** What is read: an engine, or a source of the consolidator. */
type ServedEngine = Pick<EngineCounters, "engine" | "up" | "dirtyRanks"> & { readonly kind: string };

export interface ServiceParts {
  readonly board: HealthBoard;
  readonly probes: ProbeConfig;
  /** Whether the engines' own health is looked at. */
  readonly watchesEngines: boolean;
  readonly engines: readonly ServedEngine[];
  readonly pipeline: Pipeline;
  readonly epoch: Epoch;
  readonly version: string;
  /** Since the service started, on a monotonic clock. */
  readonly uptimeMs: number;
}

export function healthOf(parts: ServiceParts): HealthState {
  const { board, probes, watchesEngines, engines, pipeline, epoch, version, uptimeMs } = parts;
  return {
    ...serviceStatus(board, probes, watchesEngines),
    checks: () => board.report(),
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
    sinks: sinksOf(pipeline),
  };
}

function sinksOf(pipeline: Pipeline): HealthState["sinks"] {
  const zmq = pipeline.zmqEndpoint();
  const publisherLives = pipeline.workers().every((worker) => worker.name !== "publisher" || worker.up);
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
