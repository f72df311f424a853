/** A server with Prometheus' web configuration: passwords, client certificates, limits, and files that change while it serves. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test, type TestContext } from "node:test";
import { connect } from "node:tls";
import { hashSync } from "bcryptjs";
import type { Route } from "../../src/main/http/routes.ts";
import { type HttpServer, startHttpServer } from "../../src/main/http/server.ts";
import { sansOf } from "../../src/main/http/tls-front.ts";
import { PasswordCache } from "../../src/main/web-config/password-cache.ts";
import { ConfigError, KvcastError } from "../../src/shared/errors.ts";
import { ask } from "../support/ask-http.ts";
import { eventually } from "../support/fault/deadline.ts";
import { recordingLogger } from "../support/http-servers.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { type TlsFiles, tlsFiles } from "../support/tls-files.ts";

const LIMIT_MS = 15_000;
/** The least that bcrypt takes, so that tests do not wait for it. */
const QUICK_COST = 4;
const TEXT = "text/plain";

const route = (path_: string, access: Route["access"], more: Partial<Route> = {}): Route => ({
  path: path_,
  ...(access === undefined ? {} : { access }),
  handler: () => ({ status: 200, contentType: TEXT, body: "here" }),
  ...more,
});
const ROUTES: readonly Route[] = [
  route("/live", "probe"),
  route("/metrics", "shared"),
  route("/page", undefined),
  route("/order", undefined, { maxBodyBytes: 1024 }),
];

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-web-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

interface Started {
  readonly server: HttpServer;
  readonly file: string;
  readonly lines: readonly string[];
}

/** Serves with `config` as the web configuration, which is YAML or what JSON makes of it. */
async function start(
  t: TestContext,
  config: unknown,
  folder: string = folderOf(t),
  host = "127.0.0.1",
): Promise<Started> {
  const file = path.join(folder, "web.yml");
  writeFileSync(file, JSON.stringify(config));
  const { log, lines } = recordingLogger();
  const server = await startHttpServer({ host, port: 0, routes: ROUTES, log, webConfigFile: file });
  t.after(() => server.close());
  return { server, file, lines };
}

const hashed = (password: string, cost = QUICK_COST): string => hashSync(password, cost);

void test("with passwords everything asks for one, but for probes", async (t) => {
  const { server } = await start(t, { basic_auth_users: { alice: hashed("s3cret"), "": hashed("") } });
  assert.equal(server.implementation, "node");
  const { url } = server;
  assert.equal((await ask(`${url}/live`)).status, 200, "a probe has no password");
  assert.equal((await ask(`${url}/live`, { auth: "alice:wrong" })).status, 200, "and a wrong one does not matter");
  for (const place of ["/metrics", "/page", "/none"]) {
    for (const auth of [
      undefined,
      "alice:wrong",
      "alice:",
      "bob:s3cret",
      "Alice:s3cret",
      "alice:s3cret ",
      "__proto__:x",
    ]) {
      const { status, headers } = await ask(`${url}${place}`, auth === undefined ? {} : { auth });
      assert.equal(status, 401, `${place} ${auth}`);
      assert.match(String(headers["www-authenticate"]), /^Basic realm="kvcast"/);
    }
    const found = await ask(`${url}${place}`, { auth: "alice:s3cret" });
    assert.equal(found.status, place === "/none" ? 404 : 200, place);
    // Nobody asks for a password before it is known to be needed.
    assert.equal(found.headers["www-authenticate"], undefined);
  }
  assert.equal(
    (await ask(`${url}/page`, { auth: ":" })).status,
    200,
    "a user without a name or a password, if the file says so",
  );
  for (const authorization of ["Basic", "Basic !!!", "Bearer x", "Basic YWxpY2U="]) {
    assert.equal((await ask(`${url}/page`, { headers: { authorization } })).status, 401, authorization);
  }
});

void test("an order without a password is refused before its body is read, and the connection ends", async (t) => {
  const { server } = await start(t, { basic_auth_users: { alice: hashed("s3cret") } });
  const connection = await RawConnection.open(server.port);
  connection.send("POST /order HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n");
  const refused = await connection.response();
  assert.equal(refused?.status, 401);
  assert.equal(refused.headers["connection"], "close");
  await connection.ended();
  const taken = await ask(`${server.url}/order`, { method: "POST", body: "{}", auth: "alice:s3cret" });
  assert.equal(taken.status, 200);
});

