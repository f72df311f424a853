/** What is read of engines: their state, their cache, their events, their own figures. */
import { type Board, quantile, quantiles, rateBy, series, stat, state } from "./board-model.ts";

const PAGE = "No page";

export const ENGINES: Board = {
  name: "engines",
  title: "kvcast / Engines",
  says: "What each engine tells, how it is read, and how full its cache is.",
  rows: [
    {
      title: "State",
      panels: [
        state(
          "Read",
          "bool_yes_no",
          "Whether each engine was read at the last try.",
          [["kvcast_source_up{$e}", "{{engine}} ({{kind}})"]],
          { width: 8 },
        ),
        state(
          "Performance data",
          "bool_yes_no",
          "Whether there are records of requests, in words. not_enabled: the engine keeps none, see docs/performance-data.md. waiting: no request has finished yet.",
          [["kvcast_perf_state{$e} == 1", "{{engine}}: {{state}}"]],
          { neutral: true, width: 8 },
        ),
        stat(
          "Kind of worker",
          "none",
          "Model, version and role, as the engine tells or the options say.",
          [["kvcast_engine_info{$e}", "{{engine}}: {{model}} {{engine_version}} {{backend}} {{disaggregation_mode}}"]],
          { width: 8, absent: "Not known yet" },
        ),
        state(
          "Settings that contradict",
          "bool_yes_no",
          "1 where the engine's block size or hash algorithm is not what kvcast is configured for. Then routers find no prefix: set --kv-block-size.",
          [["1 - kvcast_engine_setting_mismatch{$e}", "{{engine}} {{setting}} agrees"]],
          { width: 8, absent: "It does not say" },
        ),
        state(
          "Ranks without gaps",
          "bool_yes_no",
          "No while event ids of a rank are missing and it was not cleared: what routers think of it may be wrong.",
          [["1 - kvcast_rank_dirty{$e}", "{{engine}} rank {{dp_rank}}"]],
          { width: 8 },
        ),
        stat(
          "Time since the last event",
          "s",
          "Long is normal for an idle engine only.",
          [["time() - (kvcast_source_last_event_timestamp_seconds{$e} > 0)", "{{engine}}"]],
          { width: 8, absent: "No event yet", yellow: 60, red: 300 },
        ),
      ],
    },
    {
      title: "Cache and load",
      panels: [
        series(
          "Cache in use",
          "percentunit",
          "Share of the cache blocks in use, by rank. Full is what a cache should be; full while requests wait is too small.",
          [
            ["dynamo_component_gpu_cache_usage_percent{$m}", "{{engine}} rank {{dp_rank}}"],
            ["trtllm_kv_cache_utilization{$m}", "{{engine}} engine"],
          ],
          { max: 1, yellow: 0.8, red: 0.95 },
        ),
        series("Cache blocks", "short", "Blocks in use, free, and in all, as the engine counts them.", [
          ["trtllm_kv_cache_used_blocks{$m}", "{{engine}} used"],
          ["trtllm_kv_cache_free_blocks{$m}", "{{engine}} free"],
          ["trtllm_kv_cache_max_blocks{$m}", "{{engine}} max"],
          ["dynamo_component_total_blocks{$m}", "{{engine}} total, rank {{dp_rank}}"],
        ]),
        series(
          "Cache hit rate",
          "percentunit",
          "Share of looked-up blocks that were found. It falls when prefixes go to the wrong worker, or are evicted before they come again.",
          [
            ["dynamo_component_kv_cache_hit_rate{$m}", "{{engine}} rank {{dp_rank}}"],
            ["trtllm_kv_cache_hit_rate{$m}", "{{engine}} engine"],
          ],
          { max: 1 },
        ),
        series("Blocks found and missed", "cps", "Looked-up cache blocks each second, found and computed.", [
          [rateBy("trtllm_kv_cache_reused_blocks_total", "$m", "engine"), "{{engine}} found"],
          [rateBy("trtllm_kv_cache_missed_blocks_total", "$m", "engine"), "{{engine}} missed"],
        ]),
        series(
          "Requests running and waiting",
          "short",
          "Waiting requests with a cache that is not full: the batch size is the limit.",
          [
            ["trtllm_num_requests_running{$m}", "{{engine}} running"],
            ["trtllm_num_requests_waiting{$m}", "{{engine}} waiting"],
            ["trtllm_max_num_active_requests{$m}", "{{engine}} most at a time"],
          ],
        ),
        series("Requests in an iteration", "short", "What the last iteration had in it.", [
          ["trtllm_num_context_requests{$m}", "{{engine}} prefill"],
          ["trtllm_num_generation_requests{$m}", "{{engine}} decode"],
          ["trtllm_num_paused_requests{$m}", "{{engine}} paused"],
          ["trtllm_num_scheduled_requests{$m}", "{{engine}} scheduled"],
        ]),
        series(
          "Iteration latency",
          "s",
          "Duration of the last iteration. It grows with the batch, and with prefills among decodes.",
          [["trtllm_iteration_latency_seconds{$m}", "{{engine}}"]],
        ),
        series(
          "Tokens in an iteration",
          "short",
          "Prefilled in the last iteration, and decoded on the average of one.",
          [
            ["trtllm_total_context_tokens{$m}", "{{engine}} prefilled"],
            ["trtllm_avg_decoded_tokens_per_iter{$m}", "{{engine}} decoded"],
          ],
        ),
        series(
          "Speculation",
          "short",
          "Tokens that a step of speculation gives, the share of time that drafting takes, and drafted and accepted tokens a second.",
          [
            ["trtllm_spec_decode_acceptance_length{$m}", "{{engine}} tokens a step"],
            ["trtllm_spec_decode_draft_overhead{$m}", "{{engine}} overhead"],
            [rateBy("trtllm_spec_decode_num_draft_tokens_total", "$m", "engine"), "{{engine}} drafted"],
            [rateBy("trtllm_spec_decode_num_accepted_tokens_total", "$m", "engine"), "{{engine}} accepted"],
          ],
        ),
        series("Memory of the engine", "bytes", "As the engine counts it.", [
          ["trtllm_gpu_memory_usage_bytes{$m}", "{{engine}} GPU"],
          ["trtllm_cpu_memory_usage_bytes{$m}", "{{engine}} host"],
          ["trtllm_pinned_memory_usage_bytes{$m}", "{{engine}} pinned"],
        ]),
        series(
          "Limits of the engine",
          "short",
          "Largest batch as configured and as tuned, most tokens of an iteration, tokens in a block.",
          [
            ["trtllm_max_batch_size_static{$m}", "{{engine}} batch, configured"],
            ["trtllm_max_batch_size_runtime{$m}", "{{engine}} batch, tuned"],
            ["trtllm_max_num_tokens_runtime{$m}", "{{engine}} tokens"],
            ["trtllm_kv_cache_tokens_per_block{$m}", "{{engine}} tokens a block"],
          ],
        ),
      ],
    },
    {
      title: "Events",
      panels: [
        series(
          "Events by type",
          "eps",
          "What engines tell, before any rule.",
          [[rateBy("kvcast_source_received_events_total", "$e", "engine, event_type"), "{{engine}} {{event_type}}"]],
          { stacked: true },
        ),
        series(
          "Churn",
          "cps",
          "Blocks stored and removed each second. As many removed as stored: the cache is full and turns over.",
          [
            [rateBy("kvcast_source_stored_blocks_total", "$e", "engine"), "{{engine}} stored"],
            [rateBy("kvcast_source_removed_blocks_total", "$e", "engine"), "{{engine}} removed"],
          ],
        ),
        series(
          "Answers beside the event buffer",
          "short",
          "Events in an answer, and how many the engine holds. When they meet, events are lost.",
          [
            [quantile(0.5, "trtllm_kv_event_drain_batch_size", "$m"), "p50"],
            [quantile(0.99, "trtllm_kv_event_drain_batch_size", "$m"), "p99"],
            ["max (trtllm_kv_event_buffer_capacity{$m})", "capacity"],
          ],
        ),
        series(
          "Gaps, restarts, duplicates",
          "cps",
          "Missing ids, ids that start over, the same id twice, ids out of order, ranks that are not configured. Normal is 0, and a restart when the engine is restarted.",
          [
            [
              rateBy("kvcast_source_sequence_gaps_total", "$e", "engine, dp_rank"),
              "{{engine}} rank {{dp_rank}} missing",
            ],
            [
              rateBy("dynamo_component_kv_publisher_engines_dropped_events_total", "$m"),
              "missing, as Dynamo's publisher counts",
            ],
            [rateBy("trtllm_kv_event_id_gap_events_total", "$m"), "missing, as the component counts"],
            [rateBy("kvcast_source_sequence_resets_total", "$e", "engine"), "{{engine}} restarts"],
            [rateBy("kvcast_source_duplicate_events_total", "$e", "engine"), "{{engine}} duplicates"],
            [rateBy("kvcast_source_out_of_order_events_total", "$e", "engine"), "{{engine}} out of order"],
            [rateBy("kvcast_source_unknown_rank_events_total", "$e", "engine"), "{{engine}} unknown rank"],
            [rateBy("kvcast_source_healed_messages_total", "$e", "engine"), "{{engine}} healed by replay"],
          ],
        ),
        series("Left out on purpose", "eps", "Events that subscribers have no use for, by reason.", [
          [rateBy("kvcast_filtered_events_total", "$e", "engine, reason"), "{{engine}} {{reason}}"],
        ]),
        series(
          "Malformed",
          "eps",
          "Events that cost themselves. More than a few after an upgrade of the engine: its schema has changed.",
          [[rateBy("kvcast_invalid_events_total", "$e", "engine, reason"), "{{engine}} {{reason}}"]],
        ),
        series("Clears that kvcast adds", "cps", "After a start, a restart of the engine, or a gap.", [
          [rateBy("kvcast_injected_events_total", "$e", "engine, reason"), "{{engine}} {{reason}}"],
        ]),
        series("Event age", "s", "Age of events when they were read, by engine.", [
          [quantile(0.5, "kvcast_event_age_seconds", "$e", "engine, source"), "{{engine}} p50 ({{source}})"],
          [quantile(0.99, "kvcast_event_age_seconds", "$e", "engine, source"), "{{engine}} p99 ({{source}})"],
        ]),
        series("Dates in the future", "eps", "Events whose engine's clock is ahead of kvcast's.", [
          [rateBy("kvcast_event_age_negative_total", "$e", "engine"), "{{engine}}"],
        ]),
        series(
          "Last event id",
          "none",
          "Goes up. One that falls is an engine that began anew.",
          [["kvcast_source_last_event_id{$e}", "{{engine}} rank {{dp_rank}}"]],
          { absent: "No event yet" },
        ),
        series(
          "Partial blocks remembered",
          "short",
          "Hashes that are kept in order to leave out their removal. Bounded.",
          [["kvcast_partial_blocks_tracked{$e}", "{{engine}}"]],
        ),
      ],
    },
    {
      title: "Reading",
      panels: [
        series(
          "Polls",
          "cps",
          "By outcome. Many empty ones are an idle engine; errors have their reason beside them.",
          [[rateBy("kvcast_source_polls_total", "$e", "engine, outcome"), "{{engine}} {{outcome}}"]],
        ),
        series(
          "Poll duration",
          "s",
          "From the question to the last byte.",
          quantiles("kvcast_source_poll_duration_seconds", "$e", "engine"),
        ),
        series("Pause before the next poll", "s", "Grows while an engine is idle or failing.", [
          ["kvcast_source_poll_backoff_seconds{$e}", "{{engine}}"],
        ]),
        series(
          "Errors of reading",
          "cps",
          "By reason. connect: nobody there; timeout: hung; decode and schema: not what was expected.",
          [[rateBy("kvcast_source_errors_total", "$e", "engine, reason"), "{{engine}} {{reason}}"]],
        ),
        series("Bytes read", "Bps", "Answers, or messages that engines publish.", [
          [rateBy("kvcast_source_received_bytes_total", "$e", "engine"), "{{engine}}"],
        ]),
      ],
    },
    {
      title: "Iteration statistics",
      panels: [
        series("Reads of the statistics", "cps", "By outcome, and whether the last one succeeded.", [
          [rateBy("kvcast_iteration_stats_polls_total", "$e", "engine, outcome"), "{{engine}} {{outcome}}"],
          ["kvcast_iteration_stats_up{$e}", "{{engine}} up"],
        ]),
        series("Rows", "cps", "Used, and left out because they are malformed or of an unknown rank.", [
          [rateBy("kvcast_iteration_stats_rows_total", "$e", "engine"), "{{engine}} used"],
          [rateBy("kvcast_iteration_stats_bad_rows_total", "$e", "engine"), "{{engine}} left out"],
        ]),
        series("Errors of the statistics", "cps", "By reason.", [
          [rateBy("kvcast_iteration_stats_errors_total", "$e", "engine, reason"), "{{engine}} {{reason}}"],
        ]),
      ],
    },
    {
      title: "The engine's own page",
      panels: [
        state(
          "Page read",
          "bool_yes_no",
          "Whether the engine's metrics page was read at the last try.",
          [["kvcast_engine_page_up{$e}", "{{engine}}"]],
          { width: 8, absent: PAGE },
        ),
        series(
          "Fetches",
          "cps",
          "By outcome.",
          [[rateBy("kvcast_engine_page_fetches_total", "$e", "engine, outcome"), "{{engine}} {{outcome}}"]],
          { absent: PAGE },
        ),
        series(
          "Refused lines",
          "cps",
          "Lines that break the format, by reason. Normal is 0.",
          [[rateBy("kvcast_engine_page_refused_lines_total", "$e", "engine, reason"), "{{engine}} {{reason}}"]],
          { absent: PAGE },
        ),
        series(
          "Age of the page",
          "s",
          "Above 1 s the engine did not answer in time.",
          [["kvcast_engine_page_age_seconds{$e}", "{{engine}}"]],
          { absent: PAGE, yellow: 1, red: 10 },
        ),
        series(
          "Time for the page",
          "s",
          "The last fetch as a whole, and the part in which the main thread read it.",
          [
            ["kvcast_engine_page_fetch_seconds{$e}", "{{engine}} fetch"],
            ["kvcast_engine_page_parse_seconds{$e}", "{{engine}} parse"],
          ],
          { absent: PAGE },
        ),
        series("Size of the page", "bytes", "As it was read last.", [["kvcast_engine_page_bytes{$e}", "{{engine}}"]], {
          absent: PAGE,
        }),
        series(
          "Series of the engine",
          "short",
          "On kvcast's page, from the engine's.",
          [["kvcast_engine_page_series{$e}", "{{engine}}"]],
          { absent: PAGE },
        ),
      ],
    },
  ],
};
