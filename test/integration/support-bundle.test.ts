/** `kvcast support-bundle`: what is in the file, that any tar opens it, and that nothing secret got into it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { hashSync } from "bcryptjs";
import { curveKeyPair } from "zeromq";
import { runCli } from "../../src/main/cli/program.ts";
import { lastLines } from "../../src/main/support/last-lines.ts";
import { scrubbed, scrubbedLog } from "../../src/main/support/scrub.ts";
import { tarGz } from "../../src/main/support/tar.ts";
import { CurveFiles } from "../support/curve.ts";
import { end, startKvcast } from "../support/cli-process.ts";
import { serve } from "../support/processes.ts";

const SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "kvcast-bundle-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function bundle(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let [out, err] = ["", ""];
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
  return { code: await runCli({ argv: ["support-bundle", ...args], env, ...io }), out, err };
}

/** Unpacked by the system's tar; the files of the one folder, by name. */
function unpack(t: TestContext, file: string): ReadonlyMap<string, string> {
  const into = folderFor(t);
  execFileSync("tar", ["-xzf", file, "-C", into]);
  const [folder = "", ...others] = readdirSync(into);
  assert.deepEqual(others, []);
  return new Map(
    readdirSync(path.join(into, folder)).map((name) => [name, readFileSync(path.join(into, folder, name), "utf8")]),
  );
}

test("an archive is what tar makes of it, and private", (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, "a.tar.gz");
  const contents = ["", "x", "y".repeat(511), "z".repeat(512), "ü".repeat(1000)];
  const files = contents.map((content, i) => ({ name: `top/${i}`, content }));
  writeFileSync(file, tarGz(files, 1_700_000_000.5));
  assert.deepEqual([...unpack(t, file).values()], contents);
  assert.match(
    execFileSync("tar", ["-tvzf", file], { env: { TZ: "UTC", PATH: process.env["PATH"] } }).toString(),
    /^-rw------- .* 2023-11-14 22:13 top\/0$/m,
  );
  assert.throws(() => tarGz([{ name: "n".repeat(101), content: "" }], 0), /no name for tar/);
});

