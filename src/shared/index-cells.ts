/**
 * What the index thread counts. BOTH SIDES.
 *
 * WRITER: the index thread alone, its successor after its death. READER: main, at a scrape and for the log.
 */
import { SNAPSHOT_DURATION_BUCKETS } from "./counter-buckets.ts";
import { SNAPSHOT_OUTCOMES } from "./counter-labels.ts";
import { CellTable, type HistogramCells } from "./counter-table.ts";
import { MAX_ENGINES } from "./record.ts";

/** Cells of the index thread's block. */
class IndexCells extends CellTable {
  /** Blocks in the index now. */
  readonly blocks: number = this.cell();
  /** A column: those of each engine, by its place. */
  readonly engineBlocks: number = this.column(MAX_ENGINES);
  /** Bytes that the index takes up. */
  readonly memoryBytes: number = this.cell();
  /** 1 while the index has all blocks that subscribers may have, as far as is known. */
  readonly complete: number = this.cell();
  /** Blocks that were stored and found no room. */
  readonly refusedBlocks: number = this.cell();
  /** Removed blocks that the index did not have. */
  readonly unknownRemoved: number = this.cell();
  readonly openSnapshots: number = this.cell();
  /** A column: SNAPSHOT_OUTCOMES. */
  readonly snapshots: number = this.column(SNAPSHOT_OUTCOMES.length);
  /** From the request to the last piece, of those that were handed out in full. */
  readonly snapshotDuration: HistogramCells = this.histogram(SNAPSHOT_DURATION_BUCKETS);
}

export const INDEX_CELLS: IndexCells = new IndexCells();
