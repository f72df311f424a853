/** The disk below the state directory is slow, or hangs: publishing goes on, and the end comes in time. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { newEpoch } from "../../src/main/epoch.ts";
import type { SnapshotOptions } from "../../src/main/pipeline/index-thread.ts";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { within } from "../support/fault/deadline.ts";
import { offerAll, range } from "../support/offering.ts";
import { numbered, pipelineOptions } from "../support/pipeline-parts.ts";
import { publishNumbered, startPipeline } from "../support/pipeline-run.ts";
import { followed } from "../support/saved-ranks.ts";
import { requireTool } from "../support/tools.ts";

async function stateDir(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "kvcast-disk-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function snapshotOptions(directory: string): SnapshotOptions {
  return {
    maxBlocks: 100_000,
    keepTokens: true,
    attentionDpSize: 1,
    stateDir: directory,
    engine: "test",
    onDeath: (_reason, message) => assert.fail(message),
    onSaved: () => {},
  };
}

void test("while a save waits for the disk, far more is published than the ring holds", async (t) => {
  const directory = await stateDir(t);
  const run = await startPipeline(t, {
    snapshot: snapshotOptions(directory),
    indexEntry: new URL("../support/slow-disk-indexer.js", import.meta.url),
  });
  await publishNumbered(run, 100);
  let position = run.pipeline.cut();
  for (; position === null; position = run.pipeline.cut()) await run.pipeline.writable();
  let isOver = false;
  const state = { epoch: newEpoch(), nextSequence: 0, clean: false, ranks: new Map([[0, followed(100)]]) };
  const saved = run.pipeline.saveIndex(position, state).then((isSaved) => {
    isOver = true;
    return isSaved;
  });
  for (let i = 0; i < 5; i++) await publishNumbered(run, 2000);
  assert.equal(isOver, false, "the disk has not answered yet");
  assert.equal(existsSync(path.join(directory, "blocks.kvcast")), false);
  await writeFile(path.join(directory, "go"), "");
  assert.equal(await within("the state is written", 5000, saved), true);
  assert.equal(existsSync(path.join(directory, "blocks.kvcast")), true);
});

void test("an index thread that a system call holds does not hold up the end", async (t) => {
  const mkfifo = requireTool(t, "mkfifo");
  if (mkfifo === null) return;
  const directory = await stateDir(t);
  const pipe = path.join(directory, "pipe");
  execFileSync(mkfifo, [pipe]);
  const pipeline = new Pipeline(
    pipelineOptions({
      zmq: null,
      snapshot: snapshotOptions(directory),
      indexEntry: new URL("../support/blocked-indexer.js", import.meta.url),
    }),
  );
  await pipeline.start();
  await offerAll(
    pipeline,
    range(10).map((n) => numbered(n)),
  );
  try {
    const report = await within("the pipeline stops", 4000, pipeline.stop(1500));
    assert.deepEqual(report, { droppedEvents: 0, forced: false });
  } finally {
    // Whatever becomes of the test, the thread is let go.
    await (await open(pipe, "r+")).close();
  }
});
