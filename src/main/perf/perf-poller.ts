/**
 * The one reader of an engine's records of finished requests: `GET /perf_metrics`, one request at a time. MAIN THREAD.
 *
 *   poll ─► drain ─► chunk ─► scanner ─► record ─► phases ─► ring, histograms
 *                                           └─ clock: when was that on our clock
 *
 * The call gives each record out once, as all drains do. An engine that keeps no records answers with an empty list at once, so
 * asking costs it little; it is asked seldom all the same.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { DrainClient, type Drain, type DrainOutcome, type Resource } from "../engine/drain-client.ts";
import { ListScanner } from "../engine/list-scanner.ts";
import { Sleeper } from "../engine/poll-loop.ts";
import { scanDrain } from "../engine/scanned-drain.ts";
import type { PollFailure } from "../engine/source-journal.ts";
import type { LineLogger } from "../log.ts";
import { ClockCalibration } from "./clock-calibration.ts";
import { ClockReader } from "./clock-reader.ts";
import { PerfCounters } from "./perf-counters.ts";
import { PerfEntry, scanPerfEntry } from "./perf-entry.ts";
import { PerfHistograms } from "./perf-histograms.ts";
import { PerfJournal } from "./perf-journal.ts";
import { phasesOf } from "./perf-phases.ts";
import type { PerfRecord } from "./perf-record.ts";
import { type KeptRequest, PerfRing } from "./perf-ring.ts";
import { PerfEvidence, type PerfMode } from "./perf-evidence.ts";
import type { PerfState } from "./perf-status.ts";

const RECORDS: Resource = { path: "perf_metrics", methods: ["GET"] };
/** A thousand records, and of each the time of a few hundred steps; what lies behind is lost. */
export const MAX_PERF_BYTES: number = 16 * 1024 * 1024;
/** Records that are handled before the event loop gets a turn. */
const RECORDS_PER_STEP = 64;
/** The drift of a minute is some milliseconds. */
const CLOCK_EVERY_MS = 60_000;

export interface PerfPollerOptions {
  readonly config: HttpEngineConfig;
  readonly mode: PerfMode;
  readonly log: LineLogger;
  /** Requests that the engine is known to have finished, by its other statistics. */
  readonly finishedRequests: () => number;
  /** Told of each record. Must not throw. */
  readonly onRecord: (record: PerfRecord) => void;
}

export class PerfPoller {
  readonly counters: PerfCounters = new PerfCounters();
  readonly histograms: PerfHistograms = new PerfHistograms();
  readonly clock: ClockCalibration = new ClockCalibration();
  readonly #options: PerfPollerOptions;
  readonly #evidence: PerfEvidence;
  readonly #journal: PerfJournal;
  readonly #ring: PerfRing = new PerfRing();
  readonly #drain: Drain;
  readonly #clockReader: ClockReader;
  readonly #sleeper: Sleeper = new Sleeper();
  readonly #scanner: ListScanner<PerfEntry> = new ListScanner(scanPerfEntry);
  readonly #entry: PerfEntry = new PerfEntry();
  #clockDueMs: number = 0;
  #records: number = 0;
  #stopping: boolean = false;

  constructor(options: PerfPollerOptions) {
    const { config, mode, log } = options;
    this.#options = options;
    this.#evidence = new PerfEvidence(mode);
    this.#journal = new PerfJournal(log, () => performance.now());
    const limits = { maxResponseBytes: Math.min(config.maxResponseBytes, MAX_PERF_BYTES) };
    this.#drain = new DrainClient({ ...config, ...limits }, { resource: RECORDS });
    this.#clockReader = new ClockReader(config);
  }

  get state(): PerfState {
    return this.#evidence.state;
  }

  /** In no order. */
  requests(): readonly KeptRequest[] {
    return this.#ring.all();
  }

  /** Reads until `stop()`. Rejects only on a bug. Once. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      await this.#setClock();
      if (this.#stopping) return;
      const ms = await this.#poll();
      this.#journal.state(this.state);
      if (!this.#stopping) await this.#sleeper.sleep(ms);
    }
  }

  /** Cuts what is under way. Safe to call twice. */
  stop(): void {
    this.#stopping = true;
    this.#sleeper.wake();
    this.#drain.abort();
    this.#drain.close();
    this.#clockReader.close();
  }

  renew(credentials: EngineCredentials): void {
    this.#drain.renew(credentials);
    this.#clockReader.renew(credentials);
  }

  async #setClock(): Promise<void> {
    if (performance.now() < this.#clockDueMs || !this.#evidence.mayAskClock) return;
    const reading = await this.#clockReader.read();
    const { shifts } = this.clock;
    if (reading === null || !this.clock.take(reading)) return;
    this.#clockDueMs = performance.now() + CLOCK_EVERY_MS;
    if (this.clock.shifts > shifts) this.#journal.clockShifted();
  }

  /** Returns how long to wait. */
  async #poll(): Promise<number> {
    this.#records = 0;
    const { outcome, failure } = await scanDrain(this.#drain, this.#scanner, {
      onBytes: (count) => (this.counters.receivedBytes += count),
      read: () => this.#read(),
      isStopping: () => this.#stopping,
    });
    return this.#settle(outcome, failure);
  }

  #settle(outcome: DrainOutcome, failure: PollFailure | null): number {
    const { counters } = this;
    const entries = this.#scanner.entries;
    if (failure === null && outcome.cut) return 0;
    if (failure === null) counters.polls[entries > 0 ? "items" : "empty"]++;
    else {
      counters.polls.error++;
      counters.errors[failure.reason]++;
      // A stale connection is no news about the engine.
      if (outcome.error?.staleSocket !== true) this.#journal.failed(failure);
    }
    return this.#evidence.next({
      records: this.#records,
      status: failure === null || outcome.error?.staleSocket === true ? 200 : failure.status,
      finished: this.#options.finishedRequests(),
    });
  }

  /** Takes the records that have arrived. False: the body is refused, or we are stopping. */
  #read(): boolean | Promise<boolean> {
    for (let entries = 0; entries < RECORDS_PER_STEP; entries++) {
      if (this.#stopping) return false;
      const step = this.#scanner.next(this.#entry);
      if (step !== "event") return step !== "error";
      this.#takeEntry();
    }
    return this.#readOn();
  }

  async #readOn(): Promise<boolean> {
    await nextTurn();
    return this.#read();
  }

  #takeEntry(): void {
    const { counters } = this;
    for (const fault of this.#entry.faults) {
      counters.badRecords[fault]++;
      this.#journal.badRecord(fault);
    }
    for (const record of this.#entry.records) {
      counters.records++;
      this.#records++;
      const phases = phasesOf(record);
      if (phases.isOutOfOrder) counters.outOfOrder++;
      this.histograms.observe(record, phases);
      const readMs = performance.now();
      this.#ring.add({ record, phases, readMs, span: this.#spanOf(record, readMs) });
      this.#options.onRecord(record);
    }
  }

  /** Null where the clock is not known, or one of the two moments. */
  #spanOf({ times }: PerfRecord, nowMs: number): KeptRequest["span"] {
    if (times.arrival === null || times.lastToken === null) return null;
    const fromMs = this.clock.toOwnMs(times.arrival, nowMs);
    const untilMs = this.clock.toOwnMs(times.lastToken, nowMs);
    return fromMs === null || untilMs === null || untilMs < fromMs ? null : { fromMs, untilMs };
  }
}
