/** What one measurement found. MAIN THREAD; pure. */
import type { AgeFigures } from "./age-histogram.ts";
import type { ServiceLosses } from "./books.ts";
import type { SubscriberReport } from "./subscriber-process.ts";
import type { LastWords } from "./target.ts";

/** Events a second, over the seconds of the measured time. */
export interface RateFigures {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** All events over all the time. */
  readonly mean: number;
}

/** What is missing, and where. */
export interface LossFigures {
  /** Messages that are missing between the first one and the last one that came. */
  readonly missingMessages: number;
  /** The first sequence number of those. */
  readonly firstMissing: number | null;
  readonly repeatedMessages: number;
  /** Events that the service says it sent and that did not come; null when it does not say. */
  readonly missingEvents: number | null;
  /** Events that it says it could not send before its end. */
  readonly undelivered: number;
  /** Null when nobody could be asked. */
  readonly service: ServiceLosses | null;
  /** What does not balance in the books of the service; null when all does, or there are none to read. */
  readonly booksFault: string | null;
}

export interface FloodFigures {
  /** Null for as fast as it goes, or when the load is not ours. */
  readonly offeredPerSecond: number | null;
  readonly interrupted: boolean;
  readonly warmUpMs: number;
  /** The time measured. */
  readonly windowMs: number;
  readonly rate: RateFigures;
  /** Of the measured time. */
  readonly bytesPerSecond: number;
  /** These, and what is lost, are of the whole run: the warm-up and the end too. */
  readonly events: number;
  readonly messages: number;
  readonly bytes: number;
  readonly lastSequence: number;
  readonly loss: LossFigures;
  readonly coldAges: AgeFigures | null;
  readonly warmAges: AgeFigures | null;
  /** Of all threads of the service. Null when they are not known. */
  readonly cpuMicrosPerEvent: number | null;
  /** Cores that it kept busy. */
  readonly cpuCores: number | null;
  readonly peakRssBytes: number | null;
  readonly memoryBoundBytes: number | null;
}

/** Whole seconds only; a time that has none counts as one piece. */
export function rateFigures({ timedEvents, windowMs, eventsBySecond }: SubscriberReport): RateFigures {
  const mean = windowMs > 0 ? (timedEvents * 1000) / windowMs : 0;
  const seconds = Math.floor(windowMs / 1000);
  const counts = Array.from({ length: seconds }, (_, second) => eventsBySecond[second] ?? 0);
  const sorted = counts.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? mean;
  const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? mean) : upper;
  return { median: (lower + upper) / 2, min: sorted[0] ?? mean, max: sorted.at(-1) ?? mean, mean };
}

/** `report` must be one from after the end of the service, where there are last words. */
export function lossFigures(
  report: SubscriberReport,
  last: LastWords | null,
  service: ServiceLosses | null,
  booksFault: string | null,
): LossFigures {
  return {
    missingMessages: report.missing,
    firstMissing: report.firstMissing,
    repeatedMessages: report.repeated,
    missingEvents: last === null ? null : last.publishedEvents - report.events,
    undelivered: last?.droppedEvents ?? 0,
    service,
    booksFault,
  };
}
