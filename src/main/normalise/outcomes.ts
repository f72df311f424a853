/**
 * Writes the books of the normaliser: one outcome an event, and a notice where the log should know. MAIN THREAD.
 *
 * `received` moves in the same step as the outcome, never before it, so that a scrape in between sees balanced books.
 */
import { ABSENT, type InvalidReason, type RawEvent, type RawKind } from "../engine/raw-event.ts";
import type { EngineCounters, FilterReason } from "../metrics/engine-counters.ts";
import type { Notice, NoticeDetail } from "./notice.ts";

/** `publish`: the result is in the normaliser's `out`, and nothing was counted yet. The others are final and counted. */
export type Verdict = "publish" | FinalVerdict;
export type FinalVerdict = "duplicate" | "filtered" | "invalid";

export class Outcomes {
  readonly #counters: EngineCounters;
  readonly #onNotice: (notice: Notice) => void;

  constructor(counters: EngineCounters, onNotice: (notice: Notice) => void) {
    this.#counters = counters;
    this.#onNotice = onNotice;
  }

  received(kind: RawKind): void {
    this.#counters.countReceived(kind);
  }

  duplicate(raw: RawEvent): FinalVerdict {
    this.received(raw.kind);
    this.#counters.duplicates++;
    this.report(raw, { code: "duplicate" });
    return "duplicate";
  }

  filtered(raw: RawEvent, reason: FilterReason): FinalVerdict {
    this.received(raw.kind);
    this.#counters.filtered[reason]++;
    return "filtered";
  }

  /** `detail` replaces the general notice where there is a finer one. */
  invalid(raw: RawEvent, reason: InvalidReason, detail: NoticeDetail = { code: "invalid", reason }): FinalVerdict {
    this.received(raw.kind);
    this.#counters.invalid[reason]++;
    this.report(raw, detail);
    return "invalid";
  }

  report(raw: RawEvent, detail: NoticeDetail): void {
    this.#onNotice({ rank: raw.rank, eventId: raw.eventId === ABSENT ? null : raw.eventId, ...detail });
  }
}
