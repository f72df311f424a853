/**
 * A thread that keeps a publisher's books as fast as it can, until it is told to stop. Each update takes some events
 * out of the ring and sends or drops them: at any moment between updates dequeued = sent + dropped.
 *
 *   control   [0] 1 = stop   [1] 1 = running
 */
import { parentPort, workerData } from "node:worker_threads";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { EVENT_TYPES, SINK_DROP_REASONS } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";

export interface CountingWorkerData {
  readonly block: SharedArrayBuffer;
  readonly control: Int32Array<SharedArrayBuffer>;
}

function count({ block, control }: CountingWorkerData): number {
  const counters = new CounterBlock(block);
  Atomics.store(control, 1, 1);
  Atomics.notify(control, 1);
  let updates = 0;
  for (; Atomics.load(control, 0) === 0; updates++) {
    const events = 1 + (updates % 7);
    counters.begin();
    counters.add(PUBLISHER_CELLS.dequeuedEvents, events);
    if (updates % 5 === 0) {
      counters.add(PUBLISHER_CELLS.zmqDroppedEvents + (updates % SINK_DROP_REASONS.length), events);
    } else {
      counters.add(PUBLISHER_CELLS.zmqSentEvents + (updates % EVENT_TYPES.length), events);
      counters.add(PUBLISHER_CELLS.zmqSentBatches, 1);
      counters.observe(PUBLISHER_CELLS.publishDuration, 0.001);
    }
    counters.end();
  }
  return updates;
}

parentPort?.postMessage(count(workerData));
