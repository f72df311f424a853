/** The metrics of what is read of engines, and of what becomes of it before the ring. MAIN THREAD; data. */
import { EVENT_AGE_BUCKETS, POLL_DURATION_BUCKETS } from "./engine-counters.ts";
import { type CatalogueSection, counter, gauge, histogram } from "./metric-definition.ts";

export const SOURCE: CatalogueSection = {
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

export const NORMALISE: CatalogueSection = {
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
      "Events that kvcast adds itself: clears, so that subscribers drop blocks they can no longer trust, and with --publish-tier-moves what else an entry says of other media (tier_move).",
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
