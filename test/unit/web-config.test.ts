/**
 * Web configurations, good and bad, one line each: what Prometheus' own exporters take and refuse. Where promtool is there, it is
 * asked about each of them too; where it says something else, the row says why.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { flagPlace } from "../../src/main/config/option-spec.ts";
import { basicCredentials } from "../../src/main/web-config/credentials.ts";
import { goDurationMs } from "../../src/main/web-config/duration.ts";
import { RateLimiter } from "../../src/main/web-config/rate-limiter.ts";
import { asksWho, loadWebConfig, type LoadedWebConfig } from "../../src/main/web-config/web-config-file.ts";
import { ConfigError } from "../../src/shared/errors.ts";
import { requireTool } from "../support/tools.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-web-"));
after(() => rmSync(folder, { recursive: true }));
cpSync("test/fixtures/tls", folder, { recursive: true });
mkdirSync(path.join(folder, "a folder"));
writeFileSync(path.join(folder, "empty.pem"), "");
writeFileSync(path.join(folder, "huge.pem"), Buffer.alloc(1024 * 1024 + 1, 35));
const pem = (name: string): string => readFileSync(path.join(folder, name), "utf8");
const block = (text: string): string => text.trim().replaceAll(/^/gm, "    ");
const INLINE = `tls_server_config:\n  cert: |\n${block(pem("server.pem"))}\n  key: |\n${block(pem("server.key.pem"))}`;
const USER = "$2y$05$4c7d4pGtVuxy4HhX04P3zOGGAFAmJ2vD9ZHQ4BGFSrB6XeE0kTU3i";
const TLS = "tls_server_config: { cert_file: server.pem, key_file: server.key.pem";

interface Row {
  readonly text: string | Buffer;
  /** What kvcast's message must have; absent where the file is good. */
  readonly error?: RegExp;
  /** Why promtool says something else. */
  readonly promtool?: string;
}

/** Of promtool 2.42: newer ones know them. */
const OLD = "a key that came later than Debian's promtool";
const LAZY = "it does not look before the first client";

