/**
 * What threads tell each other outside the ring: types, and the functions that check what arrives. No behaviour.
 *
 *   main → encoder     EncoderTask once, as the pool task; OversizeMessage over its port
 *   main → publisher   PublisherData once, as workerData; OversizeMessage over its port
 *   publisher → main   PublisherMessage over parentPort
 *
 * Everything shared is a SharedArrayBuffer: posting it shares it, nothing is copied or handed over.
 */
import type { MessagePort } from "node:worker_threads";
import type { CurveServerData } from "./curve.ts";
import { LayoutError } from "./errors.ts";
import type { LoadMessage, NatsReport, NatsSinkData } from "./nats-messages.ts";
import type { RingShape } from "./ring-layout.ts";
import { WIRE_FORMATS, type WireFormat } from "./wire-format.ts";
import type { ReplayFraming } from "./zmq-wire.ts";

/** A new buffer for events larger than a slot; replaces the one before. */
export interface OversizeMessage {
  readonly generation: number;
  readonly buffer: SharedArrayBuffer;
}

/** What encoders put into messages for the event plane. */
export interface PlaneTask {
  /** u64. */
  readonly workerId: bigint;
}

/** All that an encoder needs; it keeps no state of its own between slots. */
export interface EncoderTask {
  readonly encoder: number;
  readonly ring: SharedArrayBuffer;
  readonly shape: RingShape;
  readonly counters: SharedArrayBuffer;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  /** Payloads hold neither token ids nor cache salts. Default: false. */
  readonly redactTokens?: boolean;
  /** Null or absent: no messages for the event plane. The batcher must count them if and only if they are wanted here. */
  readonly plane?: PlaneTask | null;
  readonly oversize: OversizeMessage | null;
  readonly oversizePort: MessagePort;
}

/** The ZMQ sink; null in PublisherData when it is off. */
export interface ZmqSinkData {
  readonly endpoint: string;
  readonly topic: string;
  /** Most bytes that may wait for one subscriber; the high-water mark in messages follows from it. */
  readonly queueBytes: number;
  readonly waitSubscribers: number;
  readonly waitSubscribersTimeoutMs: number;
  /** Null or absent: clients come in without keys, and what they are sent is not encrypted. */
  readonly curve?: CurveServerData | null;
}

/** The replay window and its socket; null in PublisherData when it is off. */
export interface ReplayData {
  /** ROUTER address; the window is kept for this socket alone. */
  readonly endpoint: string;
  readonly framing: ReplayFraming;
  readonly evicted: "suffix" | "empty";
  /** Kept messages, see `replay-layout.ts`. Outlives the thread, so that its successor can serve them. */
  readonly window: SharedArrayBuffer;
  readonly maxBytes: number;
  readonly maxBatches: number;
  /** As that of the sink. */
  readonly curve?: CurveServerData | null;
}

/**
 * A snapshot, as the index thread hands it out over a message port, piece by piece, to whoever asks: the publisher for the
 * replay socket, main for HTTP. `id` is the asker's own number for this snapshot; any number of them may be open on a port.
 *
 *   asker  ── open ──►  ◄── header ──  ── pull ──►  ◄── chunk ── …  ── pull ──►  ◄── end ──
 *
 * Each pull is answered by one chunk, or by the end. Instead of the header, or of a chunk, may come `refused`, which ends it.
 */
export type SnapshotRequest =
  | { readonly type: "open"; readonly id: number }
  | { readonly type: "pull"; readonly id: number }
  | { readonly type: "cancel"; readonly id: number };

export type SnapshotReply =
  /** msgpack map: version, epoch, started, sequence, blocks, complete, …; see docs/replay.md. */
  | { readonly type: "header"; readonly id: number; readonly payload: Uint8Array }
  /** One ordinary batch payload. */
  | { readonly type: "chunk"; readonly id: number; readonly payload: Uint8Array }
  | { readonly type: "end"; readonly id: number }
  | { readonly type: "refused"; readonly id: number; readonly reason: "busy" | "overflow" | "stopping" };

