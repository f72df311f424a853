/** Requests: how many, how long, where their time went, what they found in the cache. */
import { type Board, quantiles, rateBy, series, stat, state } from "./board-model.ts";

const ENGINE_PAGE = { absent: "No engine page" };
const RECORDS = { absent: "No records" };
const TRANSFERS = { absent: "No KV transfers" };

export const REQUESTS: Board = {
  name: "requests",
  title: "kvcast / Requests",
  says: "What users of the engines notice: requests, latencies, and what the cache saved.",
  rows: [
    {
      title: "Requests (the engine's own metrics)",
      panels: [
        stat(
          "Completed",
          "reqps",
          "Requests that ended, each second.",
          [[rateBy("trtllm_num_requests_completed_total", "$m", "engine"), "completed {{engine}}"]],
          { width: 6 },
        ),
        series(
          "By reason of the end",
          "reqps",
          "Requests that ended well. length: they were cut off at their limit; stop: they said all.",
          [[rateBy("trtllm_request_success_total", "$m", "engine, finished_reason"), "{{engine}} {{finished_reason}}"]],
          { ...ENGINE_PAGE, width: 9, stacked: true },
        ),
        series(
          "Tokens",
          "cps",
          "Taken in, found in the cache, generated.",
          [
            [rateBy("trtllm_prompt_tokens_total", "$m", "engine"), "{{engine}} prompt"],
            [rateBy("trtllm_prompt_cached_tokens_total", "$m", "engine"), "{{engine}} found in the cache"],
            [rateBy("trtllm_generation_tokens_total", "$m", "engine"), "{{engine}} generated"],
          ],
          { ...ENGINE_PAGE, width: 9 },
        ),
        series(
          "Whole time",
          "s",
          "From arrival to the last token. What is normal depends on the lengths: compare with yesterday.",
          quantiles("trtllm_e2e_request_latency_seconds", "$m"),
          { ...ENGINE_PAGE, width: 6 },
        ),
        series(
          "Time to the first token",
          "s",
          "Queue and prefill. A full cache or wrong routing shows here first.",
          quantiles("trtllm_time_to_first_token_seconds", "$m"),
          { ...ENGINE_PAGE, width: 6 },
        ),
        series(
          "Time for a token",
          "s",
          "Between two tokens. It grows with the batch.",
          quantiles("trtllm_time_per_output_token_seconds", "$m"),
          { ...ENGINE_PAGE, width: 6 },
        ),
        series(
          "Time in the queue",
          "s",
          "Before a request is scheduled. Its buckets begin at 0.3 s.",
          quantiles("trtllm_request_queue_time_seconds", "$m"),
          { ...ENGINE_PAGE, width: 6 },
        ),
      ],
    },
    {
      title: "Where the time went (records of finished requests)",
      panels: [
        series(
          "Queue",
          "s",
          "From arrival to being scheduled, without a KV transfer.",
          quantiles("kvcast_request_queue_seconds", "$e", "engine"),
          { ...RECORDS, width: 6 },
        ),
        series(
          "KV transfer",
          "s",
          "In which a request's cache came over from a prefill server.",
          quantiles("kvcast_request_kv_transfer_seconds", "$e", "engine"),
          { ...TRANSFERS, width: 6 },
        ),
        series(
          "Prefill",
          "s",
          "From being scheduled to the first token, without a KV transfer.",
          quantiles("kvcast_request_prefill_seconds", "$e", "engine"),
          { ...RECORDS, width: 6 },
        ),
        series(
          "Decode",
          "s",
          "From the first token to the last.",
          quantiles("kvcast_request_decode_seconds", "$e", "engine"),
          { ...RECORDS, width: 6 },
        ),
        series("First token", "s", "From arrival.", quantiles("kvcast_request_first_token_seconds", "$e", "engine"), {
          ...RECORDS,
          width: 6,
        }),
        series(
          "Between tokens",
          "s",
          "Mean of a request.",
          quantiles("kvcast_request_inter_token_seconds", "$e", "engine"),
          { ...RECORDS, width: 6 },
        ),
        series(
          "All of it",
          "s",
          "From arrival to the last token.",
          quantiles("kvcast_request_duration_seconds", "$e", "engine"),
          { ...RECORDS, width: 6 },
        ),
        series(
          "Cache reuse",
          "percentunit",
          "Share of a request's looked-up blocks that were found. kvcast perf shows the requests that found little.",
          quantiles("kvcast_request_block_reuse_ratio", "$e", "engine"),
          { ...RECORDS, width: 6, max: 1 },
        ),
        series(
          "Accepted drafts",
          "percentunit",
          "Share of a request's drafted tokens that were accepted.",
          quantiles("kvcast_request_draft_acceptance_ratio", "$e", "engine"),
          { absent: "No speculation", width: 6, max: 1 },
        ),
      ],
    },
    {
      title: "KV transfers, as Dynamo's component counts them",
      panels: [
        series(
          "Transfers",
          "cps",
          "Caches that arrived from a prefill server. Flat while decode goes on: prefill servers are not used.",
          [[rateBy("trtllm_kv_transfer_success_total", "$m"), "transfers"]],
          { ...TRANSFERS, width: 6 },
        ),
        series("Time for a transfer", "s", "Of one request.", quantiles("trtllm_kv_transfer_latency_seconds", "$m"), {
          ...TRANSFERS,
          width: 6,
        }),
        series("Bytes of a transfer", "bytes", "Of one request.", quantiles("trtllm_kv_transfer_bytes", "$m"), {
          ...TRANSFERS,
          width: 6,
        }),
        series(
          "Speed of transfers",
          "short",
          "In 10^9 bytes a second.",
          quantiles("trtllm_kv_transfer_speed_gb_s", "$m"),
          { ...TRANSFERS, width: 6 },
        ),
      ],
    },
    {
      title: "Reading the records",
      panels: [
        state(
          "State",
          "bool_yes_no",
          "not_enabled: the engine keeps no records, see docs/performance-data.md.",
          [["kvcast_perf_state{$e} == 1", "{{engine}}: {{state}}"]],
          { neutral: true, width: 8 },
        ),
        series("Records read", "reqps", "Finished requests, and those whose moments contradict each other.", [
          [rateBy("kvcast_perf_requests_total", "$e", "engine"), "{{engine}} read"],
          [rateBy("kvcast_perf_out_of_order_requests_total", "$e", "engine"), "{{engine}} contradictory"],
        ]),
        series("Records left out", "cps", "By what is wrong.", [
          [rateBy("kvcast_perf_bad_records_total", "$e", "engine, fault"), "{{engine}} {{fault}}"],
        ]),
        series("Reads", "cps", "By outcome.", [
          [rateBy("kvcast_perf_polls_total", "$e", "engine, outcome"), "{{engine}} {{outcome}}"],
        ]),
        series("Errors", "cps", "By reason.", [
          [rateBy("kvcast_perf_errors_total", "$e", "engine, reason"), "{{engine}} {{reason}}"],
        ]),
        series(
          "Error of the engine's clock",
          "s",
          "How wrong the engine's times may be on kvcast's clock.",
          [["kvcast_perf_clock_error_seconds{$e}", "{{engine}}"]],
          { absent: "Not known yet" },
        ),
      ],
    },
  ],
};
