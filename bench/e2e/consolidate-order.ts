/** What the feed of the consolidator bench is told. */

export interface FeedOrder {
  readonly live: number;
  /** Stores and removals behind the first `live` stores, together; both multiples of EVENTS_A_BATCH. */
  readonly operations: number;
}

export const EVENTS_A_BATCH = 64;
