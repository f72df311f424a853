/**
 * A state that is written while events are published holds exactly the events that main counted in when it was cut: one more or
 * less, and a restart would miss an event or clear for nothing.
 */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { newEpoch } from "../../src/main/epoch.ts";
import type { SnapshotOptions } from "../../src/main/pipeline/index-thread.ts";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { PublisherThread } from "../../src/main/pipeline/publisher-thread.ts";
import type { FollowedRank, SavedState } from "../../src/shared/index-messages.ts";
import { StateSaver } from "../../src/main/pipeline/state-saver.ts";
import { BlockChurn } from "../support/block-churn.ts";
import { BlockModel, readSnapshot, type ReadSnapshot } from "../support/block-model.ts";
import { within } from "../support/fault/deadline.ts";
import { numbered, pipelineOptions } from "../support/pipeline-parts.ts";
import { followed } from "../support/saved-ranks.ts";
import { WireBatch } from "../support/wire.ts";

const RANKS = 2;
const SEED = 11;
const EVENTS = 6000;

function indexed(directory: string, more: Partial<SnapshotOptions> = {}): Pipeline {
  return new Pipeline(
    pipelineOptions({
      zmq: null,
      snapshot: {
        maxBlocks: 100_000,
        keepTokens: true,
        attentionDpSize: RANKS,
        stateDir: directory,
        engine: "test",
        onDeath: (_reason, message) => assert.fail(message),
        onSaved: () => {},
        ...more,
      },
    }),
  );
}

function nothing(): void {}

async function stateDir(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "kvcast-save-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function modelOf(events: Iterable<{ event: PublishedEvent; rank: number }>): BlockModel {
  const model = new BlockModel();
  for (const { event, rank } of events) {
    const batch = new WireBatch();
    batch.add(event);
    for (const { payload } of batch.encode("vllm", 4, rank).entries) model.apply(payload);
  }
  return model;
}

function expected(count: number): BlockModel {
  const events = [...new BlockChurn(SEED, RANKS).events(count)];
  return modelOf(events.map((event) => ({ event, rank: event.rank })));
}

/** What a pipeline that starts with that directory finds. */
async function restored(
  t: TestContext,
  directory: string,
): Promise<{ saved: SavedState | null; snapshot: ReadSnapshot }> {
  const pipeline = indexed(directory);
  t.after(() => pipeline.stop(1000));
  const { saved, refusal } = await pipeline.loadIndex();
  assert.equal(refusal, null);
  await pipeline.start();
  const { snapshot } = await pipeline.openSnapshot();
  assert.ok(snapshot);
  const payloads: Uint8Array[] = [];
  for (let piece = await snapshot.next(); piece !== null; piece = await snapshot.next()) payloads.push(piece);
  return { saved, snapshot: readSnapshot(snapshot.header, payloads) };
}

void test("states that are cut in the middle of a flood hold what they say", async (t) => {
  const directory = await stateDir(t);
  let savedNow: () => void = nothing;
  const pipeline = indexed(directory, {
    onSaved: (_clean, _blocks, reason) => {
      assert.equal(reason, null);
      savedNow();
    },
  });
  t.after(() => pipeline.stop(0));
  await pipeline.start();
  const epoch = newEpoch();
  let taken = 0;
  let checks = 0;
  let check: Promise<void> = Promise.resolve();
  for (const event of new BlockChurn(SEED, RANKS).events(EVENTS)) {
    while (!pipeline.offer(event)) {
      pipeline.flush();
      await pipeline.writable();
    }
    taken++;
    if (taken % 97 === 0) pipeline.flush();
    if (taken % 1500 !== 700) continue;
    await check;
    // Somewhere inside a batch, with slots under way.
    let position = pipeline.cut();
    for (; position === null; position = pipeline.cut()) await pipeline.writable();
    const cutAt = taken;
    const saved = new Promise<void>((resolve) => (savedNow = resolve));
    void pipeline.saveIndex(position, { epoch, nextSequence: 0, clean: false, ranks: new Map([[0, followed(cutAt)]]) });
    // Events go on meanwhile.
    check = (async (): Promise<void> => {
      await saved;
      // What another process would find, which may not have the directory itself meanwhile.
      const copy = await stateDir(t);
      await copyFile(path.join(directory, "blocks.kvcast"), path.join(copy, "blocks.kvcast"));
      const { saved: state, snapshot } = await restored(t, copy);
      assert.equal(state?.ranks.get(0)?.lastEventId, cutAt);
      assert.equal(state.clean, false);
      assert.equal(state.epoch.uuid, epoch.uuid);
      assert.deepEqual(snapshot.model.entries(), expected(cutAt).entries(), `cut at ${cutAt}`);
      checks++;
    })();
  }
  await check;
  assert.equal(checks, 4);
});

