/** Several engines: where they may be named, how they are called, and which lists are refused. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { LoadedConfig } from "../../src/main/config/config.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import type { Environment } from "../../src/main/config/option-spec.ts";
import { ConfigError } from "../../src/shared/errors.ts";
import { MAX_ENGINES } from "../../src/shared/record.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-engines-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

type More = Readonly<Record<string, string>>;

function load(engines: readonly string[], more: More = {}, env: Environment = {}): Promise<LoadedConfig> {
  const flags = new Map<string, readonly string[]>(Object.entries(more).map(([name, value]) => [name, [value]]));
  if (engines.length > 0) flags.set("engine", engines);
  return loadServeConfig(flags, env);
}

async function refusal(engines: readonly string[], more: More = {}, env: Environment = {}): Promise<ConfigError> {
  try {
    await load(engines, more, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail("was accepted");
}

/** Name and address of each, in order. */
function listed({ config }: LoadedConfig): string[] {
  return config.engines.map((engine) => `${engine.name} ${engine.kind === "http" ? engine.url.href : engine.kind}`);
}

test("several flags, a variable with white space, a list in the file: each in its order", async () => {
  const expected = ["a http://h:1/", "engine1 http://h:2/base", "engine2 synthetic", "b synthetic"];
  const engines = ["a=http://h:1", "http://h:2/base", "synthetic:?rate=5&blocks=1", "b=synthetic:"];
  const yaml = file("list.yaml", `engine:\n${engines.map((engine) => `  - "${engine}"\n`).join("")}`);
  const json = file("list.json", JSON.stringify({ engine: engines }));
  for (const [loaded, origin] of [
    [await load(engines), "flag"],
    [await load([], {}, { KVCAST_ENGINE: ` ${engines.join("\n\t")} ` }), "env"],
    [await load([], { config: yaml }), "file"],
    [await load([], { config: json }), "file"],
    [
      await load(engines, { config: file("other.yaml", "engine: http://other:1\n") }, { KVCAST_ENGINE: "synthetic:" }),
      "flag",
    ],
  ] as const) {
    assert.deepEqual(listed(loaded), expected);
    assert.equal(loaded.origins.get("engine"), origin);
    assert.ok(
      Object.isFrozen(loaded.config.engines) && loaded.config.engines.every((engine) => Object.isFrozen(engine)),
    );
    assert.deepEqual(loaded.warnings, []);
  }
});

test("one value in the file need not be a list, and no list is empty", async () => {
  const config = file("one.yaml", "engine: x=http://h:1\n");
  assert.deepEqual(listed(await load([], { config })), ["x http://h:1/"]);
  for (const empty of ["engine: []\n", "engine:\n", "engine: [~]\n"]) {
    assert.match((await refusal([], { config: file("empty.yaml", empty) })).message, /^--engine is missing/);
  }
});

test("what is wrong with one of them is told with its value and line", async () => {
  const config = file("bad.yaml", "engine:\n  - http://h:1\n  - localhost:8000\n");
  const { message } = await refusal([], { config });
  assert.ok(message.startsWith(`engine in ${config} line 3 (--engine): "localhost:8000" is not allowed`), message);
  const fromEnv = await refusal([], {}, { KVCAST_ENGINE: "http://h:1 nonsense" });
  assert.equal(fromEnv.option, "KVCAST_ENGINE");
  assert.match(fromEnv.message, /"nonsense" is not allowed/);
});

test("names that are given twice are refused, also where one is the name of a place", async () => {
  for (const engines of [
    ["a=http://h:1", "a=synthetic:"],
    ["engine1=http://h:1", "synthetic:"],
    ["synthetic:", "engine0=http://h:1"],
  ]) {
    const { message, option } = await refusal(engines);
    assert.equal(option, "--engine");
    assert.match(
      message,
      /^--engine: two engines are called "(a|engine[01])" .* engine0, engine1, … *\); give each a name/,
    );
  }
  assert.deepEqual(listed(await load(["engine1=synthetic:", "engine0=synthetic:"])), [
    "engine1 synthetic",
    "engine0 synthetic",
  ]);
});

