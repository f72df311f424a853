/**
 * What is remembered of each attention-DP rank of an engine. MAIN THREAD.
 *
 * Ranks share nothing: each has its own event ids, its own window and its own partial blocks, so that one rank that
 * restarts or misbehaves does not change what happens to the others.
 */
import type { FollowedRank } from "../../shared/index-messages.ts";
import { MAX_RANK } from "../../shared/record.ts";
import { ABSENT, type RawEvent } from "../engine/raw-event.ts";
import { IdTracker, NO_EVENT } from "./id-tracker.ts";
import { holdsTooMuch, PartialBlockStore, type PartialUsage } from "./partial-blocks.ts";
import { WindowFilter } from "./window-filter.ts";

export interface RankState {
  readonly ids: IdTracker;
  readonly window: WindowFilter;
  readonly partials: PartialBlockStore;
  /** Whether the log has been told that this rank is not configured. */
  announced: boolean;
}

export class RankTable {
  /** Partial blocks of all ranks together. */
  readonly usage: PartialUsage = { hashes: 0, slots: 0 };
  /** Filled as ranks are heard of, at most MAX_RANK + 1. */
  readonly #ranks: (RankState | undefined)[] = [];

  /** The state of a rank, made when it is new; null when nobody can have that rank. */
  get(rank: number): RankState | null {
    return this.#ranks[rank] ?? this.#make(rank);
  }

  /** Of each rank that was heard of, how far that is: its highest id, and its window. */
  followed(): Map<number, FollowedRank> {
    const followed = new Map<number, FollowedRank>();
    this.#ranks.forEach((state, rank) => {
      if (state === undefined || state.ids.last === NO_EVENT) return;
      followed.set(rank, { lastEventId: state.ids.last, window: state.window.state() });
    });
    return followed;
  }

  /** To be called after partial blocks were added: keeps their memory bounded. */
  trim(): void {
    if (!holdsTooMuch(this.usage)) return;
    for (const rank of this.#ranks) rank?.partials.age();
  }

  #make(rank: number): RankState | null {
    if (!Number.isInteger(rank) || rank < 0 || rank > MAX_RANK) return null;
    const state: RankState = {
      ids: new IdTracker(),
      window: new WindowFilter(),
      partials: new PartialBlockStore(this.usage),
      announced: false,
    };
    // An array with holes would be slower to read.
    while (this.#ranks.length < rank) this.#ranks.push(undefined);
    this.#ranks[rank] = state;
    return state;
  }
}

/** Tells the states of one rank apart: the event's layer group, or else its window, or neither. No two are alike. */
export function partialsKey(raw: RawEvent): number {
  return raw.layerGroup === ABSENT ? raw.windowSize : -2 - raw.layerGroup;
}
