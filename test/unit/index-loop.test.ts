/** The indexer's loop, on a ring that shows it at each look just what a test wants. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { INDEX_CELLS } from "../../src/shared/index-cells.ts";
import type { IndexMessage, IndexRequest, SavedState } from "../../src/shared/index-messages.ts";
import type { SnapshotReply } from "../../src/shared/messages.ts";
import { RingIndexer } from "../../src/shared/ring-indexer.ts";
import { CONTROL, STOP } from "../../src/shared/ring-layout.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { BlockIndex } from "../../src/workers/block-index.ts";
import { IndexLoop } from "../../src/workers/index-loop.ts";
import { OversizeReader } from "../../src/workers/oversize.ts";
import { StateKeeper } from "../../src/workers/state-keeper.ts";
import { followed } from "../support/saved-ranks.ts";

const STATE: SavedState = {
  epoch: { uuid: "0f8fad5b-d9cb-469f-a165-70867728950e", startedSeconds: 1 },
  nextSequence: 0,
  clean: false,
  ranks: new Map([[0, followed(7)]]),
};
const LONG_MS = 10_000;

/** Its only slot holds no events, and is there or not as `looks` says. */
class ScriptedRing extends RingIndexer {
  looks: () => boolean = () => false;

  override peek(): number {
    return this.looks() ? this.memory.slotWord(0) : -1;
  }

  stop(): void {
    Atomics.store(this.memory.words, CONTROL.stop, STOP.now);
    this.bell.ring();
  }
}

interface Rig {
  readonly ring: ScriptedRing;
  readonly reports: IndexMessage[];
  readonly ask: (request: IndexRequest, transfer?: MessagePort[]) => void;
  readonly run: () => Promise<void>;
  onReport: () => void;
}

function rig(t: TestContext): Rig {
  const directory = mkdtempSync(path.join(tmpdir(), "kvcast-loop-"));
  const memory = RingMemory.allocate({ slots: 4, slotBytes: 4096 });
  const ring = new ScriptedRing(memory);
  const requests = new MessageChannel();
  const oversize = new MessageChannel();
  const owner = { engine: "test", wireFormat: "vllm" } as const;
  const reports: IndexMessage[] = [];
  const made: Rig = {
    ring,
    reports,
    ask: (request, transfer = []) => requests.port1.postMessage(request, transfer),
    run: () => loop.run(),
    onReport: () => {},
  };
  const loop = new IndexLoop(
    {
      ring,
      oversize: new OversizeReader(oversize.port1, null),
      index: new BlockIndex({ maxBlocks: 100, kvBlockSizeTokens: 4, keepTokens: true }),
      counters: CounterBlock.allocate(INDEX_CELLS.size),
      wireFormat: "vllm",
      engines: 1,
      attentionDpSize: 1,
      keeper: new StateKeeper(directory, owner, () => void ring.bell.ring()),
      requests: requests.port2,
      report: (message) => {
        reports.push(message);
        made.onReport();
      },
    },
    null,
  );
  // A pending wait of the loop keeps no process alive. Nor may a loop that misses its cue go on for ever.
  const late = setTimeout(() => ring.stop(), LONG_MS);
  t.after(() => {
    clearTimeout(late);
    requests.port1.close();
    oversize.port1.close();
    rmSync(directory, { recursive: true });
  });
  return made;
}

test("a save that is asked for before the slot behind it is committed begins before that slot", async (t) => {
  const made = rig(t);
  const { ring, reports, ask, run } = made;
  let looks = 0;
  ring.looks = () => {
    if (looks++ > 0) return false;
    // All this happens on main between two looks of the loop: the save is asked for, the slot committed and published.
    ask({ type: "save", position: 0, state: STATE });
    return true;
  };
  made.onReport = () => ring.stop();
  await run();
  assert.deepEqual(reports, [{ type: "saved", clean: false, blocks: 0, reason: null }]);
});

test("a save whose moment has passed is answered, not kept for ever", async (t) => {
  const made = rig(t);
  const { ring, reports, ask, run } = made;
  let looks = 0;
  ring.looks = () => looks++ === 0;
  made.onReport = () => ring.stop();
  const loop = run();
  ask({ type: "save", position: -3, state: STATE });
  ring.bell.ring();
  await loop;
  assert.deepEqual(
    reports.map((message) => message.type === "saved" && message.reason),
    ["the moment to be saved has passed"],
  );
});

test("a slot that is there each time the loop is about to sleep does not keep the event loop from its turn", async (t) => {
  const { ring, run } = rig(t);
  let turns = 0;
  const count = (): void => {
    turns++;
    turn = setImmediate(count);
  };
  let turn = setImmediate(count);
  t.after(() => clearImmediate(turn));
  const untilMs = performance.now() + 100;
  let looks = 0;
  ring.looks = () => {
    if (performance.now() > untilMs) ring.stop();
    // Not there, then there when it is looked for again before the sleep, and at the loop's next look.
    return looks++ % 3 > 0;
  };
  await run();
  assert.ok(looks > 100, "many slots");
  assert.ok(turns >= 3, `${turns} turns in a tenth of a second`);
});

test("a snapshot that nobody pulls is closed, be there ever so many slots", async (t) => {
  const { ring, ask, run } = rig(t);
  ring.looks = () => true;
  const { port1, port2 } = new MessageChannel();
  ask({ type: "port", port: port2 }, [port2]);
  const replies: SnapshotReply["type"][] = [];
  const { performance } = globalThis;
  const now = performance.now.bind(performance);
  let laterMs = 0;
  t.mock.method(performance, "now", () => now() + laterMs);
  port1.on("message", (reply: SnapshotReply) => {
    replies.push(reply.type);
    if (reply.type === "header") laterMs = 31_000;
    else ring.stop();
  });
  port1.postMessage({ type: "open", id: 1 });
  await run();
  port1.close();
  assert.deepEqual(replies, ["header", "refused"]);
});
