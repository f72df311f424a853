/** What is made of an engine's statistics page, and of engines that have none. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { Secret } from "../../src/shared/secret.ts";
import type { HttpEngineConfig } from "../../src/main/config/config.ts";
import { UsagePoller, usedBlocksOf } from "../../src/main/engine/usage-poller.ts";

void test("the figure is found with and without the prefix, in any label order", () => {
  assert.equal(usedBlocksOf('trtllm_kv_cache_used_blocks{model_name="m",pid="7"} 123.0\n'), 123);
  assert.equal(usedBlocksOf("kv_cache_used_blocks 5\n"), 5);
  assert.equal(usedBlocksOf("# HELP kv_cache_used_blocks 9\n# TYPE x gauge\nkv_cache_used_blocks{} 1.5e+03"), 1500);
});

void test("of several processes the highest figure counts", () => {
  const page = ["1", "2", "3"].map((pid) => `trtllm_kv_cache_used_blocks{pid="${pid}"} ${Number(pid) * 10}.0\n`);
  assert.equal(usedBlocksOf(page.join("")), 30);
});

void test("a page without the figure, or with nonsense in its place, says nothing", () => {
  for (const page of [
    "",
    "trtllm_kv_cache_free_blocks 7\n",
    "xkv_cache_used_blocks 7\n",
    "trtllm_kv_cache_used_blocks NaN\n",
    "trtllm_kv_cache_used_blocks -7\n",
    "trtllm_kv_cache_used_blocks 1e999\n",
    "trtllm_kv_cache_used_blocks{ 7\n",
  ]) {
    assert.equal(usedBlocksOf(page), null, page);
  }
});

async function poll(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number | null> {
  const server: Server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address
  const { port } = server.address() as AddressInfo;
  const config: HttpEngineConfig = {
    kind: "http",
    name: "engine0",
    url: new URL(`http://127.0.0.1:${port}/base/`),
    headers: new Secret({ authorization: "Bearer x" }),
    ca: undefined,
    clientCert: undefined,
    clientKey: undefined,
    timeoutMs: 1000,
    maxResponseBytes: 1000,
  };
  return new Promise((resolve) => {
    const poller = new UsagePoller({ config, onUsed: resolve });
    t.after(() => {
      poller.stop();
      server.close();
    });
    poller.start();
  });
}

void test("the page is read with GET below the engine's URL, with the engine's headers", async (t) => {
  let seen = "";
  const used = await poll(t, (request, response) => {
    seen = `${request.method} ${request.url} ${request.headers.authorization}`;
    response.end("trtllm_kv_cache_used_blocks 42.0\n");
  });
  assert.equal(used, 42);
  assert.equal(seen, "GET /base/prometheus/metrics Bearer x");
});

for (const status of [404, 405, 500]) {
  void test(`an engine that answers ${status} says nothing`, async (t) => {
    let requests = 0;
    const used = await poll(t, (_request, response) => {
      requests++;
      response.writeHead(status).end("trtllm_kv_cache_used_blocks 42.0\n");
    });
    assert.equal(used, null);
    assert.equal(requests, 1);
  });
}

void test("a page beyond all measure is not taken in", async (t) => {
  const used = await poll(t, (_request, response) => {
    response.write("trtllm_kv_cache_used_blocks 42.0\n");
    response.end("#".repeat(2 << 20));
  });
  assert.equal(used, null);
});
