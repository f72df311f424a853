/**
 * What an engine over HTTP tells of blocks that it moves between tiers, as events with a medium. MAIN THREAD, pure logic.
 *
 *   updated, level 0 → 1    stored in CPU_TIER1, without tokens, for the engine does not say them again
 *   updated, level 1 → 2    removed from CPU_TIER1, stored in CPU_TIER2
 *   updated, level 1 → 0    removed from CPU_TIER1
 *   removed                 removed from where it was last moved to, as well as from the device
 *
 * On the device a block stays until it is removed, moved away or not: whoever dropped it there could not take it back without
 * its tokens, and the engine itself still finds it.
 *
 * One entry can make several events. The last of them is the entry's own; those before it count as injected.
 */
import { ABSENT, type RawEvent } from "../engine/raw-event.ts";
import { elementAt } from "../../shared/element.ts";
import { TIER, type Tier } from "../../shared/tier.ts";
import { HashSet } from "./hash-set.ts";
import { PUBLISHED_KIND, PublishedEvent } from "./published-event.ts";

/** By cache level; those beyond are none that routers know. */
const TIERS: readonly Tier[] = [TIER.device, TIER.hostPinned, TIER.disk];
const MAX_LEVEL: number = TIERS.length - 1;
/** Moved blocks of all ranks together: 16 MiB at most for each tier. A move beyond is not told of. */
const MAX_MOVED: number = 1 << 20;
const FIRST_CAPACITY = 64;

export class TierMoves {
  /** What goes out before the event in hand, in this order; valid until the next one. */
  readonly before: PublishedEvent[] = [];
  readonly #spare: readonly PublishedEvent[] = TIERS.map(() => new PublishedEvent());
  /** By rank, then by level. */
  readonly #moved: Map<number, readonly HashSet[]> = new Map();
  #count: number = 0;

  /** The event in hand says nothing of other tiers, as far as is known. */
  reset(): void {
    this.before.length = 0;
  }

  /** Judges an entry that a block was updated. `out`: what is to be published for it. False: nothing is. */
  moved(raw: RawEvent, rank: number, out: PublishedEvent): boolean {
    const { levelFrom: from, levelTo: to } = raw;
    if (raw.blockCount !== 1 || from === ABSENT || to === ABSENT || from === to) return false;
    if (from > MAX_LEVEL || to > MAX_LEVEL) return false;
    const lo = raw.hashLo[0] as number;
    const hi = raw.hashHi[0] as number;
    if (to > 0 && !this.#add(rank, to, lo, hi)) return false;
    if (from > 0) {
      this.#take(rank, from, lo, hi);
      fill(to > 0 ? this.#next() : out, PUBLISHED_KIND.removed, out.rank, from, lo, hi);
    }
    if (to > 0) fill(out, PUBLISHED_KIND.stored, out.rank, to, lo, hi);
    return true;
  }

  /** Blocks are gone, wherever they were. `publishedRank` is the one of the events. */
  removed(raw: RawEvent, rank: number, publishedRank: number): void {
    const sets = this.#moved.get(rank);
    if (sets === undefined || this.#count === 0) return;
    for (let level = 1; level <= MAX_LEVEL; level++) {
      let event: PublishedEvent | null = null;
      for (let i = 0; i < raw.blockCount; i++) {
        const lo = raw.hashLo[i] as number;
        const hi = raw.hashHi[i] as number;
        if (raw.hashNull[i] !== 0 || !this.#take(rank, level, lo, hi)) continue;
        if (event === null) fill((event = this.#next()), PUBLISHED_KIND.removed, publishedRank, level, lo, hi);
        else event.addHash(lo, hi);
      }
    }
  }

  /** The rank began anew, or is cleared. */
  forget(rank: number): void {
    for (const set of this.#moved.get(rank) ?? []) this.#count -= set.size;
    this.#moved.delete(rank);
  }

  /** False: there are too many. */
  #add(rank: number, level: number, lo: number, hi: number): boolean {
    if (this.#count >= MAX_MOVED) return false;
    let sets = this.#moved.get(rank);
    if (sets === undefined) this.#moved.set(rank, (sets = TIERS.map(() => new HashSet(FIRST_CAPACITY))));
    if (sets[level]?.add(lo | 0, hi | 0) === true) this.#count++;
    return true;
  }

  #take(rank: number, level: number, lo: number, hi: number): boolean {
    const isThere = this.#moved.get(rank)?.[level]?.delete(lo | 0, hi | 0) === true;
    if (isThere) this.#count--;
    return isThere;
  }

  #next(): PublishedEvent {
    const event = elementAt(this.#spare, this.before.length);
    this.before.push(event);
    return event;
  }
}

function fill(
  event: PublishedEvent,
  kind: typeof PUBLISHED_KIND.stored | typeof PUBLISHED_KIND.removed,
  rank: number,
  level: number,
  lo: number,
  hi: number,
): void {
  event.begin(kind, rank);
  event.tier = elementAt(TIERS, level);
  event.addHash(lo, hi);
}
