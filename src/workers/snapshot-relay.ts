/**
 * Snapshots for the replay socket: asks the index thread for them over a message port and hands the pieces on. PUBLISHER
 * THREAD.
 *
 * The port is read by polling, so that pieces arrive when the server has time for them. A few pulls are outstanding for each
 * snapshot, and the next follows only when a piece has been accepted for the client: what waits here is bounded, and a
 * client that reads slowly slows down nobody but itself.
 */
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import type { SnapshotReply, SnapshotRequest } from "../shared/messages.ts";
import type { Answer, AnswerPart, ReplayOutcome } from "./replay-answer.ts";
import {
  endFrames,
  snapshotBatchFrames,
  snapshotErrorFrames,
  snapshotHeaderFrames,
  type SnapshotError,
} from "./replay-protocol.ts";

const PULLS_AHEAD = 4;

export class SnapshotRelay {
  readonly #topic: Buffer;
  readonly #open: Map<number, SnapshotAnswer> = new Map();
  #port: MessagePort | null = null;
  #lastId: number = 0;

  /** `port` is null when there is no index. */
  constructor(port: MessagePort | null, topic: Buffer) {
    this.#topic = topic;
    if (port !== null) this.usePort(port);
  }

  /** Asks over this port from now on: that of an index thread which follows one that died. */
  usePort(port: MessagePort): void {
    this.close();
    this.#port = port;
    // Ends with the thread on the other side.
    port.on("close", () => {
      if (this.#port === port) this.close();
    });
    port.unref();
  }

  /** Begins a snapshot; without an index it is one that says so. */
  open(): Answer {
    const port = this.#port;
    if (port === null) return new SnapshotAnswer(this.#topic, () => {}, "off");
    const id = ++this.#lastId;
    const answer = new SnapshotAnswer(this.#topic, (type) => {
      if (type === "cancel") this.#open.delete(id);
      port.postMessage({ type, id } satisfies SnapshotRequest);
    });
    this.#open.set(id, answer);
    port.postMessage({ type: "open", id } satisfies SnapshotRequest);
    return answer;
  }

  /** Takes what the index thread has sent; returns at once. */
  poll(): void {
    if (this.#open.size === 0) return;
    // It sends what it was asked for, so there is an end to it.
    for (let received = this.#receive(); received !== null; received = this.#receive()) {
      const answer = this.#open.get(received.id);
      if (received.type === "end" || received.type === "refused") this.#open.delete(received.id);
      answer?.take(received);
    }
  }

  /** Lets go of the port; what is open will say that it is not whole. */
  close(): void {
    for (const [id, answer] of this.#open) answer.take({ type: "refused", id, reason: "stopping" });
    this.#open.clear();
    this.#port?.close();
    this.#port = null;
  }

  #receive(): SnapshotReply | null {
    if (this.#port === null) return null;
    const received: { message: unknown } | undefined = receiveMessageOnPort(this.#port);
    return received === undefined ? null : (received.message as SnapshotReply);
  }
}

/** One snapshot on its way to one client. */
class SnapshotAnswer implements Answer {
  readonly #topic: Buffer;
  readonly #ask: (type: "pull" | "cancel") => void;
  /** Messages that can be sent: frames behind the identity. */
  readonly #ready: (readonly Buffer[])[] = [];
  /** open: the index thread has more; ended: the end marker is among the messages. */
  #state: "open" | "ended" = "open";
  #outcome: ReplayOutcome = "snapshot";

  constructor(topic: Buffer, ask: (type: "pull" | "cancel") => void, error: SnapshotError | null = null) {
    this.#topic = topic;
    this.#ask = ask;
    if (error !== null) this.#end(error);
  }

  get outcome(): ReplayOutcome {
    return this.#outcome;
  }

  take(reply: SnapshotReply): void {
    if (this.#state !== "open") return;
    switch (reply.type) {
      case "header":
        this.#ready.push(snapshotHeaderFrames(bufferOf(reply.payload)));
        // One more follows when the header is accepted.
        for (let i = 1; i < PULLS_AHEAD; i++) this.#ask("pull");
        return;
      case "chunk":
        this.#ready.push(snapshotBatchFrames(this.#topic, bufferOf(reply.payload)));
        return;
      case "end":
        this.#end(null);
        return;
      case "refused":
        this.#end(reply.reason);
        return;
    }
  }

  next(): readonly Buffer[] | null {
    return this.#ready[0] ?? null;
  }

  accepted(): AnswerPart {
    this.#ready.shift();
    if (this.#state === "open") this.#ask("pull");
    else if (this.#ready.length === 0) return "end";
    return "other";
  }

  cutShort(): void {
    if (this.#state === "open") this.#ask("cancel");
    this.#outcome = "expired";
    this.#ready.length = 0;
    this.#end("expired");
  }

  abandon(): void {
    if (this.#state === "open") this.#ask("cancel");
    this.#state = "ended";
    this.#outcome = "gone";
    this.#ready.length = 0;
  }

  #end(error: SnapshotError | null): void {
    this.#state = "ended";
    if (error !== null) this.#ready.push(snapshotErrorFrames(error));
    this.#ready.push(endFrames("v2"));
  }
}

function bufferOf(payload: Uint8Array): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
