/**
 * `/metrics`: the page of the registry, encoded to bytes once however many scrapers share it. MAIN THREAD.
 */
import type { WholeRoute } from "./routes.ts";

/** What this needs of `Metrics`. */
export interface PageSource {
  readonly contentType: string;
  /** The same string for as long as the page is shared. */
  render(): Promise<string>;
}

export function metricsRoute(metrics: PageSource): WholeRoute {
  let text = "";
  let bytes: Buffer = Buffer.alloc(0);
  return {
    path: "/metrics",
    handler: async () => {
      const page = await metrics.render();
      if (page !== text) {
        text = page;
        bytes = Buffer.from(page, "utf8");
      }
      return { status: 200, contentType: metrics.contentType, body: bytes };
    },
  };
}
