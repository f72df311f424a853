/**
 * All shared counter blocks as one scrape sees them. MAIN THREAD.
 *
 * Blocks are copied from the end of the pipeline to its start: index thread, publisher, encoders; the main
 * thread's own fields are read afterwards. What the publisher has counted, main has counted before, so no scrape can
 * show more events leaving a stage than entered it.
 */
import type { CounterBlock } from "../../shared/counter-block.ts";
import type { HistogramCells } from "../../shared/counter-table.ts";
import { ENCODER_CELLS } from "../../shared/encoder-cells.ts";
import { INDEX_CELLS } from "../../shared/index-cells.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import type { PipelineView, WorkerStatus } from "./pipeline-view.ts";

interface Copy {
  readonly block: CounterBlock;
  readonly cells: Float64Array;
}

function copyOf(block: CounterBlock, size: number): Copy {
  return { block, cells: new Float64Array(size) };
}

function addHistogram(from: Float64Array, { first, width }: HistogramCells, into: Float64Array): void {
  for (let i = 0; i < width; i++) into[i] = (into[i] ?? 0) + (from[first + i] ?? 0);
}

export class SharedSnapshot {
  readonly #pipeline: PipelineView;
  readonly #publisher: Copy;
  readonly #index: Copy | null;
  #encoders: readonly Copy[] = [];
  #workers: readonly WorkerStatus[] = [];

  constructor(pipeline: PipelineView) {
    this.#pipeline = pipeline;
    this.#publisher = copyOf(pipeline.publisher, PUBLISHER_CELLS.size);
    this.#index = pipeline.index === null ? null : copyOf(pipeline.index, INDEX_CELLS.size);
    this.refresh();
  }

  /**
   * Takes all blocks as they are now. To be followed by the reading of main's fields in the same synchronous step.
   * False when a block could not be had as of one moment; its thread then needs a little time to run.
   */
  refresh(): boolean {
    const { encoders } = this.#pipeline;
    if (encoders.length !== this.#encoders.length || encoders.some((block, i) => block !== this.#encoders[i]?.block)) {
      this.#encoders = encoders.map((block) => copyOf(block, ENCODER_CELLS.size));
    }
    let whole = this.#index?.block.snapshot(this.#index.cells) ?? true;
    whole = this.#publisher.block.snapshot(this.#publisher.cells) && whole;
    for (const { block, cells } of this.#encoders) whole = block.snapshot(cells) && whole;
    this.#workers = this.#pipeline.workers();
    return whole;
  }

  /** One cell of the publisher's block. */
  publisher(cell: number): number {
    return this.#publisher.cells[cell] ?? 0;
  }

  /** Adds a histogram of the publisher's block into `into`. */
  addPublisherHistogram(histogram: HistogramCells, into: Float64Array): void {
    addHistogram(this.#publisher.cells, histogram, into);
  }

  /** One cell of the index thread's block; 0 when there is none. */
  index(cell: number): number {
    return this.#index?.cells[cell] ?? 0;
  }

  addIndexHistogram(histogram: HistogramCells, into: Float64Array): void {
    if (this.#index !== null) addHistogram(this.#index.cells, histogram, into);
  }

  /** One cell, summed over the encoders. */
  encoders(cell: number): number {
    let sum = 0;
    for (const { cells } of this.#encoders) sum += cells[cell] ?? 0;
    return sum;
  }

  /** Adds a histogram of every encoder into `into`. */
  addEncoderHistogram(histogram: HistogramCells, into: Float64Array): void {
    for (const { cells } of this.#encoders) addHistogram(cells, histogram, into);
  }

  get workers(): readonly WorkerStatus[] {
    return this.#workers;
  }
}
