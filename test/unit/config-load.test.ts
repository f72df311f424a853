/** Loading the configuration of serve: what wins, what does not go together, what is worth a warning. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { LoadedConfig } from "../../src/main/config/config.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import type { Environment } from "../../src/main/config/option-spec.ts";
import { MissingOptionError } from "../../src/main/config/option-spec.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-config-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

/** Loads with flags by name. */
function load(flags: Readonly<Record<string, string>>, env: Environment = {}): Promise<LoadedConfig> {
  return loadServeConfig(new Map(Object.entries(flags).map(([name, value]) => [name, [value]])), env);
}

async function refusal(flags: Readonly<Record<string, string>>, env: Environment = {}): Promise<ConfigError> {
  try {
    await load(flags, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail("was accepted");
}

const caFile = path.join(process.cwd(), "test/fixtures/tls/ca.pem");
const ENGINE = { engine: "synthetic:" } as const;

test("defaults, complete and frozen", async () => {
  const { config, origins, warnings } = await load(ENGINE);
  assert.deepEqual(config, {
    engines: [
      {
        kind: "synthetic",
        name: "engine0",
        traffic: { events: Infinity, ratePerSecond: 1000, blocks: 2, tokens: 32, ranks: 1, removed: 0.2, seed: 1 },
      },
    ],
    iterationStats: "auto",
    perfMetrics: "auto",
    worker: { model: null, component: "backend", disaggregationMode: null, backend: null, modality: null },
    webConfigFile: null,
    insecure: false,
    livePage: "auto",
    liveAllowedHosts: [],
    kvBlockSizeTokens: 32,
    attentionDpSize: 1,
    mmTokenOffset: null,
    engineMetrics: {
      mode: "families",
      include: ["trtllm_"],
      exclude: [],
      labels: {},
      timeoutMs: 1000,
      maxBytes: 4_194_304,
      maxAgeMs: 60_000,
    },
    zmqEndpoint: "tcp://127.0.0.1:20081",
    zmqCurve: null,
    zmqTopic: "",
    zmqQueueBytes: 268_435_456,
    wireFormat: "vllm",
    waitSubscribers: 0,
    waitSubscribersTimeoutMs: 30_000,
    replayEndpoint: null,
    replayFraming: "v2",
    replayBytes: 67_108_864,
    replayBatches: 10_000,
    replayEvicted: "suffix",
    sequenceStart: "zero",
    clearOnStart: true,
    onEngineGap: "mark",
    publishTierMoves: false,
    heartbeatMs: null,
    redactTokens: false,
    snapshot: false,
    snapshotMaxBlocks: 1_000_000,
    snapshotTokens: true,
    stateDir: null,
    systemHost: "127.0.0.1",
    systemPort: 8081,
    probes: {
      healthPath: "/health",
      livePath: "/live",
      readyPath: "/ready",
      isLiveHealth: false,
      isReadyAtStart: false,
      endpoints: [],
    },
    engineHealth: {
      intervalMs: 2000,
      timeoutMs: 5000,
      patience: { failures: 3, passes: 1, holdMs: 0 },
      shutdownTimeoutMs: 60_000,
      stallAfterMs: 120_000,
      quietAfterMs: 30_000,
      exitsOnDeath: false,
      canary: null,
    },
    encoders: 1,
    ringSlots: 16,
    slotBytes: 98_304,
    pollProfile: { name: "default", minSleepMs: 5, maxSleepMs: 100, factor: 1.5, maxItemsPerStep: 1024 },
    logLevel: "info",
    logFormat: "text",
    nats: null,
    cluster: null,
  });
  assert.deepEqual(warnings, []);
  assert.equal(origins.get("engine"), "flag");
  assert.equal(origins.get("kv-block-size"), "default");
  for (const part of [
    config,
    config.engines,
    config.engines[0],
    config.pollProfile,
    config.probes,
    config.engineHealth,
    config.engines[0].kind === "synthetic" && config.engines[0].traffic,
  ]) {
    assert.ok(Object.isFrozen(part));
  }
  const { config: http } = await load({ engine: "http://h:1" });
  assert.ok(
    http.engines[0].kind === "http" &&
      Object.isFrozen(http.engines[0]) &&
      Object.isFrozen(http.engines[0].headers.reveal()),
  );
});

test("clears at the start are on, except for the formats of the class that sends none", async () => {
  for (const [format, clears] of [
    ["vllm", true],
    ["vllm-array", true],
    ["dynamo", false],
    ["dynamo-2026-01", false],
  ] as const) {
    const flags = { ...ENGINE, "wire-format": format };
    assert.equal((await load(flags)).config.clearOnStart, clears, format);
    for (const [given, value] of [
      ["on", true],
      ["off", false],
    ] as const) {
      assert.equal((await load({ ...flags, "clear-on-start": given })).config.clearOnStart, value, format);
    }
  }
});

test("replay and the state directory need what they keep", async () => {
  assert.match((await refusal({ ...ENGINE, "state-dir": folder })).message, /add --snapshot$/);
  const off = { ...ENGINE, "zmq-endpoint": "none", "replay-endpoint": "tcp://127.0.0.1:5558" };
  assert.match((await refusal(off)).message, /nothing is published over ZMQ .* that could be sent again$/);
  assert.match((await refusal({ ...ENGINE, "replay-bytes": "64KiB" })).message, /cannot hold one message/);
  const open = await load({ ...ENGINE, "replay-endpoint": "tcp://*:5558" });
  assert.ok(open.warnings.some((warning) => warning.startsWith("--replay-endpoint: tcp://*:5558 can be reached")));
});

test("a flag goes before the environment, that before the file, that before the default", async () => {
  const config = file("order.yaml", "kv-block-size: 16\nengine: 'synthetic:'\n");
  const env = { KVCAST_KV_BLOCK_SIZE: "64", KVCAST_CONFIG: config };
  for (const [flags, variables, size, origin] of [
    [{ "kv-block-size": "128" }, env, 128, "flag"],
    [{}, env, 64, "env"],
    [{}, { ...env, KVCAST_KV_BLOCK_SIZE: "" }, 16, "file"],
    [{}, { ...env, KVCAST_KV_BLOCK_SIZE: "  " }, 16, "file"],
    [ENGINE, {}, 32, "default"],
  ] as const) {
    const loaded = await load(flags, variables);
    assert.equal(loaded.config.kvBlockSizeTokens, size);
    assert.equal(loaded.origins.get("kv-block-size"), origin);
  }
});

test("the last flag of a name wins, unless the option may be given more than once", async () => {
  const flags = new Map([
    ["engine", ["synthetic:"]],
    ["encoders", ["1", "3"]],
  ]);
  assert.equal((await loadServeConfig(flags, {})).config.encoders, 3);
});

test("an overridden value is not looked at, the one that counts is", async () => {
  const env = { DYN_SYSTEM_PORT: "nonsense" };
  assert.equal((await load({ ...ENGINE, "system-port": "0" }, env)).config.systemPort, 0);
  const error = await refusal(ENGINE, env);
  assert.equal(error.option, "DYN_SYSTEM_PORT");
  assert.match(error.message, /^DYN_SYSTEM_PORT \(--system-port\): "nonsense" is not allowed; it takes a port from 1/);
});

test("without an engine there is a missing option", async () => {
  const error = await refusal({});
  assert.ok(error instanceof MissingOptionError);
  assert.equal(error.exitCode, 78);
  assert.match(error.message, /^--engine is missing; .*KVCAST_ENGINE/);
  assert.ok((await refusal({}, { KVCAST_ENGINE: "" })) instanceof MissingOptionError);
});

test("the built-in engine follows the block size and the attention-DP size", async () => {
  const { config } = await load({ ...ENGINE, "kv-block-size": "64", "attention-dp-size": "4" });
  assert.ok(config.engines[0].kind === "synthetic");
  assert.equal(config.engines[0].traffic.tokens, 64);
  assert.equal(config.engines[0].traffic.ranks, 4);
  const fewer = await load({ engine: "synthetic:?ranks=2&tokens=32", "attention-dp-size": "4" });
  assert.ok(fewer.config.engines[0].kind === "synthetic");
  assert.equal(fewer.config.engines[0].traffic.ranks, 2);
});

test("values that do not go together are refused with what to set", async () => {
  for (const [flags, option, message] of [
    [{ engine: "synthetic:?tokens=16" }, "--engine", /every block would be partial.*set --kv-block-size 16/],
    [{ engine: "synthetic:?tokens=64" }, "--engine", /every block would be too large.*set --kv-block-size 64/],
    [{ engine: "synthetic:?ranks=8" }, "--engine", /set --attention-dp-size 8/],
    [{ engine: "synthetic:?blocks=65536", "kv-block-size": "1024" }, "--engine", /at most 4194304 tokens an event/],
    [
      { ...ENGINE, "zmq-queue-bytes": "4096" },
      "--zmq-queue-bytes",
      /cannot hold one message of 96 KiB \(--slot-bytes\)/,
    ],
    [{ ...ENGINE, "ring-slots": "4096", "slot-bytes": "1MiB" }, "--ring-slots", /more than 1 GiB together/],
    [
      { ...ENGINE, "zmq-endpoint": "none", "wait-subscribers": "1" },
      "--wait-subscribers",
      /nothing is published over ZMQ .* that could be subscribed to/,
    ],
  ] as const) {
    const error = await refusal(flags);
    assert.equal(error.option, option);
    assert.match(error.message, message);
  }
  const fromEnv = await refusal({}, { KVCAST_ENGINE: "synthetic:?ranks=8" });
  assert.equal(fromEnv.option, "KVCAST_ENGINE");
});

async function warned(flags: Readonly<Record<string, string>>, env: Environment = {}): Promise<string> {
  return (await load({ ...ENGINE, ...flags }, env)).warnings.join("\n");
}

test("what is allowed but hardly meant becomes a warning", async () => {
  assert.match(await warned({ "zmq-endpoint": "tcp://*:20081" }), /other machines.*token ids/);
  assert.match(await warned({ "zmq-endpoint": "none" }), /go nowhere/);
  const far = { "system-host": "0.0.0.0", snapshot: "on", insecure: "on" };
  assert.match(
    await warned(far),
    /^--system-host: 0\.0\.0\.0 can be .* --insecure gives everyone there the live page, .* snapshots\n--system-host: 0\.0\.0\.0 can be .* \/v1\/kv\/snapshot reads token ids.*; let only trusted .* leave out --snapshot$/,
  );
  assert.match(await warned({ ...far, "snapshot-tokens": "off" }), /reads block hashes and cache salts/);
  for (const harmless of [
    { ...far, "system-host": "127.0.0.1" },
    { ...far, "system-port": "-1" },
  ]) {
    assert.equal(await warned(harmless), "");
  }
  assert.match(await warned({ "engine-header-file": "/none" }), /--engine-header-file has no effect/);
  assert.match(
    await warned({ engine: "http://h:1", "engine-ca-file": caFile }),
    /--engine-ca-file has no effect.*not https/,
  );
  assert.equal(await warned({ engine: "https://h:1", "engine-ca-file": caFile }), "");
  const headers = file("headers", "X-Key: v\n");
  assert.match(await warned({ engine: "http://far:1", "engine-header-file": headers }), /travel unencrypted/);
  assert.equal(await warned({ engine: "http://127.0.0.1:1", "engine-header-file": headers }), "");
  assert.match(
    await warned({}, { KVCAST_KV_BLOKSIZE: "1" }),
    /KVCAST_KV_BLOKSIZE is not known; did you mean KVCAST_KV_BLOCK_SIZE/,
  );
  // What Kubernetes adds for services of the names kvcast, kvcast-engine and kvcast-zmq.
  const kubernetes = Object.fromEntries(
    ["KVCAST", "KVCAST_ENGINE", "KVCAST_ZMQ"].flatMap((service) =>
      ["PORT", "SERVICE_HOST", "SERVICE_PORT", "PORT_8081_TCP", "PORT_8081_TCP_ADDR"].map((name) => [
        `${service}_${name}`,
        "x",
      ]),
    ),
  );
  assert.equal(await warned({}, kubernetes), "");
});

test("the reference profile polls as Dynamo's publisher does", async () => {
  const { config } = await load({ ...ENGINE, "poll-profile": "reference" });
  const { minSleepMs, maxSleepMs, factor, maxItemsPerStep } = config.pollProfile;
  assert.deepEqual([minSleepMs, maxSleepMs, factor, maxItemsPerStep], [5, 20, 1.5, 256]);
});

test("the log variables of Dynamo's components are understood", async () => {
  for (const [env, level, format] of [
    [{ DYN_LOG: "debug" }, "debug", "text"],
    [{ DYN_LOG: "WARN" }, "warn", "text"],
    [{ DYN_LOG: "hyper=trace, error ,x::y=info,debug" }, "error", "text"],
    [{ DYN_LOG: "x=trace" }, "info", "text"],
    [{ DYN_LOG: "off" }, "error", "text"],
    [{ DYN_LOG: "" }, "info", "text"],
    [{ DYN_LOGGING_CONSOLE_FORMAT: "jsonl" }, "info", "json"],
    [{ DYN_LOGGING_CONSOLE_FORMAT: "readable", DYN_LOGGING_JSONL: "1" }, "info", "text"],
    [{ DYN_LOGGING_JSONL: "true" }, "info", "json"],
    [{ DYN_LOGGING_JSONL: "Yes" }, "info", "json"],
    [{ DYN_LOGGING_JSONL: "0" }, "info", "text"],
  ] as const) {
    const { config } = await load(ENGINE, env);
    assert.deepEqual([config.logLevel, config.logFormat], [level, format], JSON.stringify(env));
  }
  assert.match(
    (await refusal(ENGINE, { DYN_LOG: "verbose" })).message,
    /^DYN_LOG \(--log-level\): "verbose" is not allowed/,
  );
  assert.match((await refusal(ENGINE, { DYN_LOGGING_CONSOLE_FORMAT: "json" })).message, /takes readable or jsonl/);
  assert.match((await refusal(ENGINE, { DYN_LOGGING_JSONL: "maybe" })).message, /DYN_LOGGING_JSONL .*"maybe"/);
  // A variable that says nothing about the level leaves it to the file.
  const config = file("level.yaml", "log-level: warn\n");
  assert.equal((await load({ ...ENGINE, config }, { DYN_LOG: "x=trace" })).config.logLevel, "warn");
});

test("a load that nobody measures is warned of", async () => {
  const flags = new Map(
    Object.entries({ engine: "http://h:1", sink: "nats", "worker-id": "7", "iteration-stats": "off" }).map(
      ([name, value]) => [name, [value]],
    ),
  );
  const { warnings } = await loadServeConfig(flags, {});
  assert.ok(warnings.some((warning) => warning.startsWith("--iteration-stats off: routers are told")));
});