void test("several requests with a new password at once are one check", async (t) => {
  const { server } = await start(t, { basic_auth_users: { alice: hashed("s3cret", 8) } });
  const all = await Promise.all(Array.from({ length: 8 }, () => ask(`${server.url}/page`, { auth: "alice:s3cret" })));
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]));
});

void test("a flood of wrong passwords holds up neither the event loop nor who comes from elsewhere", async (t) => {
  const { server } = await start(t, { basic_auth_users: { alice: hashed("s3cret", 10), bob: hashed("b0b", 10) } });
  const over = new AbortController();
  const flood = async (address: string, guesser: number): Promise<Record<number, number>> => {
    const seen: Record<number, number> = {};
    for (let i = 0; !over.signal.aborted; i++) {
      const { status } = await ask(`${server.url}/page`, { auth: `alice:guess${guesser}.${i}`, localAddress: address });
      seen[status] = (seen[status] ?? 0) + 1;
    }
    return seen;
  };
  assert.equal((await ask(`${server.url}/page`, { auth: "bob:b0b" })).status, 200);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  // Four of one address, and four more.
  const floods = ["2", "2", "2", "2", "3", "4", "5", "6"].map((last, i) => flood(`127.0.0.${last}`, i));
  assert.equal((await ask(`${server.url}/page`, { auth: "alice:s3cret", localAddress: "127.0.0.9" })).status, 200);
  for (let i = 0; i < 5; i++) {
    assert.equal(
      (await ask(`${server.url}/metrics`, { auth: "bob:b0b" })).status,
      200,
      "one who is known waits for nobody",
    );
    assert.equal((await ask(`${server.url}/live`)).status, 200);
  }
  if (process.platform === "linux") assert.equal(lowestPriority(), 19);
  delay.disable();
  over.abort();
  const seen = await Promise.all(floods);
  assert.ok(seen.every((each) => each[200] === undefined));
  assert.ok(
    seen.some((each) => (each[429] ?? 0) > 0),
    "one address has one place in the queue",
  );
  // One check takes 80 ms, and one follows the other: on this thread, which server, flood and test share, hardly a turn would be shorter.
  assert.ok(delay.percentile(75) / 1e6 < 50, `${delay.percentile(75) / 1e6} ms`);
});

/** The highest nice value that any thread of this process has. */
function lowestPriority(): number {
  const values = readdirSync("/proc/self/task").map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  });
  return Math.max(...values);
}

void test("guesses never push out a password that is known", () => {
  const cache = new PasswordCache();
  const right = cache.keyOf("alice", "h", "s3cret");
  cache.set(right, true);
  for (let i = 0; i < 5000; i++) cache.set(cache.keyOf("alice", "h", `guess${i}`), false);
  assert.equal(cache.get(right), true);
  assert.equal(cache.get(cache.keyOf("alice", "h", "guess4999")), false);
  assert.equal(cache.get(cache.keyOf("alice", "h", "guess0")), undefined, "old guesses are forgotten");
  assert.notEqual(cache.keyOf("a", "bc", "d"), cache.keyOf("ab", "c", "d"));
  assert.notEqual(new PasswordCache().keyOf("alice", "h", "s3cret"), right, "another process has another key");
  assert.doesNotMatch(JSON.stringify(cache), /s3cret/);
});

void test("a rate limit is for everyone and not for probes; headers are on every answer", async (t) => {
  const { server } = await start(t, {
    rate_limit: { burst: 2, interval: "1h" },
    http_server_config: { headers: { "X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=1" } },
  });
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await ask(`${server.url}/metrics`)).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  const probe = await ask(`${server.url}/live`);
  assert.equal(probe.status, 200);
  for (const answer of [probe, await ask(`${server.url}/none`), await ask(`${server.url}/live`, { method: "PUT" })]) {
    assert.equal(answer.headers["x-frame-options"], "deny");
    assert.equal(answer.headers["strict-transport-security"], "max-age=1");
  }
});

interface Certificates {
  readonly folder: string;
  readonly ca: string;
  readonly server: Readonly<Record<string, string>>;
  readonly clients: Readonly<Record<"none" | "ours" | "alias" | "foreign" | "asServer", Parameters<typeof ask>[1]>>;
}

