/**
 * What is asked about the service's health, and the form in which `?verbose` answers. MAIN THREAD; data.
 *
 * The names of checks are a closed list and a promise: label values of `kvcast_ready`, and what monitoring matches on. A check
 * that keeps the service from being ready is critical; one that only says that something is wrong is a warning.
 */

/** About the service itself. */
export const SERVICE_CHECKS = ["shutdown", "held", "main_loop", "threads", "nats"] as const;

/** About each engine of `kvcast serve`. */
export const ENGINE_CHECKS = [
  /** The last read of its events succeeded, or the connection to its publisher stands. */
  "engine_reachable",
  /** It answers its own `/health` as it should. */
  "engine_alive",
  /** Something moves while it has requests. */
  "engine_progress",
  /** It answers the canary, or other requests. */
  "engine_canary",
  /** Behind the announcement of its cache, blocks follow. */
  "created_phase",
  /** Some of what it tells of is published. */
  "all_filtered",
  /** It tells of blocks while it works. */
  "events_flow",
  /** Its blocks have the size that is configured here. */
  "block_size",
  /** Nobody else takes events away. */
  "second_consumer",
  /** Its buffer of events has room. */
  "event_buffer",
  /** Its clock is ours. */
  "clock_skew",
] as const;

/** About each source of `kvcast consolidate`. */
export const SOURCE_CHECKS = ["source_connected", "all_filtered"] as const;

export type ServiceCheck = (typeof SERVICE_CHECKS)[number];
export type EngineCheck = (typeof ENGINE_CHECKS)[number];
export type SourceCheck = (typeof SOURCE_CHECKS)[number];
export type CheckName = ServiceCheck | EngineCheck | SourceCheck;

/** All names, each once. */
export const CHECK_NAMES: readonly CheckName[] = [
  ...SERVICE_CHECKS,
  ...ENGINE_CHECKS,
  ...SOURCE_CHECKS.filter((name) => !ENGINE_CHECKS.some((other) => other === name)),
];

export const SEVERITIES = ["critical", "warning"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One check as `?verbose` shows it. */
export interface CheckReport {
  readonly name: CheckName;
  /** The engine, the source or the thread that it is about; null for the service as a whole. */
  readonly target: string | null;
  /** Null: it is not known yet, or does not apply here; `reason` says which. */
  readonly ok: boolean | null;
  readonly severity: Severity;
  /** A sentence; empty while all is well. Never quotes what an engine sent. */
  readonly reason: string;
  /** What to do about it; empty while all is well. */
  readonly fix: string;
  /** Unix time in seconds of the last change of `ok`. */
  readonly since: number;
}

/** What `?verbose` adds to `/health`, `/ready` and `/live`. */
export interface VerboseHealth {
  readonly checks: readonly CheckReport[];
}
