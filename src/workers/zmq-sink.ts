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
import { XPublisher } from "zeromq";
import { BindError, messageOf } from "../shared/errors.ts";
import type { ZmqSinkData } from "../shared/messages.ts";
import { sequenceFrame } from "./sequencer.ts";

/** Smallest message that the queue limit is computed with. */
const MIN_MESSAGE_BYTES = 1024;
/** What a message costs in the queue besides its payload: topic, sequence, and libzmq's own bookkeeping. */
const MESSAGE_OVERHEAD_BYTES = 256;
/** Subscription messages taken per poll, so that a storm of them cannot hold up publishing. */
const MAX_SUBSCRIPTIONS_PER_POLL = 1000;
const SUBSCRIBE = 1;

export class ZmqSink {
  readonly endpoint: string;
  readonly #socket: XPublisher;
  readonly #topic: Buffer;
  readonly #queueBytes: number;
  #largestMessageBytes: number = MIN_MESSAGE_BYTES;
  #highWaterMark: number;
  #subscriptions: number = 0;

  private constructor(socket: XPublisher, data: ZmqSinkData, endpoint: string) {
    this.#socket = socket;
    this.#topic = Buffer.from(data.topic, "utf8");
    this.#queueBytes = data.queueBytes;
    this.#highWaterMark = highWaterMark(data.queueBytes, MIN_MESSAGE_BYTES);
    this.endpoint = endpoint;
  }

  /** Binds the socket. Throws BindError when the address is taken, malformed or not ours. */
  static async bind(data: ZmqSinkData): Promise<ZmqSink> {
    const socket = new XPublisher({
      sendTimeout: 0,
      receiveTimeout: 0,
      linger: 0,
      sendHighWaterMark: highWaterMark(data.queueBytes, MIN_MESSAGE_BYTES),
      // Every subscription and every end of one is passed up, also duplicates: that is how subscribers are counted.
      verbosity: "allSubsUnsubs",
    });
    try {
      await socket.bind(data.endpoint);
    } catch (error) {
      socket.close();
      throw new BindError(data.endpoint, `cannot bind ${data.endpoint}: ${messageOf(error)}`, error);
    }
    return new ZmqSink(socket, data, socket.lastEndpoint ?? data.endpoint);
  }

  /** Subscriptions that are in force, as far as they have been polled. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Messages that may wait for one subscriber. */
  get highWaterMarkMessages(): number {
    return this.#highWaterMark;
  }

  /**
   * Hands one message to the socket, which owns `payload` from then on. It completes at once. Rejects when the socket
   * refuses: nothing was sent then. Success means accepted by the socket, not received by anyone.
   */
  send(sequence: number, payload: Buffer): Promise<void> {
    if (payload.length > this.#largestMessageBytes) this.#lowerHighWaterMark(payload.length);
    return this.#socket.send([this.#topic, sequenceFrame(sequence), payload]);
  }

  /** Takes what has arrived of subscriptions and their ends; returns at once. */
  async pollSubscriptions(): Promise<void> {
    for (let i = 0; i < MAX_SUBSCRIPTIONS_PER_POLL; i++) {
      try {
        const [message] = await this.#socket.receive();
        this.#subscriptions += message?.[0] === SUBSCRIBE ? 1 : -1;
      } catch {
        // Nothing there: with a time-out of 0 that is a rejection.
        break;
      }
    }
    // Without subscribers there are no queues, so that the limit can start anew.
    if (this.#subscriptions <= 0 && this.#largestMessageBytes !== MIN_MESSAGE_BYTES) {
      this.#largestMessageBytes = MIN_MESSAGE_BYTES;
      this.#applyHighWaterMark();
    }
  }

  /** Closes the socket; what is queued may still leave for `lingerMs`. */
  close(lingerMs: number): void {
    this.#socket.linger = lingerMs;
    this.#socket.close();
  }

  /**
   * libzmq counts messages, operators think in bytes. The limit follows the largest message so far (in powers of two),
   * and it only falls while anyone listens: with that, a queue never holds more than `queueBytes`, because the limit is
   * lowered before the first larger message is sent.
   */
  #lowerHighWaterMark(payloadBytes: number): void {
    while (this.#largestMessageBytes < payloadBytes) this.#largestMessageBytes *= 2;
    this.#applyHighWaterMark();
  }

  #applyHighWaterMark(): void {
    this.#highWaterMark = highWaterMark(this.#queueBytes, this.#largestMessageBytes);
    this.#socket.sendHighWaterMark = this.#highWaterMark;
  }
}

function highWaterMark(queueBytes: number, messageBytes: number): number {
  // 0 would mean "no limit" to libzmq.
  return Math.max(1, Math.floor(queueBytes / (messageBytes + MESSAGE_OVERHEAD_BYTES)));
}
