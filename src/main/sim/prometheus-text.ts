/**
 * The page `/prometheus/metrics` of the stand-in engine: the newest engine's names, labels and types. MAIN THREAD.
 *
 * A selection, with figures from the traffic. As with the engine's multi-process collector, gauges bear a `pid`.
 */
import {
  GPU_MEMORY_BYTES,
  ITERATION_MS,
  LATENCY,
  MAX_ACTIVE_REQUESTS,
  MODEL_NAME,
  OUTPUT_TOKENS,
  type EngineView,
} from "./engine-view.ts";
import { PRIMARY_BLOCKS } from "./pretended-cache.ts";

const E2E_BUCKETS = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const FIRST_TOKEN_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const PER_TOKEN_BUCKETS = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];

const COMMON = `engine_type="pytorch",model_name="${MODEL_NAME}"`;
const PID = `pid="${process.pid}"`;

/** Prometheus text format, version 0.0.4. */
export function prometheusText(view: EngineView): string {
  const { counts, tokensPerBlock, runningRequests, usedBlocks, hitRate } = view;
  const finished = counts.requestsFinished;
  const cached = counts.reusedBlocks * tokensPerBlock;
  const page = new Page();
  page.gauge("kv_cache_hit_rate", "Share of looked-up cache blocks that were found", hitRate);
  page.gauge("kv_cache_utilization", "Share of the cache blocks in use", usedBlocks / PRIMARY_BLOCKS);
  page.gauge("kv_cache_host_utilization", "Share of the host cache blocks in use", 0);
  page.gauge("kv_cache_iter_reuse_rate", "Share of reused blocks in the last iteration", hitRate);
  page.gauge("kv_cache_max_blocks", "Cache blocks in all", PRIMARY_BLOCKS);
  page.gauge("kv_cache_free_blocks", "Cache blocks that are free", PRIMARY_BLOCKS - usedBlocks);
  page.gauge("kv_cache_used_blocks", "Cache blocks in use", usedBlocks);
  page.gauge("kv_cache_tokens_per_block", "Tokens that a cache block holds", tokensPerBlock);
  page.gauge("num_requests_running", "Requests being worked on", runningRequests);
  page.gauge("num_requests_waiting", "Requests in the queue", 0);
  page.gauge("max_num_active_requests", "Most requests at a time", MAX_ACTIVE_REQUESTS);
  page.gauge("num_context_requests", "Requests in prefill", 0);
  page.gauge("num_generation_requests", "Requests in decode", runningRequests);
  page.gauge("num_paused_requests", "Requests that were paused", 0);
  page.gauge("num_scheduled_requests", "Requests in the last iteration", runningRequests);
  page.gauge("iteration_latency_seconds", "Duration of the last iteration", ITERATION_MS / 1000);
  page.gauge("gpu_memory_usage_bytes", "GPU memory in use", GPU_MEMORY_BYTES);
  page.gauge("kv_cache_config_info", "Settings of the cache, as labels", 1, [
    `page_size="${tokensPerBlock}"`,
    'enable_block_reuse="True"',
    'enable_partial_reuse="True"',
    'free_gpu_memory_fraction="0.9"',
    'cache_dtype="auto"',
  ]);

  page.counter("request_success_total", "Requests that ended well", finished, ['finished_reason="length"']);
  page.counter("num_requests_completed_total", "Requests that ended", finished);
  page.counter("prompt_tokens_total", "Prompt tokens taken in", cached + counts.storedBlocks * tokensPerBlock);
  page.counter("generation_tokens_total", "Tokens generated", finished * OUTPUT_TOKENS);
  page.counter("prompt_cached_tokens_total", "Prompt tokens found in the cache", cached);
  page.counter("kv_cache_reused_blocks_total", "Cache blocks that were found", counts.reusedBlocks);
  page.counter("kv_cache_missed_blocks_total", "Cache blocks that had to be computed", counts.storedBlocks);
  page.counter("kv_cache_iter_reused_blocks_total", "Cache blocks reused, by iteration", counts.reusedBlocks);
  page.counter("kv_cache_iter_missed_blocks_total", "Cache blocks missed, by iteration", counts.storedBlocks);

  const { queue, prefill, decode, perToken } = LATENCY;
  page.histogram(
    "e2e_request_latency_seconds",
    "Whole time of a request",
    E2E_BUCKETS,
    queue + prefill + decode,
    finished,
  );
  page.histogram("request_queue_time_seconds", "Time in the queue", E2E_BUCKETS, queue, finished);
  page.histogram(
    "time_to_first_token_seconds",
    "Time to the first token",
    FIRST_TOKEN_BUCKETS,
    queue + prefill,
    finished,
  );
  page.histogram("time_per_output_token_seconds", "Time between tokens", PER_TOKEN_BUCKETS, perToken, finished);
  return page.text;
}

class Page {
  text: string = "";

  gauge(name: string, help: string, value: number, labels: readonly string[] = []): void {
    this.#family(name, help, "gauge");
    this.#sample(name, value, [...labels, PID]);
  }

  counter(name: string, help: string, value: number, labels: readonly string[] = []): void {
    this.#family(name, help, "counter");
    this.#sample(name, value, labels);
  }

  /** All observations have the same value, that of most requests. */
  histogram(name: string, help: string, bounds: readonly number[], value: number, count: number): void {
    this.#family(name, help, "histogram");
    for (const bound of bounds) this.#sample(`${name}_bucket`, value <= bound ? count : 0, [`le="${float(bound)}"`]);
    this.#sample(`${name}_bucket`, count, ['le="+Inf"']);
    this.#sample(`${name}_sum`, value * count, []);
    this.#sample(`${name}_count`, count, []);
  }

  #family(name: string, help: string, type: string): void {
    this.text += `# HELP trtllm_${name} ${help}\n# TYPE trtllm_${name} ${type}\n`;
  }

  #sample(name: string, value: number, labels: readonly string[]): void {
    this.text += `trtllm_${name}{${[COMMON, ...labels].join(",")}} ${float(value)}\n`;
  }
}

/** As Python prints a float: a whole number has a point. */
function float(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
