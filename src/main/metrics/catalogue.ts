/**
 * Every metric of our own, as data: name, type, help, labels. MAIN THREAD.
 *
 * The families register from this list and the reference page is made of it, so a metric cannot exist undocumented.
 * Names are without the prefix `kvcast_`. HELP texts speak to an operator: what it is, in which unit, and what a
 * change of it means.
 */
import {
  BATCH_EVENT_BUCKETS,
  ENCODE_DURATION_BUCKETS,
  PUBLISH_DURATION_BUCKETS,
  REPLAY_DURATION_BUCKETS,
  SNAPSHOT_DURATION_BUCKETS,
} from "../../shared/counters.ts";
import { CONSOLIDATOR } from "./consolidator-catalogue.ts";
import { ROUTER_INDEX } from "./router-index-catalogue.ts";
import { COMPONENT, DERIVED, ENGINE_DATA } from "./data-catalogue.ts";
import { ENGINE_PAGE } from "./engine-page-catalogue.ts";
import { EVENT_AGE_BUCKETS, POLL_DURATION_BUCKETS } from "./engine-counters.ts";
import { type CatalogueSection, counter, gauge, histogram } from "./metric-definition.ts";
import { RING_WAIT_BUCKETS } from "./pipeline-view.ts";

export { type CatalogueSection, METRIC_PREFIX, type MetricDefinition } from "./metric-definition.ts";

const SOURCE: CatalogueSection = {
  title: "Source",
  metrics: [
    gauge(
      "source_up",
      ["engine", "kind"],
      "1 while the last read of the engine succeeded, 0 otherwise; of one read over ZMQ, while all connections to it stand.",
    ),
    counter("source_polls_total", ["engine", "kind", "outcome"], "Polls of the engine by outcome."),
    histogram(
      "source_poll_duration_seconds",
      ["engine", "kind"],
      POLL_DURATION_BUCKETS,
      "Time from sending a poll to the last byte of the answer.",
    ),
    gauge(
      "source_poll_backoff_seconds",
      ["engine", "kind"],
      "Pause before the next poll; it grows while the engine is idle or failing.",
    ),
    counter(
      "source_errors_total",
      ["engine", "kind", "reason"],
      "Reads that failed, by reason: polls; of an engine read over ZMQ, connections that were lost (connect) and replays " +
        "that did not come in time (timeout) or in another framing (schema).",
    ),
    counter(
      "source_received_events_total",
      ["engine", "event_type"],
      "Events that the engine sent, by type, before any rule; other is an entry of unknown or no type, or a " +
        "message that could not be decoded.",
    ),
    counter(
      "source_received_bytes_total",
      ["engine"],
      "Bytes of engine answers, or of messages that the engine published.",
    ),
    counter(
      "source_sequence_gaps_total",
      ["engine", "dp_rank"],
      "Missing engine event ids: events lost before kvcast could read them, usually because the engine's own event " +
        "buffer overflowed or another client reads it too. Of an engine read over ZMQ, missing messages that no replay " +
        "brought; where one socket carries all ranks, dp_rank is other.",
    ),
    counter(
      "source_healed_messages_total",
      ["engine"],
      "Messages of an engine read over ZMQ that were missed, or sent before kvcast came, and that a replay brought.",
    ),
    counter(
      "source_sequence_resets_total",
      ["engine"],
      "Restarts of an engine rank, recognised by its event ids, or the numbers of its messages, starting over.",
    ),
    gauge(
      "rank_dirty",
      ["engine", "dp_rank"],
      "1 from the moment event ids of the engine rank are missing until it is cleared, 0 otherwise.",
    ),
    counter("source_duplicate_events_total", ["engine"], "Events dropped because their id equals the one before."),
    counter(
      "source_out_of_order_events_total",
      ["engine"],
      "Events delivered although their id is lower than one seen before.",
    ),
    counter(
      "source_unknown_rank_events_total",
      ["engine"],
      "Events published for an attention-DP rank outside the configured size. With several engines there are none: their " +
        "numbers are other engines', and filtered_events_total counts them.",
    ),
    gauge(
      "source_last_event_id",
      ["engine", "dp_rank"],
      "Highest event id seen from the engine rank, or number of its last message; no series before its first event.",
    ),
    gauge(
      "source_last_event_timestamp_seconds",
      ["engine"],
      "Unix time at which the last event was read; 0 before the first.",
    ),
  ],
};

