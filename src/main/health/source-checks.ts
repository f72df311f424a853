/** The checks of the consolidator's sources. MAIN THREAD. */
import type { SourceCounters } from "../consolidate/source-counters.ts";
import { type Check, Condition, FINE, type Finding, notYet } from "./check.ts";
import { MIN_JUDGED_EVENTS } from "./event-watch.ts";
import { QUIET_PATIENCE, REACHABLE_PATIENCE } from "./engine-health.ts";
import { SampleWindow } from "./sample-window.ts";

const SAMPLE_MS = 1000;

/** Of one source. `now` is a monotonic clock in milliseconds. */
export function sourceChecks(counters: SourceCounters, now: () => number = () => performance.now()): Check[] {
  const target = counters.source;
  const looks = new SourceWatch(counters, now);
  let wasUp = false;
  const connected = (): Finding => {
    wasUp ||= counters.up === 1;
    if (counters.up === 1) return FINE;
    // A publisher that is not there yet is waited for.
    if (!wasUp) return notYet(`source ${target} has not been there yet`);
    return {
      ok: false,
      reason: `the connection to source ${target} is lost`,
      fix: "Look whether its publisher runs, and at the address that --engine-endpoint has.",
    };
  };
  return [
    new Condition({
      name: "source_connected",
      target,
      severity: "critical",
      patience: REACHABLE_PATIENCE,
      now,
      examine: connected,
    }),
    new Condition({
      name: "all_filtered",
      target,
      severity: "warning",
      patience: QUIET_PATIENCE,
      now,
      examine: () => looks.lookAtFilters(),
    }),
  ];
}

class SourceWatch {
  readonly #counters: SourceCounters;
  readonly #now: () => number;
  readonly #window: SampleWindow<"received" | "applied" | "refused"> = new SampleWindow([
    "received",
    "applied",
    "refused",
  ]);
  #sampledMs: number = -Infinity;

  constructor(counters: SourceCounters, now: () => number) {
    this.#counters = counters;
    this.#now = now;
  }

  lookAtFilters(): Finding {
    this.#sample();
    const received = this.#window.sum("received") + this.#window.sum("refused");
    if (received < MIN_JUDGED_EVENTS || this.#window.sum("applied") > 0) return FINE;
    return {
      ok: false,
      reason: `nothing that source ${this.#counters.source} told in the last minute could be used`,
      fix: "Look at kvcast_consolidator_skipped_events_total and kvcast_consolidator_refused_messages_total by reason; --kv-block-size must be the source's.",
    };
  }

  /** The board looks once a second, and others at any time. */
  #sample(): void {
    if (this.#now() - this.#sampledMs < SAMPLE_MS * 0.9) return;
    this.#sampledMs = this.#now();
    const { received, applied, refused } = this.#counters;
    this.#window.add({ received: sum(received), applied, refused: sum(refused) });
  }
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}
