import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { TLSSocket } from "node:tls";
import { guardedGet } from "../../src/main/http/guarded-get.ts";
import { lookAt } from "../../src/main/http/http-look.ts";
import { Secret } from "../../src/shared/secret.ts";
import type { HttpEngineConfig } from "../../src/main/config/config.ts";
import { DrainClient, type DrainOutcome } from "../../src/main/engine/drain-client.ts";
import { engineConfig, scriptedEngine } from "../support/scripted-engine.ts";

function pem(name: string): Buffer {
  return readFileSync(path.join(process.cwd(), "test/fixtures/tls", name));
}

const server = { cert: pem("server.pem"), key: pem("server.key.pem") };
const ca = pem("ca.pem");

async function drainOnce(t: TestContext, url: URL, over: Partial<HttpEngineConfig>): Promise<DrainOutcome> {
  const client = new DrainClient(engineConfig(url, over));
  t.after(() => client.close());
  return client.drain(() => true);
}

test("an engine whose certificate our CA signed is read, by address and by name, over one connection", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"), server);
  assert.equal((await drainOnce(t, engine.url, { ca })).error, null);
  const client = new DrainClient(engineConfig(new URL(`https://localhost:${engine.url.port}`), { ca }));
  t.after(() => client.close());
  assert.equal((await client.drain(() => true)).error, null);
  assert.equal((await client.drain(() => true)).error, null);
  assert.equal(engine.connections, 2, "one of the first client, one of the second");
});

test("without that CA the engine is refused and gets no request", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"), server);
  const { error } = await drainOnce(t, engine.url, { headers: new Secret({ authorization: "s3cret" }) });
  assert.equal(error?.reason, "connect");
  assert.match(error?.message ?? "", /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  assert.equal(engine.requests.length, 0);
});

test("the environment cannot switch verification off", async (t) => {
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  t.after(() => {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  });
  const engine = await scriptedEngine(t, (response) => response.end("[]"), server);
  assert.equal((await drainOnce(t, engine.url, {})).error?.reason, "connect");
  // Nor for the commands that look at an engine, or at a kvcast, and have something to show who they are.
  const headers = new Secret({ authorization: "Bearer x" });
  const credentials = { headers, ca: undefined, clientCert: undefined, clientKey: undefined };
  assert.match((await lookAt(engine.url, { timeoutMs: 5000, credentials })).failure, /SELF_SIGNED|UNABLE_TO/);
  await assert.rejects(guardedGet(engine.url, { signal: AbortSignal.timeout(5000), credentials }), {
    code: /SELF_SIGNED|UNABLE_TO/,
  });
  assert.equal(engine.requests.length, 0);
});

test("an engine that wants a client certificate gets it", async (t) => {
  const subjects: unknown[] = [];
  const engine = await scriptedEngine(
    t,
    (response, _n, request) => {
      assert.ok(request.socket instanceof TLSSocket);
      subjects.push(request.socket.getPeerCertificate().subject.CN);
      response.end("[]");
    },
    { ...server, ca, requestCert: true, rejectUnauthorized: true },
  );
  const credentials = { clientCert: pem("client.pem"), clientKey: new Secret(pem("client.key.pem")) };
  assert.equal((await drainOnce(t, engine.url, { ca, ...credentials })).error, null);
  assert.deepEqual(subjects, ["kvcast test client"]);
  assert.equal((await drainOnce(t, engine.url, { ca })).error?.reason, "connect");
  assert.equal(engine.requests.length, 1);
});

test("plain HTTP spoken to a TLS port, and TLS to a plain one, fail cleanly", async (t) => {
  const secure = await scriptedEngine(t, (response) => response.end("[]"), server);
  const plain = await scriptedEngine(t, (response) => response.end("[]"));
  const wrongPlain = await drainOnce(t, new URL(`http://127.0.0.1:${secure.url.port}`), {});
  assert.notEqual(wrongPlain.error, null);
  const wrongSecure = await drainOnce(t, new URL(`https://127.0.0.1:${plain.url.port}`), { ca });
  assert.equal(wrongSecure.error?.reason, "connect");
  assert.equal(plain.requests.length, 0);
});
