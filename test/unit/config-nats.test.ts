/** NATS in the configuration: what must be given, what excludes what, what is warned of; and that secrets stay secret. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { inspect } from "node:util";
import { openConnection } from "../../src/main/config/load-nats.ts";
import type { LoadedConfig } from "../../src/main/config/config.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-nats-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

function load(
  flags: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<LoadedConfig> {
  const all = { engine: "synthetic:", ...flags };
  return loadServeConfig(new Map(Object.entries(all).map(([name, value]) => [name, [value]])), env);
}

const NATS = { sink: "both", "worker-id": "7" };
const PASSWORD = file("password", "hunter2\n");
const TOKEN = file("token", "t0ken");
const SEED = `SU${"A".repeat(56)}`;

test("Dynamo's environment fits as it is", async () => {
  const { config } = await load(NATS, {
    NATS_SERVER: "nats://127.0.0.1:4333",
    NATS_AUTH_USERNAME: "kv",
    NATS_AUTH_PASSWORD: "hunter2",
    DYN_NAMESPACE: "prod",
  });
  assert.ok(config.nats !== null);
  const { connection, ...rest } = config.nats;
  assert.deepEqual(openConnection(connection), {
    servers: ["nats://127.0.0.1:4333"],
    name: "kvcast prod 7",
    auth: { user: "kv", password: "hunter2", token: null, nkeySeed: null, creds: null },
    tls: null,
  });
  for (const shown of [inspect(config, { depth: null }), JSON.stringify(connection), String(connection.auth)]) {
    assert.ok(!shown.includes("hunter2") && shown.includes("***"), shown);
  }
  assert.deepEqual(rest, {
    encoding: "dynamo",
    jetStream: null,
    queueBytes: 67_108_864,
    maxInFlight: 256,
    place: { namespace: "prod", component: "backend", endpoint: "generate", workerId: 7n },
    events: true,
    load: true,
  });
  for (const variable of [{ NATS_AUTH_TOKEN: "t" }, { NATS_AUTH_NKEY: SEED }]) {
    assert.equal((await load(NATS, variable)).config.nats?.connection.auth.reveal().user, null);
  }
});

test("a way to log in that a flag names goes before those of the environment", async () => {
  const env = { NATS_AUTH_NKEY: SEED, NATS_AUTH_USERNAME: "kv", NATS_AUTH_PASSWORD: "hunter2" };
  const { config } = await load({ ...NATS, "nats-token-file": TOKEN }, env);
  assert.deepEqual(config.nats?.connection.auth.reveal(), {
    user: null,
    password: null,
    token: "t0ken",
    nkeySeed: null,
    creds: null,
  });
});

test("what is missing, or too much, is refused with what to give", async () => {
  for (const [flags, env, message] of [
    [{ sink: "nats" }, {}, /--worker-id.*routers know a worker by its number/],
    [{ load: "on" }, {}, /--worker-id/],
    [{ ...NATS, "worker-id": "18446744073709551616" }, {}, /--worker-id.*from 0 to 18446744073709551615/],
    [{ ...NATS, "nats-user": "kv" }, {}, /--nats-user.*needs a password/],
    [{ ...NATS, "nats-password-file": PASSWORD }, {}, /--nats-password-file.*needs a user/],
    [{ ...NATS, "nats-token-file": TOKEN, "nats-creds-file": TOKEN }, {}, /--nats-creds-file.*--nats-token-file/],
    [NATS, { NATS_AUTH_TOKEN: "t0ken", NATS_AUTH_NKEY: SEED }, /NATS_AUTH_NKEY.*another way to log in/],
    [{ ...NATS, "nats-queue-bytes": "1MiB", "slot-bytes": "1MiB" }, {}, /--nats-queue-bytes.*cannot hold/],
    [{ ...NATS, "nats-nkey-file": TOKEN }, {}, /--nats-nkey-file.*seed of a user nkey/],
    [{ ...NATS, "nats-token-file": file("empty", "\n") }, {}, /--nats-token-file.*is empty/],
    [{ ...NATS, "nats-url": "http://h:1" }, {}, /--nats-url.*nats:\/\/host:port/],
    [{ ...NATS, "nats-url": "nats://u:hunter2@h" }, {}, /--nats-url.*credentials do not belong/],
    [{ ...NATS, "nats-client-cert-file": TOKEN }, {}, /--nats-client-cert-file.*--nats-client-key-file/],
    [{ ...NATS, "nats-jetstream": "a.b" }, {}, /--nats-jetstream/],
    [{ ...NATS, namespace: "a b" }, {}, /--namespace/],
  ] as const) {
    await assert.rejects(load(flags, env), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hunter2|t0ken|SUAAA/);
      return true;
    });
  }
});

test("warnings: an open way to another machine, options without effect", async () => {
  const open = await load({ ...NATS, "nats-url": "nats://broker", "nats-token-file": TOKEN });
  assert.match(
    open.warnings.join("\n"),
    /--nats-token-file.*hashes of people's prompts.*unencrypted to nats:\/\/broker:4222/,
  );
  assert.deepEqual((await load({ ...NATS, "nats-url": "tls://broker" })).warnings, []);
  assert.deepEqual((await load(NATS)).warnings, []);
  const idle = await load({ "nats-url": "nats://broker" });
  assert.match(idle.warnings.join("\n"), /--nats-url has no effect/);
  assert.equal(idle.config.nats, null);
});

test("only NATS: the ZMQ socket is not bound, and what needs it is refused", async () => {
  const { config, warnings } = await load({ ...NATS, sink: "nats" });
  assert.equal(config.zmqEndpoint, null);
  assert.deepEqual(warnings, []);
  await assert.rejects(load({ ...NATS, sink: "nats", "wait-subscribers": "1" }), /nothing is published over ZMQ/);
  await assert.rejects(load({ ...NATS, sink: "nats", "replay-endpoint": "ipc://r" }), /nothing is published over ZMQ/);
});
