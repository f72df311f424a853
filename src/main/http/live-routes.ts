/**
 * `/v1/live`: the state of the service as one JSON object, and `/v1/live/stream`: the same again and again, as server-sent
 * events. MAIN THREAD.
 */
import type { LiveHub } from "../live/live-hub.ts";
import type { LiveGate } from "./live-gate.ts";
import { TEXT } from "./answer.ts";
import type { Route } from "./routes.ts";

export const LIVE_PATH = "/v1/live";
export const LIVE_STREAM_PATH = "/v1/live/stream";
/** When to come back after "too many", in seconds. */
const RETRY_AFTER_SECONDS = 5;

export function liveRoutes(hub: LiveHub, gate: LiveGate): readonly Route[] {
  return [
    {
      path: LIVE_PATH,
      codes: [403],
      handler: (request) =>
        gate.refusal(request) ?? { status: 200, contentType: "application/json", body: `${hub.json()}\n` },
    },
    {
      path: LIVE_STREAM_PATH,
      codes: [403],
      handler: (request) => {
        const refusal = gate.refusal(request);
        if (refusal !== null) return refusal;
        const stream = hub.open(request.headers["last-event-id"]);
        if (stream !== null) return { status: 200, contentType: "text/event-stream; charset=utf-8", stream };
        return {
          status: 503,
          contentType: TEXT,
          body: "As many live pages as are allowed are open. Close one, or try again later.\n",
          headers: { "Retry-After": String(RETRY_AFTER_SECONDS) },
        };
      },
    },
  ];
}
