/**
 * All checks of the service on one board: looked at once a second and whenever someone asks, each change told once. MAIN THREAD.
 */
import { wallClockSeconds } from "../../shared/clock.ts";
import type { LineLogger } from "../log.ts";
import type { Check, Finding } from "./check.ts";
import type { CheckName, CheckReport } from "./health-report.ts";

const LOOK_EVERY_MS = 1000;

interface Entry {
  readonly check: Check;
  finding: Finding | null;
  since: number;
}

export interface Obstacle {
  readonly name: CheckName;
  /** A sentence. */
  readonly reason: string;
  /** It is not known yet. */
  readonly waits: boolean;
}

/** Whether the service is ready, and what keeps it from that. */
export interface Readiness {
  /** Nothing is wrong, and all is known. */
  readonly ready: boolean;
  /** What keeps it from that, in the order of the board: what fails, and what is not known yet. */
  readonly obstacles: readonly Obstacle[];
}

export interface HealthBoardOptions {
  /** The checks that there may be: each has its series, whether or not one is on the board. */
  readonly names: readonly CheckName[];
  readonly log: LineLogger;
  /** Seconds since 1970. */
  readonly wallClock?: () => number;
}

export class HealthBoard {
  readonly names: readonly CheckName[];
  readonly #log: LineLogger;
  readonly #wallClock: () => number;
  readonly #entries: Entry[] = [];
  readonly #changes: Map<CheckName, number>;
  #timer: NodeJS.Timeout | null = null;
  #quiet: boolean = false;

  constructor({ names, log, wallClock = wallClockSeconds }: HealthBoardOptions) {
    this.names = names;
    this.#log = log;
    this.#wallClock = wallClock;
    this.#changes = new Map(names.map((name) => [name, 0]));
  }

  add(...checks: readonly Check[]): void {
    for (const check of checks) this.#entries.push({ check, finding: null, since: this.#wallClock() });
  }

  start(): void {
    this.look();
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** The service ends: from now on what fails is no news. */
  drain(): void {
    this.#quiet = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Has every check look now. */
  look(): void {
    for (const entry of this.#entries) this.#update(entry, entry.check.look());
  }

  /** Of all checks, or of those that `concerns` names. */
  readiness(concerns: (check: Check) => boolean = () => true): Readiness {
    this.look();
    const obstacles = this.#entries.flatMap(({ check, finding }): Obstacle[] => {
      if (check.severity !== "critical" || !concerns(check) || finding === null || finding.ok === true) return [];
      const waits = finding.ok === null;
      if (waits && !finding.waiting) return [];
      return [{ name: check.name, reason: finding.reason, waits }];
    });
    return { ready: obstacles.length === 0, obstacles };
  }

  /** All checks, in the order in which they were put up. */
  report(): CheckReport[] {
    this.look();
    return this.#entries.map(({ check: { name, target, severity }, finding, since }) => ({
      name,
      target,
      ok: finding?.ok ?? null,
      severity,
      reason: finding === null || finding.ok === true ? "" : finding.reason,
      fix: finding?.ok === false ? finding.fix : "",
      since,
    }));
  }

  /** False where a check of that name fails, or waits for something to be known, for any target. */
  holds(name: CheckName): boolean {
    return this.#entries.every(({ check, finding }) => {
      if (check.name !== name || finding === null) return true;
      return finding.ok ?? !finding.waiting;
    });
  }

  /** How often a check of that name began to fail, or ceased to. */
  changes(name: CheckName): number {
    return this.#changes.get(name) ?? 0;
  }

  #update(entry: Entry, finding: Finding): void {
    const before = entry.finding?.ok ?? null;
    entry.finding = finding;
    if (finding.ok === before) return;
    entry.since = this.#wallClock();
    // To learn that all is well is no news at the start.
    if (before !== false && finding.ok !== false) return;
    const { name, target } = entry.check;
    this.#changes.set(name, this.changes(name) + 1);
    if (this.#quiet) return;
    const fields = { check: name, ...(target === null ? {} : { target }) };
    if (finding.ok === false) {
      this.#log.warn("a health check fails", { ...fields, reason: finding.reason, fix: finding.fix });
    } else if (finding.ok) this.#log.info("a health check holds again", fields);
    else this.#log.info("a health check has nothing to look at any more", { ...fields, reason: finding.reason });
  }
}
