/**
 * The ZMQ sink: one XPUB socket that publishes `[topic, sequence, payload]`. PUBLISHER THREAD; the only user of zeromq.
 *
 * Nothing may ever be pending on the socket: a worker that dies while a receive or a blocked send is pending takes the
 * whole process with it. So sends have a time-out of 0 (a publisher never blocks, it drops for the subscriber that is
 * too slow), and subscriptions are polled with a receive time-out of 0.
 *
 * A socket keeps a reference to every payload over 128 bytes until its I/O thread has sent it, and tells no one when
 * that is: hand over fresh buffers only.
 */
import { createConnection } from "node:net";
import { XPublisher } from "zeromq";
import { BindError, messageOf } from "../shared/errors.ts";
import type { ZmqSinkData } from "../shared/messages.ts";
import { sequenceFrame } from "./sequencer.ts";

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
    const { endpoint } = data;
    const fail = (reason: unknown): BindError =>
      new BindError(endpoint, `cannot bind ${endpoint}: ${messageOf(reason)}`, reason);
    if (await isServed(endpoint)) throw fail("Address already in use");
    const socket = new XPublisher({
      sendTimeout: 0,
      receiveTimeout: 0,
      linger: 0,
      // 0 would mean "no limit" to libzmq.
      sendHighWaterMark: Math.max(1, Math.floor(data.queueBytes / (messageBytes + MESSAGE_OVERHEAD_BYTES))),
      maxMessageSize: MAX_INBOUND_BYTES,
      // Only where it is asked for: with it, `tcp://*` would listen on IPv6 too.
      ipv6: endpoint.startsWith("tcp://["),
      // Every subscription and every end of one is passed up, also duplicates: that is how subscribers are counted.
      verbosity: "allSubsUnsubs",
    });
    try {
      await socket.bind(endpoint);
    } catch (error) {
      socket.close();
      throw fail(error);
    }
    return new ZmqSink(socket, data, socket.lastEndpoint ?? endpoint);
  }

  /** Subscriptions that are in force, as far as they have been polled. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /**
   * Hands one message to the socket, which owns `payload` from then on. It completes at once. Rejects when the socket
   * refuses: nothing was sent then. Success means accepted by the socket, not received by anyone.
   */
  send(sequence: number, payload: Buffer): Promise<void> {
    return this.#socket.send([this.#topic, sequenceFrame(sequence), payload]);
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

/** Whether someone listens on an ipc path: libzmq would take it away from them without a word. */
async function isServed(endpoint: string): Promise<boolean> {
  const path = /^ipc:\/\/([^@*].*)$/.exec(endpoint)?.[1];
  if (path === undefined) return false;
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.on("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
}
