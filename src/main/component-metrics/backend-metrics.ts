/**
 * Gauges of an engine's cache, under the names that Dynamo's boards know. Any thread, plain fields; part of the library.
 *
 * A gauge has no series before it is first set: what nobody has measured is not 0.
 */
import type { Family, Labels, Series } from "../metrics/cell-metric.ts";
import { BACKEND_METRICS } from "./definitions.ts";
import { exposition } from "./exposition.ts";

export interface BackendMetricsLabels {
  readonly model: string;
  /** The `dynamo_component` label. Default `backend`. */
  readonly component?: string;
}

type RankGauge = "total_blocks" | "gpu_cache_usage_percent" | "kv_cache_hit_rate";

export class LLMBackendMetrics {
  readonly #labels: Labels;
  readonly #ranks: Readonly<Record<RankGauge, Map<string, number>>> = {
    total_blocks: new Map(),
    gpu_cache_usage_percent: new Map(),
    kv_cache_hit_rate: new Map(),
  };
  #modelLoadSeconds: number | null = null;

  constructor({ model, component = "backend" }: BackendMetricsLabels) {
    this.#labels = { dynamo_component: component, model };
  }

  setTotalBlocks(dpRank: number | string, blocks: number): void {
    this.#ranks.total_blocks.set(String(dpRank), blocks);
  }

  /** A ratio, 0 to 1, whatever the name says. */
  setGpuCacheUsage(dpRank: number | string, ratio: number): void {
    this.#ranks.gpu_cache_usage_percent.set(String(dpRank), ratio);
  }

  /** 0 to 1. */
  setKvCacheHitRate(dpRank: number | string, ratio: number): void {
    this.#ranks.kv_cache_hit_rate.set(String(dpRank), ratio);
  }

  setModelLoadTime(seconds: number): void {
    this.#modelLoadSeconds = seconds;
  }

  /** All series that there are, by metric. `more` are labels on top. */
  families(more: Labels = {}): readonly Family[] {
    const labels = { ...this.#labels, ...more };
    const load: readonly Series[] = [{ labels, read: () => this.#modelLoadSeconds }];
    return [
      this.#family("total_blocks", labels),
      this.#family("gpu_cache_usage_percent", labels),
      this.#family("kv_cache_hit_rate", labels),
      { name: "dynamo_component_model_load_time_seconds", series: () => load },
    ];
  }

  /** The text that prometheus_client would print of these gauges. */
  exposition(): string {
    return exposition(BACKEND_METRICS, this.families());
  }

  #family(gauge: RankGauge, labels: Labels): Family {
    const values = this.#ranks[gauge];
    return {
      name: `dynamo_component_${gauge}`,
      series: () =>
        Array.from(values, ([dpRank, value]) => ({ labels: { ...labels, dp_rank: dpRank }, read: () => value })),
    };
  }
}
