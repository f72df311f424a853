/** Credentials that change while the client lives: the next request has the new ones, the running one is left alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { TLSSocket } from "node:tls";
import { Secret } from "../../src/shared/secret.ts";
import type { EngineCredentials, HttpEngineConfig } from "../../src/main/config/config.ts";
import { DrainClient } from "../../src/main/engine/drain-client.ts";
import { Gate } from "../support/gate.ts";
import { engineConfig, type ScriptedEngine, scriptedEngine } from "../support/scripted-engine.ts";

function pem(name: string): Buffer {
  return readFileSync(path.join(process.cwd(), "test/fixtures/tls", name));
}

const SERVER = { cert: pem("server.pem"), key: pem("server.key.pem") };
const PLAIN: EngineCredentials = {
  headers: new Secret({}),
  ca: undefined,
  clientCert: undefined,
  clientKey: undefined,
};
const SECURE: EngineCredentials = { ...PLAIN, ca: pem("ca.pem") };
const KNOWN: EngineCredentials = {
  ...SECURE,
  clientCert: pem("client.pem"),
  clientKey: new Secret(pem("client.key.pem")),
};

function clientFor(t: TestContext, engine: ScriptedEngine, over: Partial<HttpEngineConfig>): DrainClient {
  const client = new DrainClient(engineConfig(engine.url, over));
  t.after(() => client.close());
  return client;
}

async function drainOnce(client: DrainClient): Promise<string | null> {
  return (await client.drain(() => true)).error?.reason ?? null;
}

test("new headers, without those that are gone, over the same connection", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"));
  const client = clientFor(t, engine, { headers: new Secret({ authorization: "old", "x-tenant": "a" }) });
  assert.equal(await drainOnce(client), null);
  client.renew({ ...PLAIN, headers: new Secret({ authorization: "new", "accept-encoding": "gzip" }) });
  assert.equal(await drainOnce(client), null);
  const [before, after] = engine.requests.map(({ headers }) => headers);
  assert.deepEqual([before?.["authorization"], before?.["x-tenant"]], ["old", "a"]);
  assert.deepEqual([after?.["authorization"], after?.["x-tenant"]], ["new", undefined]);
  assert.equal(after?.["accept-encoding"], "identity");
  assert.equal(engine.connections, 1);
});

test("another certificate needs another connection, the same one does not", async (t) => {
  const subjects: unknown[] = [];
  const engine = await scriptedEngine(
    t,
    (response, _n, request) => {
      assert.ok(request.socket instanceof TLSSocket);
      subjects.push(request.socket.getPeerCertificate().subject?.CN);
      response.end("[]");
    },
    { ...SERVER, ca: SECURE.ca, requestCert: true, rejectUnauthorized: false },
  );
  const client = clientFor(t, engine, SECURE);
  assert.equal(await drainOnce(client), null);
  client.renew({ ...PLAIN, ca: pem("ca.pem"), headers: new Secret({ "x-new": "1" }) });
  assert.equal(await drainOnce(client), null);
  assert.equal(engine.connections, 1, "other headers only");
  client.renew(KNOWN);
  assert.equal(await drainOnce(client), null);
  assert.equal(engine.connections, 2);
  assert.deepEqual(subjects, [undefined, undefined, "kvcast test client"]);
});

test("an authority that has changed is believed, and the old one no more", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"), SERVER);
  const client = clientFor(t, engine, { ...PLAIN, ca: KNOWN.clientCert });
  assert.equal(await drainOnce(client), "connect");
  client.renew(SECURE);
  assert.equal(await drainOnce(client), null);
  client.renew({ ...PLAIN, ca: KNOWN.clientCert });
  assert.equal(await drainOnce(client), "connect");
  assert.equal(engine.requests.length, 1);
});

test("a drain that runs is not cut, its connection is not used again", async (t) => {
  const renewed = new Gate();
  const engine = await scriptedEngine(
    t,
    (response, n) => {
      if (n > 0) return void response.end("[]");
      response.write("[1,");
      void renewed.opened.then(() => response.end("2]"));
    },
    SERVER,
  );
  const client = clientFor(t, engine, SECURE);
  let text = "";
  const { error, cut } = await client.drain((chunk) => {
    text += chunk.toString("latin1");
    client.renew(KNOWN);
    renewed.open();
    return true;
  });
  assert.deepEqual([error, cut, text], [null, false, "[1,2]"]);
  assert.equal(await drainOnce(client), null);
  assert.deepEqual([engine.requests.length, engine.connections], [2, 2]);
});
