/** The options of record, replay and top: every one of them arrives. And the line that tells how far a command is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { progressLine } from "../../src/main/cli/progress.ts";
import { loadRecordConfig } from "../../src/main/config/load-record.ts";
import { loadReplayConfig } from "../../src/main/config/load-replay.ts";
import { loadTopConfig } from "../../src/main/config/load-top.ts";

function flags(values: Readonly<Record<string, string | readonly string[]>>): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(values).map(([name, value]) => [name, typeof value === "string" ? [value] : value]));
}

const RECORD = { withTokens: false, json: false };
const REPLAY = { json: false, tokens: false };

test("record: an engine with its limits, or a publisher with its replay", async () => {
  const engine = await loadRecordConfig(
    "a.rec",
    flags({
      engine: "x=http://h:1/base",
      "engine-timeout": "7",
      "engine-max-response-bytes": "1MiB",
      "poll-profile": "reference",
      duration: "1.5",
    }),
    { withTokens: true, json: true },
  );
  assert.equal(engine.path, "a.rec");
  assert.equal(engine.durationMs, 1500);
  assert.deepEqual([engine.withTokens, engine.json], [true, true]);
  assert.ok(engine.source.kind === "engine");
  const { url, timeoutMs, maxResponseBytes } = engine.source.engine;
  assert.deepEqual([url.href, timeoutMs, maxResponseBytes], ["http://h:1/base", 7000, 1024 * 1024]);
  assert.equal(engine.source.profile.name, "reference");

  const publisher = await loadRecordConfig(
    "b.rec",
    flags({ publisher: "tcp://h:1", topic: "kv", replay: "tcp://h:2", "replay-framing": "v1" }),
    RECORD,
  );
  assert.equal(publisher.durationMs, Infinity);
  assert.deepEqual(publisher.source, {
    kind: "published",
    endpoint: "tcp://h:1",
    topic: "kv",
    replayEndpoint: "tcp://h:2",
    replayFraming: "v1",
    curve: null,
  });
});

test("record: files of credentials are read, and what cannot be is refused", async () => {
  for (const name of ["engine-header-file", "engine-ca-file", "engine-client-cert-file", "engine-client-key-file"]) {
    const given = flags({ engine: "https://h:1", [name]: "/nonexistent/kvcast" });
    await assert.rejects(loadRecordConfig("a", given, RECORD), { code: "KVCAST_BAD_CONFIG" }, name);
  }
  const wrong = [
    {},
    { engine: ["http://h:1", "http://h:2"] },
    { engine: "zmq+tcp://h:1" },
    { engine: "http://h:1", publisher: "tcp://h:1" },
    { publisher: "tcp://h:1", duration: "0" },
  ];
  for (const each of wrong) {
    await assert.rejects(loadRecordConfig("a", flags(each), RECORD), { code: "KVCAST_BAD_CONFIG" });
  }
});

test("replay: a range of a publisher, or of a file, filtered", () => {
  const config = loadReplayConfig(
    "tcp://h:1",
    flags({
      from: "5",
      to: "9",
      timeout: "0.5",
      "max-message-bytes": "1MiB",
      "replay-framing": "v1",
      type: ["stored", "cleared"],
      rank: ["0", "3"],
      count: "4",
    }),
    { json: true, tokens: true },
  );
  assert.deepEqual(config, {
    json: true,
    tokens: true,
    source: { kind: "publisher", endpoint: "tcp://h:1", curve: null },
    from: 5,
    to: 9,
    timeoutMs: 500,
    maxMessageBytes: 1024 * 1024,
    replayFraming: "v1",
    types: new Set(["stored", "cleared"]),
    ranks: new Set([0, 3]),
    count: 4,
  });
  const { source, from, to, count } = loadReplayConfig("./a.rec", flags({}), REPLAY);
  assert.deepEqual([source, from, to, count], [{ kind: "file", path: "./a.rec" }, null, Infinity, Infinity]);
  assert.throws(() => loadReplayConfig("http://h:1", flags({}), REPLAY), { code: "KVCAST_BAD_CONFIG" });
});

test("top: an address, a time-out, and --json only with --once", () => {
  const { url, timeoutMs } = loadTopConfig("h:9", flags({ timeout: "3" }), { once: true, json: true });
  assert.deepEqual([url.href, timeoutMs], ["http://h:9/", 3000]);
  assert.throws(() => loadTopConfig(undefined, flags({}), { once: false, json: true }), { code: "KVCAST_BAD_CONFIG" });
});

test("the line of progress has a bar where the end is known, and is never wider than the terminal", () => {
  assert.equal(progressLine(0.5, "5 messages", 80), `[${"#".repeat(12)}${".".repeat(12)}]  50 %  5 messages`);
  assert.equal(progressLine(null, "5 messages", 80), "5 messages");
  assert.equal(progressLine(2, "x", 10), "[########");
  assert.equal(progressLine(null, "abc", 0), "");
});
