/** The options of CURVE beside each other: what goes together, what is refused, and what each source is connected with. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { curveKeyPair } from "zeromq";
import { loadConsolidateConfig } from "../../src/main/config/load-consolidate.ts";
import { loadDoctorConfig } from "../../src/main/config/load-doctor.ts";
import { loadIndexConfig } from "../../src/main/config/load-index.ts";
import { loadRecordConfig } from "../../src/main/config/load-record.ts";
import { loadReplayConfig } from "../../src/main/config/load-replay.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { loadTailConfig } from "../../src/main/config/load-tail.ts";
import { keyFromZ85 } from "../../src/main/curve/z85.ts";
import { CurveFiles } from "../support/curve.ts";

function flags(given: Readonly<Record<string, string>>): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
}

const SERVE = { engine: "synthetic:" };

function load(given: Readonly<Record<string, string>>): ReturnType<typeof loadServeConfig> {
  return loadServeConfig(flags({ ...SERVE, ...given }), {});
}

test("a server's key needs a list, a list needs a key, and both must be good at the start", async (t) => {
  const files = new CurveFiles(t, curveKeyPair());
  const both = { "zmq-curve-secret-key-file": files.secretFile, "zmq-curve-allow-file": files.allowFile };
  const { config } = await load(both);
  assert.deepEqual(config.zmqCurve?.keys, files.server);
  assert.deepEqual((await load({ ...both, "zmq-curve-allow-file": "any" })).config.zmqCurve?.clients, "any");
  const fails = (given: Readonly<Record<string, string>>, words: RegExp): Promise<void> =>
    assert.rejects(load(given), words);
  await fails({ "zmq-curve-secret-key-file": files.secretFile }, /needs --zmq-curve-allow-file.*give any/);
  await fails({ "zmq-curve-allow-file": files.allowFile }, /needs --zmq-curve-secret-key-file/);
  await fails({ ...both, "zmq-curve-allow-file": path.join(files.folder, "none") }, /cannot read the file.*ENOENT/);
  writeFileSync(files.allowFile, "router-a\n");
  await fails(both, /clients: line 1 does not begin with a public key/);
});

test("an address of other machines is warned of, unless its clients are on a list", async (t) => {
  const files = new CurveFiles(t);
  const open = { ...SERVE, "zmq-endpoint": "tcp://*:1", "zmq-curve-secret-key-file": files.secretFile };
  const warnings = async (allow: string): Promise<readonly string[]> =>
    (await loadServeConfig(flags({ ...open, "zmq-curve-allow-file": allow }), {})).warnings;
  assert.deepEqual(await warnings(files.allowFile), []);
  assert.match((await warnings("any")).join("\n"), /knows this service's public key, which is no secret/);
  const named = await loadServeConfig(flags({ ...SERVE, "zmq-endpoint": "ipc://@kv" }), {});
  assert.match(named.warnings.join("\n"), /ipc:\/\/@kv is a name and no file: every user/);
  const off = await loadServeConfig(flags({ ...open, "zmq-endpoint": "none", "zmq-curve-allow-file": "any" }), {});
  assert.match(off.warnings.join("\n"), /--zmq-curve-secret-key-file has no effect: nothing is published over ZMQ/);
});

test("each publisher is connected to with its public key and one's own secret one", async (t) => {
  const files = new CurveFiles(t);
  const own = curveKeyPair();
  const key = { "zmq-curve-client-key-file": files.secret("own.secret", own) };
  const keys = { ...own, serverKey: files.server.publicKey };
  const hex = `curve=${keyFromZ85(files.server.publicKey)?.toString("hex")}`;
  for (const query of [files.query, hex]) {
    const engine = await loadServeConfig(flags({ ...key, engine: `zmq+tcp://h:1?${query}` }), {});
    const [zmq] = engine.config.engines;
    assert.deepEqual(zmq.kind === "zmq" ? zmq.curve : null, keys);
    const source = await loadConsolidateConfig(flags({ ...key, "engine-endpoint": `vllm=tcp://h:1?${query}` }), {});
    assert.deepEqual(source?.config.sources[0]?.curve, keys);
    const worker = { ...key, "block-size": "4", workers: `1=tcp://h:1?sync=off&${query}` };
    const index = await loadIndexConfig(flags(worker), {});
    assert.deepEqual(index.workers[0]?.source.curve, keys);
    const switches = { json: false, strict: false, drain: false };
    const doctor = await loadDoctorConfig(flags({ ...key, publisher: `tcp://h:1?${query}` }), {}, switches);
    assert.deepEqual(doctor.publishers[0]?.curve, keys);
    assert.deepEqual(doctor.serve?.warnings, []);
  }
  const flagged = { ...key, "zmq-curve-server-key": files.server.publicKey };
  const tail = loadTailConfig("tcp://h:1", flags(flagged), { json: false, stats: false, sync: false, tokens: false });
  assert.deepEqual(tail.curve, keys);
  const { source } = loadReplayConfig("tcp://h:1", flags(flagged), { json: false, tokens: false });
  assert.deepEqual(source.kind === "publisher" ? source.curve : null, keys);
  const record = await loadRecordConfig("a.rec", flags({ ...flagged, publisher: "tcp://h:1" }), {
    withTokens: false,
    json: false,
  });
  assert.deepEqual(record.source.kind === "published" ? record.source.curve : null, keys);
});

test("without a key of one's own there is a new one; a key that nobody asks for is warned of, or refused", async (t) => {
  const files = new CurveFiles(t);
  const { config } = await loadServeConfig(flags({ engine: `zmq+tcp://h:1?${files.query}` }), {});
  const [engine] = config.engines;
  assert.equal(engine.kind === "zmq" ? engine.curve?.serverKey : null, files.server.publicKey);
  assert.equal(engine.kind === "zmq" ? engine.curve?.secretKey.length : null, 40);
  const key = { "zmq-curve-client-key-file": files.secretFile };
  assert.match(
    (await loadServeConfig(flags({ ...SERVE, ...key }), {})).warnings.join("\n"),
    /has no effect: no publisher with a public key/,
  );
  const off = { json: false, stats: false, sync: false, tokens: false };
  assert.throws(() => loadTailConfig(undefined, flags(key), off), /needs --zmq-curve-server-key/);
  await assert.rejects(
    loadServeConfig(flags({ engine: "zmq+tcp://h:1?curve=abc" }), {}),
    /a public CURVE key: 40 characters/,
  );
});