const ROWS: Readonly<Record<string, Row>> = {
  "an empty file": { text: "" },
  "only a comment": { text: "# nothing yet\n" },
  "an empty map": { text: "{}" },
  JSON: { text: '{ "tls_server_config": { "cert_file": "server.pem", "key_file": "server.key.pem" } }' },
  "sections without content": { text: "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n" },
  TLS: { text: `${TLS} }` },
  "TLS by absolute names": {
    text: `tls_server_config: { cert_file: ${folder}/server.pem, key_file: ${folder}/server.key.pem }`,
  },
  "TLS, certificate and key inline": { text: INLINE, promtool: OLD },
  "a file goes before what is inline": { text: `${TLS}, cert: nothing, key: nothing }`, promtool: OLD },
  "client certificates required": {
    text: `${TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem }`,
  },
  "client certificates verified if given": {
    text: `${TLS}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem }`,
  },
  "client certificates asked for": { text: `${TLS}, client_auth_type: RequestClientCert }` },
  "any client certificate": { text: `${TLS}, client_auth_type: RequireAnyClientCert }` },
  "any client certificate, by the older name": { text: `${TLS}, client_auth_type: RequireClientCert }` },
  "no client certificate": { text: `${TLS}, client_auth_type: NoClientCert }` },
  "the authorities of the system": { text: `${TLS}, client_auth_type: RequireAndVerifyClientCert }` },
  "client authority inline": {
    text: `${INLINE}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca: |\n${block(pem("ca.pem"))}`,
    promtool: OLD,
  },
  "names that client certificates must have": {
    text: `${TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [a, 10.0.0.1] }`,
    promtool: OLD,
  },
  "names with any certificate": {
    text: `${TLS}, client_auth_type: RequireAnyClientCert, client_allowed_sans: [a] }`,
    promtool: OLD,
  },
  "TLS 1.3 only": { text: `${TLS}, min_version: TLS13 }` },
  "TLS 1.2 only": { text: `${TLS}, min_version: TLS12, max_version: TLS12 }` },
  "an old least version": { text: `${TLS}, min_version: TLS10 }` },
  "some suites": {
    text: `${TLS}, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384] }`,
  },
  "suites of TLS 1.3": { text: `${TLS}, cipher_suites: [TLS_AES_128_GCM_SHA256] }` },
  "no suites": { text: `${TLS}, cipher_suites: [] }` },
  "the client's order": { text: `${TLS}, prefer_server_cipher_suites: false }` },
  "all curves": { text: `${TLS}, curve_preferences: [CurveP256, CurveP384, CurveP521, X25519] }` },
  "HTTP/2 off": { text: `${TLS} }\nhttp_server_config: { http2: false }` },
  "HTTP/2 on, as Go's YAML may write it": { text: `${TLS} }\nhttp_server_config: { http2: yes }` },
  headers: {
    text:
      "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n    X-Frame-Options: deny\n" +
      "    X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1; mode=block\n    Content-Security-Policy: default-src 'self'\n",
  },
  "another frame option": { text: "http_server_config: { headers: { X-Frame-Options: sameorigin } }" },
  users: { text: `basic_auth_users: { alice: "${USER}", bob: "${USER.replace("2y", "2b")}" }` },
  "a user of the oldest version": { text: `basic_auth_users: { alice: "${USER.replace("2y", "2a")}" }` },
  "no users": { text: "basic_auth_users: {}" },
  "users and TLS": { text: `${TLS} }\nbasic_auth_users: { alice: "${USER}" }` },
  "a user whose name is a number": { text: `basic_auth_users: { 7: "${USER}" }` },
  "a rate limit": { text: "rate_limit: { burst: 20, interval: 1s }", promtool: OLD },
  "a rate limit of mixed units": { text: "rate_limit: { burst: 1, interval: 1m0.5s }", promtool: OLD },
  "no rate limit": { text: "rate_limit: { burst: 5 }", promtool: OLD },

  "no YAML": { text: "{ a: ", error: /line 1: not valid YAML/ },
  "bytes that are no text": { text: Buffer.from([0, 1, 2, 255]), error: /not valid YAML|map of keys/ },
  "a list": { text: "- tls_server_config", error: /map of keys/ },
  "a text": { text: "tls_server_config", error: /map of keys/ },
  "an unknown section": {
    text: "tls_server_configs: {}",
    error:
      /no key "tls_server_configs" \(did you mean tls_server_config\?\)|no key "tls_server_configs".*tls_server_config/,
  },
  "a hash in place of a section": {
    text: `${USER}: x`,
    error: /line 1: a key that is no name; there are tls_server_config/,
  },
  "a hash in place of a user": {
    text: `basic_auth_users: { "${USER}": alice }`,
    error: /basic_auth_users: a key that is no name: /,
  },
  "a user with a colon and the hash behind it": {
    text: `basic_auth_users: { "alice:${USER}": "" }`,
    error: /a key that is no name: a user name cannot hold a colon/,
  },
  "a section in capitals": { text: `TLS_SERVER_CONFIG: {}`, error: /no key/ },
  "an unknown key of TLS": { text: `${TLS}, cert_files: x }`, error: /tls_server_config: no key "cert_files"/ },
  "an unknown key of HTTP": {
    text: "http_server_config: { http3: true }",
    error: /http_server_config: no key "http3"/,
  },
  "a key twice": { text: `${TLS}, key_file: server.key.pem }`, error: /not valid YAML \(DUPLICATE_KEY\)/ },
  "a section that is a list": { text: "tls_server_config: [a]", error: /map of keys/ },
  "only a certificate": { text: "tls_server_config: { cert_file: server.pem }", error: /key_file: it is missing/ },
  "only a key": { text: "tls_server_config: { key_file: server.key.pem }", error: /cert_file: it is missing/ },
  "only a client policy": {
    text: "tls_server_config: { client_auth_type: RequireAnyClientCert }",
    error: /cert_file: it is missing/,
  },
  "a certificate that is not there": {
    text: "tls_server_config: { cert_file: none.pem, key_file: server.key.pem }",
    error: /cert_file: cannot read the file/,
  },
  "a key that is not there": {
    text: "tls_server_config: { cert_file: server.pem, key_file: none.pem }",
    error: /key_file: cannot read the file/,
  },
  "a folder in place of a certificate": {
    text: "tls_server_config: { cert_file: a folder, key_file: server.key.pem }",
    error: /cert_file: cannot read the file/,
  },
  "an empty certificate": {
    text: "tls_server_config: { cert_file: empty.pem, key_file: server.key.pem }",
    error: /cert_file: it is not a PEM certificate/,
  },
  "a key in place of the certificate": {
    text: "tls_server_config: { cert_file: server.key.pem, key_file: server.key.pem }",
    error: /cert_file: it is not a PEM certificate/,
  },
  "a huge certificate": {
    text: "tls_server_config: { cert_file: huge.pem, key_file: server.key.pem }",
    error: /huge.pem is larger than/,
  },
  "the key of another certificate": {
    text: "tls_server_config: { cert_file: server.pem, key_file: client.key.pem }",
    error: /key_file: it is not a PEM key of the certificate/,
  },
  "a certificate in place of the key": {
    text: "tls_server_config: { cert_file: server.pem, key_file: server.pem }",
    error: /key_file: it is not a PEM key/,
  },
  "an unknown client policy": {
    text: `${TLS}, client_auth_type: RequireNothing }`,
    error: /it takes one of NoClientCert/,
  },
  "a client authority without a policy": {
    text: `${TLS}, client_ca_file: ca.pem }`,
    error: /client_ca_file: it has no use/,
  },
  "a client authority and no client certificates": {
    text: `${TLS}, client_ca_file: ca.pem, client_auth_type: NoClientCert }`,
    error: /client_ca_file: it has no use/,
  },
  "a client authority that is not there": {
    text: `${TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: none.pem }`,
    error: /client_ca_file: cannot read/,
  },
  "a client authority that is none": {
    text: `${TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: empty.pem }`,
    error: /client_ca_file: it is not a PEM certificate/,
    promtool: LAZY,
  },
  "names, and no certificate needed": {
    text: `${TLS}, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a] }`,
    error: /client_allowed_sans: client_auth_type must be/,
  },
  "names without TLS": { text: "tls_server_config: { client_allowed_sans: [a] }", error: /there is no TLS/ },
  "names that are no list": {
    text: `${TLS}, client_auth_type: RequireAnyClientCert, client_allowed_sans: a }`,
    error: /client_allowed_sans: a list is needed/,
  },
  "an unknown version": { text: `${TLS}, min_version: TLS1.2 }`, error: /min_version: it takes one of TLS13/ },
  "an old greatest version": {
    text: `${TLS}, max_version: TLS11 }`,
    error: /max_version: nothing older than TLS12/,
    promtool: "Go speaks it still",
  },
  "a least version above the greatest": {
    text: `${TLS}, min_version: TLS13, max_version: TLS12 }`,
    error: /less than min_version/,
    promtool: LAZY,
  },
  "an invented suite": { text: `${TLS}, cipher_suites: [TLS_INVENTED] }`, error: /cipher_suites: there is an entry/ },
  "a suite by OpenSSL's name": {
    text: `${TLS}, cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256] }`,
    error: /cipher_suites: there is an entry/,
  },
  "a suite that Go calls insecure": {
    text: `${TLS}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA] }`,
    error: /cipher_suites: there is an entry/,
  },
  "an unknown curve": {
    text: `${TLS}, curve_preferences: [CurveP192] }`,
    error: /curve_preferences: there is an entry/,
  },
  "an order that is no truth value": {
    text: `${TLS}, prefer_server_cipher_suites: sometimes }`,
    error: /prefer_server_cipher_suites: it takes true or false/,
  },
  "HTTP/2 that is no truth value": { text: "http_server_config: { http2: 2 }", error: /http2: it takes true or false/ },
  "another header": {
    text: "http_server_config: { headers: { Server: kvcast } }",
    error: /Server: this header cannot be set/,
  },
  "a header in lower case": {
    text: "http_server_config: { headers: { x-frame-options: deny } }",
    error: /this header cannot be set/,
  },
  "a value that a header cannot have": {
    text: "http_server_config: { headers: { X-Frame-Options: allow } }",
    error: /X-Frame-Options: it takes deny or sameorigin/,
  },
  "a header with a line break": {
    text: 'http_server_config: { headers: { X-XSS-Protection: "1\\r\\nSet-Cookie: a" } }',
    error: /X-XSS-Protection: it has characters/,
    promtool: "Go turns line breaks into spaces when it writes a header",
  },
  "a password in place of its hash": {
    text: "basic_auth_users: { alice: s3cret }",
    error: /alice: this is no bcrypt hash/,
  },
  "another kind of hash": {
    text: 'basic_auth_users: { alice: "$apr1$2lYmbMsY$DWO8r5qvCwGa6AYyRqUOr/" }',
    error: /alice: this is no bcrypt hash/,
  },
  "half a hash": {
    text: `basic_auth_users: { alice: "${USER.slice(0, 40)}" }`,
    error: /alice: this is no bcrypt hash/,
  },
  "a hash that takes for ever": {
    text: `basic_auth_users: { alice: "${USER.replace("$05$", "$31$")}" }`,
    error: /the cost of the hash is 31/,
    promtool: "it would compute for days at the first login",
  },
  "a user without a hash": { text: "basic_auth_users: { alice: }", error: /alice: this is no bcrypt hash/ },
  "a user with a colon": {
    text: `basic_auth_users: { "a:b": "${USER}" }`,
    error: /a user name cannot hold a colon/,
    promtool: "nobody could ever log in by that name",
  },
  "users that are a list": { text: "basic_auth_users: [alice]", error: /map of keys/ },
  "a rate limit without a unit": {
    text: "rate_limit: { burst: 1, interval: soon }",
    error: /interval: it takes a duration/,
  },
  "a rate limit that lets nobody in": { text: "rate_limit: { interval: 1s }", error: /burst of 0/, promtool: OLD },
  "a negative burst": { text: "rate_limit: { burst: -1, interval: 1s }", error: /burst: it takes a whole number/ },
  "an alias": {
    text: `basic_auth_users: { alice: &x "${USER}", bob: *x }`,
    error: /bob: a text is needed/,
    promtool: "Go follows aliases",
  },
};

