/**
 * `/v1/perf/requests`: finished requests, where their time went, and what the cache did meanwhile, as JSON. MAIN THREAD.
 */
import { wallClockSeconds } from "../../shared/clock.ts";
import { perfQueryOf } from "../perf/perf-query.ts";
import { perfReport, type PerfView } from "../perf/perf-report.ts";
import type { WholeRoute } from "./routes.ts";
import type { Response } from "./response.ts";

export const PERF_PATH = "/v1/perf/requests";

export function perfRoute(views: readonly PerfView[]): WholeRoute {
  const engines = views.map(({ engine }) => engine);
  return {
    path: PERF_PATH,
    codes: [400],
    handler: ({ query }) => {
      const wanted = perfQueryOf(query, engines);
      if ("refused" in wanted) return json(400, { error: "bad_query", message: wanted.refused });
      return json(200, perfReport(views, wanted, { monotonicMs: performance.now(), unixSeconds: wallClockSeconds() }));
    },
  };
}

function json(status: number, value: unknown): Response {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}
