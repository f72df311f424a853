/** What a site's page can have of a server on its reader's machine, when the site's own name leads there: nothing that is private. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { RequestCounts } from "../../src/main/http/request-counts.ts";
import type { Route } from "../../src/main/http/routes.ts";
import { type HttpServerOptions, startHttpServer } from "../../src/main/http/server.ts";
import { ask, type AskOptions } from "../support/ask-http.ts";
import { IMPLEMENTATIONS, recordingLogger } from "../support/http-servers.ts";
import { serve } from "../support/processes.ts";
import { rawRequest } from "../support/raw-http.ts";

const TLS_FILES = path.join(process.cwd(), "test/fixtures/tls");
const JSON_TYPE = "application/json";
const FOREIGN = [
  "evil.example",
  "evil.example:8081",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "a b",
  "[::1",
];
const OWN = ["127.0.0.1:8081", "127.8.8.8", "[::1]:8081", "localhost", "LOCALHOST.:1", "kv.localhost", "kv.example"];

const route = (path_: string, more: Partial<Route> = {}): Route => ({
  path: path_,
  handler: () => ({ status: 200, contentType: "text/plain", body: "here" }),
  ...more,
});
const ROUTES: readonly Route[] = [
  route("/live", { access: "probe" }),
  route("/metrics", { access: "shared" }),
  route("/query", { access: "shared", maxBodyBytes: 100 }),
  route("/dump"),
  route("/register", { maxBodyBytes: 100 }),
];
const PRIVATE = ["/dump", "/register"];

interface Started {
  readonly url: string;
  readonly port: number;
  /** Requests that were turned away with a 403. */
  readonly refused: () => number;
}

async function start(t: TestContext, options: Partial<HttpServerOptions>): Promise<Started> {
  const requests = new RequestCounts();
  const { log } = recordingLogger();
  const all = { host: "127.0.0.1", port: 0, routes: ROUTES, log, requests, allowedHosts: ["kv.example"], ...options };
  const server = await startHttpServer(all);
  t.after(() => server.close());
  return {
    url: server.url,
    port: server.port,
    refused: () =>
      [...requests.entries()].find(({ handler, code }) => handler === "other" && code === 403)?.count ?? Number.NaN,
  };
}

/** TLS, which asks nobody who they are: served by node:https. */
function tlsOnly(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-rebinding-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "web.yml");
  const tls = { cert_file: path.join(TLS_FILES, "server.pem"), key_file: path.join(TLS_FILES, "server.key.pem") };
  writeFileSync(file, JSON.stringify({ tls_server_config: tls }));
  return file;
}

const askFor = (place: string, headers: Readonly<Record<string, string>>): AskOptions =>
  place === "/register" || place === "/query"
    ? { method: "POST", body: "{}", headers: { ...headers, "content-type": JSON_TYPE } }
    : { headers };

const SERVERS: Readonly<Record<string, (t: TestContext) => Partial<HttpServerOptions>>> = {
  ...Object.fromEntries(IMPLEMENTATIONS.map((implementation) => [implementation, () => ({ implementation })])),
  "node:https": (t) => ({ webConfigFile: tlsOnly(t) }),
};

for (const [name, optionsOf] of Object.entries(SERVERS)) {
  void test(`${name}: what is private is not for foreign names and pages`, async (t) => {
    const server = await start(t, optionsOf(t));
    const statusOf = async (place: string, headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask(`${server.url}${place}`, askFor(place, headers))).status;
    let refused = 0;
    for (const place of PRIVATE) {
      for (const host of FOREIGN) {
        assert.equal(await statusOf(place, { host }), 403, `${place} of ${host}`);
        assert.equal(server.refused(), ++refused, "it is counted");
      }
      for (const host of OWN) assert.equal(await statusOf(place, { host }), 200, `${place} of ${host}`);
      for (const origin of ["https://evil.example", "http://evil.example:8081", "null", "file://", "http://a b"]) {
        assert.equal(await statusOf(place, { origin }), 403, `${place} for ${origin}`);
        refused++;
      }
      for (const origin of ["http://127.0.0.1:8081", "https://localhost", "http://kv.example"]) {
        assert.equal(await statusOf(place, { origin }), 200, `${place} for ${origin}`);
      }
    }
    assert.equal(server.refused(), refused);
    for (const place of ["/live", "/metrics", "/query"]) {
      assert.equal(await statusOf(place, { host: "evil.example", origin: "http://evil.example" }), 200, place);
    }
    const { text } = await ask(`${server.url}/dump`, { headers: { host: "evil.example" } });
    assert.match(text, /not served under this host name.* localhost; .*--live-allowed-hosts.*--insecure/);
    assert.doesNotMatch(text, /evil/);
  });
}

void test("a request that is refused ends its connection, and what follows is not read as another", async (t) => {
  for (const implementation of IMPLEMENTATIONS) {
    const { port } = await start(t, { implementation });
    const hidden = "GET /dump HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const head = `POST /register HTTP/1.1\r\nHost: evil.example\r\nContent-Type: ${JSON_TYPE}\r\n`;
    const answer = await rawRequest(port, `${head}Content-Length: ${hidden.length}\r\n\r\n${hidden}`);
    assert.equal(answer?.status, 403);
    assert.equal(answer.headers["connection"], "close");
  }
});

void test("--insecure serves it under any name", async (t) => {
  const { url } = await start(t, { insecure: true });
  assert.equal((await ask(`${url}/dump`, { headers: { host: "evil.example" } })).status, 200);
});

void test("serve: a snapshot and what else is private, under a name that is allowed and one that is not", async (t) => {
  const { facts } = await serve(t, "--engine synthetic:?rate=10 --snapshot --live-allowed-hosts kv.example");
  for (const place of ["/", "/v1/live", "/v1/perf/requests", "/v1/kv/snapshot"]) {
    assert.equal((await ask(`${facts.url}${place}`, { headers: { host: "evil.example" } })).status, 403, place);
    assert.equal((await ask(`${facts.url}${place}`, { headers: { host: "kv.example:1" } })).status, 200, place);
  }
  assert.equal((await ask(`${facts.url}/metrics`, { headers: { host: "evil.example" } })).status, 200);
});
