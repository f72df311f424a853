/**
 * The ranks of an engine as an earlier run left them, and whether one goes on from there. MAIN THREAD; pure.
 *
 * Whoever asks must come to the same answer: what is not cleared must be judged with the window that it was judged with
 * before, and what is cleared must begin anew in every respect.
 */
import type { FollowedRank } from "../../shared/index-messages.ts";

export type SavedRanks = ReadonlyMap<number, FollowedRank>;

export const NO_SAVED_RANKS: SavedRanks = new Map();

/** What was saved of the rank, if `id`, that of its first event now, is the next one; otherwise null. */
export function resumed(saved: SavedRanks, rank: number, id: number): FollowedRank | null {
  const followed = saved.get(rank);
  return followed?.lastEventId === id - 1 ? followed : null;
}