test("one address twice is refused: each would get what the other lost", async () => {
  for (const second of ["http://h:8000", "b=http://H:8000/", "http://h:8000//"]) {
    assert.match(
      (await refusal(["a=http://h:8000", second])).message,
      /^--engine: "http:\/\/h:8000\/" is given twice: what is read is gone from the engine/,
    );
  }
  assert.match((await refusal(["https://h", "https://h:443"])).message, /given twice/);
  assert.equal(
    (await load(["http://h:1", "https://h:1", "http://h:1/b", "synthetic:", "synthetic:"])).config.engines.length,
    5,
  );
});

function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `http://h:${i + 1}`);
}

test("there is an end to engines, and to their ranks together", async () => {
  assert.equal((await load(many(MAX_ENGINES))).config.engines.at(-1)?.name, "engine63");
  assert.match((await refusal(many(MAX_ENGINES + 1))).message, /^--engine: there are more than 64 engines/);
  assert.equal((await load(many(64), { "attention-dp-size": "16" })).config.attentionDpSize, 16);
  const { message, option } = await refusal(many(64), { "attention-dp-size": "17" });
  assert.equal(option, "--attention-dp-size");
  assert.match(message, /64 engines of 17 ranks have 1088 together, and subscribers can be told of 1024/);
  assert.equal((await load(many(1), { "attention-dp-size": "1024" })).config.attentionDpSize, 1024);
  assert.equal((await refusal(many(2), { "attention-dp-size": "1024" })).option, "--attention-dp-size");
});

test("files of the connection are for all engines that have one", async () => {
  const headers = file("headers", "Authorization: Bearer x\n");
  const files = { "engine-header-file": headers };
  const { config, warnings, rereadCredentials } = await load(["https://a", "synthetic:", "http://127.0.0.1:1"], files);
  assert.deepEqual(
    config.engines.map((engine) => (engine.kind === "http" ? engine.headers.reveal() : null)),
    [{ authorization: "Bearer x" }, null, { authorization: "Bearer x" }],
  );
  assert.deepEqual(warnings, []);
  assert.deepEqual(rereadCredentials?.().headers.reveal(), { authorization: "Bearer x" });

  const open = await load(["https://a", "http://far:1"], files);
  assert.match(open.warnings.join(), /travel unencrypted, because http:\/\/far:1 is not https/);
  const ca = { "engine-ca-file": path.join(process.cwd(), "test/fixtures/tls/ca.pem") };
  assert.deepEqual((await load(["https://a", "http://far:1"], ca)).warnings, []);
  assert.match((await load(["http://b", "http://far:1"], ca)).warnings.join(), /has no effect: .* not https/);
  assert.match(
    (await load(["synthetic:", "synthetic:"], files)).warnings.join(),
    /has no effect: no engine is read over HTTP/,
  );
  assert.equal((await load(["https://a", "synthetic:"])).rereadCredentials, null);
});

test("each built-in engine has its own traffic, and what is wrong with it is told of its own place", async () => {
  const { config } = await load(["synthetic:?seed=5&ranks=1", "synthetic:?rate=7"], { "attention-dp-size": "2" });
  const traffic = config.engines.map((engine) => (engine.kind === "synthetic" ? engine.traffic : null));
  assert.deepEqual(
    traffic.map((each) => [each?.seed, each?.ranks, each?.ratePerSecond]),
    [
      [5, 1, 1000],
      [1, 2, 7],
    ],
  );
  const bad = file("ranks.yaml", "engine:\n  - 'synthetic:'\n  - 'synthetic:?ranks=3'\n");
  assert.match(
    (await refusal([], { config: bad })).message,
    /line 3 \(--engine\): ranks=3, but --attention-dp-size is 1/,
  );
});
