import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { Secret } from "../../src/shared/secret.ts";
import { DrainClient, type DrainClientOptions, type DrainOutcome } from "../../src/main/engine/drain-client.ts";
import { ADDRESS_REFUSED, guardedLookup, isRefusedAddress } from "../../src/main/engine/engine-address.ts";
import { ConfigError } from "../../src/shared/errors.ts";
import type { HttpEngineConfig } from "../../src/main/config/config.ts";
import { engineConfig, portOf, scriptedEngine } from "../support/scripted-engine.ts";

function clientFor(
  t: TestContext,
  url: URL,
  over: Partial<HttpEngineConfig> = {},
  options?: DrainClientOptions,
): DrainClient {
  const client = new DrainClient(engineConfig(url, over), options);
  t.after(() => client.close());
  return client;
}

async function drainText(client: DrainClient): Promise<DrainOutcome & { text: string }> {
  let text = "";
  const outcome = await client.drain((chunk) => {
    text += chunk.toString("latin1");
    return true;
  });
  return { ...outcome, text };
}

test("a drain is a POST without a body and hands over the answer", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[1]"));
  const client = clientFor(t, engine.url, { headers: new Secret({ Authorization: "Bearer s3cret", "X-Route": "a" }) });
  const outcome = await drainText(client);
  assert.equal(outcome.text, "[1]");
  assert.equal(outcome.error, null);
  assert.equal(outcome.cut, false);
  const [request] = engine.requests;
  assert.equal(request?.method, "POST");
  assert.equal(request?.url, "/kv_cache_events");
  assert.equal(request?.bodyBytes, 0);
  assert.equal(request?.headers["content-length"], "0");
  assert.equal(request?.headers["accept-encoding"], "identity");
  assert.equal(request?.headers.authorization, "Bearer s3cret");
  assert.equal(request?.headers["x-route"], "a");
});

test("a base path is kept, and headers that frame the message are ours", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"));
  const headers = { "Transfer-Encoding": "chunked", Expect: "100-continue", "Accept-Encoding": "gzip", TE: "trailers" };
  const client = clientFor(t, new URL("/engines/7", engine.url), { headers: new Secret(headers) });
  assert.equal((await drainText(client)).error, null);
  const [request] = engine.requests;
  assert.equal(request?.url, "/engines/7/kv_cache_events");
  assert.equal(request?.headers["transfer-encoding"], undefined);
  assert.equal(request?.headers.expect, undefined);
  assert.equal(request?.headers["te"], undefined);
  assert.equal(request?.headers["accept-encoding"], "identity");
});

test("a header value that cannot be sent fails the drain without showing the value", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"));
  const client = clientFor(t, engine.url, { headers: new Secret({ "x-key": "s3cret\r\nx: y" }) });
  const { error } = await drainText(client);
  assert.equal(error?.reason, "connect");
  assert.doesNotMatch(error?.message ?? "", /s3cret/);
  assert.equal(engine.requests.length, 0);
});

test("405 switches to GET for good, and a later 405 switches back", async (t) => {
  let allowed = "GET";
  const engine = await scriptedEngine(t, (response, _n, request) => {
    if (request.method === allowed) response.end("[]");
    else response.writeHead(405, { allow: allowed }).end("{}");
  });
  const client = clientFor(t, engine.url);
  const methods = (): string[] => engine.requests.map(({ method }) => method);
  assert.equal((await drainText(client)).error, null);
  assert.deepEqual(methods(), ["POST", "GET"]);
  assert.equal((await drainText(client)).error, null);
  assert.deepEqual(methods(), ["POST", "GET", "GET"]);
  assert.equal(engine.requests[1]?.headers["content-length"], undefined, "a GET announces no body");
  allowed = "POST";
  assert.equal((await drainText(client)).error, null);
  assert.equal((await drainText(client)).error, null);
  assert.deepEqual(methods(), ["POST", "GET", "GET", "GET", "POST", "POST"]);
  assert.equal(engine.maxInFlight, 1);
});

test("an engine that allows neither verb is asked twice in a drain and no more", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.writeHead(405).end());
  const client = clientFor(t, engine.url);
  const outcome = await drainText(client);
  assert.equal(outcome.error?.reason, "http_status");
  assert.equal(outcome.error?.status, 405);
  assert.deepEqual(
    engine.requests.map(({ method }) => method),
    ["POST", "GET"],
  );
});

for (const status of [204, 206, 400, 401, 404, 500, 503]) {
  test(`status ${status} is refused and its body not handed over`, async (t) => {
    const engine = await scriptedEngine(t, (response) => response.writeHead(status).end(status === 204 ? "" : "[1]"));
    const outcome = await drainText(clientFor(t, engine.url));
    assert.equal(outcome.error?.reason, "http_status");
    assert.equal(outcome.error?.status, status);
    assert.equal(outcome.text, "");
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`redirect ${status} is not followed`, async (t) => {
    const target = await scriptedEngine(t, (response) => response.end("[1]"));
    const engine = await scriptedEngine(t, (response) =>
      response.writeHead(status, { location: new URL("/kv_cache_events", target.url).href }).end(),
    );
    const outcome = await drainText(clientFor(t, engine.url));
    assert.equal(outcome.error?.reason, "http_status");
    assert.equal(outcome.error?.status, status);
    assert.equal(target.connections, 0);
  });
}

test("drains share one connection", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"));
  const client = clientFor(t, engine.url);
  for (let i = 0; i < 5; i++) assert.equal((await drainText(client)).error, null);
  assert.equal(engine.connections, 1);
  assert.equal(engine.maxInFlight, 1);
});

