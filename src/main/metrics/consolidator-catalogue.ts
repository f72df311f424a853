/** The metrics of `kvcast consolidate`, as data: a part of the catalogue. MAIN THREAD. */
import { type CatalogueSection, counter, gauge } from "./metric-definition.ts";

export const CONSOLIDATOR: CatalogueSection = {
  title: "Consolidator",
  metrics: [
    gauge("consolidator_source_up", ["source"], "1 while there is a connection to the source, 0 otherwise."),
    counter(
      "consolidator_source_messages_total",
      ["source"],
      "Messages of the source that were taken, replayed ones among them.",
    ),
    counter("consolidator_source_bytes_total", ["source"], "Payload bytes of these."),
    counter(
      "consolidator_source_lost_messages_total",
      ["source"],
      "Messages that were missed for good: what is told of this source's blocks may be wrong since.",
    ),
    counter("consolidator_source_healed_messages_total", ["source"], "Messages that were missed and came by replay."),
    counter("consolidator_source_duplicate_messages_total", ["source"], "Messages that came twice, and were dropped."),
    counter(
      "consolidator_source_restarts_total",
      ["source"],
      "Times that the sequence of the source went back: it began anew.",
    ),
    counter(
      "consolidator_source_malformed_messages_total",
      ["source"],
      "Messages whose frames are not those of a publisher of KV events.",
    ),
    gauge(
      "consolidator_source_last_event_timestamp_seconds",
      ["source"],
      "When the last event of the source came, in seconds since 1970; 0 before the first.",
    ),
    counter(
      "consolidator_refused_messages_total",
      ["source", "reason"],
      "Messages that were refused whole, because a part of them could not be read.",
    ),
    counter(
      "consolidator_received_events_total",
      ["source", "event_type"],
      "Events that were read. Always skipped and applied ones together.",
    ),
    counter("consolidator_skipped_events_total", ["source", "reason"], "Events that change nothing, by why."),
    counter("consolidator_applied_events_total", ["source"], "Events that were applied, block by block."),
    counter(
      "consolidator_block_operations_total",
      ["source", "operation"],
      "Blocks that the source stored or removed, and clears of it.",
    ),
    counter(
      "consolidator_duplicate_blocks_total",
      [],
      "Stored blocks that were known already: nobody is told of them again.",
    ),
    counter("consolidator_unknown_removes_total", [], "Removed blocks that the source does not hold."),
    counter(
      "consolidator_orphan_blocks_total",
      [],
      "Stored blocks whose parent is not known, because it was never told of or is gone.",
    ),
    counter("consolidator_withheld_blocks_total", [], "Blocks that cannot be told of without saying something false."),
    counter(
      "consolidator_refused_blocks_total",
      [],
      "Blocks for which there was no room (--max-blocks), or with numbers out of range.",
    ),
    counter(
      "consolidator_published_events_total",
      ["event_type"],
      "Events that were made for the stream that goes out. Those that have left are in ring_enqueued_events_total.",
    ),
    gauge("consolidator_waiting_events", [], "Events that wait for the next drain, or for room in the ring."),
    gauge("consolidator_waiting_bytes", [], "Bytes that these take up."),
    gauge("consolidator_live_blocks", [], "Blocks that at least one source holds."),
    gauge("consolidator_mappings", [], "Names under which sources hold them."),
    gauge("consolidator_memory_bytes", [], "Memory of the tables and of what waits."),
  ],
};
