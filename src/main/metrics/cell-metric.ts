/**
 * Metric objects that prom-client's Registry accepts, over numbers that live elsewhere. MAIN THREAD.
 *
 * prom-client's own counters and histograms cannot be set to a value, only moved; ours is counted in plain fields and
 * shared memory. The Registry needs no more of a metric than its head and a `get()` that returns samples, so that is
 * what these are. It calls every `get()` within one synchronous pass.
 */
import { LayoutError } from "../../shared/errors.ts";
import { fullName, type MetricDefinition, type MetricType } from "./metric-definition.ts";
import type { Histogram } from "./histogram.ts";

export type Labels = Readonly<Record<string, string>>;

/** One number of a counter or a gauge. */
export interface Series {
  readonly labels: Labels;
  /** The value now; null leaves the series out of this scrape. */
  read(): number | null;
}

/** One histogram of a family. */
export interface HistogramSeries {
  readonly labels: Labels;
  /** Adds into zeroed cells: one per bucket (not cumulative, +Inf last), then the sum. */
  addTo(cells: Float64Array): void;
}

/** Puts a histogram of the main thread into the cells of a series. */
export function addHistogram(from: Histogram, cells: Float64Array): void {
  const { counts, sum } = from;
  if (counts.length + 1 !== cells.length) {
    throw new LayoutError(`a histogram of ${counts.length} buckets does not fit a metric of ${cells.length - 1}`);
  }
  for (const [i, count] of counts.entries()) cells[i] = (cells[i] ?? 0) + count;
  cells[counts.length] = (cells[counts.length] ?? 0) + sum;
}

/** A catalogue entry with where its numbers come from. `series()` is called at each scrape. */
export type Family =
  | { readonly name: string; readonly series: () => readonly Series[] }
  | { readonly name: string; readonly histograms: () => readonly HistogramSeries[] };

/** A line of the page, in the shape that the Registry prints. `sharedLabels` are formatted once per object. */
interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Labels;
  readonly value: number;
}

interface Collected {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregator: "sum";
  readonly values: readonly Sample[];
}

const NO_LABELS: Labels = {};

export class CellMetric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregator = "sum";
  readonly #collect: () => Sample[];

  constructor(definition: MetricDefinition, family: Family) {
    this.name = fullName(definition);
    this.help = definition.help;
    this.type = definition.type;
    if ("series" in family) {
      this.#collect = () => scalarSamples(family.series());
    } else {
      const bounds = definition.buckets ?? [];
      this.#collect = () => family.histograms().flatMap((series) => histogramSamples(this.name, bounds, series));
    }
  }

  /** Called by the Registry, synchronously. */
  get(): Collected {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.#collect() };
  }

  /** The cells belong to others; there is nothing to reset. The Registry's interface asks for it. */
  reset(): void {}
}

function scalarSamples(series: readonly Series[]): Sample[] {
  const samples: Sample[] = [];
  for (const one of series) {
    const value = one.read();
    if (value !== null) samples.push({ labels: NO_LABELS, sharedLabels: one.labels, value });
  }
  return samples;
}

function histogramSamples(name: string, bounds: readonly number[], series: HistogramSeries): Sample[] {
  const sharedLabels = series.labels;
  const cells = new Float64Array(bounds.length + 2);
  series.addTo(cells);
  const bucket = `${name}_bucket`;
  const samples: Sample[] = [];
  let count = 0;
  for (const [i, le] of bounds.entries()) {
    count += cells[i] ?? 0;
    samples.push({ metricName: bucket, labels: { le }, sharedLabels, value: count });
  }
  count += cells[bounds.length] ?? 0;
  samples.push(
    { metricName: bucket, labels: { le: "+Inf" }, sharedLabels, value: count },
    { metricName: `${name}_sum`, labels: NO_LABELS, sharedLabels, value: cells[bounds.length + 1] ?? 0 },
    { metricName: `${name}_count`, labels: NO_LABELS, sharedLabels, value: count },
  );
  return samples;
}