function certificates(files: TlsFiles): Certificates {
  const ours = files.authority("ours");
  const foreign = files.authority("foreign");
  const server = ours.issue("server", "serverAuth", "DNS:localhost,IP:127.0.0.1");
  return {
    folder: files.folder,
    ca: ours.cert,
    server: { cert_file: path.basename(server.cert), key_file: path.basename(server.key) },
    clients: {
      none: {},
      ours: { client: ours.issue("scraper", "clientAuth", "DNS:scraper.example,URI:spiffe://x/scraper") },
      alias: { client: ours.issue("other", "clientAuth", "DNS:other.example,IP:2001:db8::1") },
      foreign: { client: foreign.issue("stranger", "clientAuth", "DNS:scraper.example") },
      asServer: { client: server },
    },
  };
}

/** Status of `/metrics` and of `/page` on an address that others can reach; 0 where the connection was cut. */
const POLICIES: readonly (readonly [
  Readonly<Record<string, unknown>>,
  Readonly<Record<string, readonly [number, number]>>,
])[] = [
  [{}, { none: [200, 403], ours: [200, 403] }],
  [{ client_auth_type: "NoClientCert" }, { none: [200, 403], foreign: [200, 403] }],
  [{ client_auth_type: "RequestClientCert" }, { none: [200, 403], ours: [200, 403], foreign: [200, 403] }],
  [{ client_auth_type: "RequireAnyClientCert" }, { none: [0, 0], ours: [200, 403], foreign: [200, 403] }],
  [
    { client_auth_type: "RequireAnyClientCert", client_allowed_sans: ["scraper.example"] },
    { none: [0, 0], ours: [200, 403], alias: [0, 0], foreign: [200, 403] },
  ],
  [
    { client_auth_type: "VerifyClientCertIfGiven", client_ca_file: "ours.pem" },
    { none: [200, 403], ours: [200, 200], foreign: [0, 0], asServer: [0, 0] },
  ],
  [
    { client_auth_type: "RequireAndVerifyClientCert", client_ca_file: "ours.pem" },
    { none: [0, 0], ours: [200, 200], alias: [200, 200], foreign: [0, 0], asServer: [0, 0] },
  ],
  [
    {
      client_auth_type: "RequireAndVerifyClientCert",
      client_ca_file: "ours.pem",
      client_allowed_sans: ["spiffe://x/scraper", "10.0.0.1"],
    },
    { none: [0, 0], ours: [200, 200], alias: [0, 0], foreign: [0, 0] },
  ],
  [
    {
      client_auth_type: "RequireAndVerifyClientCert",
      client_ca_file: "ours.pem",
      client_allowed_sans: ["2001:db8::1"],
    },
    { ours: [0, 0], alias: [200, 200] },
  ],
];

void test("client certificates, by each policy of Go", async (t) => {
  const files = tlsFiles(t);
  if (files === null) return;
  const { folder, ca, server: pair, clients } = certificates(files);
  for (const [policy, expected] of POLICIES) {
    const { server, lines } = await start(t, { tls_server_config: { ...pair, ...policy } }, folder, "0.0.0.0");
    const base = `https://127.0.0.1:${server.port}`;
    assert.equal(server.url, `https://0.0.0.0:${server.port}`);
    for (const [who, statuses] of Object.entries(expected)) {
      const client = clients[who as keyof typeof clients];
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const asked = { ...client, ca, maxVersion };
        const seen = [(await ask(`${base}/metrics`, asked)).status, (await ask(`${base}/page`, asked)).status];
        assert.deepEqual(seen, statuses, `${JSON.stringify(policy)} ${who} ${maxVersion}`);
      }
    }
    const isForSome = Object.values(expected).some(([, status]) => status === 200);
    assert.equal(server.servesPrivate, isForSome, JSON.stringify(policy));
    const refusals = Object.values(expected).some(([status]) => status === 0);
    assert.equal(
      lines.some((line) => line.includes("a client was refused by TLS")),
      refusals,
    );
    await server.close();
  }
});

