/**
 * Snapshots of a running pipeline: each equals what a subscriber makes of all messages up to the number it names, whatever is
 * published meanwhile.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Dealer, type Subscriber } from "zeromq";
import { snapshotRoute } from "../../src/main/http/snapshot-route.ts";
import type { SnapshotOptions } from "../../src/main/pipeline/index-thread.ts";
import type { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import type { PipelineOptions } from "../../src/main/pipeline/pipeline-contract.ts";
import type { OpenSnapshot, SnapshotAnswer } from "../../src/main/pipeline/snapshot-client.ts";
import { BlockChurn } from "../support/block-churn.ts";
import { BlockModel, readSnapshot, readSnapshotBody, type ReadSnapshot } from "../support/block-model.ts";
import { IMPLEMENTATIONS, startTestServer } from "../support/http-servers.ts";
import { offerAll, range } from "../support/offering.ts";
import { large } from "../support/pipeline-parts.ts";
import { startPipeline } from "../support/pipeline-run.ts";

const RANKS = 3;

function snapshotOptions(options: Partial<SnapshotOptions> = {}): SnapshotOptions {
  return {
    maxBlocks: 100_000,
    keepTokens: true,
    attentionDpSize: RANKS,
    stateDir: null,
    engine: "test",
    onDeath: () => {},
    onSaved: () => {},
    ...options,
  };
}

interface Run {
  readonly pipeline: Pipeline;
  /** Messages by sequence number, as they come. */
  readonly messages: Map<number, Buffer>;
  /** Resolves when that number has come. */
  readonly until: (sequence: number) => Promise<void>;
  readonly fatal: readonly Error[];
}

function nothing(): void {}

async function start(t: TestContext, options: Partial<PipelineOptions> = {}): Promise<Run> {
  const run = await startPipeline(t, { snapshot: snapshotOptions(), ...options });
  const messages = new Map<number, Buffer>();
  let changed = nothing;
  void collect(run.subscriber, (sequence, payload) => {
    messages.set(sequence, payload);
    changed();
  });
  const until = async (sequence: number): Promise<void> => {
    while (!messages.has(sequence)) await new Promise<void>((resolve) => (changed = resolve));
  };
  return { pipeline: run.pipeline, messages, until, fatal: run.fatal };
}

async function collect(subscriber: Subscriber, take: (sequence: number, payload: Buffer) => void): Promise<void> {
  for await (const [, sequence, payload] of subscriber) {
    assert.ok(sequence !== undefined && payload !== undefined);
    take(Number(sequence.readBigUInt64BE()), payload);
  }
}

/** Compares snapshots with what the messages up to their number come to. */
async function assertEqualModel({ messages, until }: Run, snapshots: readonly ReadSnapshot[]): Promise<void> {
  const model = new BlockModel();
  let next = 0;
  for (const { header, model: shown } of snapshots.toSorted((a, b) => a.header.sequence - b.header.sequence)) {
    if (header.sequence >= 0) await until(header.sequence);
    for (; next <= header.sequence; next++) {
      const payload = messages.get(next);
      assert.ok(payload, `message ${next} did not come`);
      model.apply(payload);
    }
    assert.deepEqual(shown.entries(), model.entries(), `at ${header.sequence}`);
    assert.equal(header.blocks, model.blocks.size);
    assert.equal(
      header.ranks.reduce((sum, rank) => sum + rank.blocks, 0),
      header.blocks,
    );
  }
}

function opened({ snapshot, refused }: SnapshotAnswer): OpenSnapshot {
  assert.equal(refused, null);
  assert.ok(snapshot);
  return snapshot;
}

async function read(snapshot: OpenSnapshot): Promise<ReadSnapshot> {
  const payloads: Uint8Array[] = [];
  for (let piece = await snapshot.next(); piece !== null; piece = await snapshot.next()) payloads.push(piece);
  return readSnapshot(snapshot.header, payloads);
}

const REPLAY = {
  endpoint: "tcp://127.0.0.1:*",
  framing: "v2",
  evicted: "suffix",
  maxBytes: 1 << 20,
  maxBatches: 1000,
} as const;

/** The same over the replay socket, as a client does it. */
async function readOverReplay(t: TestContext, { pipeline }: Run): Promise<ReadSnapshot> {
  const dealer = new Dealer({ linger: 0, receiveTimeout: 10_000 });
  t.after(() => dealer.close());
  dealer.connect(pipeline.replayEndpoint() ?? "");
  await dealer.send(["", "snapshot", ""]);
  const [, kind, , header] = await dealer.receive();
  assert.equal(kind?.toString(), "snapshot");
  assert.ok(header);
  const payloads: Buffer[] = [];
  for (;;) {
    const [, topic, number, payload] = await dealer.receive();
    assert.ok(number !== undefined && payload !== undefined);
    if (number.length === 8) break;
    assert.equal(topic?.toString(), "kv");
    payloads.push(payload);
  }
  return readSnapshot(header, payloads);
}

async function takeSnapshots(count: number, take: () => Promise<ReadSnapshot>): Promise<ReadSnapshot[]> {
  const taken: ReadSnapshot[] = [];
  while (taken.length < count) taken.push(await take());
  return taken;
}

