/** Which blocks of the index are whose. INDEX THREAD. */
import type { CounterBlock } from "../shared/counter-block.ts";
import { INDEX_CELLS } from "../shared/index-cells.ts";
import type { BlockIndex } from "./block-index.ts";

/**
 * Counts the blocks of each engine, inside an update of `counters`. Engine `i` has `ranksEach` ranks from `i × ranksEach` on;
 * one that is alone has all there are.
 */
export function setEngineBlocks(counters: CounterBlock, index: BlockIndex, engines: number, ranksEach: number): void {
  if (engines === 1) {
    counters.set(INDEX_CELLS.engineBlocks, index.blocks);
    return;
  }
  for (let engine = 0; engine < engines; engine++) {
    let blocks = 0;
    const end = (engine + 1) * ranksEach;
    for (let rank = engine * ranksEach; rank < end; rank++) blocks += index.blocksOfRank(rank);
    counters.set(INDEX_CELLS.engineBlocks + engine, blocks);
  }
}
