/**
 * What the log says about an engine's statistics. MAIN THREAD.
 *
 * Polls come many times a second, so only changes are told, and each kind of warning at most once in ten seconds.
 */
import type { PollFailure } from "../engine/source-journal.ts";
import type { LineLogger } from "../log.ts";
import type { StatsMode } from "./stats-pace.ts";

const QUIET_MS = 10_000;

export class StatsJournal {
  readonly #log: LineLogger;
  readonly #mode: StatsMode;
  readonly #now: () => number;
  readonly #toldAt: Map<string, number> = new Map();
  #reading: boolean = false;
  #absenceTold: boolean = false;
  #failing: string | null = null;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(log: LineLogger, mode: StatsMode, now: () => number) {
    this.#log = log;
    this.#mode = mode;
    this.#now = now;
  }

  /** The engine answered with rows, or without. */
  answered(rows: number): void {
    if (this.#failing !== null) this.#log.info("the engine's statistics can be read again");
    this.#failing = null;
    if (rows === 0 || this.#reading) return;
    this.#reading = true;
    this.#absenceTold = false;
    this.#log.info("the engine gives iteration statistics");
  }

  /** It seems to keep none. */
  absent(everyMs: number): void {
    this.#reading = false;
    if (this.#absenceTold) return;
    this.#absenceTold = true;
    this.#log.info("the engine gives no iteration statistics: its load is not known", {
      asked_again_every_s: everyMs / 1000,
      hint: "enable_iter_perf_stats in the engine",
    });
  }

  /** Without statistics having been asked for, an engine that has none is not worth a warning. */
  failed({ reason, message }: PollFailure): void {
    if (reason === this.#failing || !this.#maySay(reason)) return;
    this.#failing = reason;
    const level = this.#mode === "on" ? "warn" : "debug";
    this.#log[level]("the engine's statistics cannot be read", { reason, detail: message });
  }

  badRow(): void {
    if (this.#maySay("bad row")) this.#log.warn("a row of the engine's statistics is malformed and was left out");
  }

  unknownRank(rank: number): void {
    // Told once: what is wrong is the configuration, and that does not change.
    if (this.#toldAt.has("unknown rank")) return;
    this.#toldAt.set("unknown rank", this.#now());
    this.#log.warn("statistics of an attention-DP rank beyond --attention-dp-size are left out: is it too small?", {
      rank,
    });
  }

  #maySay(kind: string): boolean {
    const now = this.#now();
    if (now - (this.#toldAt.get(kind) ?? -Infinity) < QUIET_MS) return false;
    this.#toldAt.set(kind, now);
    return true;
  }
}
