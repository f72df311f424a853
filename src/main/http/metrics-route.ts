/**
 * `/metrics`: the page of the registry in the form that the scraper asks for, made once however many scrapers share it.
 * MAIN THREAD.
 */
import { acceptedFormat, acceptsGzip } from "./accept.ts";
import type { WholeRoute } from "./routes.ts";

/** What this needs of a page. */
interface Page {
  body(format: "text" | "openmetrics"): Buffer;
  gzipped(format: "text" | "openmetrics"): Promise<Buffer>;
}

/** What this needs of `Metrics`. */
export interface PageSource {
  /** The same page for as long as it is shared. */
  page(): Promise<Page>;
}

const VARY = { Vary: "Accept, Accept-Encoding" };

export function metricsRoute(metrics: PageSource): WholeRoute {
  return {
    path: "/metrics",
    access: "shared",
    handler: async ({ headers }) => {
      const page = await metrics.page();
      const { format, contentType } = acceptedFormat(headers["accept"]);
      if (!acceptsGzip(headers["accept-encoding"])) {
        return { status: 200, contentType, body: page.body(format), headers: VARY };
      }
      return {
        status: 200,
        contentType,
        body: await page.gzipped(format),
        headers: { ...VARY, "Content-Encoding": "gzip" },
      };
    },
  };
}
