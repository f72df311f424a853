/** From the ring to subscribers, replay, the index, and the consolidator. */
import { type Board, quantiles, rateBy, series, stat, state } from "./board-model.ts";

const NATS = { absent: "No NATS" };
const REPLAY = { absent: "No replay" };
const INDEX = { absent: "No snapshots" };
const ROUTER = { absent: "No index" };
const CONSOLIDATOR = { absent: "No consolidator" };

export const PIPELINE: Board = {
  name: "pipeline",
  title: "kvcast / Pipeline",
  says: "The ring, the encoders, the sinks, replay, snapshots, the consolidator and the router's index.",
  rows: [
    {
      title: "Ring",
      panels: [
        series(
          "Slots in use",
          "short",
          "Now, and the most of the last 60 s, beside what there is. A full ring stops the reading.",
          [
            ["kvcast_ring_occupied_slots{$t}", "{{instance}} now"],
            ["kvcast_ring_occupied_slots_max{$t}", "{{instance}} most"],
            ["kvcast_ring_capacity_slots{$t}", "{{instance}} capacity"],
          ],
        ),
        series(
          "Time full",
          "percentunit",
          "Share of the time in which engines are not read because the ring is full. Normal is 0.",
          [[rateBy("kvcast_ring_full_seconds_total", "$t", "instance"), "{{instance}}"]],
          { yellow: 0.01, red: 0.1 },
        ),
        series("Wait for the ring", "s", "How long each pause took.", quantiles("kvcast_ring_wait_seconds", "$t")),
        series("Events through the ring", "eps", "In, out, and not let in.", [
          [rateBy("kvcast_ring_enqueued_events_total", "$t", "instance"), "{{instance}} in"],
          [rateBy("kvcast_ring_dequeued_events_total", "$t", "instance"), "{{instance}} out"],
          [rateBy("kvcast_ring_dropped_events_total", "$t", "reason"), "dropped: {{reason}}"],
        ]),
      ],
    },
    {
      title: "Encode",
      panels: [
        series(
          "Time to encode a batch",
          "s",
          "By wire format.",
          quantiles("kvcast_encode_duration_seconds", "$t", "codec"),
        ),
        series(
          "Events in a batch",
          "short",
          "Larger under load: that is how the pipeline keeps up.",
          quantiles("kvcast_encode_batch_events", "$t"),
        ),
        series("Bytes an event", "bytes", "Encoded bytes for each event.", [
          [
            `${rateBy("kvcast_encoded_bytes_total", "$t", "instance")} / ${rateBy("kvcast_ring_dequeued_events_total", "$t", "instance")}`,
            "{{instance}}",
          ],
        ]),
        series("Events that cannot be encoded", "eps", "By reason, and those given up for it. Normal is 0.", [
          [rateBy("kvcast_encode_errors_total", "$t", "reason"), "{{reason}}"],
          [rateBy("kvcast_encode_dropped_events_total", "$t", "reason"), "given up: {{reason}}"],
        ]),
      ],
    },
    {
      title: "Sinks",
      panels: [
        state(
          "Sinks up",
          "bool_yes_no",
          "Whether each sink takes events.",
          [["kvcast_sink_up{$t}", "{{instance}} {{sink}}"]],
          { width: 8 },
        ),
        series(
          "Events out",
          "eps",
          "By sink and type.",
          [[rateBy("kvcast_sink_sent_events_total", "$t", "sink, event_type"), "{{sink}} {{event_type}}"]],
          { stacked: true },
        ),
        series(
          "Dropped",
          "eps",
          "Given up by a sink, by reason. buffer_full: NATS was away or slow for longer than its queue holds.",
          [[rateBy("kvcast_sink_dropped_events_total", "$t", "sink, reason"), "{{sink}} {{reason}}"]],
        ),
        series("Batches out", "cps", "By sink.", [
          [rateBy("kvcast_sink_sent_batches_total", "$t", "sink"), "{{sink}}"],
        ]),
        series("Bytes out", "Bps", "By sink.", [[rateBy("kvcast_sink_sent_bytes_total", "$t", "sink"), "{{sink}}"]]),
        series("Errors", "cps", "Failed operations, by reason; retries may follow.", [
          [rateBy("kvcast_sink_errors_total", "$t", "sink, reason"), "{{sink}} {{reason}}"],
        ]),
        series(
          "Retries and reconnects",
          "cps",
          "Batches sent once more, connections after the first, confirmations of what was there already.",
          [
            [rateBy("kvcast_sink_retries_total", "$t", "sink"), "{{sink}} retries"],
            [rateBy("kvcast_sink_reconnects_total", "$t", "sink"), "{{sink}} reconnects"],
            [rateBy("kvcast_sink_duplicate_acks_total", "$t", "sink"), "{{sink}} known already"],
          ],
          NATS,
        ),
        series(
          "Time to hand over",
          "s",
          "A batch to the sink.",
          quantiles("kvcast_sink_publish_duration_seconds", "$t", "sink"),
        ),
        series(
          "Time to confirm",
          "s",
          "From sending to the answer.",
          quantiles("kvcast_sink_ack_duration_seconds", "$t", "sink"),
          NATS,
        ),
        series(
          "From reading to sending",
          "s",
          "From accepting the first event of a batch to handing it over.",
          quantiles("kvcast_pipeline_latency_seconds", "$t", "sink"),
        ),
        series(
          "In flight",
          "short",
          "Batches sent and not confirmed, beside the limit. At the limit the sink is slow.",
          [
            ["kvcast_sink_inflight_batches{$t}", "{{instance}} {{sink}}"],
            ["kvcast_sink_inflight_limit_batches{$t}", "{{instance}} {{sink}} limit"],
          ],
        ),
        series(
          "Events that wait for a sink",
          "short",
          "In its queue, or for its confirmation.",
          [["kvcast_sink_pending_events{$t}", "{{instance}} {{sink}}"]],
          NATS,
        ),
        series(
          "Bytes that wait for a sink",
          "bytes",
          "The same in bytes; --nats-queue-bytes is the limit.",
          [["kvcast_sink_pending_bytes{$t}", "{{instance}} {{sink}}"]],
          NATS,
        ),
        stat(
          "Since the last success",
          "s",
          "Time since a sink last took a batch. Long is normal for an idle engine only.",
          [["time() - (kvcast_sink_last_success_timestamp_seconds{$t} > 0)", "{{instance}} {{sink}}"]],
          { width: 8, absent: "Nothing sent yet" },
        ),
        series(
          "Subscriptions",
          "short",
          "On each ZMQ endpoint. 0: nobody listens.",
          [["kvcast_zmq_subscribers{$t}", "{{endpoint}}"]],
          { absent: "No ZMQ" },
        ),
        series(
          "Slow subscribers",
          "cps",
          "Messages at which a subscriber's queue had just become full: from then on it misses some, until it has read half.",
          [[rateBy("kvcast_zmq_subscriber_queue_full_total", "$t", "endpoint"), "{{endpoint}}"]],
          { absent: "No ZMQ" },
        ),
        series(
          "Room for a slow subscriber",
          "short",
          "Messages that may queue for one.",
          [["kvcast_zmq_high_water_mark_messages{$t}", "{{endpoint}}"]],
          { absent: "No ZMQ" },
        ),
        series(
          "Sequence",
          "none",
          "Number of the last message. One that falls is a kvcast that began anew.",
          [["kvcast_published_sequence{$t}", "{{instance}}"]],
          { absent: "Nothing sent yet" },
        ),
        series(
          "Heartbeats, waits given up",
          "cps",
          "Empty batches after a silence (--heartbeat), and starts that went on without the subscribers that they waited for.",
          [
            [rateBy("kvcast_heartbeats_total", "$t", "instance"), "{{instance}} heartbeats"],
            [rateBy("kvcast_zmq_wait_subscribers_timeouts_total", "$t", "endpoint"), "{{endpoint}} waits given up"],
          ],
        ),
      ],
    },
    {
      title: "Replay",
      panels: [
        series(
          "Requests",
          "cps",
          "By outcome. too_old and partial: that subscriber must begin anew.",
          [[rateBy("kvcast_replay_requests_total", "$t", "outcome"), "{{outcome}}"]],
          REPLAY,
        ),
        series(
          "Messages sent again",
          "cps",
          "Each is one that a subscriber missed, or a start of one.",
          [[rateBy("kvcast_replay_sent_batches_total", "$t", "instance"), "{{instance}}"]],
          REPLAY,
        ),
        series(
          "Time for a replay",
          "s",
          "From the request to its end marker.",
          quantiles("kvcast_replay_duration_seconds", "$t"),
          REPLAY,
        ),
        series(
          "Clients",
          "short",
          "That are being served now.",
          [["kvcast_replay_sessions{$t}", "{{instance}}"]],
          REPLAY,
        ),
        series(
          "Messages kept",
          "short",
          "And the most that are kept.",
          [
            ["kvcast_replay_buffer_batches{$t}", "{{instance}} kept"],
            ["kvcast_replay_buffer_capacity_batches{$t}", "{{instance}} most"],
          ],
          REPLAY,
        ),
        series(
          "Bytes kept",
          "bytes",
          "And the most that are kept. Whichever limit is reached first holds.",
          [
            ["kvcast_replay_buffer_bytes{$t}", "{{instance}} kept"],
            ["kvcast_replay_buffer_capacity_bytes{$t}", "{{instance}} most"],
          ],
          REPLAY,
        ),
        series(
          "How far back",
          "short",
          "Messages between the oldest that is kept and the newest: who has missed more must begin anew.",
          [["kvcast_published_sequence{$t} - kvcast_replay_buffer_oldest_sequence{$t}", "{{instance}}"]],
          REPLAY,
        ),
      ],
    },
    {
      title: "Index and snapshots",
      panels: [
        series("Live blocks", "short", "In the index.", [["kvcast_index_blocks{$t}", "{{instance}}"]], INDEX),
        series(
          "Memory of the index",
          "bytes",
          "Bounded by --snapshot-max-blocks.",
          [["kvcast_index_memory_bytes{$t}", "{{instance}}"]],
          INDEX,
        ),
        state(
          "Index complete",
          "bool_yes_no",
          "No: it lost blocks, or kvcast came later than they did.",
          [["kvcast_index_complete{$t}", "{{instance}}"]],
          { ...INDEX, width: 8 },
        ),
        series(
          "Blocks beside the engine's",
          "percentunit",
          "Blocks in the index for each that the engine shows in use. Below 1 the engine holds blocks that kvcast never heard of.",
          [["kvcast_index_coverage_ratio{$e}", "{{engine}}"]],
          INDEX,
        ),
        series(
          "Blocks not taken, removals not known",
          "cps",
          "The first: --snapshot-max-blocks is too low.",
          [
            [rateBy("kvcast_index_refused_blocks_total", "$t", "instance"), "{{instance}} no room"],
            [rateBy("kvcast_index_unknown_removed_blocks_total", "$t", "instance"), "{{instance}} not known"],
          ],
          INDEX,
        ),
        series(
          "Snapshots",
          "cps",
          "By outcome.",
          [[rateBy("kvcast_snapshots_total", "$t", "outcome"), "{{outcome}}"]],
          INDEX,
        ),
        series(
          "Snapshots open",
          "short",
          "That are being handed out now.",
          [["kvcast_snapshots_open{$t}", "{{instance}}"]],
          INDEX,
        ),
        series(
          "Time for a snapshot",
          "s",
          "Handed out in full.",
          quantiles("kvcast_snapshot_duration_seconds", "$t"),
          INDEX,
        ),
      ],
    },
    {
      title: "Consolidator",
      panels: [
        state(
          "Sources up",
          "bool_yes_no",
          "Whether there is a connection to each.",
          [["kvcast_consolidator_source_up{$t}", "{{source}}"]],
          { ...CONSOLIDATOR, width: 8 },
        ),
        series(
          "Messages of sources",
          "cps",
          "Taken, replayed ones among them.",
          [[rateBy("kvcast_consolidator_source_messages_total", "$t", "source"), "{{source}}"]],
          CONSOLIDATOR,
        ),
        series(
          "Bytes of sources",
          "Bps",
          "Payload bytes of these.",
          [[rateBy("kvcast_consolidator_source_bytes_total", "$t", "source"), "{{source}}"]],
          CONSOLIDATOR,
        ),
        series(
          "Trouble with sources",
          "cps",
          "Lost for good, healed by replay, twice, begun anew, malformed, refused.",
          [
            [rateBy("kvcast_consolidator_source_lost_messages_total", "$t", "source"), "{{source}} lost"],
            [rateBy("kvcast_consolidator_source_healed_messages_total", "$t", "source"), "{{source}} healed"],
            [rateBy("kvcast_consolidator_source_duplicate_messages_total", "$t", "source"), "{{source}} twice"],
            [rateBy("kvcast_consolidator_source_restarts_total", "$t", "source"), "{{source}} began anew"],
            [rateBy("kvcast_consolidator_source_malformed_messages_total", "$t", "source"), "{{source}} malformed"],
            [rateBy("kvcast_consolidator_refused_messages_total", "$t", "source"), "{{source}} refused"],
          ],
          CONSOLIDATOR,
        ),
        series(
          "Events of sources",
          "eps",
          "Read, applied, and without effect by reason.",
          [
            [rateBy("kvcast_consolidator_received_events_total", "$t", "source"), "{{source}} read"],
            [rateBy("kvcast_consolidator_applied_events_total", "$t", "source"), "{{source}} applied"],
            [rateBy("kvcast_consolidator_skipped_events_total", "$t", "source, reason"), "{{source}} {{reason}}"],
          ],
          CONSOLIDATOR,
        ),
        series(
          "Since the last event",
          "s",
          "Of each source.",
          [["time() - (kvcast_consolidator_source_last_event_timestamp_seconds{$t} > 0)", "{{source}}"]],
          { absent: "No event yet" },
        ),
        series(
          "Operations on blocks",
          "cps",
          "Stored, removed, cleared.",
          [
            [
              rateBy("kvcast_consolidator_block_operations_total", "$t", "source, operation"),
              "{{source}} {{operation}}",
            ],
          ],
          CONSOLIDATOR,
        ),
        series(
          "Blocks with a story",
          "cps",
          "Told twice (that is the gain), removals of what is not held, without a known parent, withheld, refused for want of room.",
          [
            [rateBy("kvcast_consolidator_duplicate_blocks_total", "$t"), "told twice"],
            [rateBy("kvcast_consolidator_unknown_removes_total", "$t"), "removed, not held"],
            [rateBy("kvcast_consolidator_orphan_blocks_total", "$t"), "no known parent"],
            [rateBy("kvcast_consolidator_withheld_blocks_total", "$t"), "withheld"],
            [rateBy("kvcast_consolidator_refused_blocks_total", "$t"), "refused"],
          ],
          CONSOLIDATOR,
        ),
        series(
          "Events made",
          "eps",
          "For the stream that goes out.",
          [[rateBy("kvcast_consolidator_published_events_total", "$t", "event_type"), "{{event_type}}"]],
          CONSOLIDATOR,
        ),
        series(
          "Events that wait",
          "short",
          "For the next drain, or for room in the ring.",
          [["kvcast_consolidator_waiting_events{$t}", "{{instance}}"]],
          CONSOLIDATOR,
        ),
        series(
          "Memory of the consolidator",
          "bytes",
          "Of its tables, and of what waits.",
          [
            ["kvcast_consolidator_memory_bytes{$t}", "{{instance}} all"],
            ["kvcast_consolidator_waiting_bytes{$t}", "{{instance}} waiting"],
          ],
          CONSOLIDATOR,
        ),
        series(
          "Blocks and names",
          "short",
          "Blocks that at least one source holds, and the names under which they do.",
          [
            ["kvcast_consolidator_live_blocks{$t}", "{{instance}} blocks"],
            ["kvcast_consolidator_mappings{$t}", "{{instance}} names"],
          ],
          CONSOLIDATOR,
        ),
      ],
    },
    {
      title: "Router's index (kvcast index)",
      panels: [
        series(
          "Messages read by the index",
          "cps",
          "By the way that they came, and those that could not be read.",
          [
            [rateBy("kvcast_router_index_messages_total", "$t", "input"), "{{input}}"],
            [rateBy("kvcast_router_index_refused_messages_total", "$t", "reason"), "refused: {{reason}}"],
          ],
          ROUTER,
        ),
        series(
          "Lost and healed",
          "cps",
          "Missed for good, and brought by replay. After a loss the ranks that it was about are forgotten.",
          [
            [rateBy("kvcast_router_index_lost_messages_total", "$t"), "lost"],
            [rateBy("kvcast_router_index_healed_messages_total", "$t"), "healed"],
          ],
          ROUTER,
        ),
        series(
          "Ranks forgotten",
          "cps",
          "By why. A rank fills up again from then on.",
          [[rateBy("kvcast_router_index_rank_drops_total", "$t", "reason"), "{{reason}}"]],
          ROUTER,
        ),
        series(
          "Events of the index",
          "eps",
          "Applied by type, without effect, and left out, by reason.",
          [
            [rateBy("kvcast_router_index_events_total", "$t", "event_type"), "{{event_type}}"],
            [rateBy("kvcast_router_index_skipped_events_total", "$t", "reason"), "skipped: {{reason}}"],
            [rateBy("kvcast_router_index_left_out_events_total", "$t", "reason"), "left out: {{reason}}"],
          ],
          ROUTER,
        ),
        series(
          "What became of blocks",
          "cps",
          "Of applied events.",
          [[rateBy("kvcast_router_index_block_operations_total", "$t", "outcome"), "{{outcome}}"]],
          ROUTER,
        ),
        series(
          "Blocks of the index",
          "short",
          "Different ones, and with each holder counted.",
          [
            ["kvcast_router_index_blocks{$t}", "{{instance}} different"],
            ["kvcast_router_index_pairs{$t}", "{{instance}} held"],
          ],
          ROUTER,
        ),
        series(
          "Publishers, ranks, models",
          "short",
          "Publishers over ZMQ by how it stands with them; ranks and models that are known.",
          [
            ["sum by (state) (kvcast_router_index_workers{$t})", "publishers {{state}}"],
            ["kvcast_router_index_ranks{$t}", "{{instance}} ranks"],
            ["kvcast_router_index_models{$t}", "{{instance}} models"],
          ],
          ROUTER,
        ),
        series(
          "Memory of the router's index",
          "bytes",
          "Of its tables; bounded by --max-blocks.",
          [["kvcast_router_index_memory_bytes{$t}", "{{instance}}"]],
          ROUTER,
        ),
        state(
          "NATS of the index",
          "bool_yes_no",
          "Whether it is connected.",
          [["kvcast_router_index_nats_up{$t}", "{{instance}}"]],
          { absent: "No NATS", width: 8 },
        ),
      ],
    },
  ],
};
