/**
 * The first step of the normaliser: follows the event ids of each attention-DP rank. MAIN THREAD, pure logic.
 *
 * Whatever is wrong with an event otherwise, its id counts: a refused event was sent all the same, and the next id follows on it.
 * What the ids reveal (a gap, a restart, ids out of order) is counted and told here; the watch hears of it within the call, before
 * the event is judged, so that what must go out before the event can.
 */
import type { FollowedRank } from "../../shared/index-messages.ts";
import { MAX_RANK } from "../../shared/record.ts";
import { ABSENT, RAW_KIND, type RawEvent } from "../engine/raw-event.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { EngineRanks } from "./engine-ranks.ts";
import { NO_EVENT } from "./id-tracker.ts";
import type { RankWatch } from "./injections.ts";
import type { FinalVerdict, Outcomes } from "./outcomes.ts";
import type { RankState, RankTable } from "./rank-table.ts";
import { resumed, type SavedRanks } from "./saved-ranks.ts";
import type { TierMoves } from "./tier-moves.ts";

export interface IdFollowerOptions {
  readonly ownRanks: EngineRanks;
  readonly ranks: RankTable;
  readonly counters: EngineCounters;
  readonly outcomes: Outcomes;
  /** Null: nobody is told. */
  readonly watch: RankWatch | null;
  /** Where an earlier run ended. */
  readonly saved: SavedRanks;
  /** Forgets a rank's blocks when the rank does; null: nothing is remembered of tiers. */
  readonly moves: TierMoves | null;
}

export class IdFollower {
  readonly #ownRanks: EngineRanks;
  readonly #ranks: RankTable;
  readonly #counters: EngineCounters;
  readonly #outcomes: Outcomes;
  readonly #watch: RankWatch | null;
  readonly #saved: SavedRanks;
  readonly #moves: TierMoves | null;
  /** Those that the log has been told of. */
  readonly #leftOutRanks: Set<number> = new Set();

  constructor(options: IdFollowerOptions) {
    this.#ownRanks = options.ownRanks;
    this.#ranks = options.ranks;
    this.#counters = options.counters;
    this.#outcomes = options.outcomes;
    this.#watch = options.watch;
    this.#saved = options.saved;
    this.#moves = options.moves;
  }

  /** The state of the event's rank: the event goes on, whatever its id. Or its outcome: it ends here and has been counted. */
  follow(raw: RawEvent): RankState | FinalVerdict {
    if (raw.eventId === ABSENT) {
      return this.#outcomes.invalid(raw, raw.defect ?? (raw.kind === RAW_KIND.empty ? "empty_entry" : "missing_field"));
    }
    if (raw.rank > this.#ownRanks.highest && raw.rank <= MAX_RANK) return this.#leaveOutRank(raw);
    const rank = this.#ranks.get(raw.rank);
    if (rank === null) return this.#outcomes.invalid(raw, raw.defect ?? "bad_type");
    return this.#followIds(raw, rank) ? rank : this.#outcomes.duplicate(raw);
  }

  /** Of each rank, how far its events have been followed. */
  followed(): Map<number, FollowedRank> {
    return this.#ranks.followed();
  }

  /** Its number would be one of another engine's ranks. */
  #leaveOutRank(raw: RawEvent): FinalVerdict {
    if (!this.#leftOutRanks.has(raw.rank)) {
      this.#leftOutRanks.add(raw.rank);
      this.#outcomes.report(raw, { code: "rank_left_out" });
    }
    return this.#outcomes.filtered(raw, "unknown_rank");
  }

  /** False for a duplicate. Everything else goes on, whatever its id. */
  #followIds(raw: RawEvent, rank: RankState): boolean {
    const counters = this.#counters;
    const last = rank.ids.last;
    const step = rank.ids.observe(raw.eventId, raw.kind === RAW_KIND.created);
    const cell = counters.rankCell(raw.rank);
    counters.lastEventId[cell] = rank.ids.last;
    switch (step) {
      case "next":
        if (last === NO_EVENT) this.#meet(raw, rank);
        break;
      case "duplicate":
        return false;
      case "gap": {
        const missing = rank.ids.missing;
        counters.missingIds[cell] = (counters.missingIds[cell] as number) + missing;
        this.#outcomes.report(raw, { code: "id_gap", expected: last + 1, got: raw.eventId, missing });
        if (this.#watch?.gap(raw.rank, missing) === true) this.#forgetBlocks(rank, raw.rank);
        break;
      }
      case "restart":
        counters.resets++;
        rank.window.reset();
        this.#forgetBlocks(rank, raw.rank);
        this.#outcomes.report(raw, { code: "restart", last });
        this.#watch?.restart(raw.rank);
        break;
      case "out_of_order":
        counters.outOfOrder++;
        this.#outcomes.report(raw, { code: "out_of_order", last });
        break;
    }
    return true;
  }

  /** The first event of a rank. One that goes on where it was left has told its windows long ago. */
  #meet(raw: RawEvent, rank: RankState): void {
    const saved = resumed(this.#saved, raw.rank, raw.eventId);
    if (saved !== null) rank.window.restore(saved.window);
    this.#watch?.first?.(raw.rank, raw.eventId, raw.kind === RAW_KIND.created);
  }

  #forgetBlocks(rank: RankState, number: number): void {
    this.#moves?.forget(number);
    rank.partials.clear();
    this.#counters.partialBlocksTracked = this.#ranks.usage.hashes;
  }
}
