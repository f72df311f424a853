/**
 * What Dynamo's TensorRT-LLM component counts on top of the engine's own metrics. Any thread, plain fields; part of the library.
 *
 * Each series appears when the first thing happens that it counts. Who looks on from outside, as `kvcast serve` does, sees
 * neither cancelled requests nor their contents: those series are for programs that handle requests themselves.
 */
import { addHistogram, type Family, type Labels } from "../metrics/cell-metric.ts";
import { Histogram } from "../metrics/histogram.ts";
import {
  ADDITIONAL_METRICS,
  DRAIN_BATCH_BUCKETS,
  TRANSFER_BYTES_BUCKETS,
  TRANSFER_LATENCY_BUCKETS,
  TRANSFER_SPEED_BUCKETS,
} from "./definitions.ts";
import { exposition } from "./exposition.ts";
import type { DisaggregationMode } from "./worker-traits.ts";

export interface AdditionalMetricsLabels {
  readonly modelName: string;
  readonly disaggregationMode: DisaggregationMode;
  /** Default `trtllm`. */
  readonly engineType?: string;
}

/** A transfer of cache as the engine measured it, in seconds of its clock; 0 and absent mean: not measured. */
export interface KvTransfer {
  readonly start?: number | null;
  readonly end?: number | null;
  readonly bytes?: number | null;
}

type CounterName =
  | "num_aborted_requests"
  | "request_type_image"
  | "request_type_structured_output"
  | "kv_transfer_success"
  | "kv_event_id_gap_events";
type HistogramName =
  | "kv_transfer_latency_seconds"
  | "kv_transfer_bytes"
  | "kv_transfer_speed_gb_s"
  | "kv_event_drain_batch_size";

export class AdditionalMetricsCollector {
  readonly #labels: Labels;
  readonly #counters: Map<string, number> = new Map();
  readonly #histograms: Readonly<Record<HistogramName, Histogram>> = {
    kv_transfer_latency_seconds: new Histogram(TRANSFER_LATENCY_BUCKETS),
    kv_transfer_bytes: new Histogram(TRANSFER_BYTES_BUCKETS),
    kv_transfer_speed_gb_s: new Histogram(TRANSFER_SPEED_BUCKETS),
    kv_event_drain_batch_size: new Histogram(DRAIN_BATCH_BUCKETS),
  };
  readonly #observed: Set<HistogramName> = new Set();
  #bufferCapacity: number | null = null;

  constructor({ modelName, disaggregationMode, engineType = "trtllm" }: AdditionalMetricsLabels) {
    this.#labels = { disaggregation_mode: disaggregationMode, engine_type: engineType, model_name: modelName };
  }

  recordAbortedRequest(): void {
    this.#count("num_aborted_requests", 1);
  }

  recordImageRequest(): void {
    this.#count("request_type_image", 1);
  }

  recordStructuredOutputRequest(): void {
    this.#count("request_type_structured_output", 1);
  }

  /** False, and nothing is recorded, where the start, the end or the time between them is not above 0. */
  recordKvTransfer({ start, end, bytes }: KvTransfer): boolean {
    const from = start ?? 0;
    const to = end ?? 0;
    const seconds = to - from;
    if (!(from > 0 && to > 0 && seconds > 0)) return false;
    const size = bytes ?? 0;
    this.#count("kv_transfer_success", 1);
    this.#observe("kv_transfer_latency_seconds", seconds);
    if (size > 0) {
      this.#observe("kv_transfer_bytes", size);
      this.#observe("kv_transfer_speed_gb_s", size / (seconds * 1e9));
    }
    return true;
  }

  setKvEventBufferCapacity(events: number): void {
    this.#bufferCapacity = events;
  }

  /** Takes the number of events of a drain that succeeded. */
  recordKvEventDrain(events: number): void {
    this.#observe("kv_event_drain_batch_size", events);
  }

  /** Takes how many ids are missing; 0 counts nothing. */
  recordKvEventIdGap(missing: number): void {
    if (missing > 0) this.#count("kv_event_id_gap_events", missing);
  }

  /** All series that there are, by metric. `more` are labels on top. */
  families(more: Labels = {}): readonly Family[] {
    const labels = { ...this.#labels, ...more };
    return ADDITIONAL_METRICS.map(({ name, type }): Family => {
      const short = name.replace(/^trtllm_/, "").replace(/_total$/, "");
      if (isHistogram(short, this.#histograms)) return this.#histogramFamily(name, short, labels);
      const read =
        type === "gauge"
          ? (): number | null => this.#bufferCapacity
          : (): number | null => this.#counters.get(short) ?? null;
      const series = [{ labels, read }];
      return { name, series: () => series };
    });
  }

  /** The text that prometheus_client would print of these metrics, without the moments at which they began. */
  exposition(): string {
    return exposition(ADDITIONAL_METRICS, this.families());
  }

  #histogramFamily(name: string, short: HistogramName, labels: Labels): Family {
    const series = [{ labels, addTo: (cells: Float64Array): void => addHistogram(this.#histograms[short], cells) }];
    return { name, histograms: () => (this.#observed.has(short) ? series : []) };
  }

  #count(name: CounterName, by: number): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + by);
  }

  #observe(name: HistogramName, value: number): void {
    this.#observed.add(name);
    this.#histograms[name].observe(value);
  }
}

/** What of a request tells that images belong to it. */
export type RequestParts = Readonly<Partial<Record<(typeof IMAGE_PARTS)[number], unknown>>>;

const IMAGE_PARTS = ["multi_modal_data", "multi_modal_embeddings", "_epd_processed_prompt"] as const;

/** Whether a request counts as one with images. */
export function isImageRequest(request: RequestParts): boolean {
  return IMAGE_PARTS.some((part) => request[part] !== undefined && request[part] !== null);
}

const GRAMMARS = ["json", "regex", "grammar", "json_object", "structural_tag"] as const;

/** How an output is bound; a `choice` that is empty binds nothing. */
export type GuidedDecoding = Readonly<Partial<Record<(typeof GRAMMARS)[number], unknown>>> & {
  readonly choice?: unknown;
};

/** Whether a request counts as one with structured output. */
export function isStructuredOutput(guided: GuidedDecoding | null | undefined): boolean {
  if (guided === null || guided === undefined) return false;
  if (GRAMMARS.some((grammar) => guided[grammar] !== undefined && guided[grammar] !== null)) return true;
  const { choice } = guided;
  return Array.isArray(choice) ? choice.length > 0 : Boolean(choice);
}

function isHistogram(name: string, histograms: Readonly<Record<HistogramName, Histogram>>): name is HistogramName {
  return Object.hasOwn(histograms, name);
}
