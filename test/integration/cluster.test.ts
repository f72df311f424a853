/** Leader and workers against counterparts that were written from the bytes alone, and against each other. */
import assert from "node:assert/strict";
import test from "node:test";
import { curveKeyPair } from "zeromq";
import type { BroadcastResult } from "../../src/main/cluster/broadcast.ts";
import type { TransferRequest } from "../../src/main/cluster/transfer.ts";
import type { ClusterWorkerOptions } from "../../src/main/cluster/worker.ts";
import type { WorkerProblem } from "../../src/main/cluster/worker-desk.ts";
import { leaderOf, QUICK, workerOf } from "../support/cluster.ts";
import { eventually } from "../support/fault/deadline.ts";
import { Gate } from "../support/gate.ts";
import { rawId, RawLeader, rawStruct, RawWorker } from "../support/raw-cluster.ts";

const TRANSFER: TransferRequest = {
  fromPool: "Device",
  toPool: "Host",
  blocks: [
    [0, 10],
    [1, 11],
  ],
  connectorRequest: null,
};

function names({ answers }: BroadcastResult): string[] {
  return answers.map((answer) => answer.worker ?? "?").toSorted();
}

test("our leader and workers written from the bytes: handshake, ids from 1 on, transfers, sizes", async (t) => {
  const ours = await leaderOf(t, { numWorkers: 3, firstId: 1n });
  const raw = [0, 1, 2].map((i) => RawWorker.connect(t, ours.endpoints, { blocks: [1024 - i, 700_000] }));
  await assert.rejects(ours.transferBlocks(TRANSFER, { timeoutMs: 10 }), /ZMQ leader not ready/);
  const phases: string[] = [];
  const result = await ours.handshake({
    ...QUICK,
    plan: (workers) => ({ numHostBlocks: workers.length * 100, numDiskBlocks: 7 }),
    onProgress: (phase, answered) => phases.push(`${phase} ${answered}`),
  });
  assert.deepEqual(
    result.metadata.toSorted((a, b) => b.numDeviceBlocks - a.numDeviceBlocks),
    [1024, 1023, 1022].map((numDeviceBlocks) => ({ numDeviceBlocks, bytesPerBlock: 700_000 })),
  );
  assert.ok(
    ["workers 3", "caches 3", "ready 3"].every((phase) => phases.includes(phase)),
    phases.join(),
  );
  const answers = await ours.transferBlocks(TRANSFER, { timeoutMs: 5000 });
  assert.deepEqual(
    answers.map(({ worker: name, outcome }) => `${name} ${outcome}`),
    Array(3).fill("null done"),
  );
  for (const { heard, death } of raw) {
    assert.equal(death, null);
    const ids = heard.map(([id]) => Number(id?.readBigUInt64BE()));
    assert.ok(ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? 0)));
    const told = heard.find(([, name]) => name?.toString() === "leader_metadata");
    assert.deepEqual(told?.[2], rawStruct(300, 7));
    const json = '{"from_pool":"Device","to_pool":"Host","blocks":[[0,10],[1,11]]}';
    assert.deepEqual(heard.at(-1)?.slice(1).map(String), ["transfer_blocks", json]);
  }
  assert.equal(ours.pending, 0);
});

test("a leader written from the bytes and our workers: with and without names, ready only when allocated", async (t) => {
  const raw = await RawLeader.bind(t);
  const allocated = new Gate();
  const moved: TransferRequest[] = [];
  const allocate = (): Promise<void> => allocated.opened;
  const { endpoints } = raw;
  const transfer = async (request: TransferRequest): Promise<void> => void moved.push(request);
  const slow = await workerOf(t, { endpoints, name: "slow", allocate, transfer });
  const nameless = await workerOf(t, { endpoints, transfer });
  const replies = await raw.repeat("worker_metadata", [], 2);
  for (const reply of replies) {
    assert.equal(reply[1]?.toString(), "worker_metadata");
    assert.deepEqual(reply[2], rawStruct(1024, 2_097_152));
  }
  assert.deepEqual(
    replies.map(({ length }) => String(length)).toSorted(),
    ["3", "4"],
    "the worker with a name adds a note",
  );
  await raw.repeat("leader_metadata", [rawStruct(4768, 0)], 2);
  await eventually("allocation is done where there is none to do", 5000, () => (nameless.isReady ? true : null));
  const early = await raw.send("ping");
  assert.deepEqual(await raw.answered(early, 1), [[rawId(early)]], "an ACK of a worker without a name is the id alone");
  const marker = await raw.send("worker_metadata");
  await raw.answered(marker, 2);
  assert.equal(raw.answersTo(early).length, 1, "the other one said nothing before it was ready");
  allocated.open();
  await eventually("it is ready", 5000, () => (slow.isReady ? true : null));
  await raw.answered(await raw.send("ping"), 2);
  const json = '{"from_pool":"Device","to_pool":"Host","blocks":[[0,10],[1,11]]}';
  await raw.answered(await raw.send("transfer_blocks", Buffer.from(json)), 2);
  assert.deepEqual(moved, [TRANSFER, TRANSFER]);
});

