/**
 * `/live` and `/health`. MAIN THREAD.
 *
 * Live means that the main loop turns: neither engine nor subscribers have a say, so that a supervisor never restarts a
 * service that only waits for its engine. A loop that stood still cannot answer, but says so once it turns again. Health
 * says whether events flow; its `status`, `uptime` and `endpoints` have the form that Dynamo's system server uses, the rest
 * is our own.
 */
import type { Epoch } from "../../shared/index-messages.ts";
import type { DirtyRank } from "../metrics/engine-counters.ts";
import type { Response, WholeRoute } from "./routes.ts";

export interface EngineHealth {
  readonly name: string;
  readonly kind: string;
  /** The last read of the engine succeeded. */
  readonly up: boolean;
  /** Ranks of which subscribers may believe something wrong. That is no reason to be unready: events do flow. */
  readonly dirtyRanks: readonly ({ readonly rank: number } & DirtyRank)[];
}

export interface SinkHealth {
  readonly name: string;
  readonly up: boolean;
  readonly endpoint: string;
}

export interface HealthState {
  /** What keeps the service from being ready, a sentence each; empty = ready. Never quotes what an engine sent. */
  readonly notReady: readonly string[];
  /** How long the main loop stood still, if that is only just over; null while it is well. */
  readonly stalledSeconds: number | null;
  /** Milliseconds since the service started, on a monotonic clock. */
  readonly uptimeMs: number;
  readonly version: string;
  readonly epoch: Epoch;
  readonly engines: readonly EngineHealth[];
  /** Null when there is no index. */
  readonly index: { readonly blocks: number; readonly complete: boolean; readonly memoryBytes: number } | null;
  readonly ring: { readonly capacitySlots: number; readonly occupiedSlots: number };
  readonly sinks: readonly SinkHealth[];
}

function json(status: number, value: unknown): Response {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

function byName<T extends { readonly name: string }>(list: readonly T[]): Record<string, Omit<T, "name">> {
  return Object.fromEntries(list.map(({ name, ...rest }) => [name, rest]));
}

function live(stalledSeconds: number | null): Response {
  if (stalledSeconds === null) return json(200, { status: "live" });
  return json(503, { status: "stalled", stalled_seconds: stalledSeconds });
}

function health(state: HealthState): Response {
  const ready = state.notReady.length === 0;
  const secs = Math.floor(state.uptimeMs / 1000);
  return json(ready ? 200 : 503, {
    status: ready ? "ready" : "notready",
    uptime: { secs, nanos: Math.floor((state.uptimeMs - secs * 1000) * 1e6) },
    endpoints: {},
    version: state.version,
    epoch: { id: state.epoch.uuid, started: state.epoch.startedSeconds },
    reasons: state.notReady,
    engines: byName(state.engines.map(({ dirtyRanks, ...engine }) => ({ ...engine, dirty_ranks: dirtyRanks }))),
    ...(state.index === null
      ? {}
      : {
          index: {
            blocks: state.index.blocks,
            complete: state.index.complete,
            memory_bytes: state.index.memoryBytes,
          },
        }),
    ring: { capacity_slots: state.ring.capacitySlots, occupied_slots: state.ring.occupiedSlots },
    sinks: byName(state.sinks),
  });
}

/** The two routes; `state` is asked anew for each request. */
export function healthRoutes(state: () => HealthState): readonly WholeRoute[] {
  return [
    { path: "/live", handler: () => live(state().stalledSeconds) },
    { path: "/health", handler: () => health(state()) },
  ];
}
