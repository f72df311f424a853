/**
 * PUBLISHER THREAD: the only owner of the sockets and of the sequence counter. Entry: wires the parts and runs the loop.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, type MessagePort, parentPort, workerData } from "node:worker_threads";
import { CounterBlock } from "../shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { BindError, LayoutError } from "../shared/errors.ts";
import {
  parsePublisherData,
  type PublisherData,
  type PublisherMessage,
  type PublisherOrder,
} from "../shared/messages.ts";
import { replayMessageBytes, usualMessageBytes } from "../shared/queue-sizes.ts";
import { RingMemory } from "../shared/ring-memory.ts";
import { RingPlane } from "../shared/ring-plane.ts";
import { RingPublisher } from "../shared/ring.ts";
import { fedBefore } from "./counted-before.ts";
import type { NatsParts } from "./nats-parts.ts";
import { MainWatch } from "./main-watch.ts";
import { OversizeReader } from "./oversize.ts";
import { PublishLoop } from "./publish-loop.ts";
import { ReplayServer } from "./replay-server.ts";
import { ReplayWindow } from "./replay-window.ts";
import { Sequencer } from "./sequencer.ts";
import { SlotFeeder } from "./slot-feeder.ts";
import { ZmqSink } from "./zmq-sink.ts";

/** A pending asynchronous wait does not keep a thread alive; this timer does. */
const KEEP_ALIVE_MS = 3_600_000;
/** Between two tries to bind. */
const BIND_AGAIN_MS = 50;
/** What a socket may take to let go of its last payloads once its linger is over. */
const LETTING_GO_MS = 300;

type Report = (message: PublisherMessage) => void;

/** The sockets of the thread, bound or not wanted. */
interface Sockets {
  readonly sink: ZmqSink | null;
  readonly window: ReplayWindow | null;
  readonly replay: ReplayServer | null;
}

const NO_SOCKETS: Sockets = { sink: null, window: null, replay: null };

/** Starts what has to do with NATS. Its code is loaded only then: it takes a while, and memory. */
async function startNats(
  data: PublisherData,
  memory: RingMemory,
  counters: CounterBlock,
  report: Report,
): Promise<NatsParts | null> {
  const { nats, kvBlockSizeTokens } = data;
  if (nats === null) return null;
  const { NatsParts: Parts } = await import("./nats-parts.ts");
  return new Parts(nats, kvBlockSizeTokens, fedBefore(memory, counters), counters, report, data.zmq !== null);
}

/** Binds what the data asks for. Rejects with BindError; nothing stays bound then. */
async function bindSockets(data: PublisherData, counters: CounterBlock): Promise<Sockets> {
  const { zmq, wireFormat } = data;
  const { slotBytes } = data.shape;
  if (zmq === null) return NO_SOCKETS;
  const messageBytes = usualMessageBytes(wireFormat, slotBytes);
  const sink = await patiently(data.bindPatienceMs, () => ZmqSink.bind(zmq, messageBytes));
  if (data.replay === null) return { sink, window: null, replay: null };
  const { replay, snapshotPort } = data;
  const window = new ReplayWindow(replay.window, replay.maxBytes, replay.maxBatches);
  // What a publisher before this one kept and did not count will be numbered anew.
  window.truncate(data.firstSequence - 1);
  try {
    const bind = (): Promise<ReplayServer> =>
      ReplayServer.bind({
        data: replay,
        window,
        topic: zmq.topic,
        counters,
        snapshotPort,
        messageBytes: replayMessageBytes(wireFormat, slotBytes, snapshotPort !== null),
      });
    return { sink, window, replay: await patiently(data.bindPatienceMs, bind) };
  } catch (error) {
    sink.close(0);
    throw error;
  }
}

/** Tries again while the address is in use: the sockets of a thread that died may need a moment to go. */
async function patiently<T>(patienceMs: number, bind: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await bind();
    } catch (error) {
      if (performance.now() >= deadlineMs) throw error;
      await sleep(BIND_AGAIN_MS);
    }
  }
}

/**
 * What is left to do when the thread ends in disorder, by an error that nothing caught or by `process.exit`: its sockets let go of
 * what they hold before its memory goes. Blocks, because nothing else runs any more. A thread that is out of memory, or is
 * terminated, does not get here.
 */
