/** Options about health, where they are more than a value: variables with rules of their own, and values that do not go together. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { LoadedConfig } from "../../src/main/config/config.ts";
import { loadConsolidateConfig } from "../../src/main/config/load-consolidate.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import type { Environment } from "../../src/main/config/option-spec.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-health-"));
after(() => rmSync(folder, { recursive: true }));

type Given = Readonly<Record<string, string>>;

function load(given: Given, env: Environment = {}): Promise<LoadedConfig> {
  const flags = { engine: "http://h:1", ...given };
  return loadServeConfig(new Map(Object.entries(flags).map(([name, value]) => [name, [value]])), env);
}

test("by default: /health every 2 s within 5 s, three failures; no canary; wait for a dead engine", async () => {
  const { config, warnings } = await load({});
  assert.deepEqual(config.engineHealth, {
    intervalMs: 2000,
    timeoutMs: 5000,
    patience: { failures: 3, passes: 1, holdMs: 0 },
    shutdownTimeoutMs: 60_000,
    stallAfterMs: 120_000,
    quietAfterMs: 30_000,
    exitsOnDeath: false,
    canary: null,
  });
  assert.deepEqual(config.probes, {
    healthPath: "/health",
    livePath: "/live",
    readyPath: "/ready",
    isLiveHealth: false,
    isReadyAtStart: false,
    endpoints: [],
  });
  assert.deepEqual(warnings, []);
});

test("with a canary: after 10 s, within 3 s, three failures, token 1", async () => {
  const { config } = await load({ canary: "on" });
  assert.deepEqual(config.engineHealth.canary, {
    waitMs: 10_000,
    timeoutMs: 3000,
    patience: { failures: 3, passes: 1, holdMs: 0 },
    payload: null,
    form: "v1",
    bosTokenId: 1,
  });
});

test("DYN_HEALTH_CHECK_ENABLED is on for the words that Dynamo takes, and off for all others", async () => {
  for (const [text, isOn] of [
    ["1", true],
    ["True", true],
    [" yes ", true],
    ["on", true],
    ["0", false],
    ["enabled", false],
    ["", false],
  ] as const) {
    const { config } = await load({}, { DYN_HEALTH_CHECK_ENABLED: text });
    assert.equal(config.engineHealth.canary !== null, isOn, text);
  }
});

test("the engine monitor's variables have the reference's rules: what is no number is warned of and left alone", async () => {
  const INTERVAL = "DYN_ENGINE_HEALTH_CHECK_INTERVAL";
  const TIMEOUT = "DYN_ENGINE_HEALTH_CHECK_TIMEOUT";
  const SHUTDOWN = "DYN_ENGINE_HEALTH_SHUTDOWN_TIMEOUT";
  const cases: readonly (readonly [string, string, number | null, string[]])[] = [
    [INTERVAL, "0.5", 500, []],
    [INTERVAL, "1e0", 1000, []],
    [INTERVAL, "soon", 2000, [`Invalid ${INTERVAL}; using default`]],
    [INTERVAL, "nan", 2000, [`Invalid ${INTERVAL}; using default`]],
    [INTERVAL, "inf", 2000, [`Invalid ${INTERVAL}; using default`]],
    // It must not keep the engine busy.
    [INTERVAL, "0", 100, []],
    [INTERVAL, "-3", 100, [`${INTERVAL} is negative; using 0`]],
    [TIMEOUT, "30", 30_000, []],
    [TIMEOUT, "0", null, []],
    [TIMEOUT, "-1", null, [`${TIMEOUT} is negative; using 0`]],
    [TIMEOUT, "x", 5000, [`Invalid ${TIMEOUT}; using default`]],
    [SHUTDOWN, "2.5", 2500, []],
    [SHUTDOWN, "", 60_000, []],
  ];
  for (const [name, text, becomes, expected] of cases) {
    const { config, warnings } = await load({}, { [name]: text });
    const { intervalMs, timeoutMs, shutdownTimeoutMs } = config.engineHealth;
    const value = name === INTERVAL ? intervalMs : name === TIMEOUT ? timeoutMs : shutdownTimeoutMs;
    assert.equal(value, becomes, `${name}=${text}`);
    assert.deepEqual(warnings, expected, `${name}=${text}`);
  }
});

test("a payload that is none: a warning from the variable, an error from the flag, never with what it holds", async () => {
  const NAME = "DYN_HEALTH_CHECK_PAYLOAD";
  const bad = '{"token_ids": [4711';
  const { config, warnings } = await load({ canary: "on" }, { [NAME]: bad });
  assert.equal(config.engineHealth.canary?.payload, null);
  assert.deepEqual(warnings, [`Failed to parse ${NAME}: it is not valid JSON`]);
  await assert.rejects(load({ "canary-payload": bad }), (error: Error) => {
    assert.match(error.message, /^--canary-payload: .*not valid JSON/);
    assert.doesNotMatch(error.message, /4711/);
    return true;
  });
  await assert.rejects(load({ "canary-payload": "@/nonexistent/x" }), /No such file or directory/);
  const latin1 = path.join(folder, "latin1.json");
  writeFileSync(latin1, Buffer.from([0x7b, 0xe9, 0x7d]));
  await assert.rejects(load({}, { [NAME]: `@${latin1}` }), /no UTF-8 text/);
  const file = path.join(folder, "payload.json");
  writeFileSync(file, '{"token_ids":[42]}');
  const loaded = await load({ canary: "on" }, { [NAME]: `@${file}` });
  assert.deepEqual(loaded.config.engineHealth.canary?.payload, { token_ids: [42] });
  assert.equal((await load({ canary: "on", "canary-payload": "{}" })).config.engineHealth.canary?.payload, null);
});

test("a model without the token is warned of; the option goes before its files", async () => {
  const { config, warnings } = await load({ canary: "on", "model-path": folder });
  assert.equal(config.engineHealth.canary?.bosTokenId, 1);
  assert.match(warnings.join("\n"), /--model-path: no file in .* says which token begins a text/);
  const given = await load({ canary: "on", "model-path": folder, "bos-token-id": "5" });
  assert.deepEqual([given.config.engineHealth.canary?.bosTokenId, given.warnings], [5, []]);
});

test("a canary without an engine that it could be sent to is warned of", async () => {
  const { warnings } = await load({ engine: "synthetic:", canary: "on" });
  assert.deepEqual(warnings, ["--canary has no effect: no engine is read over HTTP"]);
});

test("two routes on one path are refused, in consolidate too", async () => {
  for (const given of [
    { "health-path": "/live" },
    { "ready-path": "/metrics" },
    { "live-path": "/v1/kv/snapshot" },
  ] as Given[]) {
    await assert.rejects(load(given), /is the path of something else/);
    const flags = { "engine-endpoint": "tcp://127.0.0.1:1", ...given };
    await assert.rejects(
      loadConsolidateConfig(new Map(Object.entries(flags).map(([name, value]) => [name, [value]])), {}),
      /is the path of something else/,
    );
  }
  const swapped = await load({ "health-path": "/live", "live-path": "/health" });
  assert.deepEqual([swapped.config.probes.healthPath, swapped.config.probes.livePath], ["/live", "/health"]);
});

test("paths and endpoints are refused with what they may be", async () => {
  for (const text of ["health", "/", "/a b", "/a?x=1", "/a//b", "/ä", "/a#b", "http://x/y"]) {
    await assert.rejects(load({ "health-path": text }), /it takes a path such as \/health/, text);
  }
  for (const text of ["[", "[1]", '{"a":1}', "a b", '[""]']) {
    await assert.rejects(load({ "use-endpoint-health-status": text }), /it takes names of endpoints/, text);
  }
  const { config } = await load({ "use-endpoint-health-status": "generate, other" });
  assert.deepEqual(config.probes.endpoints, ["generate", "other"]);
});