/** How old events are, by what is known of it; see docs/performance-data.md. */
const AGE_METRICS: CatalogueSection["metrics"] = [
  histogram(
    "event_age_seconds",
    ["engine", "source"],
    EVENT_AGE_BUCKETS,
    "Age of events when they were read. previous_drain: time since the drain before was complete, the most that it can be; " +
      "engine_timestamp: by the time that the engine put on the batch.",
  ),
  counter(
    "event_age_negative_total",
    ["engine"],
    "Events whose time stamp lies in the future, because the engine's clock is ahead; their age counts as 0.",
  ),
  counter("source_stored_blocks_total", ["engine"], "Cache blocks that the published events of the engine stored."),
  counter("source_removed_blocks_total", ["engine"], "Cache blocks that they removed."),
];

const NORMALISE: CatalogueSection = {
  title: "Normalise",
  metrics: [
    ...AGE_METRICS,
    counter(
      "filtered_events_total",
      ["engine", "reason"],
      "Events left out on purpose, because subscribers have no use for them.",
    ),
    counter(
      "invalid_events_total",
      ["engine", "reason"],
      "Events that should have been published but are malformed; the stream goes on without them.",
    ),
    counter(
      "injected_events_total",
      ["engine", "reason"],
      "Clear events that kvcast adds itself, so that subscribers drop blocks they can no longer trust.",
    ),
    counter(
      "encode_dropped_events_total",
      ["reason"],
      "Events given up on because no encoder could encode their batch. Should stay 0.",
    ),
    gauge(
      "partial_blocks_tracked",
      ["engine"],
      "Hashes of partial blocks that are remembered in order to suppress their removal.",
    ),
  ],
};

const RING: CatalogueSection = {
  title: "Ring",
  metrics: [
    gauge("ring_capacity_slots", [], "Batch slots in the ring between the main thread and the publisher."),
    gauge("ring_occupied_slots", [], "Batch slots in use now."),
    gauge("ring_occupied_slots_max", [], "Most batch slots in use at once during the last 60 seconds."),
    counter("ring_enqueued_events_total", [], "Events accepted into the ring."),
    counter("ring_dequeued_events_total", [], "Events that the publisher took out of the ring."),
    counter(
      "ring_dropped_events_total",
      ["reason"],
      "Events that were valid but did not get into the ring, by reason. Should stay 0 except at shutdown.",
    ),
    counter(
      "ring_full_seconds_total",
      [],
      "Time in which reading the engine paused because the ring was full; a rising value means that publishing is " +
        "the bottleneck.",
    ),
    histogram("ring_wait_seconds", [], RING_WAIT_BUCKETS, "How long each pause for a full ring took."),
  ],
};

const ENCODE: CatalogueSection = {
  title: "Encode",
  metrics: [
    histogram("encode_duration_seconds", ["codec"], ENCODE_DURATION_BUCKETS, "Time to encode one batch."),
    histogram("encode_batch_events", [], BATCH_EVENT_BUCKETS, "Events in each encoded batch."),
    counter("encoded_bytes_total", [], "Bytes of encoded batches."),
    counter(
      "encode_errors_total",
      ["reason"],
      "Events that could not be encoded, by reason; each is left out of its batch and dropped as poison.",
    ),
  ],
};

