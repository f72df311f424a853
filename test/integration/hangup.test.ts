/** SIGHUP at a running service: what its engine sees before and after, over plain HTTP and over TLS. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { type Kvcast, serve } from "../support/processes.ts";
import { scriptedEngine } from "../support/scripted-engine.ts";

const REREAD = "SIGHUP: the files of the engine's connection were read again";
const BAD = "SIGHUP: a file of the engine's connection is bad, all the old ones stay in use";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-hangup-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function fixture(name: string): string {
  return path.join(process.cwd(), "test/fixtures/tls", name);
}

/** Sends the signal and waits for the line that answers it: the one after those that are there already. */
async function hangUp(service: Kvcast, msg: string): Promise<Readonly<Record<string, unknown>>> {
  const past = service.logs.length;
  service.child.kill("SIGHUP");
  return service.log((record) => record.msg === msg && service.logs.indexOf(record) >= past);
}

/** A header of each request, and a wait for more of them. */
class HeaderWatch {
  readonly seen: (string | undefined)[] = [];
  #wake: () => void = () => {};

  note(value: string | undefined): void {
    this.seen.push(value);
    this.#wake();
  }

  /** Resolves with the next `count` values. */
  async next(count: number): Promise<(string | undefined)[]> {
    const from = this.seen.length;
    while (this.seen.length < from + count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.seen.slice(from, from + count);
  }
}

test(
  "new headers are sent after a hang-up; bad ones are not, and the service lives on",
  { timeout: 60_000 },
  async (t) => {
    const file = path.join(folderFor(t), "headers");
    writeFileSync(file, "Authorization: Bearer one\n");
    const watch = new HeaderWatch();
    const engine = await scriptedEngine(t, (response, _n, request) => {
      // Each reader may have a request on its way when the headers change; this one has one at a time.
      if (request.url === "/kv_cache_events") watch.note(request.headers.authorization);
      response.end("[]");
    });
    const service = await serve(t, `--engine ${engine.url.origin} --engine-header-file ${file}`);
    assert.deepEqual(await watch.next(2), ["Bearer one", "Bearer one"]);

    writeFileSync(file, "Authorization: Bearer two\n");
    await hangUp(service, REREAD);
    // One that was on its way may still have the old one.
    await watch.next(1);
    assert.deepEqual(await watch.next(2), ["Bearer two", "Bearer two"]);

    writeFileSync(file, "Authorization: Bearer three\nno colon, s3cr3t\n");
    const { error, level } = await hangUp(service, BAD);
    assert.equal(level, "error");
    assert.match(String(error), /^--engine-header-file: .* line 2: no colon/);
    assert.deepEqual(await watch.next(3), ["Bearer two", "Bearer two", "Bearer two"]);
    assert.ok(!service.text().includes("s3cr3t") && !service.text().includes("Bearer"));
    assert.equal((await fetch(`${service.facts.url}/health`)).status, 200);
    service.child.kill("SIGTERM");
    assert.deepEqual(await service.exit, { code: 0, signal: null });
  },
);

test("a new authority and client certificate; never half of them", { timeout: 60_000 }, async (t) => {
  const folder = folderFor(t);
  const files = { ca: path.join(folder, "ca"), cert: path.join(folder, "cert"), key: path.join(folder, "key") };
  // An authority that did not sign the engine's certificate.
  copyFileSync(fixture("client.pem"), files.ca);
  copyFileSync(fixture("client.pem"), files.cert);
  copyFileSync(fixture("client.key.pem"), files.key);
  const engine = await scriptedEngine(t, (response) => response.end("[]"), {
    cert: readFileSync(fixture("server.pem")),
    key: readFileSync(fixture("server.key.pem")),
    ca: readFileSync(fixture("ca.pem")),
    requestCert: true,
    rejectUnauthorized: true,
  });
  const flags = `--engine-ca-file ${files.ca} --engine-client-cert-file ${files.cert} --engine-client-key-file ${files.key}`;
  const service = await serve(t, `--engine ${engine.url.origin} ${flags}`);
  await service.log((record) => String(record["reason"]) === "connect");
  assert.equal(engine.requests.length, 0);

  // The authority is right now, but the key is not that of the certificate: nothing of it counts.
  copyFileSync(fixture("ca.pem"), files.ca);
  copyFileSync(fixture("server.key.pem"), files.key);
  assert.match(String((await hangUp(service, BAD))["error"]), /^--engine-client-key-file: /);
  assert.equal(engine.requests.length, 0);

  copyFileSync(fixture("client.key.pem"), files.key);
  await hangUp(service, REREAD);
  await service.log((record) => record.msg.startsWith("the engine answers"));
  assert.ok(engine.requests.length > 0);
});

test("without files a hang-up changes nothing, also while the service ends", { timeout: 60_000 }, async (t) => {
  const service = await serve(t, "--engine synthetic:");
  await hangUp(service, "SIGHUP: there are no files to read again; everything else stays as it was at the start");
  service.child.kill("SIGTERM");
  service.child.kill("SIGHUP");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
});
