/**
 * What one stream of an engine vouches for: that nothing of it was missed, from where on. MAIN THREAD; pure.
 *
 *   whole      from the first message that the engine has published
 *   resumed    from where an earlier run of kvcast ended
 *   broken     some of it was missed, or nobody knows
 *
 * The rules about ranks, in `normalise/`, go by event ids, and ask for that of the first event. Messages have numbers and their
 * events have none, so a stream answers with an id that says the same.
 */
import type { FollowedRank } from "../../shared/index-messages.ts";
import type { SavedRanks } from "../normalise/saved-ranks.ts";

/** An id that is never the first one, nor the next to any. */
const NO_ID = -2;
const FIRST_ID = 0;

export class Continuity {
  /** Number of the message to begin with. */
  readonly from: number;
  readonly #saved: ReadonlyMap<number, FollowedRank>;
  #state: "whole" | "resumed" | "broken";

  /** `saved`: where the earlier run left the ranks that this stream carries. */
  constructor(saved: SavedRanks) {
    this.#saved = saved;
    // All ranks of one stream were left at the same message.
    const last = Math.max(-1, ...[...saved.values()].map(({ lastEventId }) => lastEventId));
    this.#state = last < 0 ? "whole" : "resumed";
    this.from = last + 1;
  }

  /** Whether the stream begins where the engine does, and not where an earlier run of kvcast ended. */
  get isFromBeginning(): boolean {
    return this.from === 0;
  }

  /** Something was missed. */
  break(): void {
    this.#state = "broken";
  }

  /** The engine began anew, and numbers from 0. */
  begin(): void {
    this.#state = "whole";
  }

  /** In place of the id of the next event of that rank. */
  idOf(rank: number): number {
    if (this.#state === "broken") return NO_ID;
    const saved = this.#saved.get(rank);
    return this.#state === "whole" || saved === undefined ? FIRST_ID : saved.lastEventId + 1;
  }
}