const SINK: CatalogueSection = {
  title: "Sink",
  metrics: [
    gauge("sink_up", ["sink"], "1 while the sink can take batches, 0 otherwise."),
    counter(
      "sink_sent_events_total",
      ["sink", "event_type"],
      "Events handed over, by type. For zmq: accepted by the socket, whoever subscribes. For nats: confirmed, by an answer " +
        "of the server behind them, or by JetStream.",
    ),
    counter("sink_sent_batches_total", ["sink"], "Batches handed over."),
    counter("sink_sent_bytes_total", ["sink"], "Bytes of the batches handed over."),
    counter(
      "sink_dropped_events_total",
      ["sink", "reason"],
      "Events that the sink gave up on, by reason. Nothing that will be retried is counted.",
    ),
    counter("sink_errors_total", ["sink", "reason"], "Failed operations of the sink, by reason; retries may follow."),
    gauge("sink_inflight_batches", ["sink"], "Batches taken out of the ring and not yet sent or dropped."),
    gauge(
      "sink_last_success_timestamp_seconds",
      ["sink"],
      "Unix time of the last successful hand-over; 0 before the first.",
    ),
    histogram(
      "sink_publish_duration_seconds",
      ["sink"],
      PUBLISH_DURATION_BUCKETS,
      "Time to hand one batch to the sink.",
    ),
    gauge("sink_pending_events", ["sink"], "Events that wait for the sink or for its confirmation."),
    gauge("sink_pending_bytes", ["sink"], "Bytes of messages that wait for the sink or for its confirmation."),
    gauge(
      "sink_inflight_limit_batches",
      ["sink"],
      "Most batches that may be sent and not confirmed; sink_inflight_batches at this value means that the sink is slow.",
    ),
    counter("sink_retries_total", ["sink"], "Batches that were sent once more, after a lost connection or a refusal."),
    counter("sink_reconnects_total", ["sink"], "Connections after the first one."),
    counter(
      "sink_duplicate_acks_total",
      ["sink"],
      "Confirmations of batches that the stream already had, sent once more because the first confirmation was lost.",
    ),
    histogram(
      "sink_ack_duration_seconds",
      ["sink"],
      PUBLISH_DURATION_BUCKETS,
      "Time from sending a batch to its confirmation.",
    ),
    gauge("zmq_subscribers", ["endpoint"], "Subscriptions on the ZMQ endpoint now."),
    gauge(
      "zmq_high_water_mark_messages",
      ["endpoint"],
      "Messages that may queue for one slow ZMQ subscriber before it loses some; derived from the queue's bytes.",
    ),
    counter(
      "zmq_subscriber_queue_full_total",
      ["endpoint"],
      "Messages that at least one subscriber did not get because its queue had just become full. What it loses after " +
        "that one, until it has read half its queue, libzmq does not tell: a rise means that subscribers lose messages, " +
        "not how many.",
    ),
    counter(
      "zmq_wait_subscribers_timeouts_total",
      ["endpoint"],
      "Starts that went on without the number of ZMQ subscribers that was to be waited for.",
    ),
    counter("heartbeats_total", [], "Empty batches published after a time of silence; only with --heartbeat."),
    gauge("published_sequence", [], "Sequence number of the last published message; no series before the first."),
    histogram(
      "pipeline_latency_seconds",
      ["sink"],
      PUBLISH_DURATION_BUCKETS,
      "Time from accepting the first event of a batch to handing the batch over.",
    ),
  ],
};

