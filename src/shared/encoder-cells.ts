/**
 * What one encoder counts; each has a block of its own. BOTH SIDES.
 *
 * WRITER: the encoder's thread alone. READER: main, at a scrape, and for `threadId` when a slot says that the encoder stands still.
 */
import { BATCH_EVENT_BUCKETS, ENCODE_DURATION_BUCKETS } from "./counter-buckets.ts";
import { ENCODE_ERROR_REASONS } from "./counter-labels.ts";
import { CellTable, type HistogramCells } from "./counter-table.ts";

/** Cells of one encoder's block. */
class EncoderCells extends CellTable {
  /** Id of the thread that runs the encoder, or ran it last; 0 before the first. So main knows which one to end. */
  readonly threadId: number = this.cell();
  readonly encodedBytes: number = this.cell();
  readonly encodedBatches: number = this.cell();
  /** A column: ENCODE_ERROR_REASONS. */
  readonly errors: number = this.column(ENCODE_ERROR_REASONS.length);
  readonly duration: HistogramCells = this.histogram(ENCODE_DURATION_BUCKETS);
  readonly batchEvents: HistogramCells = this.histogram(BATCH_EVENT_BUCKETS);
}

export const ENCODER_CELLS: EncoderCells = new EncoderCells();