void test("an orderly end is written with the number that comes next, and counts once", async (t) => {
  const directory = await stateDir(t);
  const first = indexed(directory);
  await first.start({ epoch: newEpoch(), firstSequence: 1000 });
  const epoch = newEpoch();
  first.onOrderlyEnd((nextSequence) => ({ epoch, nextSequence, clean: true, ranks: new Map([[1, followed(5)]]) }));
  for (const event of new BlockChurn(SEED, RANKS).events(200)) {
    while (!first.offer(event)) await first.writable();
  }
  first.flush();
  assert.deepEqual(await first.stop(5000), { droppedEvents: 0, forced: false });

  const second = indexed(directory);
  const { saved } = await second.loadIndex();
  assert.equal(saved?.clean, true);
  assert.ok(saved.nextSequence > 1000);
  assert.deepEqual(saved.epoch, epoch);
  assert.deepEqual(saved.ranks, new Map([[1, followed(5)]]));
  // It never gave a number out, so all is as it was.
  await second.stop(0);
  const third = indexed(directory);
  assert.deepEqual((await third.loadIndex()).saved, saved);
  await third.start({ epoch, firstSequence: saved.nextSequence });
  assert.equal(third.offer(numbered(1)), true);
  // Ended without a word of its own: what is in the file is out of date.
  await third.stop(2000);
  const { saved: fourth, snapshot } = await restored(t, directory);
  assert.equal(fourth?.clean, false);
  assert.deepEqual(snapshot.model.entries(), expected(200).entries());
});

void test("a directory that cannot be used is a refusal, not a failure", async (t) => {
  const directory = await stateDir(t);
  const pipeline = indexed(path.join(directory, "file", "below"));
  t.after(() => pipeline.stop(0));
  await writeFile(path.join(directory, "file"), "");
  const { saved, refusal } = await pipeline.loadIndex();
  assert.equal(saved, null);
  assert.match(refusal ?? "", /ENOTDIR/u);
  await pipeline.start();
  assert.equal((await pipeline.openSnapshot()).refused, null);
});

void test("a state is saved at the first moment at which no event is in between", async (t) => {
  const states: SavedState[] = [];
  let ids: ReadonlyMap<number, FollowedRank> | null = null;
  let position: number | null = null;
  let version = 0;
  let done: () => void = nothing;
  const saved = new Promise<void>((resolve) => (done = resolve));
  const asked: string[] = [];
  const saver = new StateSaver(
    {
      epoch: newEpoch,
      ranks: () => {
        asked.push("ids");
        const found = ids;
        ids = new Map([[0, followed(7)]]);
        return found;
      },
      cut: () => {
        asked.push("cut");
        const found = position;
        position = 42;
        return found;
      },
      save: (at, state) => {
        assert.equal(at, 42);
        states.push(state);
        done();
        return Promise.resolve(true);
      },
      version: () => version,
    },
    10,
  );
  t.after(() => saver.stop());
  saver.start();
  version = 1;
  const keepAlive = setInterval(() => {}, 1000);
  await saved;
  clearInterval(keepAlive);
  assert.deepEqual(asked, ["ids", "ids", "cut", "ids", "cut"]);
  assert.deepEqual(states[0]?.ranks, new Map([[0, followed(7)]]));
  assert.equal(states[0]?.clean, false);
  assert.deepEqual(saver.last(99)?.ranks, new Map([[0, followed(7)]]));
  assert.equal(saver.last(99)?.nextSequence, 99);
});

void test("a save that failed is made again though nothing happened; while one is under way no other is", async (t) => {
  const answers: ((isSaved: boolean) => void)[] = [];
  let periods = 0;
  let onPeriod: () => void = nothing;
  let asked: () => void = nothing;
  const saver = new StateSaver(
    {
      epoch: newEpoch,
      ranks: () => new Map([[0, followed(7)]]),
      cut: () => 42,
      save: () =>
        new Promise((resolve) => {
          answers.push(resolve);
          asked();
        }),
      version: () => {
        periods++;
        onPeriod();
        return periods === 1 ? 0 : 1;
      },
    },
    10,
  );
  const keepAlive = setInterval(() => {}, 1000);
  t.after(() => {
    clearInterval(keepAlive);
    saver.stop();
  });
  const next = (): Promise<void> => new Promise((resolve) => (asked = resolve));
  let save = next();
  saver.start();
  await save;
  assert.equal(answers.length, 1);
  save = next();
  answers[0]?.(false);
  await within("it is made again", 5000, save);
  assert.equal(answers.length, 2, "it failed, so it is made again");
  answers[1]?.(true);
  const later = periods + 3;
  await new Promise<void>((resolve) => {
    onPeriod = (): void => {
      if (periods >= later) resolve();
    };
  });
  assert.equal(answers.length, 2, "it was written, and nothing has happened since");
});

void test("a pipeline that gave up events writes no orderly state: their ids would be in it", async (t) => {
  const directory = await stateDir(t);
  const pipeline = new Pipeline(
    pipelineOptions({
      ringSlots: 2,
      snapshot: {
        maxBlocks: 100,
        keepTokens: true,
        attentionDpSize: 1,
        stateDir: directory,
        engine: "test",
        onDeath: (_reason, message) => assert.fail(message),
        onSaved: () => assert.fail("nothing is to be written"),
      },
    }),
  );
  await pipeline.start();
  pipeline.onOrderlyEnd(() => assert.fail("this is no orderly end"));
  // Nobody has subscribed, so the ring stays full, with a batch open behind it.
  while (pipeline.offer(numbered(1)));
  // A publisher that gets through with the ring in the last moment has dropped nothing itself.
  t.mock.method(PublisherThread.prototype, "stop", () => Promise.resolve(0));
  await pipeline.stop(0);
});
