/** The configuration of `kvcast sim`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSimConfig } from "../../src/main/config/load-sim.ts";
import type { LoadedSimConfig } from "../../src/main/config/load-sim.ts";
import { ConfigError } from "../../src/shared/errors.ts";

function load(
  flags: Readonly<Record<string, readonly string[]>>,
  env: Readonly<Record<string, string>> = {},
): LoadedSimConfig {
  return loadSimConfig(new Map(Object.entries(flags)), env);
}

test("defaults", () => {
  assert.deepEqual(load({}), {
    sim: {
      host: "127.0.0.1",
      port: 8000,
      traffic: { events: Infinity, ratePerSecond: 1000, blocks: 2, tokens: 32, ranks: 1, removed: 0.2, seed: 1 },
      kvBlockSizeTokens: 32,
      bufferMaxEvents: 65_536,
      faults: [],
      generation: "c",
      eventsVerb: "post",
      eventsForm: "v1",
      iterationStats: true,
      perfMetrics: "on",
      prometheus: true,
    },
    logLevel: "info",
    logFormat: "text",
  });
  assert.ok(Object.isFrozen(load({}).sim) && Object.isFrozen(load({}).sim.traffic));
});

test("every flag arrives", () => {
  const { sim, logLevel, logFormat } = load({
    host: ["0.0.0.0"],
    port: ["0"],
    events: ["10"],
    rate: ["max"],
    blocks: ["3"],
    tokens: ["16"],
    ranks: ["2"],
    removed: ["0.5"],
    seed: ["9"],
    "kv-block-size": ["64"],
    "buffer-max-events": ["5"],
    fault: ["gap:1%", "slow"],
    generation: ["a"],
    "events-verb": ["get"],
    "events-form": ["v2_sha256"],
    "iteration-stats": ["off"],
    "perf-metrics": ["decode"],
    prometheus: ["off"],
    "log-level": ["debug"],
    "log-format": ["json"],
  });
  assert.deepEqual(sim, {
    host: "0.0.0.0",
    port: 0,
    traffic: { events: 10, ratePerSecond: Infinity, blocks: 3, tokens: 16, ranks: 2, removed: 0.5, seed: 9 },
    kvBlockSizeTokens: 64,
    bufferMaxEvents: 5,
    faults: sim.faults,
    generation: "a",
    eventsVerb: "get",
    eventsForm: "v2_sha256",
    iterationStats: false,
    perfMetrics: "decode",
    prometheus: false,
  });
  assert.deepEqual(
    sim.faults.map((fault) => fault.kind),
    ["gap", "slow"],
  );
  assert.deepEqual([logLevel, logFormat], ["debug", "json"]);
});

test("the log listens to the same variables as serve, the rest to none", () => {
  const loaded = load(
    {},
    { DYN_LOG: "warn", DYN_LOGGING_JSONL: "1", KVCAST_KV_BLOCK_SIZE: "64", DYN_SYSTEM_PORT: "1" },
  );
  assert.deepEqual([loaded.logLevel, loaded.logFormat], ["warn", "json"]);
  assert.equal(loaded.sim.kvBlockSizeTokens, 32);
});

test("blocks have the engine's block size unless told otherwise, and never more", () => {
  assert.equal(load({ "kv-block-size": ["64"] }).sim.traffic.tokens, 64);
  assert.throws(() => load({ tokens: ["64"] }), { option: "--tokens", message: /set --kv-block-size 64$/ });
});

test("bad values are named", () => {
  for (const [name, value] of [
    ["port", "-1"],
    ["rate", "0"],
    ["seed", "x"],
    ["buffer-max-events", "0"],
    ["fault", "nonsense"],
    ["generation", "d"],
    ["events-verb", "POST"],
    ["events-form", "v3"],
  ] as const) {
    assert.throws(
      () => load({ [name]: [value] }),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError, `${name}: ${String(error)}`);
        assert.ok(error.message.startsWith(`--${name}`) && error.message.includes(`"${value}"`), error.message);
        return true;
      },
    );
  }
});
