/**
 * The number of a snapshot where heartbeats are sent: whoever goes on behind it meets no number that nobody can explain, and
 * none twice.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { receiveOne, startPipeline } from "../support/pipeline-run.ts";
import { offerAll } from "../support/offering.ts";
import { numbered } from "../support/pipeline-parts.ts";
import { readSnapshot } from "../support/block-model.ts";

const HEARTBEAT_MS = 20;
const SNAPSHOT = {
  maxBlocks: 1000,
  keepTokens: true,
  attentionDpSize: 1,
  stateDir: null,
  engine: "test",
  onDeath: (): void => {},
  onSaved: (): void => {},
};

void test("a snapshot of an idle service contains the heartbeats before it", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, { snapshot: SNAPSHOT, heartbeatMs: HEARTBEAT_MS });
  const sequenceNow = async (): Promise<number> => {
    const { snapshot } = await pipeline.openSnapshot();
    assert.ok(snapshot);
    snapshot.cancel();
    return readSnapshot(snapshot.header, []).header.sequence;
  };
  await offerAll(pipeline, [numbered(1)]);
  let last = -1;
  for (let beats = 0; beats < 5;) {
    const message = await receiveOne(subscriber);
    assert.equal(message.sequence, last + 1);
    last = message.sequence;
    if (message.numbers.length === 0) beats++;
  }
  // What has arrived was sent before the snapshot was asked for.
  assert.ok((await sequenceNow()) >= last, `a subscriber at ${last} would see a gap`);
});
