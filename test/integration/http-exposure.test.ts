/** What is served to whom, by address and configuration, of real commands; and a real Prometheus that logs in. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { hashSync } from "bcryptjs";
import { ask, type AskOptions } from "../support/ask-http.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { consolidate, index, Kvcast, serve } from "../support/processes.ts";
import { askPrometheus, startPrometheus, type Target } from "../support/prometheus.ts";
import { tlsFiles } from "../support/tls-files.ts";
import { requireTool } from "../support/tools.ts";

const KVCAST = fileURLToPath(new URL("../../src/main/index.js", import.meta.url));
const LIMIT_MS = 30_000;
const PROBES = ["/live", "/ready", "/health"];
const PRIVATE = ["/", "/page.js", "/v1/live", "/v1/perf/requests", "/v1/kv/snapshot"];
const ALICE: AskOptions = { auth: "alice:s3cret" };
const SERVE = "--engine synthetic:?rate=10 --snapshot";

function webConfig(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-exposure-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "web.yml");
  writeFileSync(file, JSON.stringify({ basic_auth_users: { alice: hashSync("s3cret", 4) } }));
  return file;
}

interface Row {
  readonly flags: string;
  /** Of `/metrics` and of everything that is private, without credentials. */
  readonly metrics: number;
  readonly private: number;
  /** The same for who has logged in. */
  readonly known: number;
  readonly warning: RegExp | null;
}

const OPEN = "--system-host 0.0.0.0";
const MATRIX: Readonly<Record<string, Row>> = {
  "an address of this machine": { flags: "", metrics: 200, private: 200, known: 200, warning: null },
  "an address that others can reach": {
    flags: OPEN,
    metrics: 200,
    private: 403,
    known: 403,
    warning:
      /0\.0\.0\.0 can be reached .* refused the live page, performance data and snapshots; --insecure .*--web-config-file/,
  },
  "the same, insecure": {
    flags: `${OPEN} --insecure`,
    metrics: 200,
    private: 200,
    known: 200,
    warning: /--insecure gives everyone there the live page/,
  },
  "the same, with passwords": {
    flags: `${OPEN} --web-config-file FILE`,
    metrics: 401,
    private: 401,
    known: 200,
    warning: /passwords go there unencrypted/,
  },
  "the same, with passwords and insecure": {
    flags: `${OPEN} --web-config-file FILE --insecure`,
    metrics: 401,
    private: 401,
    known: 200,
    warning: /--insecure has no effect/,
  },
  "passwords on an address of this machine": {
    flags: "--web-config-file FILE",
    metrics: 401,
    private: 401,
    known: 200,
    warning: null,
  },
};

void test("serve", { concurrency: 3 }, async (t) => {
  await Promise.all(Object.entries(MATRIX).map(([name, row]) => t.test(`on ${name}`, (one) => isServed(one, row))));
});

async function isServed(t: TestContext, row: Row): Promise<void> {
  const file = webConfig(t);
  const service = await serve(t, `${SERVE} ${row.flags.replace("FILE", file)}`.trim());
  const base = `http://127.0.0.1:${new URL(service.facts.url).port}`;
  for (const probe of PROBES) {
    const { status } = await ask(`${base}${probe}`);
    assert.ok(status === 200 || status === 503, `${probe} ${status}`);
  }
  assert.equal((await ask(`${base}/metrics`)).status, row.metrics);
  for (const place of PRIVATE) {
    const { status, text } = await ask(`${base}${place}`);
    assert.equal(status, row.private, place);
    if (status === 403)
      assert.match(text, /--web-config-file .* 127\.0\.0\.1 .*--insecure .*\/metrics are served as ever/);
    assert.equal((await ask(`${base}${place}`, ALICE)).status, row.known, place);
  }
  const warnings = service.logs.filter(({ level }) => level === "warn").map(({ msg }) => msg);
  if (row.warning === null) assert.deepEqual(warnings, []);
  else
    assert.ok(
      warnings.some((warning) => row.warning?.test(warning)),
      warnings.join("\n"),
    );
  const started = service.logs.find(({ msg }) => msg === "kvcast is running");
  assert.equal(started?.["page_url"] === null, row.known === 403, "the page's address is shown where there is a page");
  assert.equal(started?.["http_server"] === "node" || !row.flags.includes("FILE"), true);
}

void test("a start that could not do what it is told is none", async (t) => {
  const file = webConfig(t);
  for (const [flags, code, text] of [
    [`${OPEN} --live-page on`, 78, /--live-page: 0\.0\.0\.0 \(--system-host\) can be reached.*--insecure/],
    ["--web-config-file /none/web.yml", 78, /--web-config-file: .*cannot read the file/],
    [`${OPEN} --live-page on --insecure --web-config-file ${file}.none`, 78, /cannot read the file/],
  ] as const) {
    const kvcast = new Kvcast(t, `serve --engine synthetic: --zmq-endpoint none --system-port 0 ${flags}`);
    assert.equal((await kvcast.exit).code, code, flags);
    assert.match(kvcast.text(), text);
  }
});

