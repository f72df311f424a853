/**
 * Starts either HTTP implementation for a test, with a log that can be read and counts.
 */
import type { TestContext } from "node:test";
import { loadHyperExpress } from "../../src/main/http/hyper-express-server.ts";
import { RequestCounts } from "../../src/main/http/request-counts.ts";
import type { Route } from "../../src/main/http/routes.ts";
import { type HttpImplementation, type HttpServer, startHttpServer } from "../../src/main/http/server.ts";
import { createLogger, type Logger } from "../../src/main/log.ts";

/** Both where hyper-express can be loaded, as it must be on Node 20. */
export const IMPLEMENTATIONS: readonly HttpImplementation[] =
  (await loadHyperExpress()).ok || process.versions.node.startsWith("20.") ? ["hyper-express", "node"] : ["node"];

export interface TestServer {
  readonly server: HttpServer;
  readonly counts: RequestCounts;
  readonly lines: readonly string[];
  /** `handler code` → requests, those at 0 left out. */
  readonly counted: () => Record<string, number>;
}

export function recordingLogger(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const stream = { write: (line: string) => lines.push(line) };
  return { log: createLogger({ level: "trace", format: "json", stream }), lines };
}

/** The server ends with the test. */
export async function startTestServer(
  t: TestContext,
  implementation: HttpImplementation,
  routes: readonly Route[],
): Promise<TestServer> {
  const { log, lines } = recordingLogger();
  const counts = new RequestCounts();
  const host = "127.0.0.1";
  // Requests that are written by hand ask for `test`.
  const names = { allowedHosts: ["test"] };
  const server = await startHttpServer({ host, port: 0, routes, log, implementation, requests: counts, ...names });
  t.after(() => server.close());
  return {
    server,
    counts,
    lines,
    counted: () =>
      Object.fromEntries(
        [...counts.entries()].filter((one) => one.count > 0).map((one) => [`${one.handler} ${one.code}`, one.count]),
      ),
  };
}
