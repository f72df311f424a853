/**
 * PUBLISHER THREAD: the only owner of the sockets and of the sequence counter. Entry: wires the parts and runs the loop.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { CounterBlock, PUBLISHER_CELLS } from "../shared/counters.ts";
import { LayoutError, messageOf } from "../shared/errors.ts";
import { parsePublisherData, type PublisherData, type PublisherMessage } from "../shared/messages.ts";
import { RingMemory } from "../shared/ring-memory.ts";
import { RingPublisher } from "../shared/ring.ts";
import { isSingleEvent } from "../shared/wire-format.ts";
import { OversizeReader } from "./oversize.ts";
import { PublishLoop } from "./publish-loop.ts";
import { Sequencer } from "./sequencer.ts";
import { ZmqSink } from "./zmq-sink.ts";

/** A pending asynchronous wait does not keep a thread alive; this timer does. */
const KEEP_ALIVE_MS = 3_600_000;
/**
 * Where a message carries one event, it is far smaller than a slot: this share of it, 6 KiB by default, holds 32 blocks of 32
 * tokens.
 */
const SINGLE_EVENTS_PER_SLOT = 16;
/** What a socket may take to let go of its last payloads once its linger is over. */
const LETTING_GO_MS = 50;

async function runPublisher(data: PublisherData, report: (message: PublisherMessage) => void): Promise<void> {
  const counters = new CounterBlock(data.counters);
  let sink: ZmqSink | null = null;
  if (data.zmq !== null) {
    try {
      sink = await ZmqSink.bind(data.zmq, usualMessageBytes(data));
    } catch (error) {
      report({ type: "bind-failed", endpoint: data.zmq.endpoint, reason: messageOf(error) });
      return;
    }
  }
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  try {
    counters.set(PUBLISHER_CELLS.publishedSequence, data.firstSequence - 1);
    counters.set(PUBLISHER_CELLS.zmqUp, sink === null ? 0 : 1);
    if (sink !== null) counters.set(PUBLISHER_CELLS.zmqHighWaterMarkMessages, sink.highWaterMarkMessages);
    report({ type: "ready", zmqEndpoint: sink?.endpoint ?? null });
    const memory = new RingMemory(data.ring, data.shape);
    const loop = new PublishLoop({
      ring: new RingPublisher(memory),
      counters,
      oversize: new OversizeReader(data.oversizePort, data.oversize),
      sequencer: new Sequencer(data.firstSequence),
      sink,
      waitSubscribers: data.zmq?.waitSubscribers ?? 0,
      waitSubscribersTimeoutMs: data.zmq?.waitSubscribersTimeoutMs ?? 0,
      report,
    });
    const droppedEvents = await loop.run();
    const lingerMs = droppedEvents === 0 ? memory.lingerMs() : 0;
    const holdMs = await close(sink, lingerMs, data.sharesZmq);
    sink = null;
    counters.set(PUBLISHER_CELLS.zmqUp, 0);
    report({ type: "stopped", droppedEvents });
    await sleep(holdMs);
  } finally {
    // Also on an error: a thread that ends with an open socket is the dangerous case.
    await sleep(await close(sink, 0, data.sharesZmq));
    clearInterval(keepAlive);
    data.oversizePort.close();
  }
}

/** The largest message of ordinary traffic; what is larger (an oversize event) may make a queue exceed its limit. */
function usualMessageBytes(data: PublisherData): number {
  return isSingleEvent(data.wireFormat) ? data.shape.slotBytes / SINGLE_EVENTS_PER_SLOT : data.shape.slotBytes;
}

/**
 * Closes the socket. Resolves with the milliseconds that this thread must live on: what the socket still holds is memory of
 * the thread, and a context that outlives it would go on sending what is no longer there.
 */
async function close(sink: ZmqSink | null, lingerMs: number, sharesZmq: boolean): Promise<number> {
  if (sink === null) return 0;
  await sink.pollSubscriptions();
  const mayHoldPayloads = sink.subscriptions > 0;
  sink.close(lingerMs);
  return sharesZmq && mayHoldPayloads ? lingerMs + LETTING_GO_MS : 0;
}

if (isMainThread || parentPort === null) throw new LayoutError("publisher.js runs as a worker thread only");
const port = parentPort;
await runPublisher(parsePublisherData(workerData), (message) => port.postMessage(message));
