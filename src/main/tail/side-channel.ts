/**
 * The replay socket of a publisher, seen from the subscriber: missed messages, and snapshots. MAIN THREAD, or any program
 * that uses the library.
 *
 *   request    [empty, number of the first message]         [empty, "snapshot", empty]
 *   reply v2   [empty, topic, number, payload] …            [empty, "snapshot", empty, header]
 *         v1   [empty, number, payload] …                   [empty, topic, empty, payload] …
 *   end   v2   [empty, empty, eight times ff, empty]        the same, in either framing
 *         v1   [empty, eight times ff, empty]
 *
 * Each request has a socket of its own, so that what comes late of one is never taken for a part of the next, and is closed
 * as soon as enough has come. A publisher that stops in the middle, or never begins, costs `timeoutMs` and no more.
 */
import type { Dealer } from "zeromq";
import { type CurveClientKeys, curveClientOptions } from "../../shared/curve.ts";
import { END_SEQUENCE, isIpv6, type ReplayFraming, sequenceFrame, SNAPSHOT_FRAME } from "../../shared/zmq-wire.ts";
import { MalformedError } from "./kv-event.ts";
import { sequenceOf } from "./raw-message.ts";
import type { RawMessage } from "./raw-message.ts";
import type { LossReason } from "./stream-items.ts";

const EMPTY = Buffer.alloc(0);
/** Messages that libzmq may hold ahead of us; each may be as large as a message can be. */
const RECEIVE_HIGH_WATER_MARK = 32;

export interface SideChannelOptions {
  readonly endpoint: string;
  readonly framing: ReplayFraming;
  /** Longest time without progress, to the first reply and from one to the next. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
  /** Of a publisher that demands CURVE. */
  readonly curve?: CurveClientKeys | null;
}

/** An exchange that did not come to its end. */
export class ReplayError extends Error {
  readonly reason: Extract<LossReason, "timeout" | "framing">;

  constructor(reason: ReplayError["reason"]) {
    super(`replay failed: ${reason}`);
    this.name = "ReplayError";
    this.reason = reason;
  }
}

export class SideChannel {
  readonly #options: SideChannelOptions;
  #socket: Dealer | null = null;
  #closed: boolean = false;
  #deadlineMs: number = 0;

  constructor(options: SideChannelOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Messages from number `from` on that are still kept, in order, until the end marker. Throws ReplayError. */
  async *replay(from: number): AsyncGenerator<RawMessage, void> {
    const length = this.#options.framing === "v2" ? 4 : 3;
    let next = from;
    for await (const frames of this.#exchange([EMPTY, sequenceFrame(from)])) {
      const [number, payload] = frames.slice(-2);
      if (frames.length !== length || number === undefined || payload === undefined) throw new ReplayError("framing");
      if (number.equals(END_SEQUENCE)) return;
      const sequence = replayedSequence(number);
      // What was not asked for, or comes again, is no progress: it must not keep the deadline away.
      if (sequence < next) continue;
      next = sequence + 1;
      this.#progress();
      yield { sequence, payload };
    }
  }

  /** The header of a snapshot, then the payload of each of its batches, until the end marker. Throws ReplayError. */
  async *snapshot(): AsyncGenerator<Buffer, void> {
    let first = true;
    for await (const frames of this.#exchange([EMPTY, SNAPSHOT_FRAME, EMPTY])) {
      const [, name, number, payload] = frames;
      if (frames.length !== 4 || name === undefined || number === undefined || payload === undefined) {
        throw new ReplayError("framing");
      }
      if (number.equals(END_SEQUENCE)) return;
      if (number.length > 0 || (first && !name.equals(SNAPSHOT_FRAME))) throw new ReplayError("framing");
      first = false;
      this.#progress();
      yield payload;
    }
  }

  /** Ends an exchange that is under way, as if it had come to its end. There will be no other. */
  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  /** Sends a request and yields whatever comes back. Ends only when the channel is closed. */
  async *#exchange(request: readonly Buffer[]): AsyncGenerator<Buffer[], void> {
    const { Dealer } = await import("zeromq");
    if (this.#closed) return;
    const { endpoint, maxMessageBytes, curve } = this.#options;
    const socket = new Dealer({
      linger: 0,
      ipv6: isIpv6(endpoint),
      maxMessageSize: maxMessageBytes,
      receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
      ...curveClientOptions(curve),
    });
    this.#socket = socket;
    try {
      socket.connect(endpoint);
      await socket.send([...request]);
      this.#progress();
      while (!this.#closed) {
        const frames = await this.#receive(socket);
        if (frames === null) return;
        if (frames[0]?.length !== 0) throw new ReplayError("framing");
        const handedOverMs = performance.now();
        yield frames;
        // The reader's own time is not the publisher's.
        this.#deadlineMs += performance.now() - handedOverMs;
      }
    } finally {
      socket.close();
      this.#socket = null;
    }
  }

  async #receive(socket: Dealer): Promise<Buffer[] | null> {
    const leftMs = this.#deadlineMs - performance.now();
    if (leftMs <= 0) throw new ReplayError("timeout");
    try {
      socket.receiveTimeout = Math.ceil(leftMs);
      return await socket.receive();
    } catch {
      if (this.#closed) return null;
      throw new ReplayError("timeout");
    }
  }

  #progress(): void {
    this.#deadlineMs = performance.now() + this.#options.timeoutMs;
  }
}

function replayedSequence(frame: Buffer): number {
  try {
    return sequenceOf(frame);
  } catch (error) {
    throw error instanceof MalformedError ? new ReplayError("framing") : error;
  }
}
