/** Workers that come and go, with their publishers: real sockets, in this process. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Models } from "../../src/main/router-feed/models.ts";
import { type Registration, Workers } from "../../src/main/router-feed/workers.ts";
import { TIER } from "../../src/shared/tier.ts";
import { eventually } from "../support/fault/deadline.ts";
import { recordingLogger } from "../support/http-servers.ts";
import { columnsOf } from "../support/router-columns.ts";
import { ScriptedPublisher, storedPayload } from "../support/scripted-publisher.ts";

const PATIENCE_MS = 20_000;
const NAME = { model: "default", group: "default" };

async function registered(t: TestContext): Promise<{
  readonly publisher: ScriptedPublisher;
  readonly workers: Workers;
  readonly registration: Registration;
  readonly pairs: () => number;
  readonly models: Models;
}> {
  const models = new Models({ maxPairs: 1000, onFull: "refuse" });
  const workers = new Workers(models, recordingLogger().log);
  t.after(() => workers.stop());
  const publisher = await ScriptedPublisher.bind(t);
  const subscribed = publisher.subscribed();
  const source = { endpoint: publisher.endpoint, replayEndpoint: null, replayFraming: "v2", sync: false } as const;
  const registration = { ...NAME, worker: 7n, rank: 0, blockSizeTokens: 2, source };
  assert.equal(workers.register(registration), null);
  await subscribed;
  return { publisher, workers, registration, models, pairs: () => models.find(NAME)?.feed.index.pairs ?? -1 };
}

test(
  "a worker that is unregistered is forgotten at once; registered in the same moment it keeps what it learns",
  { timeout: 60_000 },
  async (t) => {
    const { publisher, workers, registration, pairs } = await registered(t);
    const pairsAre = (wanted: number): Promise<unknown> =>
      eventually(`${wanted} pairs`, PATIENCE_MS, () => Promise.resolve(pairs() === wanted ? true : null));
    await publisher.send(0, storedPayload(1));
    await pairsAre(1);
    const gone = workers.unregister(NAME, 7n, null);
    assert.equal(pairs(), 0, "before its sockets are closed");
    assert.equal(workers.register(registration), null);
    let sequence = 0;
    await eventually("a block that is told of again and again", PATIENCE_MS, async () => {
      await publisher.send(++sequence, storedPayload(2));
      return pairs() === 1 ? true : null;
    });
    assert.equal(await gone, true);
    assert.equal(pairs(), 1);
    assert.equal(await workers.unregister(NAME, 7n, 1), false, "it has no rank 1");
    assert.equal(await workers.unregister(NAME, 7n, 0), true);
    assert.deepEqual([pairs(), workers.status({})], [0, []]);
  },
);

test("a worker that is known over NATS alone can be forgotten, one rank or all; what a publisher tells of stays", async (t) => {
  const { publisher, workers, models, pairs } = await registered(t);
  await publisher.send(0, storedPayload(1, { rank: 3 }));
  await eventually("one pair", PATIENCE_MS, () => Promise.resolve(pairs() === 1 ? true : null));
  const model = models.find(NAME);
  assert.ok(model);
  const { feed, loads } = model;
  for (const [worker, rank] of [
    [9n, 0],
    [9n, 1],
    [9n, 2],
    [7n, 5],
  ] as const) {
    feed.store(feed.index.owner(worker, rank), TIER.device, columnsOf(null, [1n, 2n], [1n, 2n]));
    loads.set(worker, rank, 1, 1);
  }
  assert.equal(pairs(), 9);
  assert.equal(await workers.unregister(NAME, 9n, 1), true);
  assert.deepEqual([pairs(), feed.index.owners.of(9n).length, loads.find(9n, 1)], [7, 2, null]);
  assert.equal(await workers.unregister(NAME, 9n, 1), false);
  assert.equal(await workers.unregister({ ...NAME, model: "other" }, 9n, null), false);
  assert.equal(await workers.unregister(NAME, 9n, null), true);
  assert.deepEqual([pairs(), feed.index.owners.of(9n).length], [3, 0]);
  assert.equal(await workers.unregister(NAME, 7n, 3), false, "its publisher is registered as another rank, and lives");
  assert.equal(await workers.unregister(NAME, 7n, 5), true);
  assert.equal(pairs(), 1);
  assert.equal(await workers.unregister(NAME, 7n, null), true);
  assert.deepEqual([pairs(), feed.index.owners.all(), workers.status({})], [0, [], []]);
});
