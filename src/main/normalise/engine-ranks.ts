/**
 * The attention-DP ranks of one engine among those of all engines. MAIN THREAD; pure.
 *
 * On the wire an event has one rank and no engine. So each engine is given a range of ranks, one behind the other:
 *
 *   --attention-dp-size 2     engine0 has 0, 1    engine1 has 2, 3    engine2 has 4, 5
 *
 * Everything that is about one engine (its ids, its metrics, its health) goes by the engine's own ranks; everything that is
 * published, and what is saved of it, by the others. An engine that is alone has all ranks for itself.
 */
import type { FollowedRank } from "../../shared/index-messages.ts";
import { MAX_RANK } from "../../shared/record.ts";
import type { SavedRanks } from "./saved-ranks.ts";

export interface EngineRanks {
  /** The engine's own ranks are expected to be 0 … size-1. */
  readonly size: number;
  /** Added to a rank of the engine when it is published. */
  readonly base: number;
  /** Highest own rank that can be published; that of a further one would be another engine's. */
  readonly highest: number;
}

/** Those of the only engine: ranks beyond the size are published too. */
export function ranksOfOnly(size: number): EngineRanks {
  return { size, base: 0, highest: MAX_RANK };
}

/** Those of the engine at that position, from 0, among `engines`, each of which has `size` ranks. */
export function ranksAt(position: number, engines: number, size: number): EngineRanks {
  return engines === 1 ? ranksOfOnly(size) : { size, base: position * size, highest: size - 1 };
}

/** What was saved of this engine, by its own ranks. */
export function ownPart(saved: SavedRanks, { base, highest }: EngineRanks): SavedRanks {
  const own = new Map<number, FollowedRank>();
  for (const [rank, followed] of saved) if (rank >= base && rank - base <= highest) own.set(rank - base, followed);
  return own;
}

/** The same by the ranks that are published. */
export function asPublished(own: SavedRanks, { base }: EngineRanks): SavedRanks {
  return new Map([...own].map(([rank, followed]) => [base + rank, followed]));
}