void test("snapshots taken while events are published equal the model at their number", async (t) => {
  const run = await start(t);
  const { pipeline } = run;
  const take = async (): Promise<ReadSnapshot> => read(opened(await pipeline.openSnapshot()));
  const empty = await take();
  assert.equal(empty.header.sequence, -1);
  assert.equal(empty.header.complete, true);
  const churn = new BlockChurn(1, RANKS);
  await offerAll(pipeline, churn.events(6000));
  const during: ReadSnapshot[] = [];
  // Each is opened somewhere within 1500 events, and no two of those lie in the same place.
  while (during.length < 8) {
    const [snapshot] = await Promise.all([take(), offerAll(pipeline, churn.events(1500))]);
    during.push(snapshot);
  }
  const after = await take();
  await assertEqualModel(run, [empty, ...during, after]);
  assert.ok(after.header.blocks > 1000, "enough happened");
  assert.equal(after.header.complete, true);
  assert.equal(after.header.version, 1);
  assert.equal(after.header.block_size, 4);
  assert.ok(new Set(during.map((one) => one.header.sequence)).size > 3, "snapshots of different moments");
  assert.deepEqual(run.fatal, []);
});

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: the same over HTTP`, async (t) => {
    const run = await start(t);
    const { pipeline } = run;
    const { server } = await startTestServer(t, implementation, [snapshotRoute(() => pipeline.openSnapshot())]);
    const take = async (): Promise<ReadSnapshot> => {
      const response = await fetch(`${server.url}/v1/kv/snapshot`);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/msgpack");
      return readSnapshotBody(new Uint8Array(await response.arrayBuffer()));
    };
    const [during] = await Promise.all([
      takeSnapshots(4, take),
      offerAll(pipeline, new BlockChurn(2, RANKS).events(6000)),
    ]);
    await assertEqualModel(run, [...during, await take()]);
  });
}

void test("the same over the replay socket", async (t) => {
  const run = await start(t, { replay: REPLAY });
  const take = (): Promise<ReadSnapshot> => readOverReplay(t, run);
  const [during] = await Promise.all([
    takeSnapshots(4, take),
    offerAll(run.pipeline, new BlockChurn(5, RANKS).events(6000)),
  ]);
  await assertEqualModel(run, [...during, await take()]);
});

void test("an event larger than a slot is in the snapshot", async (t) => {
  const run = await start(t);
  await offerAll(run.pipeline, [large(1, 5000)]);
  await run.until(0);
  const snapshot = await read(opened(await run.pipeline.openSnapshot()));
  await assertEqualModel(run, [snapshot]);
  assert.equal(snapshot.header.blocks, 5000);
});

void test("four snapshots at a time; the fifth is told to come again", async (t) => {
  const { pipeline } = await start(t);
  // More than is made ahead: a snapshot that nobody reads stays open.
  await offerAll(
    pipeline,
    range(20).map((n) => large(n * 5000, 5000)),
  );
  const open = await Promise.all(Array.from({ length: 4 }, async () => opened(await pipeline.openSnapshot())));
  const fifth = await pipeline.openSnapshot();
  assert.equal(fifth.refused, "busy");
  open[0]?.cancel();
  const again = opened(await pipeline.openSnapshot());
  assert.equal((await read(again)).model.blocks.size, 100_000);
  for (const snapshot of open) snapshot.cancel();
});

void test("without an index there is none: 404 over HTTP", async (t) => {
  const { pipeline } = await start(t, { snapshot: null });
  assert.equal((await pipeline.openSnapshot()).refused, "off");
  for (const implementation of IMPLEMENTATIONS) {
    const { server, counted } = await startTestServer(t, implementation, [
      snapshotRoute(() => pipeline.openSnapshot()),
    ]);
    const response = await fetch(`${server.url}/v1/kv/snapshot`);
    assert.equal(response.status, 404);
    assert.equal(((await response.json()) as { error: string }).error, "off");
    assert.deepEqual(counted(), { "/v1/kv/snapshot 404": 1 });
  }
});

void test("the index thread dies: publishing goes on, and the snapshot says that it lacks blocks", async (t) => {
  let died: (reason: string) => void = nothing;
  const death = new Promise<string>((resolve) => (died = resolve));
  const run = await start(t, {
    snapshot: snapshotOptions({ onDeath: (reason) => died(reason) }),
    replay: REPLAY,
    indexEntry: new URL("../support/dying-indexer.js", import.meta.url),
  });
  const { pipeline } = run;
  await offerAll(pipeline, new BlockChurn(3, RANKS).events(5000));
  assert.equal(await death, "error");
  await offerAll(pipeline, new BlockChurn(4, RANKS).events(1000));
  const snapshot = await read(opened(await pipeline.openSnapshot()));
  assert.equal(snapshot.header.complete, false);
  await run.until(snapshot.header.sequence);
  for (let sequence = 0; sequence <= snapshot.header.sequence; sequence++) assert.ok(run.messages.has(sequence));
  // The publisher has been handed a port to the new thread.
  const again = await readOverReplay(t, run);
  assert.equal(again.header.complete, false);
  assert.ok(again.header.sequence >= snapshot.header.sequence);
  assert.equal(again.header.blocks, again.model.blocks.size);
  const indexer = pipeline.workers().find((worker) => worker.name === "indexer");
  assert.equal(indexer?.restarts.error, 1);
  assert.equal(indexer.up, true);
  assert.deepEqual(run.fatal, []);
  const report = await pipeline.stop(5000);
  assert.deepEqual(report, { droppedEvents: 0, forced: false });
});
