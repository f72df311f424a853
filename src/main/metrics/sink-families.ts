/**
 * The families of the sinks: what each was handed, sent and dropped. MAIN THREAD. A sink has series only while it is on: one
 * that was turned off is not one that is down. NATS that gets load and no events has those of its connection.
 */
import { EVENT_TYPES, SINK_DROP_REASONS, SINK_ERROR_REASONS } from "../../shared/counter-labels.ts";
import type { HistogramCells } from "../../shared/counter-table.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
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
  readonly pipelineLatency: HistogramCells;
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
    pipelineLatency: PUBLISHER_CELLS.pipelineLatency,
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
    pipelineLatency: PUBLISHER_CELLS.natsPipelineLatency,
  },
};
const NATS: Labels = { sink: "nats" };
const NATS_ONLY: readonly SinkName[] = ["nats"];

export function sinkFamilies(pipeline: PipelineView, snapshot: SharedSnapshot): readonly Family[] {
  const sinks = (): readonly SinkName[] => pipeline.sinks();
  const connections = (): readonly SinkName[] => [...sinks(), ...(pipeline.natsUse === "load" ? NATS_ONLY : [])];
  const cell =
    (index: (cells: SinkCells) => number, of: () => readonly SinkName[] = sinks) =>
    (): readonly Series[] =>
      of().map((sink) => ({ labels: { sink }, read: () => snapshot.publisher(index(CELLS[sink])) }));
  const column =
    (
      index: (cells: SinkCells) => number,
      label: string,
      values: readonly string[],
      of: () => readonly SinkName[] = sinks,
    ) =>
    (): readonly Series[] =>
      of().flatMap((sink) =>
        values.map((value, i) => ({
          labels: { sink, [label]: value },
          read: () => snapshot.publisher(index(CELLS[sink]) + i),
        })),
      );
  const nats =
    (index: number, of: () => readonly SinkName[] = sinks) =>
    (): readonly Series[] =>
      of().includes("nats") ? [{ labels: NATS, read: () => snapshot.publisher(index) }] : [];
  const histogram = (sink: SinkName, from: HistogramCells): HistogramSeries => ({
    labels: { sink },
    addTo: (cells) => snapshot.addPublisherHistogram(from, cells),
  });
  const heartbeats: Series = { labels: {}, read: () => snapshot.publisher(PUBLISHER_CELLS.heartbeats) };
  const sequence: Series = {
    labels: {},
    read: () => {
      const last = snapshot.publisher(PUBLISHER_CELLS.publishedSequence);
      return last < 0 ? null : last;
    },
  };
  return [
    { name: "sink_up", series: cell((cells) => cells.up, connections) },
    { name: "sink_sent_events_total", series: column((cells) => cells.sentEvents, "event_type", EVENT_TYPES) },
    { name: "sink_sent_batches_total", series: cell((cells) => cells.sentBatches) },
    { name: "sink_sent_bytes_total", series: cell((cells) => cells.sentBytes) },
    { name: "sink_dropped_events_total", series: column((cells) => cells.droppedEvents, "reason", SINK_DROP_REASONS) },
    { name: "sink_errors_total", series: column((cells) => cells.errors, "reason", SINK_ERROR_REASONS, connections) },
    { name: "sink_inflight_batches", series: cell((cells) => cells.inflightBatches) },
    { name: "sink_last_success_timestamp_seconds", series: cell((cells) => cells.lastSuccessSeconds) },
    {
      name: "sink_publish_duration_seconds",
      histograms: () => sinks().map((sink) => histogram(sink, CELLS[sink].publishDuration)),
    },
    {
      name: "pipeline_latency_seconds",
      histograms: () => sinks().map((sink) => histogram(sink, CELLS[sink].pipelineLatency)),
    },
    { name: "heartbeats_total", series: () => (sinks().length === 0 ? [] : [heartbeats]) },
    { name: "published_sequence", series: () => (sinks().length === 0 ? [] : [sequence]) },
    { name: "sink_pending_events", series: nats(PUBLISHER_CELLS.natsPendingEvents) },
    { name: "sink_pending_bytes", series: nats(PUBLISHER_CELLS.natsPendingBytes) },
    {
      name: "sink_inflight_limit_batches",
      series: () => (sinks().includes("nats") ? [{ labels: NATS, read: () => pipeline.natsMaxInFlight }] : []),
    },
    { name: "sink_retries_total", series: nats(PUBLISHER_CELLS.natsRetries) },
    { name: "sink_reconnects_total", series: nats(PUBLISHER_CELLS.natsReconnects, connections) },
    { name: "sink_duplicate_acks_total", series: nats(PUBLISHER_CELLS.natsDuplicateAcks) },
    {
      name: "sink_ack_duration_seconds",
      histograms: () => (sinks().includes("nats") ? [histogram("nats", PUBLISHER_CELLS.natsAckDuration)] : []),
    },
  ];
}
