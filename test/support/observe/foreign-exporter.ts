/**
 * Pages of others: `/metrics` as Dynamo's frontend and workers have it, `/prometheus/metrics` as recorded from the newest engine,
 * which has what the stand-in engine has not.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { TestContext } from "node:test";
import { DYNAMO_METRICS } from "../../../observe/known-metrics.ts";

const ENGINE_PAGE = readFileSync(path.join(process.cwd(), "test/fixtures/trtllm/trtllm_prometheus_metrics.txt"));

/** Resolves with host:port. Stopped with the test. */
export async function foreignExporter(t: TestContext): Promise<string> {
  let reads = 0;
  const server = createServer(({ url }, response) => {
    response.setHeader("content-type", "text/plain; version=0.0.4");
    response.end(url === "/metrics" ? dynamoPage(++reads) : ENGINE_PAGE);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Counters grow with each read. */
function dynamoPage(reads: number): string {
  const families = Object.entries(DYNAMO_METRICS).map(([name, { type, labels }]) => {
    const pairs = labels.map((label) => `${label}="a ${label}"`).join(",");
    return `# TYPE ${name} ${type}\n${name}{${pairs}} ${type === "counter" ? reads * 7 : 5}\n`;
  });
  return families.join("");
}
