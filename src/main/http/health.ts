/**
 * `/live` and `/health`. MAIN THREAD.
 *
 * Live means that the main loop turns: answering is the proof, and neither engine nor subscribers have a say, so that a
 * supervisor never restarts a service that only waits for its engine. Health says whether events flow; its `status`,
 * `uptime` and `endpoints` have the form that Dynamo's system server uses, the rest is our own.
 */
import type { Response, Route } from "./routes.ts";

export interface EngineHealth {
  readonly name: string;
  readonly kind: string;
  /** The last read of the engine succeeded. */
  readonly up: boolean;
}

export interface SinkHealth {
  readonly name: string;
  readonly up: boolean;
  readonly endpoint: string;
}

export interface HealthState {
  /** What keeps the service from being ready, a sentence each; empty = ready. Never quotes what an engine sent. */
  readonly notReady: readonly string[];
  /** Milliseconds since the service started, on a monotonic clock. */
  readonly uptimeMs: number;
  readonly version: string;
  readonly engines: readonly EngineHealth[];
  readonly ring: { readonly capacitySlots: number; readonly occupiedSlots: number };
  readonly sinks: readonly SinkHealth[];
}

function json(status: number, value: unknown): Response {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

function byName<T extends { readonly name: string }>(list: readonly T[]): Record<string, Omit<T, "name">> {
  return Object.fromEntries(list.map(({ name, ...rest }) => [name, rest]));
}

function health(state: HealthState): Response {
  const ready = state.notReady.length === 0;
  const secs = Math.floor(state.uptimeMs / 1000);
  return json(ready ? 200 : 503, {
    status: ready ? "ready" : "notready",
    uptime: { secs, nanos: Math.floor((state.uptimeMs - secs * 1000) * 1e6) },
    endpoints: {},
    version: state.version,
    reasons: state.notReady,
    engines: byName(state.engines),
    ring: { capacity_slots: state.ring.capacitySlots, occupied_slots: state.ring.occupiedSlots },
    sinks: byName(state.sinks),
  });
}

/** The two routes; `state` is asked anew for each request. */
export function healthRoutes(state: () => HealthState): readonly Route[] {
  return [
    { path: "/live", handler: () => json(200, { status: "live" }) },
    { path: "/health", handler: () => health(state()) },
  ];
}
