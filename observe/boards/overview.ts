/** The first board: is anything lost, is it late, and where. */
import { type Board, heatmap, quantile, rateBy, series, stat, state } from "./board-model.ts";

export const OVERVIEW: Board = {
  name: "overview",
  title: "kvcast / Overview",
  says: "Is anything lost, is it late, and where: look here first.",
  rows: [
    {
      title: "Is anything lost?",
      panels: [
        stat("Events in", "eps", "Events that engines told of, each second, and those that a consolidator read.", [
          [rateBy("kvcast_source_received_events_total", "$e"), "engines"],
          [rateBy("kvcast_consolidator_received_events_total", "$t"), "sources"],
        ]),
        stat(
          "Events out",
          "eps",
          "Events handed over, each second. ZMQ: accepted by the socket; NATS: confirmed. About as many as come in, less what is filtered.",
          [[rateBy("kvcast_sink_sent_events_total", "$t", "sink"), "{{sink}}"]],
        ),
        stat(
          "Lost in the engines",
          "short",
          "Event ids that are missing, in the time shown: lost before kvcast could read them. Normal is 0. Read more often, or give the engine a larger event buffer.",
          [["sum (increase(kvcast_source_sequence_gaps_total{$e}[$__range]))", ""]],
          { red: 1 },
        ),
        stat(
          "Lost in kvcast",
          "short",
          "Events that kvcast gave up, in the time shown. Normal is 0, but for a forced end. The panel Losses has where and why.",
          [
            [
              "sum (increase(kvcast_ring_dropped_events_total{$t}[$__range]))" +
                " + sum (increase(kvcast_encode_dropped_events_total{$t}[$__range]))" +
                " + sum (increase(kvcast_sink_dropped_events_total{$t}[$__range]))",
              "",
            ],
          ],
          { red: 1 },
        ),
        stat(
          "Event age p99",
          "s",
          "Age of events when they were read. Of an engine that is drained it is the most that it can be: the time since the drain before. Above 1 s routers decide on old news.",
          [[quantile(0.99, "kvcast_event_age_seconds", "$e"), ""]],
          { yellow: 0.5, red: 1 },
        ),
        stat(
          "Unaccounted events",
          "short",
          "What is in none of the books. Always 0; anything else is a bug of kvcast. Needs the recording rules.",
          [["max (instance:kvcast_unaccounted_events:sum{$t})", ""]],
          { red: 1, absent: "No rules" },
        ),
        state("Up", "bool_yes_no", "Whether Prometheus reaches each target.", [["up{$t}", "{{instance}}"]], {
          width: 8,
        }),
        state(
          "Engines and sinks up",
          "bool_yes_no",
          "Whether each engine was read at the last try, and each sink takes events.",
          [
            ["min by (instance, engine) (kvcast_source_up{$e})", "engine {{engine}}"],
            ["min by (instance, sink) (kvcast_sink_up{$t})", "sink {{sink}}"],
          ],
          { width: 8 },
        ),
        stat(
          "Firing alerts",
          "short",
          "Alerts of kvcast's rules that fire now. Each has a runbook. Empty is good.",
          [['count by (alertname, severity) (ALERTS{alertname=~"Kvcast.*",alertstate="firing"})', "{{alertname}}"]],
          { width: 8, absent: "None", idle: "None", red: 1 },
        ),
      ],
    },
    {
      title: "Flow",
      panels: [
        series(
          "Events by stage",
          "eps",
          "The way of events: read, into the ring, out of it, handed over. Lines lie on each other; where one leaves the others, events wait or are left out.",
          [
            [rateBy("kvcast_source_received_events_total", "$e"), "read"],
            [rateBy("kvcast_ring_enqueued_events_total", "$t"), "into the ring"],
            [rateBy("kvcast_ring_dequeued_events_total", "$t"), "out of the ring"],
            [rateBy("kvcast_sink_sent_events_total", "$t", "sink"), "sent {{sink}}"],
          ],
          { width: 12 },
        ),
        series(
          "Losses",
          "eps",
          "What is lost where and why. All of them are 0 when nothing is wrong.",
          [
            [rateBy("kvcast_source_sequence_gaps_total", "$e", "engine"), "engine {{engine}}: ids missing"],
            [rateBy("kvcast_invalid_events_total", "$e", "reason"), "malformed: {{reason}}"],
            [rateBy("kvcast_ring_dropped_events_total", "$t", "reason"), "ring: {{reason}}"],
            [rateBy("kvcast_encode_dropped_events_total", "$t", "reason"), "encoder: {{reason}}"],
            [rateBy("kvcast_sink_dropped_events_total", "$t", "sink, reason"), "{{sink}}: {{reason}}"],
          ],
          { width: 12 },
        ),
        series(
          "Where the time goes (p99)",
          "s",
          "The stages of the way, slowest percent each. Polls of an engine that holds its answers take as long as it holds them.",
          [
            [quantile(0.99, "kvcast_source_poll_duration_seconds", "$e"), "poll"],
            [quantile(0.99, "kvcast_ring_wait_seconds", "$t"), "wait for the ring"],
            [quantile(0.99, "kvcast_encode_duration_seconds", "$t"), "encode"],
            [quantile(0.99, "kvcast_sink_publish_duration_seconds", "$t", "sink"), "publish {{sink}}"],
            [quantile(0.99, "kvcast_sink_ack_duration_seconds", "$t"), "confirm"],
            [quantile(0.99, "kvcast_pipeline_latency_seconds", "$t"), "read to sent"],
          ],
          { width: 12 },
        ),
        heatmap("Event age", "s", "Age of events when they were read: most should lie below 100 ms.", [
          ["sum by (le) (increase(kvcast_event_age_seconds_bucket{$e}[$__rate_interval]))", "{{le}}"],
        ]),
      ],
    },
  ],
};