void test("a session that is resumed lets nobody in without a certificate", async (t) => {
  const files = tlsFiles(t);
  if (files === null) return;
  const { folder, ca, server: pair } = certificates(files);
  const policy = { client_auth_type: "VerifyClientCertIfGiven", client_ca_file: "ours.pem" };
  const { server } = await start(t, { tls_server_config: { ...pair, ...policy } }, folder, "0.0.0.0");
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    let session: Buffer | null = null;
    for (let turn = 0; turn < 2; turn++) {
      const status = await new Promise<string>((resolve, reject) => {
        const socket = connect({
          port: server.port,
          host: "127.0.0.1",
          ca: readFileSync(ca),
          maxVersion,
          ...(session === null ? {} : { session }),
        });
        socket.on("session", (given) => (session = given));
        socket.on("error", reject);
        socket.on("data", (data) => {
          resolve(`${data.toString("latin1").slice(9, 12)} ${socket.isSessionReused()}`);
          socket.destroy();
        });
        socket.write("GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      });
      assert.equal(status, "403 false", `${maxVersion}, turn ${turn}`);
    }
  }
});

async function cutsOffWhatSpeaksNoTls(t: TestContext): Promise<void> {
  const files = tlsFiles(t);
  if (files === null) return;
  const { folder, server: pair } = certificates(files);
  const { server } = await start(t, { tls_server_config: pair }, folder);
  assert.equal(await rawRequest(server.port, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n"), null);
  const silent = await RawConnection.open(server.port);
  const half = await RawConnection.open(server.port);
  half.send("\u0016\u0003\u0001\u0002\u0000\u0001");
  const begunMs = performance.now();
  await Promise.all([silent.ended(), half.ended()]);
  const tookMs = performance.now() - begunMs;
  assert.ok(tookMs > 3_000 && tookMs < LIMIT_MS, `${tookMs} ms`);
  // And a connection that is in its handshake does not hold up the end.
  const last = await RawConnection.open(server.port);
  await server.close();
  await last.ended();
}

async function renews(t: TestContext): Promise<void> {
  const files = tlsFiles(t);
  if (files === null) return;
  const { folder, ca, server: pair } = certificates(files);
  const second = files.authority("second").issue("renewed", "serverAuth", "DNS:localhost,IP:127.0.0.1");
  const config = { tls_server_config: pair, basic_auth_users: { alice: hashed("one") } };
  const { server, file, lines } = await start(t, config, folder);
  const page = `${server.url}/page`;
  const first = await ask(page, { ca, auth: "alice:one" });
  assert.equal(first.status, 200);

  // A key that does not fit, as in the middle of a renewal.
  copyFileSync(second.cert, path.join(folder, String(pair["cert_file"])));
  await eventually("the bad pair is told", LIMIT_MS, async () => {
    const { status, serial } = await ask(page, { ca, auth: "alice:one" });
    assert.deepEqual([status, serial], [200, first.serial], "the old pair is in use until the new one is whole");
    return lines.some((line) => line.includes("is bad; what was read before stays in use")) ? true : null;
  });
  copyFileSync(second.key, path.join(folder, String(pair["key_file"])));
  await eventually("the new certificate is served", LIMIT_MS, async () => {
    const { serial, status } = await ask(page, { auth: "alice:one" });
    assert.equal(status, 200);
    return serial === first.serial ? null : true;
  });
  assert.equal((await ask(page, { ca, auth: "alice:one" })).status, 0, "the old authority has not signed it");

  writeFileSync(file, JSON.stringify({ ...config, basic_auth_users: { alice: hashed("two") } }));
  await eventually("the new password", LIMIT_MS, async () =>
    (await ask(page, { auth: "alice:two" })).status === 200 ? true : null,
  );
  assert.equal((await ask(page, { auth: "alice:one" })).status, 401, "the old one is over");

  writeFileSync(file, JSON.stringify({ basic_auth_users: {} }));
  await eventually("TLS cannot be turned off", LIMIT_MS, async () => {
    assert.equal((await ask(page)).status, 401);
    return lines.some((line) => line.includes("TLS is turned on and off by a restart only")) ? true : null;
  });
  rmSync(file);
  await eventually("a file that is gone", LIMIT_MS, async () => {
    assert.equal((await ask(page, { auth: "alice:two" })).status, 200);
    return lines.some((line) => line.includes("ENOENT")) ? true : null;
  });
  assert.ok(lines.every((line) => !/PRIVATE|\$2b\$/.test(line)));
}

async function staysClosed(t: TestContext): Promise<void> {
  const { server, file, lines } = await start(t, { basic_auth_users: { alice: hashed("one") } });
  const page = `${server.url}/page`;
  // As an editor leaves it for a moment: a file of nothing is a good web configuration.
  for (const half of ["", "basic_auth_users:\n"]) {
    writeFileSync(file, half);
    const told = lines.length;
    await eventually("half a file is told", LIMIT_MS, async () => {
      assert.equal((await ask(page)).status, 401);
      assert.equal((await ask(page, { auth: "alice:one" })).status, 200);
      return lines.slice(told).some((line) => line.includes("basic_auth_users asks for passwords no longer"))
        ? true
        : null;
    });
    writeFileSync(file, JSON.stringify({ basic_auth_users: { alice: hashed("one") } }));
    await eventually("the whole file is read", LIMIT_MS, async () => {
      await ask(page);
      return lines.slice(told).some((line) => line.includes("was read again")) ? true : null;
    });
  }
}

async function staysAsClosed(t: TestContext): Promise<void> {
  const files = tlsFiles(t);
  if (files === null) return;
  const { folder, ca, server: pair, clients } = certificates(files);
  const demand = { ...pair, client_auth_type: "RequireAndVerifyClientCert", client_ca_file: "ours.pem" };
  const bounded = { ...demand, client_allowed_sans: ["scraper.example"] };
  const users = { basic_auth_users: { alice: hashed("one") } };
  const { server, file, lines } = await start(t, { tls_server_config: bounded, ...users }, folder);
  for (const [half, told] of [
    [{ tls_server_config: bounded }, "basic_auth_users asks for passwords no longer"],
    [{ tls_server_config: demand, ...users }, "client_allowed_sans bounds who is let in no longer"],
    [{ tls_server_config: pair, ...users }, "client_auth_type demands certificates no longer"],
  ] as const) {
    writeFileSync(file, JSON.stringify(half));
    await eventually(told, LIMIT_MS, async () => {
      const seen: number[] = [];
      for (const client of [clients.none, clients.alias, clients.ours]) {
        seen.push((await ask(`${server.url}/page`, { ...client, ca })).status);
      }
      assert.deepEqual(seen, [0, 0, 401]);
      return lines.some((line) => line.includes(told)) ? true : null;
    });
  }
}

void test("what takes its time", { concurrency: 4 }, async (t) => {
  await Promise.all([
    t.test("what speaks no TLS, or nothing, is cut off", cutsOffWhatSpeaksNoTls),
    t.test("certificates and users change while it serves; a bad file changes nothing", renews),
    t.test("a file without its users, or half of one, opens nothing", staysClosed),
    t.test("nor does one that demands less of certificates", staysAsClosed),
  ]);
});

void test("a bad web configuration is no server at all, and hyper-express serves none", async (t) => {
  const folder = folderOf(t);
  const file = path.join(folder, "web.yml");
  writeFileSync(file, "basic_auth_users: { alice: plain }");
  const { log } = recordingLogger();
  const options = { host: "127.0.0.1", port: 0, routes: ROUTES, log, webConfigFile: file };
  await assert.rejects(startHttpServer(options), (error: unknown) => error instanceof ConfigError);
  writeFileSync(file, "");
  await assert.rejects(
    startHttpServer({ ...options, implementation: "hyper-express" }),
    (error: unknown) => error instanceof KvcastError && error.code === "KVCAST_HTTP_UNAVAILABLE",
  );
});

const names = (subjectAltName: string | undefined): readonly string[] => sansOf({ subjectAltName });

void test("all names of a certificate, as Go writes them", () => {
  assert.deepEqual(names(undefined), []);
  assert.deepEqual(names("DNS:a.example, IP Address:10.0.0.1, email:a@b.example, URI:spiffe://x/y"), [
    "a.example",
    "10.0.0.1",
    "a@b.example",
    "spiffe://x/y",
  ]);
  assert.deepEqual(names("IP Address:2001:DB8:0:0:0:0:0:1"), ["2001:db8::1"]);
  // A comma inside a name makes no second one.
  assert.deepEqual(names('DNS:"a, DNS:b.example", URI:http://x'), ["a, DNS:b.example", "http://x"]);
  assert.deepEqual(names("othername:<unsupported>, DirName:CN = x, DNS:c"), ["c"]);
});
