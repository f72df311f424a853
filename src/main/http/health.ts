/**
 * `/live`, `/ready` and `/health`. MAIN THREAD.
 *
 * Live means that the main loop turns: neither engine nor subscribers have a say, so that a supervisor never restarts a
 * service that only waits for its engine. A loop that stood still cannot answer, but says so once it turns again. Ready says
 * whether events flow. Health says the same by the rules of Dynamo's system server, in its form: `status`, `uptime` and
 * `endpoints` are its own, the rest is ours. `?verbose` adds every check.
 */
import type { ProbeConfig } from "../config/health-config.ts";
import type { CheckReport, VerboseHealth } from "../health/health-report.ts";
import type { ServiceStatus } from "../health/service-status.ts";
import type { Epoch } from "../../shared/index-messages.ts";
import type { DirtyRank } from "../metrics/engine-counters.ts";
import type { Request, WholeRoute } from "./routes.ts";
import type { Response } from "./response.ts";

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

export interface HealthState extends ServiceStatus {
  /** Every check, made when it is asked for. */
  readonly checks: () => readonly CheckReport[];
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

/** `?verbose`, alone or with any value that does not say no. */
function isVerbose({ query }: Request): boolean {
  const value = query.get("verbose");
  return value !== null && value !== "0" && value !== "false";
}

function more(state: HealthState, request: Request): Partial<VerboseHealth> {
  return isVerbose(request) ? { checks: state.checks() } : {};
}

function live(state: HealthState, request: Request): Response {
  const { stalledSeconds } = state;
  if (stalledSeconds === null) return json(200, { status: "live", ...more(state, request) });
  return json(503, { status: "stalled", stalled_seconds: stalledSeconds, ...more(state, request) });
}

function ready(state: HealthState, request: Request): Response {
  const { ready: status, reasons } = state;
  return json(status === "ready" ? 200 : 503, { status, reasons, ...more(state, request) });
}

function health(state: HealthState, request: Request): Response {
  const secs = Math.floor(state.uptimeMs / 1000);
  return json(state.health === "ready" ? 200 : 503, {
    status: state.health,
    uptime: { secs, nanos: Math.floor((state.uptimeMs - secs * 1000) * 1e6) },
    endpoints: state.endpoints,
    version: state.version,
    epoch: { id: state.epoch.uuid, started: state.epoch.startedSeconds },
    reasons: state.reasons,
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
    ...more(state, request),
  });
}

/** The three routes; `state` is asked anew for each request. */
export function healthRoutes(config: ProbeConfig, state: () => HealthState): readonly WholeRoute[] {
  const healthNow = (request: Request): Response => health(state(), request);
  return [
    {
      path: config.livePath,
      access: "probe",
      handler: config.isLiveHealth ? healthNow : (request) => live(state(), request),
    },
    { path: config.readyPath, access: "probe", handler: (request) => ready(state(), request) },
    { path: config.healthPath, access: "probe", handler: healthNow },
  ];
}
