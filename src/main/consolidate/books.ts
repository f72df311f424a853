/** What the consolidator keeps of the blocks that sources hold: by its own rules, or by those of Dynamo's. MAIN THREAD; types. */
import type { BlockStore, Outcome } from "./consolidator-types.ts";
import type { Lineage } from "./lineage.ts";

/** `rank` is the one that is published; source and rank have been checked. */
export interface Books {
  readonly memoryBytes: number;
  /** Whether something that was cleared is still to be taken out: `sweep`. */
  readonly isSweeping: boolean;
  store(block: BlockStore, rank: number): Outcome;
  remove(source: number, tier: number, rank: number, lo: number, hi: number): Outcome;
  /** A block by its place in its sequence; published only if it comes with tokens. */
  createLineage(at: Lineage, block: BlockStore, rank: number): Outcome;
  removeLineage(source: number, tier: number, rank: number, at: Lineage): Outcome;
  /** Everything that a source holds in one rank is gone. */
  clear(source: number, rank: number): void;
  /** Takes out at most so many holds of those that were cleared. Returns whether some are left. */
  sweep(most: number): boolean;
}