void test("consolidate on an address that others can reach", async (t) => {
  const service = await consolidate(t, `--engine-endpoint tcp://127.0.0.1:9 ${OPEN}`);
  const base = `http://127.0.0.1:${new URL(service.facts.url).port}`;
  assert.equal((await ask(`${base}/metrics`)).status, 200);
  assert.equal((await ask(`${base}/live`)).status, 200);
  assert.ok(service.logs.some(({ msg }) => /probes and \/metrics answer anyone\./.test(msg)));
  const closed = await consolidate(t, `--engine-endpoint tcp://127.0.0.1:9 --web-config-file ${webConfig(t)}`);
  assert.equal((await ask(`${closed.facts.url}/metrics`)).status, 401);
  assert.equal((await ask(`${closed.facts.url}/metrics`, ALICE)).status, 200);
});

const postOf = (body: object): AskOptions => ({ method: "POST", body: JSON.stringify(body) });

const localOf = ({ url }: { readonly url: string }): string => `http://127.0.0.1:${new URL(url).port}`;

void test("index on an address that others can reach answers questions and takes no orders", async (t) => {
  const question = { model_name: "none", token_ids: [1, 2, 3, 4] };
  const order = { instance_id: 1, endpoint: "tcp://127.0.0.1:9", block_size: 4, model_name: "m" };
  const statuses = async (base: string, more: AskOptions = {}): Promise<Record<string, number>> => {
    const found: Record<string, number> = {};
    for (const place of ["/query", "/query_by_hash", "/route", "/register", "/load", "/unregister"]) {
      found[place] = (
        await ask(`${base}${place}`, { ...postOf(place === "/register" ? order : question), ...more })
      ).status;
    }
    for (const place of ["/dump", "/workers", "/metrics", "/health", "/live"]) {
      found[place] = (await ask(`${base}${place}`, more)).status;
    }
    return found;
  };
  const read = { "/query": 404, "/query_by_hash": 404, "/route": 404, "/workers": 200, "/metrics": 200 };
  const probes = { "/health": 200, "/live": 200 };
  const refused = { "/dump": 403, "/register": 403, "/load": 403, "/unregister": 403 };
  const open = await index(t, "--host 0.0.0.0");
  assert.deepEqual(await statuses(localOf(open)), { ...read, ...probes, ...refused });
  assert.ok(open.logs.some(({ msg }) => /refused \/dump, \/register, \/unregister and \/load/.test(msg)));
  const local = localOf(await index(t, ""));
  assert.deepEqual(await statuses(local, { headers: { host: "evil.example" } }), { ...read, ...probes, ...refused });
  assert.equal((await statuses(local, { headers: { origin: "http://evil.example" } }))["/register"], 403);
  assert.equal((await statuses(local))["/register"], 201);
  const everyones = localOf(await index(t, "--host 0.0.0.0 --insecure"));
  const insecure = await statuses(everyones);
  assert.equal(insecure["/register"], 201);
  assert.equal(insecure["/dump"], 200);
  const metadata = { ...order, instance_id: 2, endpoint: "tcp://169.254.169.254:80" };
  const refusal = await ask(`${everyones}/register`, postOf(metadata));
  assert.equal(refusal.status, 400);
  assert.match(refusal.text, /link-local or metadata/);
  const nested = ask(`${everyones}/query`, { method: "POST", body: "[".repeat(8 * 1024 * 1024 - 1) });
  assert.equal((await within("brackets alone do not hold it up", 2000, nested)).status, 400);
  const closed = localOf(await index(t, `--host 0.0.0.0 --web-config-file ${webConfig(t)}`));
  for (const [place, status] of Object.entries(await statuses(closed))) {
    assert.equal(status, place in probes ? 200 : 401, place);
  }
  assert.equal((await statuses(closed, ALICE))["/register"], 201);
});

const run = async (line: string): Promise<readonly [number | null, string]> => {
  const kvcast = spawn(process.execPath, [KVCAST, ...line.split(" ")], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [kvcast.stdout, kvcast.stderr]) stream.on("data", (piece) => (text += String(piece)));
  const [status] = (await once(kvcast, "close")) as [number | null];
  return [status, text];
};

