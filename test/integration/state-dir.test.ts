/**
 * The index over restarts: `serve` against `sim`, as processes. What a subscriber makes of the messages of both runs together
 * is what the second run's snapshot shows.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { Subscriber } from "zeromq";
import { BlockModel, readSnapshotBody, type ReadSnapshot } from "../support/block-model.ts";
import { scrape } from "../support/books.ts";
import { Kvcast, serve, sim } from "../support/processes.ts";

const RANKS = 2;
const TRAFFIC = `--rate 300 --blocks 3 --tokens 4 --ranks ${RANKS}`;

interface Message {
  readonly sequence: number;
  readonly payload: Buffer;
}

interface Run {
  readonly kvcast: Awaited<ReturnType<typeof serve>>;
  readonly messages: Message[];
  /** Waits until that number has come. */
  readonly until: (sequence: number) => Promise<void>;
}

async function stateDir(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "kvcast-state-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function nothing(): void {}

/** A run of kvcast whose messages are all collected. */
async function start(t: TestContext, engines: string | readonly string[], directory: string): Promise<Run> {
  const list = [engines].flat().map((engine) => `--engine ${engine}`);
  const kvcast = await serve(
    t,
    `${list.join(" ")} --kv-block-size 4 --attention-dp-size ${RANKS} --snapshot --state-dir ${directory} --wait-subscribers 1`,
  );
  const subscriber = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  t.after(() => subscriber.close());
  subscriber.connect(kvcast.facts.zmqEndpoint);
  subscriber.subscribe();
  const messages: Message[] = [];
  let changed = nothing;
  void (async () => {
    for await (const [, number, payload] of subscriber) {
      assert.ok(number !== undefined && payload !== undefined);
      messages.push({ sequence: Number(number.readBigUInt64BE()), payload });
      changed();
    }
  })();
  const until = async (sequence: number): Promise<void> => {
    while ((messages.at(-1)?.sequence ?? -1) < sequence) await new Promise<void>((resolve) => (changed = resolve));
  };
  return { kvcast, messages, until };
}

async function snapshotOf({ kvcast }: Run): Promise<ReadSnapshot> {
  const response = await fetch(`${kvcast.facts.url}/v1/kv/snapshot`);
  assert.equal(response.status, 200);
  return readSnapshotBody(new Uint8Array(await response.arrayBuffer()));
}

/** A snapshot behind at least so many messages of this run. */
async function snapshotAfter(run: Run, messages: number): Promise<ReadSnapshot> {
  while (run.messages.length < messages) await run.until((run.messages.at(-1)?.sequence ?? -1) + 1);
  return snapshotOf(run);
}

async function stop({ kvcast }: Run, signal: NodeJS.Signals): Promise<void> {
  kvcast.child.kill(signal);
  const { code } = await kvcast.exit;
  if (signal === "SIGTERM") assert.equal(code, 0, kvcast.text());
}

async function assertShows(snapshot: ReadSnapshot, run: Run, earlier: readonly Message[]): Promise<void> {
  await run.until(snapshot.header.sequence);
  const model = new BlockModel();
  for (const { payload } of earlier) model.apply(payload);
  for (const { sequence, payload } of run.messages) if (sequence <= snapshot.header.sequence) model.apply(payload);
  assert.deepEqual(snapshot.model.entries(), model.entries());
  assert.equal(snapshot.header.blocks, model.blocks.size);
}

async function injected({ kvcast }: Run): Promise<number> {
  return (await scrape(kvcast.facts.url)).sum("kvcast_injected_events_total");
}

void test("kvcast alone restarts in order: no clear, the numbers go on, the snapshot knows all", async (t) => {
  const engine = await sim(t, TRAFFIC);
  const directory = await stateDir(t);
  const first = await start(t, engine.url, directory);
  const before = await snapshotAfter(first, 50);
  await assertShows(before, first, []);
  assert.equal(before.header.complete, true);
  assert.equal(await injected(first), RANKS);
  await stop(first, "SIGTERM");

  const second = await start(t, engine.url, directory);
  const after = await snapshotAfter(second, 20);
  await assertShows(after, second, first.messages);
  assert.ok(after.header.sequence > before.header.sequence);
  assert.equal(after.header.epoch, before.header.epoch);
  assert.equal(after.header.started, before.header.started);
  assert.equal(after.header.complete, true);
  assert.equal(
    second.messages[0]?.sequence,
    (first.messages.at(-1)?.sequence ?? 0) + 1,
    "no number twice, none left out",
  );
  assert.equal(await injected(second), 0);
  await stop(second, "SIGTERM");
});

void test("a kvcast that is killed begins a new epoch; what its saved index lacks is cleared", async (t) => {
  const engine = await sim(t, TRAFFIC);
  const directory = await stateDir(t);
  const first = await start(t, engine.url, directory);
  await snapshotAfter(first, 30);
  await stop(first, "SIGTERM");
  const second = await start(t, engine.url, directory);
  const before = await snapshotAfter(second, 20);
  await stop(second, "SIGKILL");

  const third = await start(t, engine.url, directory);
  const after = await snapshotAfter(third, 20);
  assert.notEqual(after.header.epoch, before.header.epoch);
  assert.equal(third.messages[0]?.sequence, 0);
  // The events of the second run are in no state, so no rank goes on where the state ends.
  assert.equal(await injected(third), RANKS);
  assert.equal(after.header.complete, false, "the engine holds blocks that nobody told this run of");
  await assertShows(after, third, first.messages);
  await stop(third, "SIGTERM");
});

void test("the engine restarts while kvcast is away: its ranks are cleared before their new events", async (t) => {
  const engine = await sim(t, `${TRAFFIC} --seed 1`);
  const directory = await stateDir(t);
  const first = await start(t, engine.url, directory);
  const before = await snapshotAfter(first, 30);
  await stop(first, "SIGTERM");
  engine.child.kill("SIGKILL");
  await engine.exit;
  const again = new Kvcast(t, `sim --port ${new URL(engine.url).port} ${TRAFFIC} --seed 2`);
  await again.log((record) => record.msg.includes("listens on http"));

  const second = await start(t, engine.url, directory);
  const after = await snapshotAfter(second, 20);
  await assertShows(after, second, first.messages);
  assert.equal(after.header.epoch, before.header.epoch, "the end was orderly, so the numbers go on");
  assert.equal(await injected(second), RANKS);
  const onlyNew = new BlockModel();
  for (const { sequence, payload } of second.messages) if (sequence <= after.header.sequence) onlyNew.apply(payload);
  assert.deepEqual(after.model.entries(), onlyNew.entries(), "nothing of the old engine is left");
  assert.equal(after.header.complete, true);
  await stop(second, "SIGTERM");
});

void test("two engines: each goes on where it was, and one that began anew is cleared alone", async (t) => {
  const stays = await sim(t, `${TRAFFIC} --seed 1`);
  const restarts = await sim(t, `${TRAFFIC} --seed 2`);
  const engines = [`a=${stays.url}`, `b=${restarts.url}`];
  const directory = await stateDir(t);
  const first = await start(t, engines, directory);
  await assertShows(await snapshotAfter(first, 60), first, []);
  assert.equal(await injected(first), 2 * RANKS);
  await stop(first, "SIGTERM");

  const second = await start(t, engines, directory);
  const before = await snapshotAfter(second, 40);
  await assertShows(before, second, first.messages);
  assert.equal(before.header.complete, true);
  assert.equal(await injected(second), 0, "both go on where they were");
  assert.equal(second.messages[0]?.sequence, (first.messages.at(-1)?.sequence ?? 0) + 1);
  await stop(second, "SIGTERM");

  restarts.child.kill("SIGKILL");
  await restarts.exit;
  const again = new Kvcast(t, `sim --port ${new URL(restarts.url).port} ${TRAFFIC} --seed 3`);
  await again.log((record) => record.msg.includes("listens on http"));
  const third = await start(t, engines, directory);
  const after = await snapshotAfter(third, 40);
  await assertShows(after, third, [...first.messages, ...second.messages]);
  assert.equal(after.header.epoch, before.header.epoch);
  const page = await scrape(third.kvcast.facts.url);
  const clears = ["a", "b"].map((engine) => page.sum("kvcast_injected_events_total", { engine }));
  assert.deepEqual(clears, [0, RANKS]);
  await stop(third, "SIGTERM");

  // The same engines in another order have other ranks: nothing of what is saved fits.
  const other = await start(t, engines.toReversed(), directory);
  const { reason } = await other.kvcast.log("the saved index is not used");
  assert.equal(reason, "the saved index belongs to another engine, or to another list of engines");
  const anew = await snapshotAfter(other, 20);
  assert.notEqual(anew.header.epoch, after.header.epoch);
  await assertShows(anew, other, []);
  await stop(other, "SIGTERM");
});

void test("coverage: the index has all blocks that each engine's statistics show", async (t) => {
  const [few, many] = [200, 400];
  const traffic = TRAFFIC.replace("--rate 300", "--rate 2000");
  const engines = await Promise.all([few, many].map((events) => sim(t, `${traffic} --events ${events}`)));
  const run = await start(
    t,
    engines.map(({ url }) => url),
    await stateDir(t),
  );
  for (;;) {
    const page = await scrape(run.kvcast.facts.url);
    const ratios = ["engine0", "engine1"].map((engine) => page.sum("kvcast_index_coverage_ratio", { engine }));
    const received = page.sum("kvcast_source_received_events_total");
    if (ratios.every((ratio) => ratio === 1) && received >= few + many + 2 * RANKS) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal((await snapshotOf(run)).header.complete, true);
  await stop(run, "SIGTERM");
});
