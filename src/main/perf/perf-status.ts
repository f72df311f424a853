/**
 * Whether an engine gives performance data, and if not, why and what to do. MAIN THREAD, pure.
 *
 * An engine that keeps no records and one that has served no request answer alike, with an empty list. So an empty answer proves
 * nothing by itself; only that requests have finished meanwhile does. Until then it is said that nothing is known.
 */

export const PERF_STATES = ["off", "unsupported", "waiting", "not_enabled", "reading", "failing"] as const;
/**
 * - `off`: not asked for.
 * - `unsupported`: this kind of engine has no such data.
 * - `waiting`: no record yet, and nothing shows that there should have been one.
 * - `not_enabled`: requests have finished and there is no record of them, or there is no such address.
 * - `reading`: records have come.
 * - `failing`: the last try failed.
 */
export type PerfState = (typeof PERF_STATES)[number];

export const ENABLE_HINT = "set return_perf_metrics: true and perf_metrics_max_requests: 1000 in the engine";

/** What to do about a state, a sentence; null where nothing is to be done. */
export const PERF_HINTS: Readonly<Record<PerfState, string | null>> = {
  off: "kvcast does not read it: --perf-metrics auto",
  unsupported: "only engines that are read over HTTP have it: --engine http://host:port",
  waiting: `no request has finished since kvcast came, or none is recorded: ${ENABLE_HINT}`,
  not_enabled: `the engine keeps no records of its requests: ${ENABLE_HINT}`,
  reading: null,
  failing: "the log of kvcast says why it cannot be read",
};
