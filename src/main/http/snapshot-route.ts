/**
 * `/v1/kv/snapshot`: what all published events amount to now, as one body of msgpack values: a map that says what it is, then
 * ordinary batches. MAIN THREAD.
 */
import type { SnapshotAnswer, SnapshotRefusalReason } from "../pipeline/snapshot-client.ts";
import type { BodyStream } from "./body-stream.ts";
import type { Route } from "./routes.ts";
import type { Response, StreamedResponse } from "./response.ts";

const MESSAGES: Readonly<Record<SnapshotRefusalReason, string>> = {
  off: "there is no index to make a snapshot of; --snapshot turns it on",
  busy: "as many snapshots as allowed are being made; try again",
  overflow: "the index changed too much while the snapshot was made; try again",
  stopping: "the service or its index is stopping; try again",
};

export function snapshotRoute(open: () => Promise<SnapshotAnswer>): Route {
  return { path: "/v1/kv/snapshot", codes: [404], handler: async () => responseOf(await open()) };
}

function responseOf({ snapshot, refused }: SnapshotAnswer): Response | StreamedResponse {
  if (snapshot === null) {
    const body = `${JSON.stringify({ error: refused, message: MESSAGES[refused] })}\n`;
    return { status: refused === "off" ? 404 : 503, contentType: "application/json", body };
  }
  let isFirst = true;
  const stream: BodyStream = {
    async next() {
      if (!isFirst) return snapshot.next();
      isFirst = false;
      return snapshot.header;
    },
    cancel: () => snapshot.cancel(),
  };
  return { status: 200, contentType: "application/msgpack", stream };
}