test("an idle connection is dropped by us before the engine does", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"));
  engine.server.keepAliveTimeout = 0;
  const closed = once(engine.server, "connection").then(([socket]) => once(socket, "close"));
  const client = clientFor(t, engine.url, {}, { idleSocketMs: 30 });
  await drainText(client);
  await closed;
  assert.equal((await drainText(client)).error, null);
  assert.equal(engine.connections, 2);
});

test("an engine that takes longer than the idle time is not cut", async (t) => {
  const engine = await scriptedEngine(t, (response) => setTimeout(() => response.end("[]"), 120));
  const outcome = await drainText(clientFor(t, engine.url, {}, { idleSocketMs: 20 }));
  assert.equal(outcome.error, null);
  assert.equal(outcome.text, "[]");
  assert.ok(outcome.elapsedMs >= 100, `took ${outcome.elapsedMs} ms`);
});

test("a connection that the engine closed as idle is told apart from an engine that is gone", async (t) => {
  const engine = await scriptedEngine(t, (response, n, request) => {
    if (n === 1) request.socket.resetAndDestroy();
    else response.end("[]");
  });
  const client = clientFor(t, engine.url);
  assert.equal((await drainText(client)).error, null);
  const stale = await drainText(client);
  assert.equal(stale.error?.reason, "connect");
  assert.equal(stale.error?.staleSocket, true);
  assert.equal((await drainText(client)).error, null, "the next drain opens a new connection");
  assert.equal(engine.connections, 2);
});

test("a new connection that is reset before an answer is no stale one", async (t) => {
  const engine = await scriptedEngine(t, (_response, _n, request) => request.socket.resetAndDestroy());
  const { error } = await drainText(clientFor(t, engine.url));
  assert.equal(error?.reason, "connect");
  assert.equal(error?.staleSocket, false);
});

test("nobody listens: connect, with the system's code in the message", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  const { error } = await drainText(clientFor(t, new URL(`http://127.0.0.1:${port}`)));
  assert.equal(error?.reason, "connect");
  assert.match(error?.message ?? "", /ECONNREFUSED/);
});

test("a second drain while the first runs is a bug and says so", async (t) => {
  const engine = await scriptedEngine(t, () => {});
  const client = clientFor(t, engine.url);
  const first = drainText(client);
  await assert.rejects(drainText(client), { code: "KVCAST_DRAIN_OVERLAP" });
  client.abort();
  assert.equal((await first).cut, true);
});

test("addresses that no engine has are refused before a connection is made", async (t) => {
  for (const host of ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166"]) {
    assert.throws(() => new DrainClient(engineConfig(new URL(`http://${host}:8000`))), ConfigError, host);
  }
  for (const address of ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "localhost", "169.253.0.1"]) {
    assert.equal(isRefusedAddress(address), false, address);
  }
  assert.equal(isRefusedAddress("fe80::1%eth0"), true);

  const engine = await scriptedEngine(t, (response) => response.end("[]"));
  const url = new URL(`http://metadata.example:${engine.url.port}`);
  const answers: LookupAddress[] = [
    { address: "127.0.0.1", family: 4 },
    { address: "169.254.169.254", family: 4 },
  ];
  const outcome = await drainText(clientFor(t, url, {}, { resolve: (_host, _options, done) => done(null, answers) }));
  assert.equal(outcome.error?.reason, "connect");
  assert.match(outcome.error?.message ?? "", /link-local or metadata/);
  assert.equal(engine.connections, 0);

  const good = answers.slice(0, 1);
  const other = clientFor(t, url, {}, { resolve: (_host, _options, done) => done(null, good) });
  assert.equal((await drainText(other)).error, null);
});

interface Reply {
  readonly error: NodeJS.ErrnoException | null;
  readonly address: string | LookupAddress[];
  readonly family: number | undefined;
}

function ask(options: object, failure: NodeJS.ErrnoException | null, found: LookupAddress[]): Promise<Reply> {
  return new Promise((resolve) => {
    const resolveName = guardedLookup((_host, _options, done) => done(failure, found));
    resolveName("name", options, (error, address, family) => resolve({ error, address, family }));
  });
}

test("the guarded lookup answers in both of Node's forms and passes errors on", async () => {
  const good: LookupAddress[] = [{ address: "127.0.0.1", family: 4 }];
  assert.deepEqual(await ask({ all: true }, null, good), { error: null, address: good, family: undefined });
  assert.deepEqual(await ask({}, null, good), { error: null, address: "127.0.0.1", family: 4 });
  const unknown: NodeJS.ErrnoException = Object.assign(new Error("no"), { code: "ENOTFOUND" });
  assert.equal((await ask({}, unknown, [])).error, unknown);
  const refusal = await ask({}, null, [{ address: "fe80::1%eth0", family: 6 }]);
  assert.equal(refusal.error?.code, ADDRESS_REFUSED);
});
