/**
 * The events that kvcast adds itself: an AllBlocksCleared for a rank of whose blocks subscribers may believe something
 * wrong. MAIN THREAD.
 *
 * A clear is owed from the moment in which its reason is known until the ring has taken it; what comes of that rank waits
 * behind it. So a full ring can neither swallow a clear nor let an event overtake it, however often it refuses.
 *
 *   start      before the first event of each rank; of the configured ranks at once, of others when they show up
 *   unsure     a rank that the saved state knows: its first event says whether it goes on from there, or "start" is owed
 *   restart    the ids of the rank began anew
 *   gap        ids are missing, and such a rank is to be cleared instead of being marked only
 *   command    an operator wants it: all ranks of which subscribers may have heard, at once
 *
 * A rank is dirty from a gap on, or from a restart that must not be told, until its next clear.
 */
import { MAX_RANK } from "../../shared/record.ts";
import type { EngineCounters, InjectReason } from "../metrics/engine-counters.ts";
import type { EngineRanks } from "./engine-ranks.ts";
import { PUBLISHED_KIND, PublishedEvent } from "./published-event.ts";
import { resumed, type SavedRanks } from "./saved-ranks.ts";

/** When a clear may be sent. */
export interface ClearPolicy {
  readonly onStart: boolean;
  readonly onRestart: boolean;
  readonly onGap: boolean;
}

/** What the normaliser tells of a rank whose ids do not follow each other. */
export interface RankWatch {
  /** `missing` ids were left out. True: the rank is cleared, so its blocks are to be forgotten here too. */
  gap(rank: number, missing: number): boolean;
  restart(rank: number): void;
  /** The first event of a rank that is ever seen. */
  first?(rank: number, id: number, isCreated: boolean): void;
}

export interface InjectionsOptions {
  readonly policy: ClearPolicy;
  /** Ranks 0 … size-1 are cleared without waiting for an event of theirs. */
  readonly ranks: EngineRanks;
  /** Where an earlier run ended. */
  readonly saved: SavedRanks;
  readonly counters: EngineCounters;
  /** Where clears go. False: full, nothing was taken. */
  readonly offer: (event: PublishedEvent) => boolean;
}

type Owed = Exclude<InjectReason, "tier_move"> | "unsure" | null;

export class Injections implements RankWatch {
  readonly #policy: ClearPolicy;
  readonly #ranks: EngineRanks;
  readonly #saved: SavedRanks;
  readonly #counters: EngineCounters;
  readonly #offer: (event: PublishedEvent) => boolean;
  /** Not the normaliser's: the event behind the clear waits there. */
  readonly #event: PublishedEvent = new PublishedEvent();
  readonly #owed: Owed[];
  /** Ranks that an event came from. */
  readonly #met: Set<number> = new Set();
  /** Configured ranks whose clear of the start is settled. */
  #begun: number = 0;

  constructor(options: InjectionsOptions) {
    this.#policy = options.policy;
    this.#ranks = options.ranks;
    this.#saved = options.saved;
    this.#counters = options.counters;
    this.#offer = options.offer;
    this.#owed = Array.from({ length: MAX_RANK + 1 }, () => (options.policy.onStart ? "start" : null));
    for (const rank of this.#saved.keys()) if (rank <= MAX_RANK) this.#owed[rank] = "unsure";
  }

  /** The clears of the start. False: full; call again, it goes on where it stopped. */
  begin(): boolean {
    for (; this.#begun < this.#ranks.size; this.#begun++) {
      const owed = this.#owed[this.#begun] ?? null;
      if (owed !== null && owed !== "unsure" && !this.#inject(this.#begun, owed)) return false;
    }
    return true;
  }

  /** Whether something must be settled before an event of that rank may go on. */
  owes(rank: number): boolean {
    return this.#owed[rank] !== null;
  }

  /** Settles it; `id` is that of the event behind. False: full; call again. */
  settle(rank: number, id: number): boolean {
    let owed = this.#owed[rank] ?? null;
    if (owed === "unsure") this.#owed[rank] = owed = resumed(this.#saved, rank, id) === null ? "start" : null;
    return owed === null || this.#inject(rank, owed);
  }

  /** All ranks of which subscribers may have heard are to be cleared; `settleDemand` does it. Returns them, in order. */
  demand(): readonly number[] {
    const configured = Array.from({ length: this.#ranks.size }, (_, rank) => rank);
    const saved = [...this.#saved.keys()].filter((rank) => rank <= MAX_RANK);
    const ranks = [...new Set([...configured, ...saved, ...this.#met])].toSorted((a, b) => a - b);
    for (const rank of ranks) {
      const owed = this.#owed[rank] ?? null;
      if (owed === null || owed === "unsure") this.#owed[rank] = "command";
    }
    return ranks;
  }

  /** Sends what these ranks are owed. False: full; call again, it goes on where it stopped. */
  settleDemand(ranks: readonly number[]): boolean {
    return ranks.every((rank) => {
      const owed = this.#owed[rank] ?? null;
      // The next event of a rank may have been quicker, or have been told that nothing is owed after all.
      return owed === null || owed === "unsure" || this.#inject(rank, owed);
    });
  }

  /** Whether an event of that rank has come. */
  hasMet(rank: number): boolean {
    return this.#met.has(rank);
  }

  first(rank: number): void {
    this.#met.add(rank);
  }

  gap(rank: number, missing: number): boolean {
    this.#counters.markDirty(rank, "gap", missing);
    if (!this.#policy.onGap) return false;
    this.#owed[rank] ??= "gap";
    return true;
  }

  restart(rank: number): void {
    if (this.#policy.onRestart) this.#owed[rank] ??= "restart";
    else this.#counters.markDirty(rank, "restart", 0);
  }

  /** All counts of a clear are made here, in the step in which it is taken. */
  #inject(rank: number, reason: Exclude<InjectReason, "tier_move">): boolean {
    this.#event.begin(PUBLISHED_KIND.cleared, this.#ranks.base + rank);
    if (!this.#offer(this.#event)) return false;
    this.#counters.injected[reason]++;
    this.#counters.enqueued++;
    this.#counters.dirty.delete(rank);
    this.#owed[rank] = null;
    return true;
  }
}
