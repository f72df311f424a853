/**
 * What the metrics page reads of the ring, the encoders and the publisher, at scrape time. MAIN THREAD.
 * The pipeline implements it; the registry knows nothing of threads.
 */
import type { CurveSocket, RefusalReason } from "../curve/refusals.ts";
import type { CounterBlock } from "../../shared/counter-block.ts";
import type { Histogram } from "./histogram.ts";

/** Upper bounds in seconds of `kvcast_ring_wait_seconds`, 10 µs to 5 s. */
export const RING_WAIT_BUCKETS: readonly number[] = [
  1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

export const RING_DROP_REASONS = ["full", "oversize", "shutdown"] as const;
export type RingDropReason = (typeof RING_DROP_REASONS)[number];

export const WORKER_RESTART_REASONS = ["error", "oom", "exit", "heartbeat"] as const;
export type WorkerRestartReason = (typeof WORKER_RESTART_REASONS)[number];

/** State of one worker thread, for `kvcast_worker_up` and `kvcast_worker_restarts_total`. */
export interface WorkerStatus {
  /** `publisher`, `encoder0`, `encoder1`, … */
  readonly name: string;
  readonly up: boolean;
  readonly restarts: Readonly<Record<WorkerRestartReason, number>>;
}

/** Handshakes that were refused. */
export interface GateView {
  refused(socket: CurveSocket, reason: RefusalReason): number;
}

/** Label values of `sink`. */
export type SinkName = "zmq" | "nats";

/** What goes to NATS: load alone, or events, with load or without. */
export type NatsUse = "none" | "load" | "events";

export interface PipelineView {
  /** Where events go, as far as it is there: no ZMQ before its socket is bound. */
  sinks(): readonly SinkName[];
  readonly natsUse: NatsUse;
  /** Most messages that wait for NATS to confirm them. */
  readonly natsMaxInFlight: number;
  readonly ringCapacitySlots: number;
  /** Slots that are not free now. */
  occupiedSlots(): number;
  /** Most slots in use at once during the last 60 s. */
  occupiedSlotsMax60s(): number;
  /** Events accepted into batches so far. */
  enqueuedEvents(): number;
  readonly ringDropped: Readonly<Record<RingDropReason, number>>;
  /** Seconds in which a source waited because the ring was full. */
  ringFullSeconds(): number;
  /** How long each such wait took. */
  readonly ringWait: Histogram;
  readonly publisher: CounterBlock;
  readonly encoders: readonly CounterBlock[];
  /** Null when there is no index. */
  readonly index: CounterBlock | null;
  workers(): readonly WorkerStatus[];
  /** The wire dialect, the `codec` label. */
  readonly codec: string;
  /** The bound ZMQ address (with the real port); null when the sink is off. */
  zmqEndpoint(): string | null;
  /** The same of the replay socket. */
  replayEndpoint(): string | null;
  /** Who may connect to them; null: everyone. */
  readonly gate: GateView | null;
}
