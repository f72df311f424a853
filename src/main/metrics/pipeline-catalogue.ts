/** The metrics of the ring and of what lies behind it: encoders, sinks, replay, index, threads. MAIN THREAD; data. */
import {
  BATCH_EVENT_BUCKETS,
  ENCODE_DURATION_BUCKETS,
  PUBLISH_DURATION_BUCKETS,
  REPLAY_DURATION_BUCKETS,
  SNAPSHOT_DURATION_BUCKETS,
} from "../../shared/counter-buckets.ts";
import { type CatalogueSection, counter, gauge, histogram } from "./metric-definition.ts";
import { RING_WAIT_BUCKETS } from "./pipeline-view.ts";

export const RING: CatalogueSection = {
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

export const ENCODE: CatalogueSection = {
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

export const SINK: CatalogueSection = {
  title: "Sink",
  metrics: [
    gauge(
      "sink_up",
      ["sink"],
      "1 while the sink can take batches, 0 otherwise; also of NATS that gets load alone, as sink_errors_total and " +
        "sink_reconnects_total.",
    ),
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
    counter(
      "zmq_refused_handshakes_total",
      ["socket", "reason"],
      "Clients that knew this service's public key and were refused, by socket and reason; only with " +
        "--zmq-curve-secret-key-file. Those without the right key never get so far and are not counted.",
    ),
    counter("heartbeats_total", [], "Empty batches published after a time of silence; only with --heartbeat."),
    gauge("published_sequence", [], "Sequence number of the last published message; no series before the first."),
    histogram(
      "pipeline_latency_seconds",
      ["sink"],
      PUBLISH_DURATION_BUCKETS,
      "Time from accepting the first event of a batch until it counts as sent: for zmq, handed to the socket; for nats, " +
        "confirmed.",
    ),
  ],
};

export const INDEX: CatalogueSection = {
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

export const REPLAY: CatalogueSection = {
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

export const THREADS: CatalogueSection = {
  title: "Threads",
  metrics: [
    gauge("worker_up", ["worker"], "1 while the worker thread runs, 0 otherwise."),
    counter("worker_restarts_total", ["worker", "reason"], "Restarts of the worker thread, by reason."),
    gauge(
      "worker_heartbeat_timestamp_seconds",
      ["worker"],
      "Unix time at which the thread last looked around, which it does several times a second. Only the publisher has it: " +
        "encoders and the indexer sleep while there is nothing to do, and one that hangs over its work is ended, which " +
        "worker_restarts_total counts (heartbeat).",
    ),
    counter(
      "main_stalls_total",
      [],
      "Times that the main thread did not turn for more than 1.5 s: no reading of the engine, no HTTP. Should stay 0.",
    ),
    gauge("main_stalled", [], "1 for half a second after such a stall; during it no scrape is answered."),
    gauge("main_longest_stall_seconds", [], "The longest of these stalls; 0 without one."),
  ],
};
