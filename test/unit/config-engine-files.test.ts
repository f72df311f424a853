/** Header and PEM files: what they may hold, and that nothing of it ever shows. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { readHeaderFile, readTlsFiles } from "../../src/main/config/engine-files.ts";
import type { NamedFile } from "../../src/main/config/option-spec.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { flagPlace } from "../../src/main/config/option-spec.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-files-"));
const headerFile = path.join(folder, "headers");
after(() => rmSync(folder, { recursive: true }));

const HEADERS = flagPlace("engine-header-file");

function headers(content: string): Readonly<Record<string, string>> {
  writeFileSync(headerFile, content);
  return readHeaderFile(headerFile, HEADERS);
}

function refusal(content: string): string {
  try {
    headers(content);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.option, "--engine-header-file");
    return error.message;
  }
  return assert.fail(`${JSON.stringify(content)} was accepted`);
}

test("a header a line, with comments", () => {
  const read = headers(
    "\uFEFF# for the gateway\r\nAuthorization: Bearer a:b\r\n\r\n  X-Tenant :  t 1\t2 \n".replace(" :", ":"),
  );
  assert.deepEqual({ ...read }, { authorization: "Bearer a:b", "x-tenant": "t 1\t2" });
  assert.ok(Object.isFrozen(read));
  assert.deepEqual({ ...headers("") }, {});
  assert.equal(Object.keys(headers("__proto__: x\n"))[0], "__proto__");
});

test("no header can carry a line break or another header", () => {
  for (const [content, message] of [
    ["Bearer abc", /line 1: no colon; a line is Name: value$/],
    ["A: b\nX Y: z", /line 2: what stands before the colon is not a header name$/],
    [": b", /line 1: what stands before the colon/],
    [`${"n".repeat(129)}: b`, /what stands before the colon/],
    ["Ä: b", /what stands before the colon/],
    ["A:", /line 1: the value is empty/],
    ["A: b\rX: c", /other than printable ASCII/],
    ["A: b\0c", /other than printable ASCII/],
    ["A: b\u2028c", /other than printable ASCII/],
    ["A: é", /other than printable ASCII/],
    ["A: b\na: c", /line 2: a header of this name stands further up$/],
    ["Content-Length: 5", /content-length is set by kvcast itself$/],
    ["transfer-encoding: chunked", /transfer-encoding is set by kvcast itself$/],
    [Array.from({ length: 65 }, (_, i) => `h${i}: v`).join("\n"), /line 65: more than 64 headers$/],
    ["#".repeat(64 * 1024 + 1), /larger than 65536 bytes$/],
  ] as const) {
    assert.match(refusal(content), message);
  }
  assert.throws(() => readHeaderFile(path.join(folder, "absent"), HEADERS), {
    message: /cannot read the file: ENOENT/,
  });
});

test("of a file without an end no more is read than may be there", () => {
  assert.throws(() => readHeaderFile("/dev/zero", HEADERS), { message: /larger than 65536 bytes$/ });
});

test("errors do not repeat what stands in the file", () => {
  for (const content of ["s3cr3t", "s3cr3t é: x", "A: s3cr3t\u0001", "A: b\nA: s3cr3t", "Expect: s3cr3t"]) {
    assert.ok(!refusal(content).includes("s3cr3t"), content);
  }
});

function tls(name: string, flag: string): NamedFile {
  return { file: path.join(process.cwd(), "test/fixtures/tls", name), place: flagPlace(flag) };
}

const CA = tls("ca.pem", "engine-ca-file");
const CERT = tls("client.pem", "engine-client-cert-file");
const KEY = tls("client.key.pem", "engine-client-key-file");

test("PEM files are read and checked", () => {
  const read = readTlsFiles({ ca: CA, clientCert: CERT, clientKey: KEY });
  for (const content of [read.ca, read.clientCert, read.clientKey?.reveal()])
    assert.match(String(content), /^-----BEGIN /m);
  const none = readTlsFiles({ ca: undefined, clientCert: undefined, clientKey: undefined });
  assert.deepEqual(none, { ca: undefined, clientCert: undefined, clientKey: undefined });
});

function bad(ca?: NamedFile, clientCert?: NamedFile, clientKey?: NamedFile): string {
  try {
    readTlsFiles({ ca, clientCert, clientKey });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail("was accepted");
}

test("half a pair, a wrong file and a foreign key are refused", () => {
  assert.match(bad(undefined, CERT), /^--engine-client-cert-file: .*give --engine-client-key-file too$/);
  assert.match(bad(undefined, undefined, KEY), /^--engine-client-key-file: .*give --engine-client-cert-file too$/);
  assert.match(bad({ ...CA, file: KEY.file }), /^--engine-ca-file: .*is not a PEM certificate/);
  assert.match(bad({ ...CA, file: path.join(folder, "absent") }), /^--engine-ca-file: cannot read the file: ENOENT/);
  assert.match(
    bad(undefined, CERT, tls("server.key.pem", "engine-client-key-file")),
    /^--engine-client-key-file: .*is not a PEM key/,
  );
  assert.match(bad(undefined, CERT, { ...KEY, file: CERT.file }), /^--engine-client-key-file: /);
});

test("they reach the configuration of the engine", async () => {
  headers("Authorization: Bearer x\n");
  const flags = new Map([
    ["engine", ["https://h:1"]],
    ["engine-header-file", [headerFile]],
    ["engine-ca-file", [CA.file]],
    ["engine-client-cert-file", [CERT.file]],
    ["engine-client-key-file", [KEY.file]],
    ["engine-timeout", ["2.5"]],
    ["engine-max-response-bytes", ["8MiB"]],
  ]);
  const [engine] = (await loadServeConfig(flags, {})).config.engines;
  assert.ok(engine.kind === "http");
  assert.deepEqual({ ...engine.headers.reveal() }, { authorization: "Bearer x" });
  assert.ok(
    Buffer.isBuffer(engine.ca) && Buffer.isBuffer(engine.clientCert) && Buffer.isBuffer(engine.clientKey?.reveal()),
  );
  assert.equal(engine.timeoutMs, 2500);
  assert.equal(engine.maxResponseBytes, 8_388_608);
  assert.ok(Object.isFrozen(engine));
});
