/** `kvcast config` as a user runs it: origins, all that is wrong at once, and a schema that agrees with the service. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { configSchema } from "../../src/main/config/config-schema.ts";
import { TARGETS } from "../../src/main/config/config-targets.ts";
import { runCli } from "../../src/main/cli/program.ts";

const ROOT = new URL("../../../", import.meta.url);
const folder = mkdtempSync(path.join(os.tmpdir(), "kvcast-config-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(content: string): string {
  const file = path.join(folder, `${files++}.yaml`);
  writeFileSync(file, content);
  return file;
}

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function config(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  let [out, err] = ["", ""];
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
  return { code: await runCli({ argv: ["config", ...args], env, ...io }), out, err };
}

test("show has every option with its value and where it comes from, and no secret", async () => {
  const file = fileOf("engine:\n  - a=http://h:1\n  - b=http://h:2\nsystem-port: 9000\nkv-block-size: 64\n");
  const args = ["show", "--config", file, "--kv-block-size", "16", "--zmq-topic", ""];
  const env = { DYN_SYSTEM_PORT: "9001", KVCAST_ENCODERS: "2", NATS_AUTH_PASSWORD: "hunter2" };
  const { code, out, err } = await config([...args, "--json"], env);
  assert.deepEqual([code, err], [0, ""]);
  const shown = JSON.parse(out);
  const of = (name: string): unknown => {
    const { values, origin, from } = shown.options.find(({ option }: { readonly option: string }) => option === name);
    return [values, origin, from];
  };
  assert.deepEqual(of("engine"), [["a=http://h:1", "b=http://h:2"], "file", `${file} line 2`]);
  assert.deepEqual(of("kv-block-size"), [["16"], "flag", "--kv-block-size"]);
  assert.deepEqual(of("system-port"), [["9001"], "env", "DYN_SYSTEM_PORT"]);
  assert.deepEqual(of("encoders"), [["2"], "env", "KVCAST_ENCODERS"]);
  assert.deepEqual(of("ring-slots"), [["16"], "default", null]);
  assert.deepEqual(of("state-dir"), [[], "default", null]);
  assert.equal(shown.options.length, TARGETS.serve.options.length);
  assert.deepEqual(shown.secrets, [{ variable: "NATS_AUTH_PASSWORD", value: "***" }]);
  const text = (await config(args, env)).out;
  assert.match(text, /^kv-block-size +16 +flag --kv-block-size$/m);
  assert.match(text, /^zmq-topic +"" +flag --zmq-topic$/m);
  assert.match(text, /^clear-on-start +\(on; off for dynamo\*\) +default$/m);
  assert.match(text, /^NATS_AUTH_PASSWORD +\*\*\* +environment, a secret$/m);
  assert.ok(!`${out}${text}`.includes("hunter2"));
});

test("what is behind the ? of a server's address is not shown, for no server has anything but keys there", async () => {
  const given = ["--engine", "a=http://h:1/x?token=hunter2", "--nats-url", "nats://h:2?auth=hunter2", "--sink", "both"];
  for (const word of ["show", "check"]) {
    const { code, out, err } = await config([word, "--worker-id", "1", ...given]);
    assert.equal(code, 78);
    assert.ok(!`${out}${err}`.includes("hunter2"), `${out}${err}`);
    if (word === "show") assert.match(out, /^engine +a=http:\/\/h:1\/x\?\*\*\* +flag --engine$/m);
  }
  const kept = await config(["show", "--engine", "synthetic:?rate=7"]);
  assert.match(kept.out, /^engine +synthetic:\?rate=7 /m);
});

test("check says all that is wrong at once, with exit code 78", async () => {
  const file = fileOf("engine: http://u:hunter2@h:1\nno-such: 1\nkv-block-size: x\nslot-bytes: {}\nstate-dir: kept\n");
  const { code, out, err } = await config(["check", "--config", file, "--sink", "nats", "--log-level", "loud"], {
    KVCAST_RING_SLOTS: "none",
  });
  assert.deepEqual([code, out], [78, ""]);
  const lines = err.trimEnd().split("\n");
  for (const wrong of [
    /line 2: no option "no-such"/,
    /slot-bytes in .* line 4 .*a list, map or alias is not allowed/,
    /engine in .* line 1 .*the URL holds a user name or password/,
    /kv-block-size in .* line 3 .*"x" is not allowed/,
    /KVCAST_RING_SLOTS.*"none" is not allowed/,
    /--log-level: "loud"/,
    /--worker-id: is needed for NATS/,
    /state-dir in .* line 5 .*add --snapshot/,
  ]) {
    assert.ok(
      lines.some((line) => line.startsWith("kvcast: error: ") && wrong.test(line)),
      `${wrong} in\n${err}`,
    );
  }
  assert.equal(lines.length, 8, err);
  assert.ok(!err.includes("hunter2"));
});

test("check is content with what would start, and names the service it is about", async () => {
  const good = await config(["check", "--engine", "synthetic:"]);
  assert.deepEqual(good, { code: 0, out: "kvcast serve would start with this\n", err: "" });
  const warned = await config(["check", "--engine", "synthetic:", "--zmq-endpoint", "tcp://0.0.0.0:1", "--json"]);
  const { ok, errors, warnings } = JSON.parse(warned.out);
  assert.deepEqual([warned.code, ok, errors, warnings.length], [0, true, [], 1]);
  const bare = await config(["check"]);
  assert.equal(bare.code, 78);
  assert.match(bare.err, /^kvcast: error: --engine is missing/);
  const other = ["--command", "consolidate", "--engine-endpoint", "tcp://127.0.0.1:5"];
  assert.equal((await config(["check", ...other])).code, 0);
  const stranger = await config(["check", ...other, "--engine", "synthetic:"]);
  assert.match(stranger.err, /--engine: kvcast consolidate has no such option/);
  assert.equal((await config(["check", "--command", "index"])).code, 0);
  assert.equal((await config(["frobnicate"])).code, 2);
});

test("the schema is a good one, and the samples of the documentation are valid by it", () => {
  const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(
    configSchema("serve", TARGETS.serve.options),
  );
  const samples = [readFileSync(new URL("deploy/systemd/kvcast.yaml", ROOT), "utf8")];
  for (const name of ["docs/configuration.md", "README.md", "docs/engines.md", "docs/nats.md"]) {
    const page = readFileSync(new URL(name, ROOT), "utf8");
    const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    samples.push(...blocks.filter((block) => /^(?:engine|kv-block-size|sink):/m.test(block)));
  }
  assert.ok(samples.length >= 2);
  for (const sample of samples) assert.ok(validate(parse(sample)), `${JSON.stringify(validate.errors)}\n${sample}`);
});

test("what the schema refuses the service refuses too, and what the service takes the schema takes", async () => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const validate = ajv.compile(configSchema("serve", TARGETS.serve.options));
  const refused = [
    "no-such: 1",
    "kv-block-size: 0",
    "kv-block-size: 1.5",
    "kv-block-size: many",
    "kv-block-size: [1]",
    "snapshot: perhaps",
    "snapshot: onn",
    "wire-format: VLLM",
    "wire-format: json",
    "system-port: 70000",
    "slot-bytes: 1 furlong",
    "heartbeat: never",
    "engine: {synthetic: 1}",
    "engine-timeout: -1",
    "config: other.yaml",
  ];
  for (const line of refused) {
    const file = fileOf(`${line.startsWith("engine:") ? "" : "engine: 'synthetic:'\n"}${line}\n`);
    const { code } = await config(["check", "--config", file]);
    assert.deepEqual([code, validate(parse(readFileSync(file, "utf8")))], [78, false], line);
  }
  const taken = [
    'kv-block-size: "64"',
    "kv-block-size: 0064",
    "kv-block-size:",
    "snapshot: true",
    "snapshot: Yes",
    "snapshot: 'OFF'",
    "snapshot: tRuE",
    "snapshot: ' no '",
    "wire-format: ' vllm '",
    "heartbeat: ' off '",
    "system-port: -1",
    "slot-bytes: 96KiB",
    "slot-bytes: 65536",
    "heartbeat: off",
    "heartbeat: 2.5",
    "zmq-topic: 7",
    "live-allowed-hosts: [a, b]",
    "live-allowed-hosts: a",
    "redact-tokens: all",
  ];
  for (const line of taken) {
    const file = fileOf(`engine: "synthetic:"\n${line}\n`);
    const { code, err } = await config(["check", "--config", file]);
    const isValid = validate(parse(readFileSync(file, "utf8")));
    assert.deepEqual([code, isValid], [0, true], `${line}: ${err}${JSON.stringify(validate.errors)}`);
  }
});

test("the schemas of all services are printed, with every option but the file itself", async () => {
  for (const command of ["serve", "consolidate", "index"] as const) {
    const { code, out } = await config(["schema", "--command", command]);
    const schema = JSON.parse(out);
    const names = TARGETS[command].options.map(({ name }) => name).filter((name) => name !== "config");
    assert.deepEqual([code, Object.keys(schema.properties).toSorted()], [0, names.toSorted()]);
    assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
  }
});
