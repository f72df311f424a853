/** The result of a load test for programs: one object, names that stay. Pure. */
import type { AgeFigures } from "./age-histogram.ts";
import type { FloodFigures } from "./figures.ts";
import type { RampResult } from "./ramp.ts";

export interface Framing {
  readonly faults: readonly string[];
  readonly minPerSecond: number | null;
  readonly reachedPerSecond: number;
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | null;
  readonly machine: string;
  readonly command: string;
}

/** `figures` is null when nothing was measured, `ramp` when there was none. Of a ramp the figures are those of the knee. */
export function reportJson(
  figures: FloodFigures | null,
  ramp: RampResult<FloodFigures> | null,
  framing: Framing,
): Readonly<Record<string, unknown>> {
  return {
    ...(figures === null ? {} : figuresJson(figures)),
    ...(ramp === null ? {} : { ramp: rampJson(ramp) }),
    faults: framing.faults,
    reached_per_s: round(framing.reachedPerSecond),
    min_rate_per_s: framing.minPerSecond,
    interrupted_by: framing.signal,
    exit_code: framing.exitCode,
    machine: framing.machine,
    command: framing.command,
  };
}

function figuresJson(figures: FloodFigures): Readonly<Record<string, unknown>> {
  const { rate, loss } = figures;
  return {
    offered_per_s: figures.offeredPerSecond,
    warm_up_s: figures.warmUpMs / 1000,
    measured_s: round(figures.windowMs / 1000),
    rate_per_s: { median: round(rate.median), min: round(rate.min), max: round(rate.max), mean: round(rate.mean) },
    bytes_per_s: Math.round(figures.bytesPerSecond),
    events: figures.events,
    messages: figures.messages,
    bytes: figures.bytes,
    last_sequence: figures.lastSequence,
    loss: {
      missing_messages: loss.missingMessages,
      first_missing_sequence: loss.firstMissing,
      repeated_messages: loss.repeatedMessages,
      missing_events: loss.missingEvents,
      undelivered_events: loss.undelivered,
      before_service_events: loss.service?.beforeService ?? null,
      invalid_events: loss.service?.invalid ?? null,
      not_encoded_events: loss.service?.notEncoded ?? null,
      dropped_events: loss.service?.dropped ?? null,
      subscriber_queue_full: loss.service?.queueFull ?? null,
    },
    age_ms: { warm: agesJson(figures.warmAges), cold: agesJson(figures.coldAges) },
    cpu_us_per_event: figures.cpuMicrosPerEvent === null ? null : round(figures.cpuMicrosPerEvent),
    cpu_cores: figures.cpuCores === null ? null : round(figures.cpuCores),
    peak_rss_bytes: figures.peakRssBytes,
    memory_bound_bytes: figures.memoryBoundBytes,
  };
}

function rampJson({ steps, knee, above }: RampResult<FloodFigures>): Readonly<Record<string, unknown>> {
  return {
    knee_per_s: knee?.ratePerSecond ?? null,
    fails_at_per_s: above?.ratePerSecond ?? null,
    steps: steps.map(({ ratePerSecond, measured, shortfall }) => ({
      offered_per_s: ratePerSecond,
      delivered_per_s: round(measured.rate.mean),
      age_p99_ms: measured.warmAges === null ? null : measured.warmAges.p99Micros / 1000,
      shortfall,
    })),
  };
}

function agesJson(ages: AgeFigures | null): Readonly<Record<string, number>> | null {
  if (ages === null) return null;
  const { events, p50Micros, p90Micros, p99Micros, p999Micros, maxMicros } = ages;
  const [p50, p90, p99, p999, max] = [p50Micros, p90Micros, p99Micros, p999Micros, maxMicros].map((us) => us / 1000);
  return { events, p50: p50 ?? 0, p90: p90 ?? 0, p99: p99 ?? 0, p99_9: p999 ?? 0, max: max ?? 0 };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
