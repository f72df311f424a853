/**
 * The families of the ring, the encoders, the sink and the threads. MAIN THREAD.
 * Numbers of other threads come from the snapshot of the running scrape, the ring's own from the pipeline.
 */
import { REFUSAL_REASONS } from "../curve/refusals.ts";
import { ENCODE_ERROR_REASONS, REPLAY_OUTCOMES } from "../../shared/counter-labels.ts";
import type { HistogramCells } from "../../shared/counter-table.ts";
import { ENCODER_CELLS } from "../../shared/encoder-cells.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import { addHistogram, type Family, type HistogramSeries, type Labels, type Series } from "./cell-metric.ts";
import type { EngineCounters } from "./engine-counters.ts";
import { type PipelineView, RING_DROP_REASONS, WORKER_RESTART_REASONS } from "./pipeline-view.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import { sinkFamilies } from "./sink-families.ts";

const NO_LABELS: Labels = {};
const GUARDED_SOCKETS = ["live", "replay"] as const;
const NO_SERIES: readonly Series[] = [];
const NO_HISTOGRAMS: readonly HistogramSeries[] = [];

function single(read: () => number | null): () => readonly Series[] {
  const series: readonly Series[] = [{ labels: NO_LABELS, read }];
  return () => series;
}

function labelled(
  labels: Labels,
  label: string,
  values: readonly string[],
  read: (index: number) => number,
): readonly Series[] {
  return values.map((value, i) => ({ labels: { ...labels, [label]: value }, read: () => read(i) }));
}

function ringFamilies(
  pipeline: PipelineView,
  snapshot: SharedSnapshot,
  engines: readonly EngineCounters[],
): readonly Family[] {
  // What a source could not place at the end it counts itself, in the step in which it gives the event up.
  const givenUp = (): number => engines.reduce((sum, engine) => sum + engine.droppedAtShutdown, 0);
  const dropped: readonly Series[] = RING_DROP_REASONS.map((reason) => ({
    labels: { reason },
    read: () => pipeline.ringDropped[reason] + (reason === "shutdown" ? givenUp() : 0),
  }));
  const waits: readonly HistogramSeries[] = [
    { labels: NO_LABELS, addTo: (cells) => addHistogram(pipeline.ringWait, cells) },
  ];
  return [
    { name: "ring_capacity_slots", series: single(() => pipeline.ringCapacitySlots) },
    { name: "ring_occupied_slots", series: single(() => pipeline.occupiedSlots()) },
    { name: "ring_occupied_slots_max", series: single(() => pipeline.occupiedSlotsMax60s()) },
    { name: "ring_enqueued_events_total", series: single(() => pipeline.enqueuedEvents()) },
    {
      name: "ring_dequeued_events_total",
      series: single(() => snapshot.publisher(PUBLISHER_CELLS.dequeuedEvents)),
    },
    { name: "ring_dropped_events_total", series: () => dropped },
    { name: "ring_full_seconds_total", series: single(() => pipeline.ringFullSeconds()) },
    { name: "ring_wait_seconds", histograms: () => waits },
  ];
}

function encodeFamilies(pipeline: PipelineView, snapshot: SharedSnapshot): readonly Family[] {
  const poisoned: readonly Series[] = [
    { labels: { reason: "poison" }, read: () => snapshot.publisher(PUBLISHER_CELLS.poisonedEvents) },
  ];
  const errors = labelled(NO_LABELS, "reason", ENCODE_ERROR_REASONS, (i) =>
    snapshot.encoders(ENCODER_CELLS.errors + i),
  );
  const histogram = (labels: Labels, from: HistogramCells): readonly HistogramSeries[] => [
    { labels, addTo: (cells) => snapshot.addEncoderHistogram(from, cells) },
  ];
  const durations = histogram({ codec: pipeline.codec }, ENCODER_CELLS.duration);
  const batches = histogram(NO_LABELS, ENCODER_CELLS.batchEvents);
  return [
    { name: "encode_dropped_events_total", series: () => poisoned },
    { name: "encode_duration_seconds", histograms: () => durations },
    { name: "encode_batch_events", histograms: () => batches },
    { name: "encoded_bytes_total", series: single(() => snapshot.encoders(ENCODER_CELLS.encodedBytes)) },
    { name: "encode_errors_total", series: () => errors },
  ];
}

