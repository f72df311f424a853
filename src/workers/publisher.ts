/**
 * PUBLISHER THREAD: the only owner of the sockets and of the sequence counter. Entry: wires the parts and runs the loop.
 */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { CounterBlock, PUBLISHER_CELLS } from "../shared/counters.ts";
import { LayoutError, messageOf } from "../shared/errors.ts";
import { parsePublisherData, type PublisherData, type PublisherMessage } from "../shared/messages.ts";
import { RingMemory, RingPublisher } from "../shared/ring.ts";
import { OversizeReader } from "./oversize.ts";
import { PublishLoop } from "./publish-loop.ts";
import { Sequencer } from "./sequencer.ts";
import { ZmqSink } from "./zmq-sink.ts";

/** A pending asynchronous wait does not keep a thread alive; this timer does. */
const KEEP_ALIVE_MS = 3_600_000;

async function runPublisher(data: PublisherData, report: (message: PublisherMessage) => void): Promise<void> {
  const counters = new CounterBlock(data.counters);
  let sink: ZmqSink | null = null;
  if (data.zmq !== null) {
    try {
      sink = await ZmqSink.bind(data.zmq);
    } catch (error) {
      report({ type: "bind-failed", endpoint: data.zmq.endpoint, reason: messageOf(error) });
      return;
    }
  }
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  try {
    counters.set(PUBLISHER_CELLS.publishedSequence, data.firstSequence - 1);
    counters.set(PUBLISHER_CELLS.zmqUp, sink === null ? 0 : 1);
    report({ type: "ready", zmqEndpoint: sink?.endpoint ?? null });
    const loop = new PublishLoop({
      ring: new RingPublisher(new RingMemory(data.ring, data.shape)),
      counters,
      oversize: new OversizeReader(data.oversizePort, data.oversize),
      sequencer: new Sequencer(data.firstSequence),
      sink,
      waitSubscribers: data.zmq?.waitSubscribers ?? 0,
      waitSubscribersTimeoutMs: data.zmq?.waitSubscribersTimeoutMs ?? 0,
      report,
    });
    const droppedEvents = await loop.run();
    sink?.close(droppedEvents === 0 ? data.lingerMs : 0);
    sink = null;
    counters.set(PUBLISHER_CELLS.zmqUp, 0);
    report({ type: "stopped", droppedEvents });
  } finally {
    // Also on an error: a thread that ends with an open socket is the dangerous case.
    sink?.close(0);
    clearInterval(keepAlive);
    data.oversizePort.close();
  }
}

if (isMainThread || parentPort === null) throw new LayoutError("publisher.js runs as a worker thread only");
const port = parentPort;
await runPublisher(parsePublisherData(workerData), (message) => port.postMessage(message));
