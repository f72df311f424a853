/** Workers that are late, dead, stopped, doubled or mad, and leaders that come and go. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { connect } from "node:net";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { LeaderEndpoints } from "../../src/main/cluster/endpoints.ts";
import type { BroadcastResult } from "../../src/main/cluster/broadcast.ts";
import { ClusterLeader } from "../../src/main/cluster/leader.ts";
import { BindError } from "../../src/shared/errors.ts";
import { ANY, lastingEndpoints, leaderOf, QUICK, workerOf } from "../support/cluster.ts";
import { eventually } from "../support/fault/deadline.ts";
import { Dice, faultSeed } from "../support/fault/seed.ts";
import { Gate } from "../support/gate.ts";
import { rawId, RawWorker } from "../support/raw-cluster.ts";

const WORKER = fileURLToPath(new URL("../support/cluster-worker-process.js", import.meta.url));
const PLAN = { numHostBlocks: 0, numDiskBlocks: 0 };

function start(t: TestContext, { pub, ack }: LeaderEndpoints, name: string): ChildProcess {
  const child = fork(WORKER, [pub, ack, name]);
  t.after(() => child.kill("SIGKILL"));
  return child;
}

function names({ answers }: BroadcastResult): string[] {
  return answers.map(({ worker }) => worker ?? "?").toSorted();
}

test("sixteen processes, which come one by one; one is stopped, one killed, one started again: each is told by name", async (t) => {
  const lost: string[] = [];
  const restarted: string[] = [];
  const leader = await leaderOf(t, { numWorkers: 16, onRestart: (worker) => restarted.push(worker) });
  const { endpoints } = leader;
  const all = Array.from({ length: 16 }, (_, i) => `w${String(i).padStart(2, "0")}`);
  const counts: number[] = [];
  // The handshake has begun when the first of them is not even started.
  const shaken = leader.handshake({ ...QUICK, timeoutMs: 60_000, onProgress: (_, answered) => counts.push(answered) });
  const children = all.map((name) => start(t, endpoints, name));
  await shaken;
  assert.ok(
    counts.some((count) => count < 16),
    "some were late",
  );
  const first = await leader.broadcast("pid", [], { timeoutMs: 10_000 });
  assert.deepEqual(names(first), all);
  assert.deepEqual(
    first.answers.map(({ worker, payload }) => `${worker} ${payload?.toString()}`).toSorted(),
    all.map((name, i) => `${name} ${children[i]?.pid}`),
  );

  children[3]?.kill("SIGSTOP");
  const second = await leader.broadcast("pid", [], { timeoutMs: 2000 });
  assert.deepEqual([second.isComplete, second.missing], [false, ["w03"]]);
  const { stale } = leader.counters;
  children[3]?.kill("SIGCONT");
  await eventually("its late answer counts for nothing", 10_000, () => (leader.counters.stale > stale ? true : null));

  const back: string[] = [];
  const watching = new AbortController();
  const watched = leader.watch(
    { plan: PLAN, everyMs: 100, lostAfterMs: 400, onLost: (w) => lost.push(w), onBack: (w) => back.push(w) },
    watching.signal,
  );
  children[5]?.kill("SIGKILL");
  await eventually("the death is noticed", 10_000, () => (lost.includes("w05") ? true : null));
  start(t, endpoints, "w05");
  await eventually("its successor is noticed", 20_000, () => (back.includes("w05") ? true : null));
  assert.ok(restarted.includes("w05"));
  watching.abort();
  await watched;
  await leader.handshake(QUICK);
  assert.deepEqual(names(await leader.broadcast("pid", [], { timeoutMs: 10_000 })), all);
  assert.equal(leader.pending, 0);
});

test("a worker is lost in each phase: the handshake says in which, how many there are and who", async (t) => {
  const cases = [
    [
      "worker_metadata",
      /^Handshake timed out \(device-config collection\)\. 1 of 3 workers answered; missing: 2 that never/,
    ],
    [
      "leader_metadata",
      /^Handshake timed out \(allocation-config broadcast\)\. 2 of 3 workers answered; missing: 1 that/,
    ],
    ["ping", /^Timed out waiting for ping readiness after handshake\. 2 of 3 workers answered; missing: 1 that never/],
  ] as const;
  for (const [silent, message] of cases) {
    const leader = await leaderOf(t, { numWorkers: 3 });
    await workerOf(t, { endpoints: leader.endpoints, name: "named" });
    RawWorker.connect(t, leader.endpoints, { silent: [silent] });
    if (silent !== "worker_metadata") RawWorker.connect(t, leader.endpoints);
    await assert.rejects(leader.handshake({ timeoutMs: 2000, roundMs: 100, pingEveryMs: 30 }), { message });
    assert.equal(leader.pending, 0);
    await assert.rejects(
      leader.transferBlocks({ fromPool: "Host", toPool: "Disk", blocks: [], connectorRequest: null }, { timeoutMs: 9 }),
    );
  }
});

test("a handshake is given up in each phase, and a broadcast, and a leader is closed under both", async (t) => {
  for (const silent of ["worker_metadata", "leader_metadata", "ping"]) {
    const leader = await leaderOf(t);
    RawWorker.connect(t, leader.endpoints, { silent: [silent] });
    const given = new AbortController();
    const shaken = leader.handshake({
      ...QUICK,
      roundMs: 50,
      signal: given.signal,
      onProgress: (phase) => {
        if (phase === { worker_metadata: "workers", leader_metadata: "caches", ping: "ready" }[silent]) given.abort();
      },
      // No ping ends by itself so soon.
      ...(silent === "ping" ? { plan: (): typeof PLAN => (setTimeout(() => given.abort(), 100), PLAN) } : {}),
    });
    await assert.rejects(shaken, { code: "KVCAST_CLUSTER_CANCELLED", message: /^Startup canceled/ });
    assert.equal(leader.pending, 0);
    const late = new AbortController();
    const broadcast = leader.broadcast("x", [], { timeoutMs: 60_000, signal: late.signal });
    late.abort();
    await assert.rejects(broadcast, { code: "KVCAST_CLUSTER_CANCELLED" });
    const closed = [leader.broadcast("y", [], { timeoutMs: 60_000 }), leader.handshake({ timeoutMs: 60_000 })];
    leader.close();
    for (const each of closed) await assert.rejects(each, { code: "KVCAST_CLUSTER_CANCELLED" });
    await assert.rejects(leader.broadcast("z", [], { timeoutMs: 1 }), { code: "KVCAST_CLUSTER_CANCELLED" });
    assert.equal(leader.pending, 0);
  }
});

test("ten thousand broadcasts, answered or not, cancelled or failed, leave no pending entry", async (t) => {
  const leader = await leaderOf(t, { numWorkers: 2 });
  const handlers = { echo: async (): Promise<null> => null };
  await workerOf(t, { endpoints: leader.endpoints, name: "a", handlers });
  await workerOf(t, { endpoints: leader.endpoints, name: "b", handlers });
  await leader.handshake(QUICK);
  const ends = new Map<string, number>();
  for (let wave = 0; wave < 100; wave++) {
    const given = new AbortController();
    setMaxListeners(0, given.signal);
    const calls = Array.from({ length: 100 }, async (_, i) => {
      // One in ten waits for a third worker, which there is not; one in ten is given up.
      const wanted = i % 10 === 1 ? 3 : 2;
      const signal = i % 10 === 2 ? given.signal : undefined;
      const result = leader.broadcast("echo", [], { timeoutMs: wanted === 3 ? 1 : 10_000, wanted, signal });
      const end = await result.then((done) => done.end).catch((error: Error) => error.name);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    });
    assert.ok(leader.pending <= 100);
    given.abort();
    await Promise.all(calls);
    assert.equal(leader.pending, 0);
  }
  assert.deepEqual(Object.fromEntries(ends), { complete: 8000, timeout: 1000, ClusterCancelledError: 1000 });
});

test("sixty-four workers in one process; answers stale, forged and mad; bytes that are no message", async (t) => {
  const seed = faultSeed(t);
  const dice = new Dice(seed);
  const leader = await leaderOf(t, { numWorkers: 64 });
  const { endpoints } = leader;
  const handlers = { echo: async (data: readonly Buffer[]): Promise<Buffer | null> => data[0] ?? null };
  for (let i = 0; i < 64; i++) await workerOf(t, { endpoints, name: `w${i}`, handlers });
  await leader.handshake(QUICK);
  const mad = RawWorker.connect(t, endpoints, { silent: ["echo"] });
  for (const endpoint of [endpoints.pub, endpoints.ack]) {
    const { hostname, port } = new URL(endpoint);
    const socket = connect(Number(port), hostname).on("error", () => {});
    t.after(() => socket.destroy());
    socket.write(Buffer.from(Array.from({ length: 1000 }, () => dice.between(0, 255))));
  }
  for (let i = 0; i < 200; i++) {
    const frames = Array.from({ length: dice.between(1, 5) }, () =>
      Buffer.alloc(dice.pick([0, 1, 7, 8, 9, 300]), dice.between(0, 255)),
    );
    await mad.push(...frames);
  }
  await mad.push(rawId(1), Buffer.from("echo"), Buffer.from('kvcast/1 {"worker":"w1","boot":"x","outcome":"done"}'));
  // Answers to pings that were repeated may be stale as well, so that is no number to wait for.
  await eventually("much of it was heard", 10_000, () => (leader.counters.malformed > 50 ? true : null));
  for (let round = 0; round < 20; round++) {
    const { answers, isComplete } = await leader.broadcast("echo", [Buffer.from(`${round}`)], { timeoutMs: 10_000 });
    assert.ok(isComplete);
    assert.equal(new Set(answers.map(({ worker }) => worker)).size, 64);
    assert.ok(answers.every(({ payload }) => payload?.toString() === `${round}`));
  }
  assert.equal(leader.pending, 0);
});

test("a worker that says everything three times counts once if it has a name; without one nobody can tell", async (t) => {
  const leader = await leaderOf(t, { numWorkers: 2 });
  const twin = RawWorker.connect(t, leader.endpoints, { silent: ["x"] });
  await eventually("it is there", 5000, () => (leader.subscribers === 1 ? true : null));
  const say = async (worker: string | null, times: number): Promise<BroadcastResult> => {
    const { length } = twin.heard;
    const call = leader.broadcast("x", [], { timeoutMs: 1500 });
    const id = await eventually("it hears", 5000, () => twin.heard[length]?.[0] ?? null);
    for (let i = 0; i < times; i++) {
      const note =
        worker === null
          ? []
          : [Buffer.from("x"), Buffer.from(`kvcast/1 {"worker":"${worker}","boot":"x","outcome":"done"}`)];
      await twin.push(id, ...note);
    }
    return call;
  };
  const named = await say("n", 3);
  assert.deepEqual([named.isComplete, names(named), leader.counters.duplicate], [false, ["n"], 2]);
  const nameless = await say(null, 3);
  assert.deepEqual([nameless.isComplete, names(nameless)], [true, ["?", "?"]]);
});

test("a leader is followed by another on the same addresses: workers stay, and what the first one asked counts for nothing", async (t) => {
  const endpoints = lastingEndpoints(t);
  const gate = new Gate();
  const heard = new Gate();
  const handlers = {
    slow: () => {
      heard.open();
      return gate.opened.then(() => null);
    },
    quick: async (): Promise<null> => null,
  };
  const connections: boolean[] = [];
  // Before there is any leader.
  await workerOf(t, { endpoints, name: "a", handlers, onConnection: (connected) => connections.push(connected) });
  const first = await ClusterLeader.bind({ endpoints, numWorkers: 1, firstId: 1n });
  await first.handshake(QUICK);
  await assert.rejects(ClusterLeader.bind({ endpoints, numWorkers: 1, patienceMs: 0 }), BindError);
  const asked = first.broadcast("slow", [], { timeoutMs: 60_000 });
  await heard.opened;
  first.close();
  await assert.rejects(asked, { code: "KVCAST_CLUSTER_CANCELLED" });
  const second = await leaderOf(t, { endpoints });
  await second.handshake(QUICK);
  const again = second.broadcast("quick", [], { timeoutMs: 10_000, wanted: 2 });
  gate.open();
  await eventually("the answer to the first leader arrives at the second", 5000, () =>
    second.counters.stale > 0 ? true : null,
  );
  second.close();
  await assert.rejects(again);
  assert.deepEqual(connections.slice(0, 3), [true, false, true]);
});

function throwing(): void {
  throw new Error("mine");
}

test("a listener that throws ends its own broadcast, and neither leader nor worker is deaf from then on", async (t) => {
  const thrown: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => void thrown.push(error));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  const leader = await leaderOf(t, {
    onRestart: () => {
      throw new Error("restart");
    },
  });
  const { endpoints } = leader;
  const worker = await workerOf(t, {
    endpoints,
    name: "a",
    handlers: { large: async () => Buffer.alloc(2 * 1024 * 1024), echo: async (data) => data[0] ?? null },
    onConnection: () => {
      throw new Error("connection");
    },
    onProblem: () => {
      throw new Error("problem");
    },
  });
  await leader.handshake(QUICK);
  await assert.rejects(leader.broadcast("echo", [], { timeoutMs: 5000, onAnswer: throwing }), /mine/);
  assert.equal(leader.pending, 0);
  const unknown = await leader.broadcast("nobody's", [], { timeoutMs: 5000 });
  assert.equal(unknown.answers[0]?.outcome, "refused");
  const large = await leader.broadcast("large", [], { timeoutMs: 5000 });
  assert.match(large.answers[0]?.error ?? "", /an answer of 2097152 bytes is too large/);
  worker.close();
  await workerOf(t, { endpoints, name: "a", handlers: { echo: async (data) => data[0] ?? null } });
  await leader.handshake(QUICK);
  const after = await leader.broadcast("echo", [Buffer.from("x")], { timeoutMs: 5000 });
  assert.equal(after.answers[0]?.payload?.toString(), "x");
  const messages = new Set(thrown.map((error) => (error instanceof Error ? error.message : "?")));
  assert.deepEqual([...messages].toSorted(), ["connection", "problem", "restart"]);
});

test("an address is taken: nothing stays open, whichever of the two it is", async (t) => {
  const first = await leaderOf(t);
  const { pub, ack } = first.endpoints;
  const atOnce = { numWorkers: 1, patienceMs: 0 };
  await assert.rejects(ClusterLeader.bind({ endpoints: { pub, ack: ANY.ack }, ...atOnce }), BindError);
  const free = lastingEndpoints(t);
  await assert.rejects(ClusterLeader.bind({ endpoints: { pub: free.pub, ack }, ...atOnce }), BindError);
  await leaderOf(t, { endpoints: free });
});

test("several take the same paths at the same moment: one has them, and keeps them", async (t) => {
  for (let round = 0; round < 5; round++) {
    const endpoints = lastingEndpoints(t);
    const tries = [1, 2, 3, 4].map(() => ClusterLeader.bind({ endpoints, numWorkers: 1, patienceMs: 0 }));
    const taken = await Promise.all(tries.map((each) => each.catch((error: unknown) => error)));
    const leaders = taken.filter((each) => each instanceof ClusterLeader);
    assert.equal(taken.filter((each) => each instanceof BindError).length, 4 - leaders.length);
    assert.equal(leaders.length, 1);
    for (const leader of leaders) {
      await workerOf(t, { endpoints });
      await leader.handshake(QUICK);
      leader.close();
    }
  }
});

test("a frame beyond the limit costs its sender the connection, and nobody else anything", async (t) => {
  const leader = await leaderOf(t);
  const { endpoints } = leader;
  const large = RawWorker.connect(t, endpoints, { silent: ["big"] });
  await workerOf(t, { endpoints, name: "a", handlers: { big: async (data) => Buffer.from(String(data[0]?.length)) } });
  await leader.handshake(QUICK);
  await large.push(rawId(1), Buffer.from("x"), Buffer.alloc(2 * 1024 * 1024));
  const before = await leader.broadcast("big", [Buffer.alloc(1000)], { timeoutMs: 5000 });
  assert.equal(before.answers[0]?.payload?.toString(), "1000");
  // The worker loses its leader over this one, and comes back.
  await leader.broadcast("big", [Buffer.alloc(17 * 1024 * 1024)], { timeoutMs: 100 });
  const after = await eventually("it is back", 10_000, async () => {
    const { answers } = await leader.broadcast("big", [Buffer.alloc(5)], { timeoutMs: 200 });
    return answers[0] ?? null;
  });
  assert.equal(after.payload?.toString(), "5");
});

test("a worker ends while it is carrying out commands, connecting or idle", async (t) => {
  const leader = await leaderOf(t);
  const ended = new Gate();
  const busy = await workerOf(t, {
    endpoints: leader.endpoints,
    handlers: {
      long: (_, signal) => once(signal, "abort").then(() => (ended.open(), null)),
    },
  });
  await leader.handshake(QUICK);
  const call = leader.broadcast("long", [], { timeoutMs: 100 });
  assert.deepEqual((await call).answers, []);
  busy.close();
  busy.close();
  await ended.opened;
  const idle = await workerOf(t, { endpoints: { pub: "tcp://127.0.0.1:9", ack: "tcp://127.0.0.1:9" } });
  idle.close();
  await assert.rejects(workerOf(t, { endpoints: { pub: "nonsense", ack: "tcp://127.0.0.1:9" } }));
  await assert.rejects(workerOf(t, { endpoints: leader.endpoints, name: "a b" }), RangeError);
  await assert.rejects(workerOf(t, { endpoints: leader.endpoints, handlers: { ping: async () => null } }), RangeError);
});
