/**
 * The unit of each metric, as the documentation names it. MAIN THREAD; a table.
 */

/** Where the last word of a name does not say what is counted. */
const OWN_UNITS: Readonly<Record<string, string>> = {
  source_sequence_gaps_total: "event ids",
  source_last_event_id: "event id",
  engine_page_up: "1 or 0",
  partial_blocks_tracked: "blocks",
  ring_occupied_slots_max: "slots",
  zmq_subscribers: "subscriptions",
  published_sequence: "sequence number",
  replay_buffer_oldest_sequence: "sequence number",
  zmq_subscriber_queue_full_total: "messages",
  main_stalled: "1 or 0",
  ready: "1 or 0",
  health_probe_total: "canaries",
  index_complete: "1 or 0",
  snapshots_open: "snapshots",
  rank_dirty: "1 or 0",
  epoch_info: "always 1",
  engine_info: "always 1",
  engine_setting_mismatch: "1 or 0",
  perf_state: "1 or 0",
  event_age_negative_total: "events",
  request_kv_transfer_seconds: "seconds",
  dynamo_component_kv_publisher_engines_dropped_events_total: "event ids",
  dynamo_component_gpu_cache_usage_percent: "ratio",
  dynamo_component_kv_cache_hit_rate: "ratio",
  trtllm_num_aborted_requests_total: "requests",
  trtllm_request_type_image_total: "requests",
  trtllm_request_type_structured_output_total: "requests",
  trtllm_kv_transfer_success_total: "transfers",
  trtllm_kv_transfer_speed_gb_s: "10^9 bytes a second",
  trtllm_kv_event_buffer_capacity: "events",
  trtllm_kv_event_drain_batch_size: "events",
  trtllm_kv_cache_hit_rate: "ratio",
  trtllm_kv_cache_utilization: "ratio",
  trtllm_num_requests_running: "requests",
  trtllm_num_requests_waiting: "requests",
  trtllm_num_requests_completed_total: "requests",
  trtllm_kv_cache_tokens_per_block: "tokens",
  trtllm_avg_decoded_tokens_per_iter: "tokens",
  trtllm_max_batch_size_static: "requests",
  trtllm_max_batch_size_runtime: "requests",
  trtllm_max_num_tokens_runtime: "tokens",
  trtllm_spec_decode_acceptance_length: "tokens",
  trtllm_spec_decode_draft_overhead: "ratio",
  build_info: "always 1",
};

/** A name ends in its unit, or in what it counts, as Prometheus wants it. */
export function unitOf(name: string): string {
  if (name.endsWith("_up")) return "1 or 0";
  if (name.endsWith("_timestamp_seconds")) return "Unix time in seconds";
  const last =
    name
      .replace(/_total$/, "")
      .split("_")
      .at(-1) ?? "";
  return OWN_UNITS[name] ?? last;
}
