/**
 * Snapshots for the replay socket: asks the index thread for them over a message port and hands the pieces on. PUBLISHER
 * THREAD.
 *
 * The port is read by polling, so that pieces arrive when the server has time for them. A few pulls are outstanding for each
 * snapshot, and the next follows only when a piece has been accepted for the client: what waits here is bounded, and a
 * client that reads slowly slows down nobody but itself.
 *
 * A snapshot is asked of the index when it is its turn at its client, so that no client has two open, and few are open at
 * once; who finds them taken waits in line for a moment, and then is told `busy`, sooner than a reader loses patience.
 */
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { MAX_RELAYED_SNAPSHOTS } from "../shared/index-limits.ts";
import type { SnapshotReply, SnapshotRequest } from "../shared/messages.ts";
import type { Answer, AnswerPart, ReplayOutcome } from "./replay-answer.ts";
import {
  endFrames,
  snapshotBatchFrames,
  snapshotErrorFrames,
  snapshotHeaderFrames,
  type SnapshotError,
} from "./replay-protocol.ts";
import { parseSnapshotReply } from "../shared/messages.ts";

const PULLS_AHEAD = 4;
const LONGEST_WAIT_MS = 2000;

/** Asks the index thread for more of a snapshot that is open, or for no more. */
type Ask = (type: "pull" | "cancel") => void;

export class SnapshotRelay {
  readonly #topic: Buffer;
  readonly #open: Map<number, SnapshotAnswer> = new Map();
  /** Those whose turn it is, and who wait for others to end. */
  readonly #line: Set<SnapshotAnswer> = new Set();
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

  /** A snapshot that begins when it is first asked for a message; without an index it is one that says so. */
  answer(): Answer {
    return new SnapshotAnswer(
      this.#topic,
      (answer) => this.#begin(answer),
      (answer) => this.#line.delete(answer),
    );
  }

  #begin(answer: SnapshotAnswer): Ask | "off" | "wait" {
    const port = this.#port;
    if (port === null) return "off";
    this.#line.add(answer);
    const [first] = this.#line;
    if (first !== answer || this.#open.size >= MAX_RELAYED_SNAPSHOTS) return "wait";
    this.#line.delete(answer);
    const id = ++this.#lastId;
    this.#open.set(id, answer);
    port.postMessage({ type: "open", id } satisfies SnapshotRequest);
    return (type) => {
      if (type === "cancel") this.#open.delete(id);
      port.postMessage({ type, id } satisfies SnapshotRequest);
    };
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
    const received = receiveMessageOnPort(this.#port);
    return received === undefined ? null : parseSnapshotReply(received.message);
  }
}

/** One snapshot on its way to one client. */
class SnapshotAnswer implements Answer {
  readonly #topic: Buffer;
  readonly #begin: (answer: SnapshotAnswer) => Ask | "off" | "wait";
  readonly #leaveLine: (answer: SnapshotAnswer) => void;
  /** Messages that can be sent: frames behind the identity. */
  readonly #ready: (readonly Buffer[])[] = [];
  /** open: the index thread has more; ended: the end marker is among the messages. */
  #state: "waiting" | "open" | "ended" = "waiting";
  #outcome: ReplayOutcome = "snapshot";
  #waitingSinceMs: number | null = null;
  #ask: Ask = () => {};

  constructor(
    topic: Buffer,
    begin: (answer: SnapshotAnswer) => Ask | "off" | "wait",
    leaveLine: (answer: SnapshotAnswer) => void,
  ) {
    this.#topic = topic;
    this.#begin = begin;
    this.#leaveLine = leaveLine;
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

  next(nowMs: number): readonly Buffer[] | null {
    if (this.#state === "waiting") this.#tryToBegin(nowMs);
    return this.#ready[0] ?? null;
  }

  accepted(): AnswerPart {
    this.#ready.shift();
    if (this.#state === "open") this.#ask("pull");
    else if (this.#ready.length === 0) return "end";
    return "other";
  }

  cutShort(): void {
    this.#letGo();
    this.#outcome = "expired";
    this.#ready.length = 0;
    this.#end("expired");
  }

  abandon(): void {
    this.#letGo();
    this.#state = "ended";
    this.#outcome = "gone";
    this.#ready.length = 0;
  }

  #tryToBegin(nowMs: number): void {
    this.#waitingSinceMs ??= nowMs;
    const begun = this.#begin(this);
    if (begun === "off") {
      this.#letGo();
      this.#end("off");
    } else if (begun !== "wait") {
      this.#ask = begun;
      this.#state = "open";
    } else if (nowMs - this.#waitingSinceMs >= LONGEST_WAIT_MS) {
      this.#letGo();
      this.#outcome = "limited";
      this.#end("busy");
    }
  }

  #letGo(): void {
    if (this.#state === "open") this.#ask("cancel");
    else if (this.#state === "waiting") this.#leaveLine(this);
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