const file = path.join(folder, "web.yml");

function load(text: string | Buffer): Promise<LoadedWebConfig> {
  writeFileSync(file, text);
  return loadWebConfig(file, flagPlace("web-config-file"));
}

for (const [name, { text, error }] of Object.entries(ROWS)) {
  void test(`${error === undefined ? "good" : "bad"}: ${name}`, async () => {
    if (error === undefined) return void (await load(text));
    const thrown = await load(text).then(
      () => assert.fail("it was taken"),
      (cause: unknown) => cause,
    );
    assert.ok(thrown instanceof ConfigError, String(thrown));
    assert.match(thrown.message, /^--web-config-file: /);
    assert.match(thrown.message, error);
    // What a file holds is not for logs.
    assert.doesNotMatch(thrown.message, /s3cret|\$2y\$|apr1|PRIVATE/);
    return undefined;
  });
}

void test("promtool says the same of each", (t) => {
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  const wrong: string[] = [];
  for (const [name, row] of Object.entries(ROWS)) {
    writeFileSync(file, row.text);
    const { status } = spawnSync(promtool, ["check", "web-config", file]);
    const isSame = (status === 0) === (row.error === undefined);
    // A newer promtool may have come to agree, but only about what the older one did not know.
    if (isSame ? row.promtool !== undefined && row.promtool !== OLD : row.promtool === undefined) wrong.push(name);
  }
  assert.deepEqual(wrong, []);
});

