/**
 * INDEX THREAD: keeps what all published events amount to, and hands it out as snapshots. Entry: wires the parts and runs
 * the loop.
 *
 * It is off the way of the events: they are published before it sees them, and when it dies they are published without it.
 */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { CounterBlock } from "../shared/counter-block.ts";
import { LayoutError, messageOf, StateDirTakenError } from "../shared/errors.ts";
import { type IndexData, type IndexMessage, parseIndexData } from "../shared/index-messages.ts";
import { RingIndexer } from "../shared/ring-indexer.ts";
import { RingMemory } from "../shared/ring-memory.ts";
import { BlockIndex } from "./block-index.ts";
import { IndexLoop } from "./index-loop.ts";
import { OversizeReader } from "./oversize.ts";
import { StateKeeper } from "./state-keeper.ts";

/** A pending asynchronous wait does not keep a thread alive; this timer does. */
const KEEP_ALIVE_MS = 3_600_000;

async function runIndexer(data: IndexData, report: (message: IndexMessage) => void): Promise<void> {
  const { stateDir, engine, wireFormat, engines, attentionDpSize, stream } = data;
  const { maxBlocks, kvBlockSizeTokens, keepTokens, keepSalts } = data;
  const options = { maxBlocks, kvBlockSizeTokens, keepTokens, keepSalts };
  const ring = new RingIndexer(new RingMemory(data.ring, data.shape));
  const wake = (): void => void ring.bell.ring();
  const keeper = stateDir === null ? null : new StateKeeper(stateDir, { engine, wireFormat }, wake);
  let index = new BlockIndex(options);
  let ready: IndexMessage = { type: "ready", saved: null, refusal: null };
  if (stream !== null) {
    // It follows one that died, and whose blocks are gone.
    index.markIncomplete();
    keeper?.inherit();
  } else if (keeper !== null) {
    try {
      const { saved, refusal, index: restored } = keeper.restore(options);
      index = restored;
      ready = { type: "ready", saved, refusal };
    } catch (error) {
      if (error instanceof StateDirTakenError) {
        report({ type: "taken", pid: error.pid });
        data.oversizePort.close();
        return;
      }
      // A directory that cannot be written to: later saves will say so again.
      ready = { type: "ready", saved: null, refusal: messageOf(error) };
    }
  }
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  try {
    const loop = new IndexLoop(
      {
        ring,
        oversize: new OversizeReader(data.oversizePort, data.oversize),
        index,
        counters: new CounterBlock(data.counters),
        wireFormat,
        engines,
        attentionDpSize,
        keeper,
        requests: port,
        report,
      },
      stream,
    );
    report(ready);
    await loop.run();
    report({ type: "stopped" });
  } finally {
    clearInterval(keepAlive);
    data.oversizePort.close();
  }
}

if (isMainThread || parentPort === null) throw new LayoutError("indexer.js runs as a worker thread only");
const port = parentPort;
await runIndexer(parseIndexData(workerData), (message) => port.postMessage(message));
