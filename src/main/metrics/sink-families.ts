/**
 * The families of the sinks: what each was handed, sent and dropped. MAIN THREAD. A sink has series only while it is on: one
 * that was turned off is not one that is down.
 */
import {
  EVENT_TYPES,
  type HistogramCells,
  PUBLISHER_CELLS,
  SINK_DROP_REASONS,
  SINK_ERROR_REASONS,
} from "../../shared/counters.ts";
import type { Family, HistogramSeries, Labels, Series } from "./cell-metric.ts";
import type { PipelineView, SinkName } from "./pipeline-view.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";

/** Cells of the publisher's block that both sinks have. */
interface SinkCells {
  readonly up: number;
  readonly sentEvents: number;
  readonly sentBatches: number;
  readonly sentBytes: number;
  readonly droppedEvents: number;
  readonly errors: number;
  readonly inflightBatches: number;
  readonly lastSuccessSeconds: number;
  readonly publishDuration: HistogramCells;
}

const CELLS: Readonly<Record<SinkName, SinkCells>> = {
  zmq: {
    up: PUBLISHER_CELLS.zmqUp,
    sentEvents: PUBLISHER_CELLS.zmqSentEvents,
    sentBatches: PUBLISHER_CELLS.zmqSentBatches,
    sentBytes: PUBLISHER_CELLS.zmqSentBytes,
    droppedEvents: PUBLISHER_CELLS.zmqDroppedEvents,
    errors: PUBLISHER_CELLS.zmqErrors,
    inflightBatches: PUBLISHER_CELLS.zmqInflightBatches,
    lastSuccessSeconds: PUBLISHER_CELLS.zmqLastSuccessSeconds,
    publishDuration: PUBLISHER_CELLS.publishDuration,
  },
  nats: {
    up: PUBLISHER_CELLS.natsUp,
    sentEvents: PUBLISHER_CELLS.natsSentEvents,
    sentBatches: PUBLISHER_CELLS.natsSentBatches,
    sentBytes: PUBLISHER_CELLS.natsSentBytes,
    droppedEvents: PUBLISHER_CELLS.natsDroppedEvents,
    errors: PUBLISHER_CELLS.natsErrors,
    inflightBatches: PUBLISHER_CELLS.natsInflightBatches,
    lastSuccessSeconds: PUBLISHER_CELLS.natsLastSuccessSeconds,
    publishDuration: PUBLISHER_CELLS.natsPublishDuration,
  },
};
const NATS: Labels = { sink: "nats" };

export function sinkFamilies(pipeline: PipelineView, snapshot: SharedSnapshot): readonly Family[] {
  const sinks = (): readonly SinkName[] => pipeline.sinks();
  const cell = (index: (cells: SinkCells) => number) => (): readonly Series[] =>
    sinks().map((sink) => ({ labels: { sink }, read: () => snapshot.publisher(index(CELLS[sink])) }));
  const column =
    (index: (cells: SinkCells) => number, label: string, values: readonly string[]) => (): readonly Series[] =>
      sinks().flatMap((sink) =>
        values.map((value, i) => ({
          labels: { sink, [label]: value },
          read: () => snapshot.publisher(index(CELLS[sink]) + i),
        })),
      );
  const nats = (index: number) => (): readonly Series[] =>
    sinks().includes("nats") ? [{ labels: NATS, read: () => snapshot.publisher(index) }] : [];
  const histogram = (sink: SinkName, from: HistogramCells): HistogramSeries => ({
    labels: { sink },
    addTo: (cells) => snapshot.addPublisherHistogram(from, cells),
  });
  return [
    { name: "sink_up", series: cell((cells) => cells.up) },
    { name: "sink_sent_events_total", series: column((cells) => cells.sentEvents, "event_type", EVENT_TYPES) },
    { name: "sink_sent_batches_total", series: cell((cells) => cells.sentBatches) },
    { name: "sink_sent_bytes_total", series: cell((cells) => cells.sentBytes) },
    { name: "sink_dropped_events_total", series: column((cells) => cells.droppedEvents, "reason", SINK_DROP_REASONS) },
    { name: "sink_errors_total", series: column((cells) => cells.errors, "reason", SINK_ERROR_REASONS) },
    { name: "sink_inflight_batches", series: cell((cells) => cells.inflightBatches) },
    { name: "sink_last_success_timestamp_seconds", series: cell((cells) => cells.lastSuccessSeconds) },
    {
      name: "sink_publish_duration_seconds",
      histograms: () => sinks().map((sink) => histogram(sink, CELLS[sink].publishDuration)),
    },
    { name: "sink_pending_events", series: nats(PUBLISHER_CELLS.natsPendingEvents) },
    { name: "sink_pending_bytes", series: nats(PUBLISHER_CELLS.natsPendingBytes) },
    {
      name: "sink_inflight_limit_batches",
      series: () => (sinks().includes("nats") ? [{ labels: NATS, read: () => pipeline.natsMaxInFlight }] : []),
    },
    { name: "sink_retries_total", series: nats(PUBLISHER_CELLS.natsRetries) },
    { name: "sink_reconnects_total", series: nats(PUBLISHER_CELLS.natsReconnects) },
    { name: "sink_duplicate_acks_total", series: nats(PUBLISHER_CELLS.natsDuplicateAcks) },
    {
      name: "sink_ack_duration_seconds",
      histograms: () => (sinks().includes("nats") ? [histogram("nats", PUBLISHER_CELLS.natsAckDuration)] : []),
    },
  ];
}
