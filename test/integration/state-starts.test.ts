/** Starts on a state directory: which of them go on with what an earlier run left, and which must not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { type BlockModel, readSnapshotBody } from "../support/block-model.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { Kvcast, serve, type ServeFacts } from "../support/processes.ts";
import { block, createdJson, type Json, removedJson, storedJson } from "../support/raw-events.ts";
import { portOf, scriptedEngine } from "../support/scripted-engine.ts";

type Service = Kvcast & { readonly facts: ServeFacts };

const LIMIT_MS = 10_000;

async function stateDir(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "kvcast-starts-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function epochOf(service: Service): Promise<string> {
  const response = await fetch(`${service.facts.url}/health`);
  return ((await response.json()) as { epoch: { id: string } }).epoch.id;
}

async function end(service: Kvcast): Promise<void> {
  service.child.kill("SIGTERM");
  assert.equal((await service.exit).code, 0, service.text());
}

/** One whole life in order; its epoch. */
async function live(t: TestContext, flags: string): Promise<string> {
  const service = await serve(t, flags);
  const epoch = await epochOf(service);
  await end(service);
  return epoch;
}

void test("a start that fails leaves an orderly state as orderly as it was, and an interrupted one interrupted", async (t) => {
  const flags = `--engine synthetic: --snapshot --state-dir ${await stateDir(t)}`;
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const first = await live(t, flags);

  const zmq = `tcp://127.0.0.1:${portOf(taken)}`;
  for (const address of [`--system-port ${portOf(taken)} --zmq-endpoint tcp://127.0.0.1:*`, `--zmq-endpoint ${zmq}`]) {
    const failing = new Kvcast(t, `serve ${flags} ${address}`);
    assert.equal((await within("it ends", LIMIT_MS, failing.exit)).code, 69, failing.text());
  }
  const second = await serve(t, flags);
  assert.equal(await epochOf(second), first, "the numbers go on");
  second.child.kill("SIGKILL");
  await second.exit;

  const failing = new Kvcast(t, `serve ${flags} --zmq-endpoint ${zmq}`);
  assert.equal((await within("it ends", LIMIT_MS, failing.exit)).code, 69, failing.text());
  assert.notEqual(await live(t, flags), first, "numbers were given out that no state knows of");
});

void test("a directory that a living process has: exit 69, which names both; one of a dead process is free", async (t) => {
  const directory = await stateDir(t);
  const flags = `--engine synthetic: --snapshot --state-dir ${directory}`;
  const first = await serve(t, flags);
  const second = new Kvcast(t, `serve --system-port 0 --zmq-endpoint tcp://127.0.0.1:* ${flags}`);
  assert.equal((await within("it ends", LIMIT_MS, second.exit)).code, 69, second.text());
  assert.ok(second.text().includes(`${directory} is in use by process ${first.child.pid}`), second.text());
  assert.match(second.text(), /--state-dir/u);
  assert.ok(!second.text().includes("kvcast is running"));

  first.child.kill("SIGKILL");
  await first.exit;
  await live(t, flags);
  assert.deepEqual(await readdir(directory), ["blocks.kvcast"]);
});

void test("a state of another wire format is not used: the numbers of one do not go on in the other", async (t) => {
  const flags = `--engine synthetic: --snapshot --state-dir ${await stateDir(t)}`;
  const first = await live(t, `${flags} --wire-format vllm`);
  const second = await serve(t, `${flags} --wire-format dynamo`);
  assert.notEqual(await epochOf(second), first);
  const { reason } = await second.log("the saved index is not used");
  assert.match(String(reason), /wire format vllm/u);
  await end(second);
});

void test("a rank that goes on after a restart has the window that it had", async (t) => {
  const answers: Json[][] = [
    // The large window is told of, and then only the small one shows itself behind the restart.
    [createdJson(0, { window: 64 }), createdJson(1, { window: 4096 }), storedOf(2, 1, 4096), storedOf(3, 2, 4096)],
    [storedOf(4, 3, 64), removedJson(5, [1], { window: 64 }), removedJson(6, [2], { window: 4096 })],
  ];
  let next = 0;
  let open = 1;
  const engine = await scriptedEngine(t, (response, _n, { url = "" }) => {
    // It is asked for its statistics too.
    response.end(JSON.stringify(url.includes("kv_cache_events") && next < open ? answers[next++] : []));
  });
  const flags = `--engine ${engine.url.origin} --kv-block-size 4 --snapshot --state-dir ${await stateDir(t)}`;
  const first = await serve(t, flags);
  await blocksOf(first, (model) => model.blocks.size === 2);
  await end(first);
  const second = await serve(t, flags);
  open = 2;
  const model = await blocksOf(second, ({ blocks }) => !blocks.has("0 2"));
  assert.deepEqual([...model.blocks.keys()], ["0 1"], "the small window tells of blocks that are still there");
  await end(second);
});

function storedOf(id: number, hash: number, window: number): Json {
  return storedJson(id, [block(hash, 4)], { window });
}

/** The first snapshot that is as wanted; it must be complete. */
function blocksOf(service: Service, isWanted: (model: BlockModel) => boolean): Promise<BlockModel> {
  return eventually("the snapshot shows what was published", LIMIT_MS, async () => {
    const response = await fetch(`${service.facts.url}/v1/kv/snapshot`);
    const { model, header } = readSnapshotBody(new Uint8Array(await response.arrayBuffer()));
    assert.equal(header.complete, header.ranks.length > 0);
    return isWanted(model) ? model : null;
  });
}