function closeInDisorder({ sink, replay }: Sockets, sharesZmq: boolean): void {
  replay?.close(0);
  sink?.close(0);
  // Where no other thread uses zeromq, the context ends with this one and waits by itself.
  if (sharesZmq && sink !== null) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LETTING_GO_MS);
}

async function runPublisher(data: PublisherData, main: MessagePort): Promise<void> {
  const report: Report = (message) => main.postMessage(message);
  const counters = new CounterBlock(data.counters);
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  let sockets: Sockets = NO_SOCKETS;
  let nats: NatsParts | null = null;
  process.once("exit", () => closeInDisorder(sockets, data.sharesZmq));
  try {
    sockets = await bindSockets(data, counters);
    const { sink, replay } = sockets;
    const memory = new RingMemory(data.ring, data.shape);
    nats = await startNats(data, memory, counters, report);
    const loads = nats;
    main.on("message", (order: PublisherOrder) => {
      if (order.type === "load") loads?.takeLoad(order);
      else if (replay === null) order.port.close();
      else replay.useSnapshotPort(order.port);
    });
    // The thread lives by its timer, not by what main might say.
    main.unref();
    counters.set(PUBLISHER_CELLS.publishedSequence, data.firstSequence - 1);
    counters.set(PUBLISHER_CELLS.zmqUp, sink === null ? 0 : 1);
    if (sink !== null) counters.set(PUBLISHER_CELLS.zmqHighWaterMarkMessages, sink.highWaterMarkMessages);
    report({ type: "ready", zmqEndpoint: sink?.endpoint ?? null, replayEndpoint: replay?.endpoint ?? null });
    const ring = new RingPublisher(memory);
    const oversize = new OversizeReader(data.oversizePort, data.oversize);
    const events = nats?.events ?? null;
    const plane = memory.planeFollows && events !== null ? new RingPlane(ring) : null;
    const loop = new PublishLoop({
      ...sockets,
      nats: events,
      feeder: plane === null || events === null ? null : new SlotFeeder({ plane, counters, oversize, nats: events }),
      ring,
      counters,
      oversize,
      sequencer: new Sequencer(data.firstSequence),
      watch: new MainWatch(memory, counters),
      heartbeatMs: data.heartbeatMs,
      waitSubscribers: data.zmq?.waitSubscribers ?? 0,
      waitSubscribersTimeoutMs: data.zmq?.waitSubscribersTimeoutMs ?? 0,
      report,
    });
    let droppedEvents = await loop.run();
    if (nats !== null) droppedEvents += await nats.stop(droppedEvents === 0 ? memory.lingerMs() : 0);
    nats = null;
    // Also where something is given up: what the socket has taken counts as sent.
    const holdMs = await close(sockets, memory.lingerMs(), data.sharesZmq);
    sockets = NO_SOCKETS;
    counters.set(PUBLISHER_CELLS.zmqUp, 0);
    report({ type: "stopped", droppedEvents });
    await sleep(holdMs);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    report({ type: "bind-failed", endpoint: error.endpoint, reason: error.message });
  } finally {
    nats?.abandon();
    // Also on an error: a thread that ends with an open socket is the dangerous case.
    await sleep(await close(sockets, 0, data.sharesZmq));
    sockets = NO_SOCKETS;
    clearInterval(keepAlive);
    data.oversizePort.close();
    data.snapshotPort?.close();
  }
}

/**
 * Closes the sockets. Resolves with the milliseconds that this thread must live on: what they still hold is memory of
 * the thread, and a context that outlives it would go on sending what is no longer there.
 */
async function close({ sink, replay }: Sockets, lingerMs: number, sharesZmq: boolean): Promise<number> {
  replay?.close(lingerMs);
  if (sink === null) return 0;
  await sink.pollSubscriptions();
  const mayHoldPayloads = sink.subscriptions > 0 || replay !== null;
  sink.close(lingerMs);
  return sharesZmq && mayHoldPayloads ? lingerMs + LETTING_GO_MS : 0;
}

if (isMainThread || parentPort === null) throw new LayoutError("publisher.js runs as a worker thread only");
await runPublisher(parsePublisherData(workerData), parentPort);
