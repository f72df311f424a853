/**
 * What happened that a person should see on the charts: gaps, restarts, losses, deaths, checks that fail and recover.
 * MAIN THREAD, once a second.
 *
 * They are found by comparing two moments, so that nothing has to be told from the way of an event.
 */
import type { LiveCheck, LiveMarker, MarkerKind } from "../../shared/live-snapshot.ts";
import { HISTORY_SECONDS } from "../../shared/live-snapshot.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { EngineTotals, Totals } from "./totals.ts";

const MAX_MARKERS = 200;
const TELL_EVERY_SECONDS = 10;
/** What has not been tried yet at the start fails no check. */
const START_SECONDS = 5;

export class Markers {
  readonly #kept: LiveMarker[] = [];
  #nextId: number = 1;
  #before: Totals | null = null;
  #startedAt: number | null = null;
  /** By text: what came since it was told last. */
  readonly #running: Map<string, { count: number; toldAt: number }> = new Map();
  /** Names of checks that failed. */
  #failing: ReadonlySet<string> = new Set();

  /** Compares with the last time. `at`: Unix seconds. */
  note(totals: Totals, engines: readonly EngineCounters[], checks: readonly LiveCheck[], at: number): void {
    const before = this.#before;
    this.#before = totals;
    if (before !== null) {
      for (const [i, { engine }] of engines.entries())
        this.#noteEngine(engine, before.engines[i], totals.engines[i], at);
      this.#noteLosses(before, totals, at);
    }
    this.#startedAt ??= at;
    if (at - this.#startedAt >= START_SECONDS) this.#noteChecks(checks, at);
    while ((this.#kept[0]?.at ?? at) < at - HISTORY_SECONDS || this.#kept.length > MAX_MARKERS) this.#kept.shift();
  }

  /** Since that moment, oldest first. */
  since(at: number): readonly LiveMarker[] {
    return this.#kept.filter((marker) => marker.at >= at);
  }

  #noteEngine(engine: string, before: EngineTotals | undefined, now: EngineTotals | undefined, at: number): void {
    if (before === undefined || now === undefined) return;
    this.#count("gap", now.missing - before.missing, `${engine}: # event id{s} missing`, at);
    this.#count("restart", now.resets - before.resets, `${engine}: # restart{s} of a rank`, at);
    this.#count("loss", now.invalid - before.invalid, `${engine}: # malformed event{s} left out`, at);
  }

  #noteLosses(before: Totals, now: Totals, at: number): void {
    this.#count("loss", now.ringDropped - before.ringDropped, "# event{s} dropped in front of the ring", at);
    this.#count("loss", now.encodeDropped - before.encodeDropped, "# event{s} that could not be encoded", at);
    this.#count("loss", droppedBySinks(now) - droppedBySinks(before), "# event{s} dropped by a sink", at);
    this.#count("loss", now.queueFull - before.queueFull, "# message{s} missed by slow subscribers, at least", at);
    this.#count("thread", now.restarts - before.restarts, "# thread{s} replaced", at);
  }

  /** What goes on for a while is told at once, and then in sums: otherwise it would bury all else. */
  #count(kind: MarkerKind, count: number, text: string, at: number): void {
    const running = this.#running.get(text) ?? { count: 0, toldAt: -Infinity };
    running.count += count;
    if (running.count === 0 || at - running.toldAt < TELL_EVERY_SECONDS) return;
    this.#running.set(text, running);
    this.#add(kind, text.replace("#", String(running.count)).replace("{s}", running.count === 1 ? "" : "s"), at);
    running.count = 0;
    running.toldAt = at;
  }

  #noteChecks(checks: readonly LiveCheck[], at: number): void {
    const failing = new Set(checks.filter(({ ok }) => ok === false).map(({ name }) => name));
    for (const { name, ok, reason } of checks) {
      if (ok === false && !this.#failing.has(name)) this.#add("alert", `${name}: ${reason}`, at);
      if (ok !== false && this.#failing.has(name)) this.#add("recovered", name, at);
    }
    this.#failing = failing;
  }

  #add(kind: MarkerKind, text: string, at: number): void {
    this.#kept.push({ id: this.#nextId++, at, kind, text });
  }
}

function droppedBySinks({ sinks }: Totals): number {
  return sinks.reduce((sum, { dropped }) => sum + dropped, 0);
}
