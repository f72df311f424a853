/**
 * The one reader of an engine's iteration statistics: `GET /metrics`, one request at a time. MAIN THREAD.
 *
 *   poll ─► drain ─► chunk ─► scanner ─► row ─► every subscriber
 *
 * The call gives each row out once, so a second reader would take rows from the first: whoever needs them subscribes
 * here. What an engine sends is bounded in time, size and depth; a bad row costs itself, a broken body what stands
 * behind the break.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { KvcastError } from "../../shared/errors.ts";
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { DrainClient, type Drain, type DrainOutcome, type DrainPorts, type Resource } from "../engine/drain-client.ts";
import { ListScanner } from "../engine/list-scanner.ts";
import { Sleeper } from "../engine/poll-loop.ts";
import { scanDrain } from "../engine/scanned-drain.ts";
import type { PollFailure } from "../engine/source-journal.ts";
import type { LineLogger } from "../log.ts";
import type { IterationStat } from "./iteration-stat.ts";
import { scanRow, StatRow } from "./stat-row.ts";
import { StatsCounters } from "./stats-counters.ts";
import { StatsJournal } from "./stats-journal.ts";
import { SELDOM_SLEEP_MS, StatsPace, type StatsMode, type StatsReport } from "./stats-pace.ts";

const STATISTICS: Resource = { path: "metrics", methods: ["GET"] };
/** Thousands of rows; where an engine lists its requests in them, so many that the next answer is within bounds again. */
export const MAX_STATS_BYTES: number = 16 * 1024 * 1024;
/** Rows that are handled before the event loop gets a turn. */
const ROWS_PER_STEP = 64;

/** Told of each row of a configured rank, in order. Must not throw: that ends the poller. */
export type StatSubscriber = (stat: IterationStat) => void;

export interface StatsPollerOptions {
  readonly config: HttpEngineConfig;
  readonly mode: StatsMode;
  /** Rows of ranks beyond it are counted and left out. */
  readonly attentionDpSize: number;
  readonly log: LineLogger;
  readonly subscribers: readonly StatSubscriber[];
  /** Shortest wait between two polls. Default: as the pace says, from 10 ms on. */
  readonly minSleepMs?: number;
  readonly ports?: Partial<DrainPorts>;
}

export class StatsPoller {
  readonly counters: StatsCounters = new StatsCounters();
  readonly #attentionDpSize: number;
  readonly #subscribers: readonly StatSubscriber[];
  readonly #journal: StatsJournal;
  readonly #pace: StatsPace;
  readonly #drain: Drain;
  readonly #minSleepMs: number;
  readonly #sleeper: Sleeper = new Sleeper();
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #scanner: ListScanner<StatRow> = new ListScanner(scanRow);
  readonly #row: StatRow = new StatRow();
  #began: boolean = false;
  #stopping: boolean = false;

  constructor(options: StatsPollerOptions) {
    const { config, mode, ports = {} } = options;
    this.#attentionDpSize = options.attentionDpSize;
    this.#subscribers = options.subscribers;
    this.#minSleepMs = options.minSleepMs ?? 0;
    this.#journal = new StatsJournal(options.log, mode, ports.monotonic ?? ((): number => performance.now()));
    this.#pace = new StatsPace(mode, ports.random);
    const limits = { maxResponseBytes: Math.min(config.maxResponseBytes, MAX_STATS_BYTES) };
    this.#drain = ports.drain ?? new DrainClient({ ...config, ...limits }, { resource: STATISTICS });
    this.#sleep = ports.sleep ?? ((ms): Promise<void> => this.#sleeper.sleep(ms));
  }

  /**
   * Reads until `stop()`. Rejects only on a bug, with KVCAST_STATS_OVERLAP when it runs already, and is not to be
   * called again then.
   */
  async run(): Promise<void> {
    if (this.#began) throw new KvcastError("KVCAST_STATS_OVERLAP", "one reader of the statistics: this is a bug");
    this.#began = true;
    try {
      while (!this.#stopping) {
        const ms = this.#pace.next(await this.#poll());
        if (this.#pace.seldom) this.#journal.absent(SELDOM_SLEEP_MS);
        if (!this.#stopping) await this.#sleep(Math.max(ms, this.#minSleepMs));
      }
    } finally {
      this.counters.up = 0;
      this.#drain.close();
    }
  }

  /** Cuts a poll that is under way: rows are worth nothing at the end. Safe to call twice. */
  stop(): void {
    this.#stopping = true;
    this.#sleeper.wake();
    this.#drain.abort();
  }

  /** The credentials from the next request on. */
  renew(credentials: EngineCredentials): void {
    this.#drain.renew(credentials);
  }

  async #poll(): Promise<StatsReport> {
    const { outcome, failure } = await scanDrain(this.#drain, this.#scanner, {
      onBytes: (count) => (this.counters.receivedBytes += count),
      read: () => this.#read(),
      isStopping: () => this.#stopping,
    });
    return this.#settle(outcome, failure, this.#scanner.entries);
  }

  #settle(outcome: DrainOutcome, failure: PollFailure | null, rows: number): StatsReport {
    const { counters } = this;
    // Cut by `stop()`: neither a success nor a failure.
    if (failure === null && outcome.cut) return { rows, outcome: "answered" };
    if (failure === null) {
      counters.polls[rows > 0 ? "items" : "empty"]++;
      counters.up = 1;
      this.#journal.answered(rows);
      return { rows, outcome: "answered" };
    }
    counters.polls.error++;
    counters.errors[failure.reason]++;
    counters.up = 0;
    // A stale connection is no news about the engine; should it be gone, the next poll will say so.
    if (outcome.error?.staleSocket === true) return { rows, outcome: "answered" };
    this.#journal.failed(failure);
    return { rows, outcome: failure.reason === "connect" ? "unreachable" : "failed" };
  }

  /** Hands on the rows that have arrived. False: the body is refused, or we are stopping. */
  #read(): boolean | Promise<boolean> {
    for (let rows = 0; rows < ROWS_PER_STEP; rows++) {
      if (this.#stopping) return false;
      const step = this.#scanner.next(this.#row);
      if (step !== "event") return step !== "error";
      this.#handOn(this.#row.stat);
    }
    return this.#readOn();
  }

  async #readOn(): Promise<boolean> {
    await nextTurn();
    return this.#read();
  }

  #handOn(stat: IterationStat | null): void {
    if (stat === null) {
      this.counters.badRows++;
      this.#journal.badRow();
    } else if (stat.rank >= this.#attentionDpSize) {
      this.counters.unknownRankRows++;
      this.#journal.unknownRank(stat.rank);
    } else {
      this.counters.rows++;
      for (const tell of this.#subscribers) tell(stat);
    }
  }
}