void test("what is read is what the file says", async () => {
  const { config, tls } = await load(
    `${TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [a],\n` +
      "  max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256], curve_preferences: [CurveP384, X25519],\n" +
      "  prefer_server_cipher_suites: false }\n" +
      `basic_auth_users: { alice: "${USER}" }\nrate_limit: { burst: 3, interval: 250ms }\n` +
      "http_server_config: { headers: { X-Frame-Options: deny } }\n",
  );
  assert.deepEqual(config.headers, { "X-Frame-Options": "deny" });
  assert.deepEqual(config.rateLimit, { burst: 3, intervalMs: 250 });
  assert.deepEqual([...config.users], [["alice", USER]]);
  assert.deepEqual(tls?.allowedSans, ["a"]);
  assert.deepEqual(tls.clientAuth, { asks: true, needs: true, verifies: true });
  const { minVersion, maxVersion, ecdhCurve, ciphers, honorCipherOrder, ca } = tls.context;
  assert.deepEqual(
    [minVersion, maxVersion, ecdhCurve, honorCipherOrder],
    ["TLSv1.2", "TLSv1.2", "P-384:X25519", false],
  );
  assert.match(String(ciphers), /^TLS_AES_128_GCM_SHA256:.*:ECDHE-ECDSA-AES128-GCM-SHA256$/);
  assert.deepEqual(ca, readFileSync(path.join(folder, "ca.pem")));
});

