/** How a service joins a cluster, and what `kvcast cluster` is told: addresses, what goes with what, warnings. */
import assert from "node:assert/strict";
import test from "node:test";
import { workerLine } from "../../src/main/cli/cluster-text.ts";
import type { WorkerAnswer } from "../../src/main/cluster/pending-call.ts";
import type { LoadedConfig } from "../../src/main/config/config.ts";
import { leaderAddress, leaderBindAddress } from "../../src/main/config/leader-endpoints.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { type ClusterCommandConfig, loadClusterCommand } from "../../src/main/config/load-cluster.ts";
import { flagPlace } from "../../src/main/config/option-spec.ts";
import type { ClusterCommand } from "../../src/main/control/commands.ts";
import { bindable } from "../../src/main/control/bindable.ts";
import { helloOf, jsonFrame, jsonOf, namesOf } from "../../src/main/control/commands.ts";
import { handlersOf, type Operated } from "../../src/main/control/operated.ts";
import { ClusterPayloadError } from "../../src/main/cluster/cluster-error.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const PLACE = flagPlace("cluster-leader");

function joined(
  flags: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<LoadedConfig> {
  const all = Object.entries({ engine: "synthetic:", ...flags });
  return loadServeConfig(new Map(all.map(([name, value]) => [name, [value]])), env);
}

function command(
  words: readonly [ClusterCommand, string?],
  flags: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): ClusterCommandConfig {
  return loadClusterCommand(
    words[0],
    words[1] ?? null,
    new Map(Object.entries(flags).map(([name, value]) => [name, [value]])),
    env,
    false,
  );
}

function answer(payload: Readonly<Record<string, unknown>> | null): WorkerAnswer {
  const frame = payload === null ? null : jsonFrame(payload);
  return { worker: "w1", boot: "b", outcome: "done", error: null, payload: frame, afterMs: 1 };
}

test("the leader's addresses: both, one and the other after it, or our own, which are not Dynamo's", async () => {
  for (const [text, pub, ack] of [
    ["tcp://h:5", "tcp://h:5", "tcp://h:6"],
    [" tcp://[::1]:5 ", "tcp://[::1]:5", "tcp://[::1]:6"],
    ["tcp://h:5, tcp://h:9", "tcp://h:5", "tcp://h:9"],
    ["ipc:///run/kv", "ipc:///run/kv", "ipc:///run/kv.ack"],
    ["ipc:///a,tcp://h:1", "ipc:///a", "tcp://h:1"],
  ]) {
    assert.deepEqual(leaderAddress.parse(text ?? "", PLACE), { pub, ack });
  }
  for (const bad of [
    "",
    "none",
    "tcp://h",
    "tcp://h:*",
    "tcp://*:5",
    "tcp://h:65535",
    "tcp://h:5,tcp://h:5",
    "h:5",
    "tcp://h:5,tcp://h:6,tcp://h:7",
  ]) {
    assert.throws(() => leaderAddress.parse(bad, PLACE), ConfigError, bad);
  }
  assert.deepEqual(leaderBindAddress.parse("tcp://*:5", PLACE), { pub: "tcp://*:5", ack: "tcp://*:6" });
  for (const bad of ["none", "tcp://*:*", "tcp://*:0", "tcp://*:5,none"]) {
    assert.throws(() => leaderBindAddress.parse(bad, PLACE), ConfigError, bad);
  }
  const own = { pub: "tcp://127.0.0.1:56101", ack: "tcp://127.0.0.1:56102" };
  const dynamo = { DYN_KVBM_LEADER_ZMQ_HOST: "10.1.1.1", DYN_KVBM_LEADER_ZMQ_PUB_PORT: "7" };
  assert.deepEqual((await joined({ "cluster-leader": "default" }, dynamo)).config.cluster, {
    leader: own,
    name: null,
    size: null,
    timeoutMs: 120_000,
    curve: null,
  });
  assert.deepEqual(command(["status"], {}, dynamo).leader, own);
  const given = { KVCAST_CLUSTER_LEADER: "ipc:///run/kv", KVCAST_CLUSTER_SIZE: "5" };
  assert.deepEqual(
    [command(["status"], {}, given).leader.pub, command(["status"], {}, given).size],
    ["ipc:///run/kv", 5],
  );
  assert.equal((await joined({})).config.cluster, null);
});

test("what can be reached from elsewhere is warned of; a size or a name without a cluster is a mistake", async () => {
  assert.deepEqual((await joined({ "cluster-leader": "tcp://localhost:5" })).warnings, []);
  const { warnings } = await joined({ "cluster-leader": "tcp://127.0.0.1:5,tcp://10.0.0.1:6" });
  assert.match(warnings.join(), /commands this service/);
  assert.deepEqual(command(["clear"], { "cluster-leader": "ipc:///x" }).warnings, []);
  assert.match(command(["clear"], { "cluster-leader": "tcp://*:5" }).warnings.join(), /bound beyond this machine/);
  await assert.rejects(joined({ "cluster-size": "2" }), /--cluster-size: no cluster is joined; add --cluster-leader/);
  await assert.rejects(joined({ "cluster-name": "n" }), /--cluster-name: no cluster is joined/);
  await assert.rejects(joined({ "cluster-leader": "default", "cluster-name": "a b" }), ConfigError);
});

test("commands: what they are told, and a level where one belongs", () => {
  const config = command(["log-level", "debug"], { "cluster-size": "3", gather: "0.5", timeout: "2" });
  assert.deepEqual(
    [config.command, config.level, config.size, config.gatherMs, config.timeoutMs],
    ["log-level", "debug", 3, 500, 2000],
  );
  assert.throws(() => command(["log-level", "loud"]), /"loud" is not allowed/);
});

test("what a leader says to the handlers: bounded, typed, and refused where it is nonsense", async () => {
  const told: unknown[] = [];
  const note = (value: unknown): { readonly n: number } => ({ n: told.push(value) });
  const operated: Operated = {
    status: () => note("status"),
    position: () => note("position"),
    drain: async (timeoutMs) => note(["drain", timeoutMs]),
    clear: async (timeoutMs) => note(["clear", timeoutMs]),
    setLogLevel: (level) => note(level),
  };
  const handlers = handlersOf(operated);
  const { signal } = new AbortController();
  const call = async (name: string, ...data: readonly Buffer[]): Promise<string> =>
    String(await handlers[name]?.(data, signal));
  assert.equal(await call("kvcast_status"), '{"n":1}');
  await call("kvcast_snapshot_epoch");
  await call("kvcast_drain");
  await call("kvcast_drain", jsonFrame({ timeout_ms: 5 }));
  await call("kvcast_clear", jsonFrame({ timeout_ms: 1e12 }));
  await call("kvcast_log_level", jsonFrame({ level: "warn" }));
  assert.deepEqual(told, ["status", "position", ["drain", 10_000], ["drain", 5], ["clear", 600_000], "warn"]);
  for (const [name, frame] of [
    ["kvcast_drain", jsonFrame({ timeout_ms: -1 })],
    ["kvcast_drain", jsonFrame({ timeout_ms: "9" })],
    ["kvcast_clear", Buffer.from("[1]")],
    ["kvcast_clear", Buffer.from("{")],
    ["kvcast_status", Buffer.alloc(70_000, " ")],
    ["kvcast_log_level", jsonFrame({})],
    ["kvcast_log_level", jsonFrame({ level: { toString: "x" } })],
  ] as const) {
    await assert.rejects(call(name, frame), ClusterPayloadError, `${name} ${frame.toString().slice(0, 20)}`);
  }
  assert.equal(told.length, 6);
  const workers = ["a", "b c", 4, "d"];
  assert.deepEqual(helloOf(jsonFrame({ size: 3, workers })), {
    size: 3,
    workers: ["a", "d"],
  });
  assert.ok(namesOf(Array.from({ length: 5000 }, (_, i) => `worker-${i}`)).length < 2000);
  for (const frame of [null, Buffer.from("x"), jsonFrame({ size: "3" })]) {
    assert.deepEqual(helloOf(frame), { size: null, workers: [] });
  }
  assert.throws(() => jsonOf(null), ClusterPayloadError);
});

test("a line for each answer; what a worker wrote stays short and on its line", () => {
  const line = (name: ClusterCommandConfig["command"], payload: Readonly<Record<string, unknown>> | null): string =>
    workerLine(name, answer(payload), 4);
  const status = {
    version: "1.0",
    ready: true,
    reasons: [],
    epoch: "0123456789",
    sequence: 7,
    engines_up: 1,
    engines: 1,
    sinks_up: 2,
    sinks: 2,
    dirty_ranks: 0,
  };
  assert.equal(
    line("status", status),
    "w1    ready      epoch 01234567  sequence 7  engines 1/1 up  sinks 2/2 up  kvcast 1.0",
  );
  assert.equal(
    line("status", { ...status, ready: false, reasons: ["engine\n\u001B[2J x"], dirty_ranks: 3, sequence: null }),
    "w1    not ready  epoch 01234567  sequence -  engines 1/1 up  sinks 2/2 up  3 dirty ranks  kvcast 1.0  (engine [2J x)",
  );
  assert.equal(line("drain", { sequence: 9 }), "w1    drained, last sequence 9");
  assert.equal(line("clear", { ranks: 1 }), "w1    cleared 1 rank");
  assert.equal(line("clear", { ranks: 4 }), "w1    cleared 4 ranks");
  assert.equal(line("log-level", { now: "warn", before: "info" }), "w1    log level warn, was info");
  const position = { epoch: "e", sequence: 3, live_blocks: null, complete: null };
  assert.equal(line("snapshot-epoch", position), "w1    epoch e  sequence 3  no index");
  assert.match(line("snapshot-epoch", { ...position, live_blocks: 5, complete: true }), /live blocks 5$/);
  assert.match(line("snapshot-epoch", { ...position, live_blocks: 5, complete: false }), /live blocks 5, incomplete$/);
  assert.equal(line("drain", null), "w1    done, and said nothing that can be read");
  assert.equal(line("drain", { sequence: { deep: 1 } }), "w1    drained, last sequence -");
  const failed: WorkerAnswer = { ...answer(null), outcome: "failed", error: "the ring was full" };
  assert.equal(workerLine("clear", failed, 2), "w1  failed: the ring was full");
});

test("a leader binds the address of a host that is given by its name", async () => {
  const bound = await bindable({ pub: "tcp://localhost:5", ack: "tcp://[::1]:6" });
  assert.deepEqual(bound, { pub: "tcp://127.0.0.1:5", ack: "tcp://[::1]:6" });
  for (const same of ["ipc:///run/kv", "tcp://*:5", "tcp://10.0.0.1:5", "tcp://no-such-host.invalid:5"]) {
    assert.equal((await bindable({ pub: same, ack: same })).pub, same);
  }
});
