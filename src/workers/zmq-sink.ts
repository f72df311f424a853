/**
 * The ZMQ sink: one XPUB socket that publishes `[topic, sequence, payload]`. PUBLISHER THREAD.
 *
 * Nothing may ever be pending on the socket: a worker that dies while a receive or a blocked send is pending takes the
 * whole process with it. So sends have a time-out of 0, and subscriptions are polled with a receive time-out of 0.
 *
 * A subscriber that is too slow loses messages, the others do not notice. By itself libzmq drops without a word; told not to
 * (`noDrop`), it refuses a message for everyone as soon as one queue is full. So it is told not to, and when it refuses,
 * told to drop for the length of that one message.
 *
 * A socket keeps a reference to every payload over 128 bytes until its I/O thread has sent it, and tells no one when
 * that is: hand over fresh buffers only.
 */
import { XPublisher } from "zeromq";
import { curveServerOptions } from "../shared/curve.ts";
import type { ZmqSinkData } from "../shared/messages.ts";
import { isIpv6, sequenceFrame } from "../shared/zmq-wire.ts";
import { bindSocket, wouldWait } from "./zmq-socket.ts";

/** What a message costs in the queue besides its payload: topic, sequence, and libzmq's own bookkeeping. */
const MESSAGE_OVERHEAD_BYTES = 256;
/** Longest message that a peer may send: subscriptions are as long as topics. Longer ones end its connection. */
const MAX_INBOUND_BYTES = 65_536;
/** Subscription messages taken per poll, so that a storm of them cannot hold up publishing. */
const MAX_SUBSCRIPTIONS_PER_POLL = 1000;
const UNSUBSCRIBE = 0;
const SUBSCRIBE = 1;

export class ZmqSink {
  readonly endpoint: string;
  /** Messages that may wait for one subscriber. */
  readonly highWaterMarkMessages: number;
  readonly #socket: XPublisher;
  readonly #topic: Buffer;
  #subscriptions: number = 0;

  private constructor(socket: XPublisher, data: ZmqSinkData, endpoint: string) {
    this.#socket = socket;
    this.#topic = Buffer.from(data.topic, "utf8");
    this.endpoint = endpoint;
    this.highWaterMarkMessages = socket.sendHighWaterMark;
  }

  /**
   * Binds the socket. `messageBytes` is the size of the largest usual message: libzmq counts messages, operators think
   * in bytes. Throws BindError when the address is taken, malformed or not ours.
   *
   * The limit must not be touched afterwards. A reader tells the writer how far it has got once in half a limit, the one
   * that was in force when it connected; a limit that is lowered below that finds the queue full, drops everything, and
   * since an empty queue is never read, the reader never tells: that subscriber would be cut off for good. And who
   * connects later gets the limit that was in force at the bind in any case.
   */
  static async bind(data: ZmqSinkData, messageBytes: number): Promise<ZmqSink> {
    const { socket, endpoint } = await bindSocket(
      data.endpoint,
      () =>
        new XPublisher({
          sendTimeout: 0,
          receiveTimeout: 0,
          linger: 0,
          // 0 would mean "no limit" to libzmq.
          sendHighWaterMark: Math.max(1, Math.floor(data.queueBytes / (messageBytes + MESSAGE_OVERHEAD_BYTES))),
          maxMessageSize: MAX_INBOUND_BYTES,
          ipv6: isIpv6(data.endpoint),
          // Every subscription and every end of one is passed up, also duplicates: that is how subscribers are counted.
          verbosity: "allSubsUnsubs",
          noDrop: true,
          ...curveServerOptions(data.curve),
        }),
    );
    return new ZmqSink(socket, data, endpoint);
  }

  /** Subscriptions that are in force, as far as they have been polled. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /**
   * Hands one message to the socket, which owns `payload` from then on. It completes at once. Rejects when the socket
   * refuses: nothing was sent then. Success means accepted by the socket, not received by anyone. Resolves with true when
   * the queue of at least one subscriber was full: that one does not get this message, the others do. What it loses from
   * there on, until it has read half its queue, is not reported again; libzmq has set it aside by then.
   */
  send(sequence: number, payload: Buffer): Promise<boolean> {
    const message = [this.#topic, sequenceFrame(sequence), payload];
    // Not an async function: this is once a message, and each further promise costs.
    return this.#socket.send(message).then(
      () => false,
      (error: unknown) => this.#sendAround(message, error),
    );
  }

  /** Sends a message that was refused because of a full queue: to all others, if it is still full. */
  async #sendAround(message: Buffer[], error: unknown): Promise<boolean> {
    if (!wouldWait(error)) throw error;
    // Asking has libzmq look for what its readers have reported since; the queue may have room after all.
    void this.#socket.writable;
    try {
      await this.#socket.send(message);
      return false;
    } catch (again) {
      if (!wouldWait(again)) throw again;
    }
    this.#setNoDrop(false);
    try {
      await this.#socket.send(message);
    } finally {
      this.#setNoDrop(true);
    }
    return true;
  }

  /** Takes effect at once. The binding cannot know that, and would warn each time that it does not. */
  #setNoDrop(noDrop: boolean): void {
    const emitWarning = Object.getOwnPropertyDescriptor(process, "emitWarning");
    process.emitWarning = () => {};
    try {
      this.#socket.noDrop = noDrop;
    } finally {
      if (emitWarning !== undefined) Object.defineProperty(process, "emitWarning", emitWarning);
    }
  }

  /** Takes what has arrived of subscriptions and their ends; returns at once. True: there may be more. */
  async pollSubscriptions(): Promise<boolean> {
    for (let i = 0; i < MAX_SUBSCRIPTIONS_PER_POLL; i++) {
      try {
        const [message] = await this.#socket.receive();
        // Peers may send other messages too; nobody reads them.
        const kind = message?.[0];
        if (kind === SUBSCRIBE) this.#subscriptions++;
        // Of nothing, it is a peer that ends what it never began.
        else if (kind === UNSUBSCRIBE && this.#subscriptions > 0) this.#subscriptions--;
      } catch {
        // Nothing there: with a time-out of 0 that is a rejection.
        return false;
      }
    }
    return true;
  }

  /** Closes the socket; what is queued may still leave for `lingerMs`. */
  close(lingerMs: number): void {
    this.#socket.linger = lingerMs;
    this.#socket.close();
  }
}
