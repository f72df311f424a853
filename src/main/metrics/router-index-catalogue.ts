/** The metrics of `kvcast index`, as data: a part of the catalogue. MAIN THREAD. */
import { type CatalogueSection, counter, gauge } from "./metric-definition.ts";

export const ROUTER_INDEX: CatalogueSection = {
  title: "Router's index",
  intro: "Of all models together. `kvcast index` has these and those of the service, and no others.",
  metrics: [
    counter("router_index_messages_total", ["input"], "Messages that were taken, by the way that they came."),
    counter("router_index_refused_messages_total", ["reason"], "Messages that could not be read, by why."),
    counter("router_index_events_total", ["event_type"], "Events that were applied."),
    counter("router_index_skipped_events_total", ["reason"], "Events that change nothing, by why."),
    counter(
      "router_index_left_out_events_total",
      ["reason"],
      "Stored events that were left out, or from some block on: a parent that the rank does not hold, a block that is its own parent, a rank too many.",
    ),
    counter(
      "router_index_lost_messages_total",
      [],
      "Messages of publishers, or events over NATS, that were missed for good.",
    ),
    counter(
      "router_index_healed_messages_total",
      [],
      "Messages that were missed, or published before, and came by replay.",
    ),
    counter("router_index_rank_drops_total", ["reason"], "Times that all blocks of a rank were forgotten, by why."),
    counter("router_index_block_operations_total", ["outcome"], "Blocks of applied events, by what became of them."),
    gauge("router_index_pairs", [], "Blocks that are known, one that two ranks hold counted twice."),
    gauge("router_index_blocks", [], "Different blocks on devices that are known."),
    gauge("router_index_ranks", [], "Ranks that are known."),
    gauge("router_index_models", [], "Models and routing groups that are known."),
    gauge("router_index_workers", ["state"], "Publishers that are read over ZMQ, by how it stands with them."),
    gauge(
      "router_index_nats_up",
      [],
      "1 while there is a connection to NATS, 0 otherwise; none where NATS is not read.",
    ),
    gauge("router_index_memory_bytes", [], "Memory of the tables."),
  ],
};