/** What only the ZMQ sink has; series exist only while it is on. */
function zmqFamilies(pipeline: PipelineView, snapshot: SharedSnapshot): readonly Family[] {
  const cell = (index: number, labels: Labels): Series => ({ labels, read: () => snapshot.publisher(index) });
  const byEndpoint = (index: number) => (): readonly Series[] => {
    const endpoint = pipeline.zmqEndpoint();
    return endpoint === null ? NO_SERIES : [cell(index, { endpoint })];
  };
  const { gate } = pipeline;
  const refused: readonly Series[] =
    gate === null
      ? NO_SERIES
      : GUARDED_SOCKETS.flatMap((socket) =>
          REFUSAL_REASONS.map((reason) => ({ labels: { socket, reason }, read: () => gate.refused(socket, reason) })),
        );
  return [
    { name: "zmq_subscribers", series: byEndpoint(PUBLISHER_CELLS.zmqSubscribers) },
    { name: "zmq_high_water_mark_messages", series: byEndpoint(PUBLISHER_CELLS.zmqHighWaterMarkMessages) },
    { name: "zmq_subscriber_queue_full_total", series: byEndpoint(PUBLISHER_CELLS.zmqQueueFull) },
    { name: "zmq_refused_handshakes_total", series: () => refused },
    { name: "zmq_wait_subscribers_timeouts_total", series: byEndpoint(PUBLISHER_CELLS.waitSubscribersTimeouts) },
  ];
}

/** Series of replay exist only while it is on. */
function replayFamilies(pipeline: PipelineView, snapshot: SharedSnapshot): readonly Family[] {
  const on = (series: readonly Series[]) => (): readonly Series[] =>
    pipeline.replayEndpoint() === null ? NO_SERIES : series;
  const cell = (index: number): Series => ({ labels: NO_LABELS, read: () => snapshot.publisher(index) });
  const requests = labelled(NO_LABELS, "outcome", REPLAY_OUTCOMES, (i) =>
    snapshot.publisher(PUBLISHER_CELLS.replayRequests + i),
  );
  const durations: readonly HistogramSeries[] = [
    { labels: NO_LABELS, addTo: (cells) => snapshot.addPublisherHistogram(PUBLISHER_CELLS.replayDuration, cells) },
  ];
  const oldest: Series = {
    labels: NO_LABELS,
    read: () => {
      const sequence = snapshot.publisher(PUBLISHER_CELLS.replayOldestSequence);
      return sequence < 0 ? null : sequence;
    },
  };
  return [
    { name: "replay_requests_total", series: on(requests) },
    { name: "replay_sent_batches_total", series: on([cell(PUBLISHER_CELLS.replaySentBatches)]) },
    {
      name: "replay_duration_seconds",
      histograms: () => (pipeline.replayEndpoint() === null ? NO_HISTOGRAMS : durations),
    },
    { name: "replay_sessions", series: on([cell(PUBLISHER_CELLS.replaySessions)]) },
    { name: "replay_buffer_batches", series: on([cell(PUBLISHER_CELLS.replayBatches)]) },
    { name: "replay_buffer_capacity_batches", series: on([cell(PUBLISHER_CELLS.replayCapacityBatches)]) },
    { name: "replay_buffer_bytes", series: on([cell(PUBLISHER_CELLS.replayBytes)]) },
    { name: "replay_buffer_capacity_bytes", series: on([cell(PUBLISHER_CELLS.replayCapacityBytes)]) },
    { name: "replay_buffer_oldest_sequence", series: on([oldest]) },
  ];
}

function workerFamilies(snapshot: SharedSnapshot): readonly Family[] {
  return [
    {
      name: "worker_up",
      series: () => snapshot.workers.map(({ name, up }) => ({ labels: { worker: name }, read: () => (up ? 1 : 0) })),
    },
    {
      name: "worker_restarts_total",
      series: () =>
        snapshot.workers.flatMap(({ name, restarts }) =>
          WORKER_RESTART_REASONS.map((reason) => ({
            labels: { worker: name, reason },
            read: () => restarts[reason],
          })),
        ),
    },
    {
      name: "worker_heartbeat_timestamp_seconds",
      series: () => [
        { labels: { worker: "publisher" }, read: () => snapshot.publisher(PUBLISHER_CELLS.publisherBeatSeconds) },
      ],
    },
    { name: "main_stalls_total", series: single(() => snapshot.publisher(PUBLISHER_CELLS.mainStalls)) },
    { name: "main_stalled", series: single(() => snapshot.publisher(PUBLISHER_CELLS.mainStalled)) },
    {
      name: "main_longest_stall_seconds",
      series: single(() => snapshot.publisher(PUBLISHER_CELLS.mainLongestStallSeconds)),
    },
  ];
}

export function pipelineFamilies(
  pipeline: PipelineView,
  snapshot: SharedSnapshot,
  engines: readonly EngineCounters[],
): readonly Family[] {
  return [
    ...ringFamilies(pipeline, snapshot, engines),
    ...encodeFamilies(pipeline, snapshot),
    ...sinkFamilies(pipeline, snapshot),
    ...zmqFamilies(pipeline, snapshot),
    ...replayFamilies(pipeline, snapshot),
    ...workerFamilies(snapshot),
  ];
}