void test("check, top and perf show who they are, and say what is missing", async (t) => {
  const files = tlsFiles(t);
  if (files === null) return;
  const ours = files.authority("ours");
  const server = ours.issue("server", "serverAuth", "IP:127.0.0.1");
  const client = ours.issue("person", "clientAuth", "DNS:person.example");
  const tls = { cert_file: server.cert, key_file: server.key, client_ca_file: ours.cert };
  const at = (name: string, content: string): string => {
    const file = path.join(files.folder, name);
    writeFileSync(file, content);
    return file;
  };
  const users = { basic_auth_users: { alice: hashSync("s3cret", 4) } };
  const strict = { client_auth_type: "RequireAndVerifyClientCert" };
  const file = at("web.yml", JSON.stringify({ tls_server_config: { ...tls, ...strict }, ...users }));
  const { facts } = await serve(t, `--engine synthetic:?rate=10 --web-config-file ${file}`);
  const header = at("header", `Authorization: Basic ${Buffer.from("alice:s3cret").toString("base64")}\n`);
  const certificates = `--ca-file ${ours.cert} --client-cert-file ${client.cert} --client-key-file ${client.key}`;
  for (const command of ["check", "top --once", "perf"]) {
    const [known, text] = await run(`${command} ${facts.url} ${certificates} --header-file ${header}`);
    // The built-in engine has no performance data, which perf says with 69, once it was let in.
    assert.equal(known, command === "perf" ? 69 : 0, text);
    assert.doesNotMatch(text, /password|s3cret/);
    const [stranger, reason] = await run(`${command} ${facts.url} ${certificates}`);
    assert.equal(stranger, command === "check" ? 0 : 69);
    if (command !== "check") assert.match(reason, /asks for a password.*--header-file/);
    assert.equal(
      (await run(`${command} ${facts.url} --ca-file ${ours.cert} --header-file ${header}`))[0],
      69,
      "no certificate",
    );
    assert.equal((await run(`${command} ${facts.url} --header-file ${header}`))[0], 69, "an unknown authority");
  }
  const [bad, why] = await run(`check ${facts.url} --client-cert-file ${client.cert}`);
  assert.equal(bad, 78);
  assert.match(why, /give --client-key-file too/);
});

void test("Prometheus logs in with a client certificate and a password, and with nothing less", async (t) => {
  const program = requireTool(t, "prometheus");
  const files = tlsFiles(t);
  if (program === null || files === null) return;
  const ours = files.authority("ours");
  const server = ours.issue("server", "serverAuth", "IP:127.0.0.1");
  const client = ours.issue("scraper", "clientAuth", "DNS:scraper.example");
  const stranger = files.authority("foreign").issue("stranger", "clientAuth", "DNS:scraper.example");
  const file = path.join(files.folder, "web.yml");
  writeFileSync(
    file,
    JSON.stringify({
      tls_server_config: {
        cert_file: server.cert,
        key_file: server.key,
        client_auth_type: "RequireAndVerifyClientCert",
        client_ca_file: ours.cert,
        client_allowed_sans: ["scraper.example"],
        min_version: "TLS13",
      },
      basic_auth_users: { prometheus: hashSync("s3cret", 4) },
    }),
  );
  const service = await serve(t, `--engine synthetic:?rate=10 --system-host 0.0.0.0 --web-config-file ${file}`);
  assert.match(service.facts.url, /^https:/);
  const { port } = new URL(service.facts.url);
  const tls = { ca_file: ours.cert, cert_file: client.cert, key_file: client.key };
  const job = (name: string, tlsConfig: object, password: string): object => ({
    job_name: name,
    scheme: "https",
    tls_config: tlsConfig,
    basic_auth: { username: "prometheus", password },
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  });
  const api = await startPrometheus(t, program, [
    job("good", tls, "s3cret"),
    job("password", tls, "guess"),
    job("no-certificate", { ca_file: ours.cert }, "s3cret"),
    job("foreign-certificate", { ...tls, cert_file: stranger.cert, key_file: stranger.key }, "s3cret"),
    job("foreign-server", { ...tls, ca_file: client.cert }, "s3cret"),
  ]);
  const targets = await eventually("each target was scraped", LIMIT_MS, async () => {
    const data = (await askPrometheus(api, "targets")) as { activeTargets: readonly Target[] } | null;
    const found = data?.activeTargets ?? [];
    const isGood = found.some(({ labels, health }) => labels.job === "good" && health === "up");
    return isGood && found.every(({ health }) => health !== "unknown") ? found : null;
  });
  const said = Object.fromEntries(
    targets.map(({ labels, health, lastError }) => [labels.job, `${health} ${lastError}`]),
  );
  assert.equal(said["good"], "up ");
  assert.match(said["password"] ?? "", /^down .*401/);
  assert.match(said["no-certificate"] ?? "", /^down .*(?:EOF|reset|certificate|broken pipe)/);
  assert.match(said["foreign-certificate"] ?? "", /^down .*(?:EOF|reset|certificate|broken pipe)/);
  assert.match(said["foreign-server"] ?? "", /^down .*x509/);
  assert.doesNotMatch(service.text(), /s3cret|guess/);
});
