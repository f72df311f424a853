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
/** What has not been tried yet at the start fails no check. */
const START_SECONDS = 3;

export class Markers {
  readonly #kept: LiveMarker[] = [];
  #nextId: number = 1;
  #before: Totals | null = null;
  #startedAt: number | null = null;
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
    const missing = now.missing - before.missing;
    if (missing > 0) this.#add("gap", `${engine}: ${missing} event ids missing`, at);
    const resets = now.resets - before.resets;
    if (resets > 0) this.#add("restart", `${engine}: ${resets === 1 ? "a rank" : `${resets} ranks`} began anew`, at);
    const invalid = now.invalid - before.invalid;
    if (invalid > 0) this.#add("loss", `${engine}: ${invalid} malformed events left out`, at);
  }

  #noteLosses(before: Totals, now: Totals, at: number): void {
    const losses: readonly (readonly [text: string, of: (totals: Totals) => number])[] = [
      ["events dropped in front of the ring", (totals) => totals.ringDropped],
      ["events that could not be encoded", (totals) => totals.encodeDropped],
      ["events dropped by a sink", ({ sinks }) => sinks.reduce((sum, { dropped }) => sum + dropped, 0)],
      ["messages missed by slow subscribers, at least", (totals) => totals.queueFull],
    ];
    for (const [text, of] of losses) {
      const lost = of(now) - of(before);
      if (lost > 0) this.#add("loss", `${lost} ${text}`, at);
    }
    const restarts = now.restarts - before.restarts;
    if (restarts > 0)
      this.#add("thread", restarts === 1 ? "a thread was replaced" : `${restarts} threads were replaced`, at);
  }

  #noteChecks(checks: readonly LiveCheck[], at: number): void {
    const failing = new Set(checks.filter(({ ok }) => !ok).map(({ name }) => name));
    for (const { name, ok, reason } of checks) {
      if (!ok && !this.#failing.has(name)) this.#add("alert", `${name}: ${reason}`, at);
      if (ok && this.#failing.has(name)) this.#add("recovered", `${name}: ${reason}`, at);
    }
    this.#failing = failing;
  }

  #add(kind: MarkerKind, text: string, at: number): void {
    this.#kept.push({ id: this.#nextId++, at, kind, text });
  }
}
