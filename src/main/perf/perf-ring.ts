/**
 * The last requests of an engine. MAIN THREAD. Bounded: beyond its size the oldest is forgotten.
 */
import type { PerfPhases } from "./perf-phases.ts";
import type { PerfRecord } from "./perf-record.ts";

export const MAX_KEPT_REQUESTS = 4096;
/** At most, of one. */
export const KEPT_REQUEST_BYTES = 1024;

/** A request as it is kept. */
export interface KeptRequest {
  readonly record: PerfRecord;
  readonly phases: PerfPhases;
  /** Our monotonic milliseconds at which it was read. */
  readonly readMs: number;
  /** The same for the request's own beginning and end; null without a calibrated clock. */
  readonly span: { readonly fromMs: number; readonly untilMs: number } | null;
}

export class PerfRing {
  readonly #kept: KeptRequest[] = [];
  readonly #capacity: number;
  #next: number = 0;

  constructor(capacity: number = MAX_KEPT_REQUESTS) {
    this.#capacity = capacity;
  }

  add(request: KeptRequest): void {
    this.#kept[this.#next] = request;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  get size(): number {
    return this.#kept.length;
  }

  /** In no order. */
  all(): readonly KeptRequest[] {
    return this.#kept;
  }
}