export interface PublisherData {
  readonly ring: SharedArrayBuffer;
  readonly shape: RingShape;
  readonly counters: SharedArrayBuffer;
  readonly zmq: ZmqSinkData | null;
  readonly nats: NatsSinkData | null;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  readonly firstSequence: number;
  readonly replay: ReplayData | null;
  /** To the index thread, for snapshots over the replay socket; null when there is none. */
  readonly snapshotPort: MessagePort | null;
  /** Silence after which an empty batch goes out; null for never. */
  readonly heartbeatMs: number | null;
  /** How long an address that is in use is tried again; for a thread that follows one that died. */
  readonly bindPatienceMs: number;
  readonly oversize: OversizeMessage | null;
  readonly oversizePort: MessagePort;
  /**
   * Whether other threads of the process may use zeromq too. All of them share one context: that of a thread which is
   * alone with it ends with the thread, when all is sent; otherwise it goes on sending, from memory of this thread.
   */
  readonly sharesZmq: boolean;
}

/** From main to the running publisher. */
export type PublisherOrder =
  /** Replaces a snapshot port whose other end is gone. */
  { readonly type: "snapshot-port"; readonly port: MessagePort } | LoadMessage;

export type PublisherMessage =
  /** Sockets are bound; `zmqEndpoint` has the real port. */
  | { readonly type: "ready"; readonly zmqEndpoint: string | null; readonly replayEndpoint: string | null }
  /** A socket could not be bound; the thread ends. */
  | { readonly type: "bind-failed"; readonly endpoint: string; readonly reason: string }
  /** The wait for subscribers is over. */
  | { readonly type: "gate-open"; readonly subscribers: number; readonly timedOut: boolean }
  /** What becomes of the connection to NATS. */
  | NatsReport
  /** A send was refused by the socket. */
  | { readonly type: "send-failed"; readonly reason: string; readonly sequence: number }
  /** The ring is empty or given up, sockets are closed; the thread ends. */
  | { readonly type: "stopped"; readonly droppedEvents: number };

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Throws LayoutError for what is no shared memory. */
export function requireShared(value: unknown, name: string): void {
  if (!(value instanceof SharedArrayBuffer)) throw new LayoutError(`${name} is no shared memory`);
}

/** Checks an encoder's task. Throws LayoutError. */
export function parseEncoderTask(value: unknown): EncoderTask {
  if (!isRecord(value)) throw new LayoutError("an encoder was started without a task");
  requireShared(value["ring"], "the ring of an encoder");
  requireShared(value["counters"], "the counter block of an encoder");
  if (!WIRE_FORMATS.some((format) => format === value["wireFormat"])) {
    throw new LayoutError(`an encoder knows no wire format ${String(value["wireFormat"])}`);
  }
  const plane = value["plane"] ?? null;
  if (plane !== null && !(isRecord(plane) && typeof plane["workerId"] === "bigint")) {
    throw new LayoutError("messages for the event plane need a worker id");
  }
  return value as unknown as EncoderTask;
}

/** Checks the publisher's workerData. Throws LayoutError. */
export function parsePublisherData(value: unknown): PublisherData {
  if (!isRecord(value)) throw new LayoutError("the publisher was started without data");
  requireShared(value["ring"], "the ring of the publisher");
  requireShared(value["counters"], "the counter block of the publisher");
  return value as unknown as PublisherData;
}

export function parseOversizeMessage(value: unknown): OversizeMessage {
  if (!isRecord(value) || typeof value["generation"] !== "number")
    throw new LayoutError("a malformed oversize message");
  requireShared(value["buffer"], "an oversize buffer");
  return value as unknown as OversizeMessage;
}

/** Checks what is asked of the index thread about a snapshot. Throws LayoutError. */
export function parseSnapshotRequest(value: unknown): SnapshotRequest {
  if (!isRecord(value) || !("type" in value && "id" in value)) throw new LayoutError("a malformed snapshot request");
  return value as SnapshotRequest;
}

/** The same of its answers. */
export function parseSnapshotReply(value: unknown): SnapshotReply {
  if (!isRecord(value) || !("type" in value && "id" in value))
    throw new LayoutError("a malformed answer about a snapshot");
  return value as SnapshotReply;
}
