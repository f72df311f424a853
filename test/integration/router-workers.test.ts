/** Workers that come and go, with their publishers: real sockets, in this process. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Models } from "../../src/main/router-feed/models.ts";
import { type Registration, Workers } from "../../src/main/router-feed/workers.ts";
import { eventually } from "../support/fault/deadline.ts";
import { recordingLogger } from "../support/http-servers.ts";
import { ScriptedPublisher, storedPayload } from "../support/scripted-publisher.ts";

const PATIENCE_MS = 20_000;
const NAME = { model: "default", group: "default" };

async function registered(t: TestContext): Promise<{
  readonly publisher: ScriptedPublisher;
  readonly workers: Workers;
  readonly registration: Registration;
  readonly pairs: () => number;
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
  return { publisher, workers, registration, pairs: () => models.find(NAME)?.feed.index.pairs ?? -1 };
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
