/**
 * Snapshots for MAIN: asks the index thread over a message port (`SnapshotRequest`) and puts the pieces in order.
 *
 * Some pieces are asked for ahead, so that the thread makes the next ones while the client takes the last; that many are
 * in memory at a time.
 */
import type { MessagePort } from "node:worker_threads";
import { KvcastError } from "../../shared/errors.ts";
import type { SnapshotReply, SnapshotRequest } from "../../shared/messages.ts";

const PULLS_AHEAD = 16;

/** `off`: there is no index thread. */
export type SnapshotRefusalReason = "off" | Extract<SnapshotReply, { readonly type: "refused" }>["reason"];

/** A snapshot that was begun. It must be read to its end or cancelled. */
export interface OpenSnapshot {
  /** msgpack map, see docs/replay.md. */
  readonly header: Uint8Array;
  /** The next batch payload; null at the end. Rejects when the rest cannot be had. */
  next(): Promise<Uint8Array | null>;
  /** Also after the end, and twice. */
  cancel(): void;
}

export type SnapshotAnswer =
  | { readonly snapshot: OpenSnapshot; readonly refused: null }
  | { readonly snapshot: null; readonly refused: SnapshotRefusalReason };

export class SnapshotClient {
  readonly #newPort: () => MessagePort | null;
  readonly #open: Map<number, Reader> = new Map();
  #port: MessagePort | null = null;
  #nextId: number = 0;

  /** `newPort` makes a port to the index thread that lives now; null when there is none. */
  constructor(newPort: () => MessagePort | null) {
    this.#newPort = newPort;
  }

  async open(): Promise<SnapshotAnswer> {
    const port = this.#connected();
    if (port === null) return { snapshot: null, refused: "off" };
    const id = this.#nextId++;
    const reader = new Reader((request) => {
      if (request.type === "cancel") this.#open.delete(id);
      port.postMessage(request);
    }, id);
    this.#open.set(id, reader);
    port.postMessage({ type: "open", id } satisfies SnapshotRequest);
    return reader.begun;
  }

  /** Lets go of the port; snapshots that are open fail. */
  close(): void {
    this.#port?.close();
  }

  #connected(): MessagePort | null {
    if (this.#port !== null) return this.#port;
    const port = this.#newPort();
    if (port === null) return null;
    this.#port = port;
    port.on("message", (reply: SnapshotReply) => {
      const reader = this.#open.get(reply.id);
      if (reply.type === "end" || reply.type === "refused") this.#open.delete(reply.id);
      reader?.take(reply);
    });
    // The index thread has ended; the next one gets a port of its own.
    port.on("close", () => {
      this.#port = null;
      const readers = [...this.#open.entries()];
      this.#open.clear();
      for (const [id, reader] of readers) reader.take({ type: "refused", id, reason: "stopping" });
    });
    port.unref();
    return port;
  }
}

class Reader implements OpenSnapshot {
  readonly begun: Promise<SnapshotAnswer>;
  header: Uint8Array = new Uint8Array(0);
  readonly #ask: (request: SnapshotRequest) => void;
  readonly #id: number;
  readonly #pieces: Uint8Array[] = [];
  #begin: (answer: SnapshotAnswer) => void = () => {};
  #hasBegun: boolean = false;
  #state: "open" | "ended" | "failed" = "open";
  #wake: () => void = () => {};

  constructor(ask: (request: SnapshotRequest) => void, id: number) {
    this.#ask = ask;
    this.#id = id;
    this.begun = new Promise((resolve) => (this.#begin = resolve));
  }

  take(reply: SnapshotReply): void {
    switch (reply.type) {
      case "header":
        this.#hasBegun = true;
        this.header = reply.payload;
        for (let i = 0; i < PULLS_AHEAD; i++) this.#ask({ type: "pull", id: this.#id });
        this.#begin({ snapshot: this, refused: null });
        return;
      case "chunk":
        this.#pieces.push(reply.payload);
        break;
      case "end":
        this.#state = "ended";
        break;
      case "refused":
        this.#state = "failed";
        if (!this.#hasBegun) this.#begin({ snapshot: null, refused: reply.reason });
        break;
    }
    this.#wake();
  }

  async next(): Promise<Uint8Array | null> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        if (this.#state === "open") this.#ask({ type: "pull", id: this.#id });
        return piece;
      }
      if (this.#state === "ended") return null;
      if (this.#state === "failed")
        throw new KvcastError("KVCAST_SNAPSHOT_BROKEN", "the snapshot could not be finished");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  cancel(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#pieces.length = 0;
    this.#ask({ type: "cancel", id: this.#id });
    this.#wake();
  }
}