const INDEX: CatalogueSection = {
  title: "Index and snapshots",
  metrics: [
    gauge("index_blocks", [], "Live blocks in the index; only with --snapshot, as all in this section."),
    gauge("index_memory_bytes", [], "Memory of the index."),
    gauge(
      "index_complete",
      [],
      "1 while the index has all blocks, as far as is known; 0 when it lost some, or kvcast came later than they did.",
    ),
    counter(
      "index_refused_blocks_total",
      [],
      "Stored blocks that the index had no room for. When it rises, --snapshot-max-blocks is too low.",
    ),
    counter("index_unknown_removed_blocks_total", [], "Removed blocks that the index did not have."),
    gauge(
      "index_coverage_ratio",
      ["engine"],
      "Blocks of the engine in the index for each block that its own statistics show in use; below 1, the engine holds blocks " +
        "that kvcast never heard of. Above 1 is usual where the engine counts only what running requests hold. No series " +
        "without such statistics.",
    ),
    gauge("snapshots_open", [], "Snapshots that are being handed out now."),
    counter(
      "snapshots_total",
      ["outcome"],
      "Snapshots asked for, by how they ended: handed out in full, the asker left, or refused or broken off with a reason.",
    ),
    histogram(
      "snapshot_duration_seconds",
      [],
      SNAPSHOT_DURATION_BUCKETS,
      "Time from the request to the last piece, of snapshots that were handed out in full.",
    ),
  ],
};

const REPLAY: CatalogueSection = {
  title: "Replay",
  metrics: [
    counter(
      "replay_requests_total",
      ["outcome"],
      "Requests to the replay socket by outcome, counted when their end marker is sent or given up. complete: from the " +
        "number asked for to the newest, nothing missing; partial: the oldest were kept no more; too_old: none of it was " +
        "sent; limited: too many at once; expired: the client took nothing for 10 s; gone: it left before the end.",
    ),
    counter("replay_sent_batches_total", [], "Messages sent again on the replay socket."),
    histogram(
      "replay_duration_seconds",
      [],
      REPLAY_DURATION_BUCKETS,
      "Time from a request on the replay socket to its end marker.",
    ),
    gauge("replay_sessions", [], "Clients of the replay socket that are being served now."),
    gauge("replay_buffer_batches", [], "Messages kept for replay."),
    gauge("replay_buffer_capacity_batches", [], "Most messages that are kept for replay."),
    gauge("replay_buffer_bytes", [], "Bytes of the messages kept for replay."),
    gauge("replay_buffer_capacity_bytes", [], "Most bytes of messages that are kept for replay."),
    gauge(
      "replay_buffer_oldest_sequence",
      [],
      "Sequence number of the oldest message kept for replay; no series while there is none.",
    ),
  ],
};

const THREADS: CatalogueSection = {
  title: "Threads",
  metrics: [
    gauge("worker_up", ["worker"], "1 while the worker thread runs, 0 otherwise."),
    counter("worker_restarts_total", ["worker", "reason"], "Restarts of the worker thread, by reason."),
    counter(
      "main_stalls_total",
      [],
      "Times that the main thread did not turn for more than 1.5 s: no reading of the engine, no HTTP. Should stay 0.",
    ),
    gauge("main_stalled", [], "1 for half a second after such a stall; during it no scrape is answered."),
    gauge("main_longest_stall_seconds", [], "The longest of these stalls; 0 without one."),
  ],
};

export const SERVICE: CatalogueSection = {
  title: "Service",
  metrics: [
    counter(
      "http_requests_total",
      ["handler", "code"],
      "HTTP requests answered, by handler and status; other stands for requests that reached no handler.",
    ),
    counter("log_messages_total", ["level"], "Log lines written, by level."),
    gauge("epoch_info", ["epoch"], "Always 1; the label names the run of sequence numbers."),
    gauge("epoch_start_timestamp_seconds", [], "Unix time at which that run began."),
    gauge("build_info", ["version", "node"], "Always 1; the labels name the versions of kvcast and Node."),
  ],
};

/** In the order of the page. */
export const CATALOGUE: readonly CatalogueSection[] = [
  SOURCE,
  ENGINE_PAGE,
  NORMALISE,
  ENGINE_DATA,
  CONSOLIDATOR,
  RING,
  ENCODE,
  SINK,
  REPLAY,
  INDEX,
  THREADS,
  ROUTER_INDEX,
  SERVICE,
  COMPONENT,
  DERIVED,
];
