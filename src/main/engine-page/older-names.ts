/**
 * The names that TensorRT-LLM's metrics had before they began with `trtllm_`. MAIN THREAD; data.
 *
 * A closed list: what else is on an engine's page (Python's own metrics, other libraries') keeps its name, and goes the way of
 * the filter.
 */
import { baseName } from "../expfmt/family.ts";

const PREFIX = "trtllm_";

const OLDER_NAMES: ReadonlySet<string> = new Set([
  "request_success_total",
  "request_error_total",
  "e2e_request_latency_seconds",
  "time_to_first_token_seconds",
  "time_per_output_token_seconds",
  "request_queue_time_seconds",
  "request_prefill_time_seconds",
  "request_decode_time_seconds",
  "request_inference_time_seconds",
  "prompt_tokens_total",
  "generation_tokens_total",
  "prompt_cached_tokens_total",
  "prompt_cache_hit_tokens_total",
  "prompt_cached_tokens_per_request",
  "prefill_perplexity",
  "generation_perplexity",
  "prefill_batch_tokens",
  "prefill_batch_occupancy",
  "spec_decode_drafted_tokens_total",
  "spec_decode_accepted_tokens_total",
  "spec_decode_num_draft_tokens_total",
  "spec_decode_num_accepted_tokens_total",
  "spec_decode_acceptance_length",
  "spec_decode_draft_overhead",
  "kv_cache_hit_rate",
  "kv_cache_utilization",
  "kv_cache_host_utilization",
  "kv_cache_iter_reuse_rate",
  "kv_cache_max_blocks",
  "kv_cache_free_blocks",
  "kv_cache_used_blocks",
  "kv_cache_tokens_per_block",
  "kv_cache_reused_blocks_total",
  "kv_cache_missed_blocks_total",
  "kv_cache_iter_reused_blocks_total",
  "kv_cache_iter_full_reused_blocks_total",
  "kv_cache_iter_partial_reused_blocks_total",
  "kv_cache_iter_missed_blocks_total",
  "kv_cache_gen_alloc_blocks_total",
  "kv_cache_onboard_bytes_total",
  "kv_cache_offload_bytes_total",
  "kv_cache_disk_prefetch_blocks_total",
  "kv_cache_intra_device_copy_bytes_total",
  "num_requests_running",
  "num_requests_waiting",
  "num_requests_completed_total",
  "max_num_active_requests",
  "num_context_requests",
  "num_generation_requests",
  "num_paused_requests",
  "num_scheduled_requests",
  "total_context_tokens",
  "avg_decoded_tokens_per_iter",
  "iteration_latency_seconds",
  "gpu_memory_usage_bytes",
  "cpu_memory_usage_bytes",
  "pinned_memory_usage_bytes",
  "max_batch_size_static",
  "max_batch_size_runtime",
  "max_num_tokens_runtime",
  "scheduled_batch_size",
  "model_config_info",
  "parallel_config_info",
  "speculative_config_info",
  "kv_cache_config_info",
]);

/** The name of a family or of one of its samples as engines write it today. */
export function currentName(name: string): string {
  return OLDER_NAMES.has(name) || OLDER_NAMES.has(baseName(name) ?? "") ? PREFIX + name : name;
}
