/**
 * Everything that the live view makes rates and percentiles of, as it stands at one moment. MAIN THREAD.
 *
 * Read once a second, and once more for each snapshot; two of them give what happened in between. The publisher's counters
 * come first and main's own in the same step, as for a scrape, so no stage shows more going out than came in.
 */
import { EVENT_TYPES, SINK_DROP_REASONS } from "../../shared/counter-labels.ts";
import type { HistogramCells } from "../../shared/counter-table.ts";
import { ENCODER_CELLS } from "../../shared/encoder-cells.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import { SINK_ERROR_REASONS } from "../../shared/counter-labels.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { PipelineView, SinkName } from "../metrics/pipeline-view.ts";
import type { SharedSnapshot } from "../metrics/shared-snapshot.ts";

/** Counts by bucket, not cumulative, +Inf last. */
export type Buckets = Float64Array;

export interface EngineTotals {
  readonly received: number;
  readonly enqueued: number;
  readonly missing: number;
  readonly resets: number;
  readonly duplicates: number;
  readonly filtered: number;
  readonly invalid: number;
  readonly injected: number;
  readonly errors: number;
  readonly stored: number;
  readonly removed: number;
  readonly droppedAtShutdown: number;
  readonly poll: Buckets;
  readonly age: Buckets;
  /** Highest event id by rank, -1 before the first; the last cell is of all further ranks. */
  readonly lastEventId: Float64Array;
}

export interface SinkTotals {
  readonly name: SinkName;
  readonly sent: number;
  readonly batches: number;
  readonly dropped: number;
  readonly errors: number;
  readonly publish: Buckets;
}

export interface Totals {
  /** Monotonic. */
  readonly atMs: number;
  readonly engines: readonly EngineTotals[];
  readonly enqueued: number;
  readonly dequeued: number;
  readonly ringDropped: number;
  readonly ringFullSeconds: number;
  readonly ringWait: Buckets;
  readonly encodeDropped: number;
  readonly encode: Buckets;
  readonly sinks: readonly SinkTotals[];
  readonly queueFull: number;
  readonly latency: Buckets;
  /** Restarts of threads. */
  readonly restarts: number;
}

export function readTotals(
  pipeline: PipelineView,
  snapshot: SharedSnapshot,
  engines: readonly EngineCounters[],
  nowMs: number,
): Totals {
  const cell = (index: number): number => snapshot.publisher(index);
  const givenUp = engines.reduce((sum, { droppedAtShutdown }) => sum + droppedAtShutdown, 0);
  return {
    atMs: nowMs,
    sinks: pipeline.sinks().map((name) => sinkTotals(name, snapshot)),
    dequeued: cell(PUBLISHER_CELLS.dequeuedEvents),
    encodeDropped: cell(PUBLISHER_CELLS.poisonedEvents),
    queueFull: cell(PUBLISHER_CELLS.zmqQueueFull),
    latency: publisherBuckets(snapshot, PUBLISHER_CELLS.pipelineLatency),
    encode: bucketsOf(ENCODER_CELLS.duration, (cells) => snapshot.addEncoderHistogram(ENCODER_CELLS.duration, cells)),
    restarts: snapshot.workers.reduce((sum, { restarts }) => sum + total(restarts), 0),
    engines: engines.map(engineTotals),
    enqueued: pipeline.enqueuedEvents(),
    ringDropped: total(pipeline.ringDropped) + givenUp,
    ringFullSeconds: pipeline.ringFullSeconds(),
    ringWait: pipeline.ringWait.counts.slice(),
  };
}

function engineTotals(counters: EngineCounters): EngineTotals {
  return {
    received: counters.receivedEvents,
    enqueued: counters.enqueued,
    missing: counters.missingIds.reduce((sum, count) => sum + count, 0),
    resets: counters.resets,
    duplicates: counters.duplicates,
    filtered: total(counters.filtered),
    invalid: total(counters.invalid),
    injected: total(counters.injected),
    errors: total(counters.errors),
    stored: counters.storedBlocks,
    removed: counters.removedBlocks,
    droppedAtShutdown: counters.droppedAtShutdown,
    poll: counters.pollDuration.counts.slice(),
    age: counters.eventAge.counts.slice(),
    lastEventId: counters.lastEventId.slice(),
  };
}

function sinkTotals(name: SinkName, snapshot: SharedSnapshot): SinkTotals {
  const isZmq = name === "zmq";
  const column = (first: number, width: number): number => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += snapshot.publisher(first + i);
    return sum;
  };
  const { zmqSentEvents, natsSentEvents, zmqDroppedEvents, natsDroppedEvents } = PUBLISHER_CELLS;
  return {
    name,
    sent: column(isZmq ? zmqSentEvents : natsSentEvents, EVENT_TYPES.length),
    batches: snapshot.publisher(isZmq ? PUBLISHER_CELLS.zmqSentBatches : PUBLISHER_CELLS.natsSentBatches),
    dropped: column(isZmq ? zmqDroppedEvents : natsDroppedEvents, SINK_DROP_REASONS.length),
    errors: column(isZmq ? PUBLISHER_CELLS.zmqErrors : PUBLISHER_CELLS.natsErrors, SINK_ERROR_REASONS.length),
    publish: publisherBuckets(snapshot, isZmq ? PUBLISHER_CELLS.publishDuration : PUBLISHER_CELLS.natsPublishDuration),
  };
}

function publisherBuckets(snapshot: SharedSnapshot, histogram: HistogramCells): Buckets {
  return bucketsOf(histogram, (cells) => snapshot.addPublisherHistogram(histogram, cells));
}

/** Without the sum behind them. */
function bucketsOf({ width }: HistogramCells, addTo: (cells: Float64Array) => void): Buckets {
  const cells = new Float64Array(width);
  addTo(cells);
  return cells.subarray(0, width - 1);
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
