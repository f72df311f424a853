/**
 * TensorRT-LLM's own metrics, made from its iteration statistics, for an engine that has no Prometheus page. MAIN THREAD.
 *
 * With `return_perf_metrics` an engine exposes these itself, and then it alone does: two series of one name that differ by a
 * moment are worse than none. A metric whose figure the engine never gave has no series. Ranks are added up; of ratios and
 * sizes that all ranks share the largest counts.
 */
import type { EngineFigures, FigureName } from "../load/engine-figures.ts";
import type { IterationStat } from "../load/iteration-stat.ts";
import type { Family, Labels } from "../metrics/cell-metric.ts";
import type { ComponentDefinition } from "./definitions.ts";

const LABELS = ["model_name", "engine_type"];

/** How the figure of a row becomes the metric's value. `growth`: the engine tells a total of its own; `step`: the row's share. */
type Fold = "sum" | "max" | "growth" | "step";

interface Derived {
  readonly definition: ComponentDefinition;
  readonly fold: Fold;
  readonly value: (figures: EngineFigures) => number | null;
}

function derive(fold: Fold, name: string, figure: FigureName | Derived["value"], help: string): Derived {
  const type = fold === "growth" || fold === "step" ? "counter" : "gauge";
  const value = typeof figure === "string" ? (figures: EngineFigures): number | null => figures[figure] : figure;
  return { definition: { prefix: "", name: `trtllm_${name}`, type, labels: LABELS, help }, fold, value };
}

function utilization({ usedBlocks, maxBlocks }: EngineFigures): number | null {
  return usedBlocks === null || maxBlocks === null ? null : maxBlocks > 0 ? usedBlocks / maxBlocks : 0;
}

function seconds({ iterationMs }: EngineFigures): number | null {
  return iterationMs === null ? null : iterationMs / 1000;
}

const DERIVED: readonly Derived[] = [
  derive("max", "kv_cache_hit_rate", "hitRate", "Share of looked-up cache blocks that were found."),
  derive("max", "kv_cache_utilization", utilization, "Share of the cache blocks in use; of the fullest rank."),
  derive("sum", "kv_cache_max_blocks", "maxBlocks", "Cache blocks there are."),
  derive("sum", "kv_cache_free_blocks", "freeBlocks", "Cache blocks that are free."),
  derive("sum", "kv_cache_used_blocks", "usedBlocks", "Cache blocks in use."),
  derive("max", "kv_cache_tokens_per_block", "tokensPerBlock", "Tokens that a cache block holds."),
  derive("sum", "num_requests_running", "activeRequests", "Requests that are worked on."),
  derive("sum", "num_requests_waiting", "queuedRequests", "Requests in the queue."),
  derive("sum", "max_num_active_requests", "maxActiveRequests", "Most requests that can be worked on at a time."),
  derive("sum", "num_context_requests", "contextRequests", "Requests in prefill."),
  derive("sum", "num_generation_requests", "generationRequests", "Requests in decode."),
  derive("sum", "num_paused_requests", "pausedRequests", "Requests that were paused."),
  derive("sum", "num_scheduled_requests", "scheduledRequests", "Requests of the last iteration."),
  derive("sum", "total_context_tokens", "contextTokens", "Tokens prefilled in the last iteration."),
  derive("max", "avg_decoded_tokens_per_iter", "decodedTokensPerIteration", "Mean number of tokens an iteration."),
  derive("max", "iteration_latency_seconds", seconds, "Duration of the last iteration."),
  derive("sum", "gpu_memory_usage_bytes", "gpuMemoryBytes", "GPU memory in use."),
  derive("sum", "cpu_memory_usage_bytes", "cpuMemoryBytes", "Host memory in use."),
  derive("sum", "pinned_memory_usage_bytes", "pinnedMemoryBytes", "Pinned host memory in use."),
  derive("max", "max_batch_size_static", "maxBatchSizeStatic", "Largest batch, as configured."),
  derive("max", "max_batch_size_runtime", "maxBatchSizeRuntime", "Largest batch, as tuned at run time."),
  derive("max", "max_num_tokens_runtime", "maxTokensRuntime", "Most tokens of an iteration, as tuned at run time."),
  derive("max", "spec_decode_acceptance_length", "acceptanceLength", "Mean number of tokens a step of speculation."),
  derive("max", "spec_decode_draft_overhead", "draftOverhead", "Share of the time that drafting takes."),
  derive("step", "num_requests_completed_total", "completedRequests", "Requests that have ended."),
  derive("step", "spec_decode_num_draft_tokens_total", "draftTokens", "Tokens drafted by speculation."),
  derive("step", "spec_decode_num_accepted_tokens_total", "acceptedTokens", "Drafted tokens that were accepted."),
  derive("growth", "kv_cache_reused_blocks_total", "reusedBlocks", "Looked-up cache blocks that were found."),
  derive("growth", "kv_cache_missed_blocks_total", "missedBlocks", "Looked-up cache blocks that had to be computed."),
];

export const DERIVED_METRICS: readonly ComponentDefinition[] = DERIVED.map(({ definition }) => definition);

/** The value of one metric, by rank. */
class Cells {
  readonly #fold: Fold;
  readonly #ranks: Float64Array;
  #total: number = 0;
  #isKnown: boolean = false;

  constructor(fold: Fold, ranks: number) {
    this.#fold = fold;
    this.#ranks = new Float64Array(ranks);
  }

  take(rank: number, value: number): void {
    this.#isKnown = true;
    const before = this.#ranks[rank] ?? 0;
    this.#ranks[rank] = value;
    if (this.#fold === "step") this.#total += value;
    // A total that falls is that of an engine that began anew.
    if (this.#fold === "growth") this.#total += value >= before ? value - before : value;
  }

  get value(): number | null {
    if (!this.#isKnown) return null;
    if (this.#fold === "step" || this.#fold === "growth") return this.#total;
    if (this.#fold === "max") return this.#ranks.reduce((highest, value) => Math.max(highest, value), 0);
    return this.#ranks.reduce((sum, value) => sum + value, 0);
  }
}

export class DerivedMetrics {
  readonly #cells: readonly Cells[];
  readonly #ranks: number;

  constructor(ranks: number) {
    this.#ranks = ranks;
    this.#cells = DERIVED.map(({ fold }) => new Cells(fold, ranks));
  }

  /** Takes a row. A field, so that it can be handed on as it is. */
  readonly note = ({ rank, figures }: IterationStat): void => {
    if (rank >= this.#ranks) return;
    for (const [i, { value }] of DERIVED.entries()) {
      const found = value(figures);
      if (found !== null) this.#cells[i]?.take(rank, found);
    }
  };

  /** All series that there are, by metric. */
  families(labels: Labels): readonly Family[] {
    return DERIVED.map(({ definition }, i) => {
      const series = [{ labels, read: () => this.#cells[i]?.value ?? null }];
      return { name: definition.name, series: () => series };
    });
  }
}
