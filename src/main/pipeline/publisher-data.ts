/**
 * What a publisher thread is made with, what it is given at the start of a life, and how much heap. MAIN THREAD; pure but for the
 * counters it reads and the ports it asks for.
 *
 * The first life gets what the options say. A later one gets what its predecessor had come to: the addresses with their real
 * ports, a gate that need not open twice, and the number behind the last one that was counted.
 */
import type { MessagePort } from "node:worker_threads";
import type { CounterBlock } from "../../shared/counter-block.ts";
import type { ThreadDiedError } from "../../shared/errors.ts";
import type { PublisherData, ReplayData, ZmqSinkData } from "../../shared/messages.ts";
import { NATS_ITEM_BYTES, NATS_ITEM_HEAP_BYTES } from "../../shared/nats-limits.ts";
import type { NatsReport, NatsSinkData } from "../../shared/nats-messages.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import type { RingMemory } from "../../shared/ring-memory.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import type { CurveGate } from "../curve/curve-gate.ts";
import type { WorkerRestartReason } from "../metrics/pipeline-view.ts";
import type { OversizeBuffer } from "./oversize-buffer.ts";

/** How long a successor tries to get the addresses back. */
const REBIND_PATIENCE_MS = 5000;

/** Payloads lie outside of the heap; whatever needs more than this is a fault. */
const PUBLISHER_HEAP_MB = 128;

/**
 * Beside it, so much for what is new. A payload is memory that V8 counts and does not hold, freed when its handle is collected: with
 * a small nursery that is soon, in 0.3 ms. With V8's own the payloads for NATS pile up to where it collects the whole heap, once a
 * second, for milliseconds in which no ZMQ message leaves (`docs/adr/0013-nats-delivery.md`).
 */
export const PUBLISHER_NURSERY_MB = 3;

export interface PublisherThreadOptions {
  readonly memory: RingMemory;
  readonly oversize: OversizeBuffer;
  readonly zmq: ZmqSinkData | null;
  /** Asked at each start of the thread. */
  readonly nats: () => NatsSinkData | null;
  readonly kvBlockSizeTokens: number;
  readonly replay: ReplayData | null;
  readonly heartbeatMs: number | null;
  readonly wireFormat: WireFormat;
  readonly firstSequence: number;
  readonly entry: URL;
  /** See PublisherData. */
  readonly sharesZmq: boolean;
  /** Who may connect to the sockets; null: everyone. Open for as long as any of them may be bound. */
  readonly gate: CurveGate | null;
  /** A fresh port to the index thread, for each life; null when there is no such thread. */
  readonly newSnapshotPort: () => MessagePort | null;
  readonly onGateOpen: (subscribers: number, timedOut: boolean) => void;
  readonly onSendFailed: (reason: string, sequence: number) => void;
  readonly onNats: (report: NatsReport) => void;
  readonly onRestart: (reason: WorkerRestartReason, message: string, nextSequence: number) => void;
  /** The thread ended, although nobody had asked it to, and cannot be replaced. */
  readonly onFatal: (error: ThreadDiedError) => void;
}

/** What earlier lives have come to. */
export interface PublisherPast {
  /** Main owns the block between two lives. */
  readonly counters: CounterBlock;
  readonly wasBound: boolean;
  /** With the real port; null before it was bound. */
  readonly zmqEndpoint: string | null;
  readonly replayEndpoint: string | null;
  /** As many subscribers as were waited for have come, or the wait is over. */
  readonly gateIsOpen: boolean;
  /** This life's port to the oversize buffer; it goes over to the thread, as `snapshotPort` of the result does. */
  readonly oversizePort: MessagePort;
}

export function publisherData(options: PublisherThreadOptions, past: PublisherPast): PublisherData {
  const { memory, oversize, zmq, nats, replay, wireFormat, kvBlockSizeTokens, heartbeatMs, sharesZmq } = options;
  return {
    ring: memory.buffer,
    shape: memory.shape,
    counters: past.counters.buffer,
    zmq:
      zmq === null
        ? null
        : {
            ...zmq,
            endpoint: past.zmqEndpoint ?? zmq.endpoint,
            waitSubscribers: past.gateIsOpen ? 0 : zmq.waitSubscribers,
          },
    replay: replay === null ? null : { ...replay, endpoint: past.replayEndpoint ?? replay.endpoint },
    nats: nats(),
    wireFormat,
    kvBlockSizeTokens,
    heartbeatMs,
    firstSequence: past.counters.read(PUBLISHER_CELLS.publishedSequence) + 1,
    bindPatienceMs: past.wasBound ? REBIND_PATIENCE_MS : 0,
    oversize: oversize.current,
    oversizePort: past.oversizePort,
    snapshotPort: options.newSnapshotPort(),
    sharesZmq,
  };
}

/** Limit of the thread's heap in MiB. */
export function publisherHeapMb(nats: NatsSinkData | null): number {
  return PUBLISHER_HEAP_MB + natsHeapMb(nats);
}

/** Payloads are not on the heap, but what keeps them in the queue is. */
function natsHeapMb(nats: NatsSinkData | null): number {
  if (nats === null) return 0;
  return Math.ceil(((nats.queueBytes / NATS_ITEM_BYTES) * NATS_ITEM_HEAP_BYTES) / 2 ** 20);
}
