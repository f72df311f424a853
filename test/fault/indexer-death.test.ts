/**
 * Whatever becomes of the index thread, publishing goes on: it hangs, or it cannot be started at all. (That it dies once is in
 * `snapshot.test.ts`.)
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SnapshotOptions } from "../../src/main/pipeline/index-thread.ts";
import { publishNumbered, startPipeline } from "../support/pipeline-run.ts";

function snapshotOptions(onDeath: SnapshotOptions["onDeath"]): SnapshotOptions {
  return {
    maxBlocks: 10_000,
    keepTokens: true,
    attentionDpSize: 1,
    stateDir: null,
    engine: "test",
    onDeath,
    onSaved: () => {},
  };
}

function nothing(): void {}

void test("an index thread that hangs is replaced before long, and nothing is lost", async (t) => {
  const deaths: string[] = [];
  const run = await startPipeline(t, {
    snapshot: snapshotOptions((reason) => deaths.push(reason)),
    indexEntry: new URL("../support/hanging-indexer.js", import.meta.url),
  });
  // Far more than the ring holds: the flood stands still until the thread is gone.
  const messages = await publishNumbered(run, 5000);
  assert.deepEqual(deaths, ["heartbeat"]);
  assert.deepEqual(
    messages.flatMap((message) => message.numbers),
    Array.from({ length: 5000 }, (_, i) => i + 1),
  );
  const { snapshot } = await run.pipeline.openSnapshot();
  assert.ok(snapshot);
  snapshot.cancel();
  assert.deepEqual(run.fatal, []);
});

void test("an index thread that never comes up is given up, and the service goes on without snapshots", async (t) => {
  let givenUp = nothing;
  const end = new Promise<void>((resolve) => (givenUp = resolve));
  let deaths = 0;
  const run = await startPipeline(t, {
    snapshot: snapshotOptions((_reason, _message, isLast) => {
      deaths++;
      if (isLast) givenUp();
    }),
    indexEntry: new URL("../support/stillborn-indexer.js", import.meta.url),
  });
  await end;
  assert.equal(deaths, 10);
  const messages = await publishNumbered(run, 3000);
  assert.equal(messages.at(-1)?.numbers.at(-1), 3000);
  assert.equal((await run.pipeline.openSnapshot()).refused, "off");
  assert.equal(run.pipeline.workers().find((worker) => worker.name === "indexer")?.up, false);
  assert.deepEqual(run.fatal, []);
  assert.deepEqual(await run.pipeline.stop(3000), { droppedEvents: 0, forced: false });
});
