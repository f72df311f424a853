/** Which sinks `--redact-tokens` is good for, and where it is refused instead of being taken for less. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConsolidateConfig } from "../../src/main/config/load-consolidate.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const NATS = { "worker-id": "7" };

function flags(options: Readonly<Record<string, string>>): Map<string, string[]> {
  return new Map(Object.entries(options).map(([name, value]) => [name, [value]]));
}

function load(options: Readonly<Record<string, string>>): ReturnType<typeof loadServeConfig> {
  return loadServeConfig(flags({ engine: "synthetic:", ...options }), {});
}

test("payloads are redacted where the choice covers a sink that has any", async () => {
  const table: readonly (readonly [Readonly<Record<string, string>>, boolean])[] = [
    [{}, false],
    [{ "redact-tokens": "zmq" }, true],
    [{ "redact-tokens": "all" }, true],
    [{ sink: "nats", "nats-encoding": "raw", ...NATS, "redact-tokens": "nats" }, true],
    [{ sink: "both", ...NATS, "redact-tokens": "zmq" }, true],
    // Hashes only: there is nothing to take away, and ZMQ keeps its tokens.
    [{ sink: "both", ...NATS, "redact-tokens": "nats" }, false],
    [{ sink: "both", "nats-encoding": "raw", ...NATS, "redact-tokens": "all" }, true],
  ];
  for (const [options, expected] of table) {
    const { config } = await load(options);
    assert.equal(config.redactTokens, expected, JSON.stringify(options));
  }
});

test("a choice that would not be kept is refused", async () => {
  const table: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [{ "redact-tokens": "nats" }, /--redact-tokens: nats: no events go to NATS/],
    [{ sink: "nats", ...NATS, "redact-tokens": "zmq" }, /--redact-tokens: zmq: nothing is published over ZMQ/],
    [{ sink: "both", "nats-encoding": "raw", ...NATS, "redact-tokens": "zmq" }, /the same payload; give all/],
    [{ sink: "both", "nats-encoding": "raw", ...NATS, "redact-tokens": "nats" }, /the same payload; give all/],
    [{ "redact-tokens": "yes" }, /one of none, zmq, nats, all/],
  ];
  for (const [options, message] of table) {
    await assert.rejects(load(options), (error) => error instanceof ConfigError && message.test(error.message));
  }
});

test("a redacted index keeps no tokens, and says so to whoever asked for them", async () => {
  const quiet = await load({ snapshot: "on", "redact-tokens": "zmq" });
  assert.deepEqual([quiet.config.snapshotTokens, quiet.warnings], [false, []]);
  const asked = await load({ snapshot: "on", "snapshot-tokens": "on", "redact-tokens": "zmq" });
  assert.equal(asked.config.snapshotTokens, false);
  assert.match(asked.warnings.join(), /--snapshot-tokens: on has no effect beside --redact-tokens/);
});

test("warnings of open sockets tell what is read there", async () => {
  const open = { "zmq-endpoint": "tcp://0.0.0.0:20081" };
  assert.match((await load(open)).warnings.join(), /reads token ids/);
  const redacted = (await load({ ...open, "redact-tokens": "zmq" })).warnings.join();
  assert.match(redacted, /reads hashes of people's prompts/);
  assert.doesNotMatch(redacted, /token ids/);
});

test("the consolidator takes it too", async () => {
  const loaded = await loadConsolidateConfig(
    flags({ "engine-endpoint": "tcp://127.0.0.1:5", "redact-tokens": "zmq" }),
    {},
  );
  assert.equal(loaded?.config.redactTokens, true);
});

test("a warning of NATS without encryption tells what goes there", async () => {
  const far = { "nats-url": "nats://far:4222", ...NATS };
  const table: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [{ sink: "nats" }, /--nats-url: hashes of people's prompts travel unencrypted/],
    [{ sink: "both", "redact-tokens": "zmq" }, /--nats-url: hashes of people's prompts travel/],
    [{ sink: "nats", "nats-encoding": "raw" }, /--nats-url: token ids, which are people's prompts, travel/],
    [{ sink: "nats", "nats-encoding": "raw", "redact-tokens": "all" }, /--nats-url: hashes of people's prompts travel/],
    [{ sink: "zmq", load: "on" }, /--nats-url: figures of this worker's load travel/],
  ];
  for (const [options, expected] of table) {
    assert.match((await load({ ...far, ...options })).warnings.join("\n"), expected, JSON.stringify(options));
  }
});