test("a bundle of a running service has all parts, says what it put in, and is not overwritten", async (t) => {
  const { facts } = await serve(t, "--engine synthetic:?rate=100&blocks=2");
  const folder = folderFor(t);
  const output = path.join(folder, "b.tar.gz");
  const log = path.join(folder, "log");
  writeFileSync(
    log,
    `${Array.from({ length: 50 }, (_, i) => `line ${i}`).join("\n")}\ntokens=[1,2,3,4,5] password=hunter2\n`,
  );
  const args = [facts.url, "--output", output, "--log-file", log, "--log-lines", "3", "--engine", "synthetic:"];
  const { code, out } = await bundle(args, { NATS_AUTH_NKEY: SEED });
  assert.equal(code, 0, out);
  const files = unpack(t, output);
  const names = ["README.txt", "config.json", "doctor.json", "health.json", "log.txt", "metrics.txt", "versions.json"];
  assert.deepEqual([...files.keys()].toSorted(), names);
  for (const name of names.slice(1))
    assert.match(out, new RegExp(`^  ${name.replace(".", "\\.")} .*\\(\\d+ bytes\\)$`, "m"));
  assert.equal(statSync(output).mode & 0o777, 0o600);
  const json = (name: string): unknown => JSON.parse(files.get(name) ?? "");
  assert.match(JSON.stringify(json("versions.json")), /"kvcast":"\d.*"packages":\{.*"zeromq":"6\.8\.0"/);
  assert.match(JSON.stringify(json("config.json")), /"option":"engine","values":\["synthetic:"\],"origin":"flag"/);
  assert.match(JSON.stringify(json("health.json")), /"checks":/);
  assert.match(JSON.stringify(json("doctor.json")), /"check":"node_version"/);
  assert.match(files.get("metrics.txt") ?? "", /^kvcast_ready\{check=/m);
  assert.equal(files.get("log.txt"), "line 48\nline 49\ntokens=[…] password=***\n");
  for (const [name, content] of files) assert.ok(!content.includes(SEED), name);
  const again = await bundle(args);
  assert.equal(again.code, 69);
  assert.match(again.err, /cannot be written: EEXIST/);
});

test("secret CURVE keys of the configuration are masked, wherever they stand", async (t) => {
  const curve = new CurveFiles(t);
  const client = curveKeyPair();
  const folder = folderFor(t);
  const output = path.join(folder, "b.tar.gz");
  const log = path.join(folder, "log");
  const secrets = [curve.server.secretKey, client.secretKey];
  writeFileSync(log, secrets.map((secret, i) => `key ${i} is ${secret}\n`).join(""));
  const engine = `zmq+tcp://127.0.0.1:1?${curve.query}`;
  const keyFlags = [...curve.flags.split(" "), "--zmq-curve-client-key-file", curve.secret("client.secret", client)];
  const flags = ["--engine", engine, ...keyFlags, "--log-file", log, "--output", output];
  const { code, out, err } = await bundle(["http://127.0.0.1:1", ...flags]);
  assert.equal(code, 0, err);
  const files = unpack(t, output);
  assert.equal(files.get("log.txt"), "key 0 is ***\nkey 1 is ***\n");
  for (const [name, content] of files) {
    for (const secret of secrets) assert.ok(!content.includes(secret) && !out.includes(secret), name);
  }
});

test("a service that asks for a password is shown one, and neither it nor a CURVE key is in the bundle", async (t) => {
  const folder = folderFor(t);
  const file = (name: string, content: string): string => {
    writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };
  const password = "web-Pw-7731";
  const web = file("web.yaml", JSON.stringify({ basic_auth_users: { ann: hashSync(password, 4) } }));
  const basic = Buffer.from(`ann:${password}`).toString("base64");
  const header = file("header", `Authorization: Basic ${basic}\n`);
  const key = path.join(folder, "curve");
  assert.equal((await end(startKvcast(["keygen", key]))).code, 0);
  const secretKey = readFileSync(key, "latin1").trim();
  const curve = [
    "--zmq-curve-secret-key-file",
    key,
    "--zmq-curve-allow-file",
    "any",
    "--zmq-curve-client-key-file",
    key,
  ];
  const options = ["--engine", "synthetic:", "--web-config-file", web, ...curve];
  const service = await serve(t, `${options.join(" ")} --log-level trace`);
  const { url } = service.facts;
  const log = file("log", `${service.text()}${basic} ${password}\n`);
  const of = async (name: string, more: readonly string[]) => {
    const output = path.join(folder, name);
    const { code, out, err } = await bundle([url, "--output", output, "--log-file", log, ...options, ...more]);
    assert.equal(code, 0, err);
    return { out, files: unpack(t, output) };
  };
  const without = await of("a.tar.gz", []);
  assert.match(without.out, /metrics\.txt .*missing: http:.* asks for a password: give --header-file/);
  const { files } = await of("b.tar.gz", ["--header-file", header]);
  assert.match(files.get("metrics.txt") ?? "", /^kvcast_ready\{check=/m);
  assert.match(files.get("config.json") ?? "", /"zmq-curve-secret-key-file"/);
  assert.ok(secretKey.length === 40 && (files.get("log.txt") ?? "").includes("kvcast"));
  const shown = await end(startKvcast(["config", "show", "--json", ...options]));
  assert.equal(shown.code, 0, shown.err);
  for (const text of [...files.values(), shown.out, service.text()]) {
    for (const secret of [secretKey, basic, password]) assert.ok(!text.includes(secret));
  }
});

test("what cannot be had is named, and the rest is there", async (t) => {
  const output = path.join(folderFor(t), "b.tar.gz");
  const { code, out } = await bundle(["http://127.0.0.1:1", "--output", output, "--slot-bytes", "x", "--json"]);
  assert.equal(code, 0);
  const missing = JSON.parse(out).files.filter(({ bytes }: { readonly bytes: number | null }) => bytes === null);
  assert.deepEqual(
    missing.map(({ name }: { readonly name: string }) => name),
    ["health.json", "metrics.txt", "log.txt"],
  );
  const files = unpack(t, output);
  assert.match(
    files.get("README.txt") ?? "",
    /health\.json .*: MISSING, http:\/\/127\.0\.0\.1:1 cannot be reached \(ECONNREFUSED\)/,
  );
  assert.match(files.get("config.json") ?? "", /"ok": false/);
});

test("what is known or looks like a secret is masked", async (t) => {
  assert.equal(scrubbed(`{"a":"s3cret/${SEED}","u":"nats://a:b@h"}`, ["s3cret"]), '{"a":"***/***","u":"nats://***@h"}');
  assert.equal(scrubbed("short ones stay", ["o"]), "short ones stay");
  assert.equal(scrubbedLog("Authorization: Bearer abc", []), "Authorization: ***");
  assert.equal(scrubbedLog("api_key=abc cache_salt: t7, x", []), "api_key=*** cache_salt: ***, x");
  assert.equal(scrubbedLog('{"tokens":[1, 22,333,4444,5]} [1,2]', []), '{"tokens":[…]} [1,2]');
  assert.equal(scrubbed("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nx", []), "***\nx");
  await assert.rejects(lastLines(path.join(folderFor(t), "none"), 1), /--log-file: cannot read the file: ENOENT/);
});