test("what a leader may send: nothing ends a worker, and what was not done never counts as done", async (t) => {
  const raw = await RawLeader.bind(t);
  const problems: WorkerProblem[] = [];
  const ours = await workerOf(t, {
    endpoints: raw.endpoints,
    name: "w",
    onProblem: (problem) => problems.push(problem),
    transfer: async () => {
      throw new Error("out of blocks");
    },
    handlers: { fine: async (data) => data[0] ?? null, hurt: () => Promise.reject(new Error("it hurts")) },
  });
  await raw.repeat("worker_metadata", [], 1);
  await raw.sendFrames("x");
  await raw.sendFrames(rawId(99));
  await raw.sendFrames(Buffer.alloc(7), "ping");
  await raw.sendFrames(rawId(99), Buffer.from([0xc3, 0x28]));
  await raw.sendFrames(rawId(99), "");
  const refused = [
    await raw.send("no_such_function"),
    await raw.send("constructor"),
    await raw.send("transfer_blocks", Buffer.from("{")),
    await raw.send("transfer_blocks"),
    await raw.send("transfer_blocks", Buffer.from("{}"), Buffer.from("{}")),
  ];
  const nonsense = await raw.send("leader_metadata", Buffer.from([0xff]));
  const illegal = await raw.send("transfer_blocks", Buffer.from('{"from_pool":"Disk","to_pool":"Host","blocks":[]}'));
  const failed = await raw.send("transfer_blocks", Buffer.from('{"from_pool":"Disk","to_pool":"Device","blocks":[]}'));
  const hurt = await raw.send("hurt");
  const fine = await raw.send("fine", Buffer.from("data"));
  assert.deepEqual((await raw.answered(fine, 1))[0]?.slice(1, 3).map(String), ["fine", "data"]);
  // All that came before has been dealt with, too.
  for (const id of [nonsense, illegal, failed, hurt]) assert.equal((await raw.answered(id, 1)).length, 1);
  assert.match(String((await raw.answered(illegal, 1))[0]?.[2]), /"outcome":"failed","error":"Invalid transfer type\./);
  assert.match(String((await raw.answered(failed, 1))[0]?.[2]), /"error":"out of blocks"/);
  for (const id of refused) {
    assert.deepEqual(raw.answersTo(id), []);
    const high = rawId(id);
    high[0] = 0x80;
    assert.equal(raw.heard.filter(([first]) => first?.equals(high)).length, 1);
  }
  await eventually("the sizes that make no sense are told", 5000, () =>
    problems.find(({ name }) => name === "leader_metadata"),
  );
  assert.equal(ours.isReady, false);
  assert.deepEqual([...new Set(problems.map(({ kind }) => kind))].toSorted(), [
    "bad_frame",
    "bad_payload",
    "failed",
    "unknown_function",
  ]);
  await raw.handshake(1, 10);
  assert.ok(ours.isReady, "a second leader_metadata that makes sense is taken");
});

test("ours and ours: who has not answered is named, failures and refusals are told, nothing is counted twice", async (t) => {
  const ours = await leaderOf(t, { numWorkers: 3 });
  const { endpoints } = ours;
  const released = new Gate();
  const handlers = { go: async (): Promise<null> => null };
  await workerOf(t, { endpoints, name: "a", handlers });
  await workerOf(t, { endpoints, name: "b", handlers: { go: () => Promise.reject(new Error("broken")) } });
  await workerOf(t, {
    endpoints,
    name: "c",
    handlers: { go: () => released.opened.then(() => null) },
  });
  await ours.handshake(QUICK);
  assert.deepEqual(
    ours.workers.map(({ worker: name }) => name),
    ["a", "b", "c"],
  );
  const seen: string[] = [];
  const result = await ours.broadcast("go", [], {
    timeoutMs: 1500,
    onAnswer: ({ worker: name }) => seen.push(name ?? "?"),
  });
  assert.deepEqual(
    [result.isComplete, result.missing, names(result), seen.toSorted()],
    [false, ["c"], ["a", "b"], ["a", "b"]],
  );
  const ofB = result.answers.find((answer) => answer.worker === "b");
  assert.deepEqual([ofB?.outcome, ofB?.error], ["failed", "broken"]);
  const { stale } = ours.counters;
  released.open();
  await eventually("the late answer counts for nothing", 5000, () => (ours.counters.stale === stale + 1 ? true : null));
  const unknown = await ours.broadcast("stop", [], { timeoutMs: 5000 });
  assert.deepEqual(
    unknown.answers.map(({ outcome }) => outcome),
    ["refused", "refused", "refused"],
  );
  assert.equal(ours.pending, 0);
});

test("with one key pair for all: who has it is heard, others neither hear nor are heard", async (t) => {
  const [curve, other] = [curveKeyPair(), curveKeyPair()];
  const leader = await leaderOf(t, { numWorkers: 1, curve });
  const heard: string[] = [];
  const handlers = (name: string): NonNullable<ClusterWorkerOptions["handlers"]> => ({
    note: async () => {
      heard.push(name);
      return null;
    },
  });
  const { endpoints } = leader;
  // They come first, and each would be the one worker that is waited for.
  const connected: string[] = [];
  const onConnection = (isConnected: boolean): void => void (isConnected && connected.push("a stranger"));
  await workerOf(t, { endpoints, name: "plain", handlers: handlers("plain"), onConnection });
  await workerOf(t, { endpoints, name: "stranger", curve: other, handlers: handlers("stranger"), onConnection });
  const raw = RawWorker.connect(t, endpoints);
  await workerOf(t, { endpoints, name: "member", curve, handlers: handlers("member") });
  await leader.handshake({ ...QUICK, plan: () => ({ numHostBlocks: 0, numDiskBlocks: 0 }) });
  const result = await leader.broadcast("note", [], { timeoutMs: 5000 });
  assert.deepEqual([names(result), heard, connected, raw.heard], [["member"], ["member"], [], []]);
  assert.equal(leader.subscribers, 1);
});
