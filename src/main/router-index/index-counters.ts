/** What became of the blocks and events that an index was given. MAIN THREAD; plain numbers. */
export class IndexCounters {
  /** Blocks. */
  stored: number = 0;
  duplicates: number = 0;
  removed: number = 0;
  /** Pairs that a clear, a loss or a farewell took away. */
  cleared: number = 0;
  /** Removed blocks that the rank does not hold. */
  unknownRemoves: number = 0;
  /** Blocks for which there was no room. */
  refused: number = 0;
  /** Pairs that were given up to make room. */
  evicted: number = 0;
  /** Stored events whose parent the rank does not hold. */
  unknownParents: number = 0;
  /** Stored events with a block that is its own parent. */
  invalidSequences: number = 0;
  /** Events of ranks beyond those that can be numbered. */
  refusedRanks: number = 0;
}