void test("who has to say who they are", async () => {
  for (const [text, asks] of [
    ["", false],
    [`${TLS} }`, false],
    [`${TLS}, client_auth_type: RequireAnyClientCert }`, false],
    [`${TLS}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem }`, false],
    [`${TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem }`, true],
    [`basic_auth_users: { alice: "${USER}" }`, true],
  ] as const) {
    assert.equal(asksWho(await load(text)), asks, text);
  }
});

void test("a file that is too large, or not there", async () => {
  await assert.rejects(load(Buffer.alloc(1024 * 1024 + 1, 35)), /is larger than 1048576 bytes/);
  await assert.rejects(loadWebConfig(path.join(folder, "none.yml"), flagPlace("x")), /cannot read the file: ENOENT/);
});

void test("durations as Go writes them", () => {
  const right = { "1s": 1000, "250ms": 250, "1m30s": 90_000, "1.5h": 5_400_000, "1000000": 1, "3us": 0.003, "0": 0 };
  for (const [text, ms] of Object.entries(right)) assert.equal(goDurationMs(text), ms, text);
  for (const text of ["", "1", "1 s", "-1s", "s", "1d", "1s1", "1ss", "1..5s"]) {
    assert.equal(goDurationMs(text), text === "1" ? 1e-6 : null, text);
  }
});

void test("a limit lets a burst through, and then one each interval", () => {
  const limiter = new RateLimiter({ burst: 3, intervalMs: 100 }, 0);
  const taken = [0, 0, 0, 0, 50, 100, 101, 500, 500, 500, 500].map((atMs) => limiter.take(atMs));
  assert.deepEqual(taken, [true, true, true, false, false, true, false, true, true, true, false]);
});

const header = (text: string | Buffer): string => `Basic ${Buffer.from(text).toString("base64")}`;

void test("credentials out of a header", () => {
  assert.deepEqual(basicCredentials(header("alice:pass:word")), { user: "alice", password: "pass:word" });
  assert.deepEqual(basicCredentials(header("alice:").replace("Basic", "basic")), { user: "alice", password: "" });
  assert.deepEqual(basicCredentials(header("ü:ß")), { user: "ü", password: "ß" });
  for (const bad of [
    undefined,
    "",
    "Basic",
    "Basic !!",
    "Bearer abc",
    header("alice"),
    header(Buffer.from([255, 58])),
  ]) {
    assert.equal(basicCredentials(bad), null, bad);
  }
});
