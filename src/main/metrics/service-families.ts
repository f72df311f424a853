/**
 * The families of the process itself: build, log lines, HTTP requests. MAIN THREAD.
 */
import type { Epoch } from "../../shared/index-messages.ts";
import type { Family, Series } from "./cell-metric.ts";

/** Counts of answered requests, as the HTTP server keeps them. */
export interface RequestCountsView {
  /** All pairs that can occur, those with no request yet at 0. */
  entries(): Iterable<{ readonly handler: string; readonly code: number; readonly count: number }>;
}

/** Streams of the live page. */
export interface LiveCountsView {
  readonly clients: number;
  /** Messages that a client was not sent because it had not taken the one before. */
  readonly skippedMessages: number;
}

export function serviceFamilies(
  version: string,
  epoch: Epoch,
  logCounts: Readonly<Record<string, number>>,
  requests: RequestCountsView,
  collectSeconds: () => number | null,
  live: LiveCountsView | null = null,
): readonly Family[] {
  const build: readonly Series[] = [{ labels: { version, node: process.versions.node }, read: () => 1 }];
  const epochInfo: readonly Series[] = [{ labels: { epoch: epoch.uuid }, read: () => 1 }];
  const epochStart: readonly Series[] = [{ labels: {}, read: () => epoch.startedSeconds }];
  const lines: readonly Series[] = Object.keys(logCounts).map((level) => ({
    labels: { level },
    read: () => logCounts[level] ?? 0,
  }));
  const collect: readonly Series[] = [{ labels: {}, read: collectSeconds }];
  return [
    { name: "metrics_collect_duration_seconds", series: () => collect },
    {
      name: "http_requests_total",
      series: () =>
        Array.from(requests.entries(), ({ handler, code, count }) => ({
          labels: { handler, code: String(code) },
          read: () => count,
        })),
    },
    { name: "sse_clients", series: () => [{ labels: {}, read: () => live?.clients ?? 0 }] },
    { name: "sse_dropped_messages_total", series: () => [{ labels: {}, read: () => live?.skippedMessages ?? 0 }] },
    { name: "log_messages_total", series: () => lines },
    { name: "epoch_info", series: () => epochInfo },
    { name: "epoch_start_timestamp_seconds", series: () => epochStart },
    { name: "build_info", series: () => build },
  ];
}
