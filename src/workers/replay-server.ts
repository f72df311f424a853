/**
 * The replay socket: a ROUTER that sends kept messages again, and snapshots. PUBLISHER THREAD. Protocol: docs/replay.md.
 *
 * Nothing is ever pending: sends and receives have a time-out of 0, and the loop calls `poll` between batches. A call does
 * a little for each client in turn and returns, so neither publishing nor another client waits for a long replay.
 *
 * Each client gets its end marker, or its connection closes. While a queue is full, what comes next for its client waits
 * here, the marker too, also that of a request which is not answered because there are too many; from a client that has taken
 * nothing for 10 s all but the marker is withheld. ROUTER sockets offer
 * no way to close one connection, so that is left to the transport: on TCP the kernel closes a connection whose peer takes no
 * bytes for as long (`tcpMaxRetransmitTimeout`), which a slow peer never runs into, because each byte that it takes counts. An
 * ipc peer is closed only for leaving heartbeats unanswered, after 40 s at most, and so is a host that is gone. What
 * remains: a reconnecting client socket does not report that its connection was closed, its owner sees silence.
 */
import type { MessagePort } from "node:worker_threads";
import { Router } from "zeromq";
import { curveServerOptions } from "../shared/curve.ts";
import type { CounterBlock } from "../shared/counter-block.ts";
import type { ReplayData } from "../shared/messages.ts";
import {
  REPLAY_MAX_CLIENTS,
  replayClientBytes,
  replayHeldMessages,
  replayQueueMessages,
} from "../shared/queue-sizes.ts";
import { isIpv6 } from "../shared/zmq-wire.ts";
import { RangeAnswer } from "./replay-answer.ts";
import { ReplayBooks } from "./replay-books.ts";
import { keyOf, ReplayClients, type Sent } from "./replay-clients.ts";
import { PACE_LIMITS, type PaceLimits, ReplayPace } from "./replay-pace.ts";
import { parseRequest } from "./replay-protocol.ts";
import type { ReplayWindow } from "./replay-window.ts";
import { SnapshotRelay } from "./snapshot-relay.ts";
import { bindSocket, wouldWait } from "./zmq-socket.ts";

/** What one poll may do. */
const MAX_REQUESTS_PER_POLL = 16;
const MAX_SENDS_PER_POLL = 16;
const MAX_MS_PER_POLL = 1;
/** Longest frame that a client may send; longer ones end its connection. */
const MAX_INBOUND_BYTES = 1024;
/** Requests of one client that wait to be read. */
const RECEIVE_HIGH_WATER_MARK = 16;
const HANDSHAKE_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 10_000;
const HEARTBEAT_TIMEOUT_MS = 30_000;

export interface ReplayLimits {
  readonly maxClients: number;
  /** A client that takes nothing for so long is given up. */
  readonly expiryMs: number;
  /** A TCP peer that takes no bytes for so long is cut off. */
  readonly tcpTimeoutMs: number;
  /** How often clients may ask. */
  readonly pace: PaceLimits;
}

const DEFAULT_LIMITS: ReplayLimits = {
  maxClients: REPLAY_MAX_CLIENTS,
  expiryMs: 10_000,
  tcpTimeoutMs: 10_000,
  pace: PACE_LIMITS,
};

export interface ReplayServerOptions {
  readonly data: ReplayData;
  readonly window: ReplayWindow;
  readonly topic: string;
  readonly counters: CounterBlock;
  /** To the index thread; null when there is none. */
  readonly snapshotPort: MessagePort | null;
  /** Bytes of a usual message. */
  readonly messageBytes: number;
  readonly limits?: ReplayLimits;
}

/** All that a server is made of. */
interface ReplayServerParts {
  readonly socket: Router;
  readonly endpoint: string;
  readonly data: ReplayData;
  readonly window: ReplayWindow;
  readonly topic: Buffer;
  readonly counters: CounterBlock;
  readonly messageBytes: number;
  readonly relay: SnapshotRelay;
  readonly limits: ReplayLimits;
}

export class ReplayServer {
  readonly #parts: ReplayServerParts;
  readonly #clients: ReplayClients;
  readonly #pace: ReplayPace;
  /** Of the poll that goes on. */
  #nowMs: number = 0;
  readonly #books: ReplayBooks;

  private constructor(parts: ReplayServerParts) {
    this.#parts = parts;
    const books = (this.#books = new ReplayBooks(parts.counters, parts.window));
    this.#clients = new ReplayClients({
      ...parts.limits,
      heldMessages: replayHeldMessages(parts.messageBytes),
      clientBytes: replayClientBytes(parts.messageBytes),
      restMs: parts.limits.tcpTimeoutMs,
      send: (identity, frames) => this.#send(identity, frames),
      onBatch: () => books.sent(),
      onEnd: (ended) => books.ended(ended),
      onExpired: (identity) => this.#pace.expired(keyOf(identity), this.#nowMs),
    });
    this.#pace = new ReplayPace(parts.limits.pace);
    this.#books.count(this.#clients.serving);
  }

  /** Binds the socket. Throws BindError when the address is taken, malformed or not ours. */
  static async bind(options: ReplayServerOptions): Promise<ReplayServer> {
    const { data, limits = DEFAULT_LIMITS } = options;
    const { socket, endpoint } = await bindSocket(
      data.endpoint,
      () =>
        new Router({
          sendTimeout: 0,
          receiveTimeout: 0,
          linger: 0,
          // Without it a message for a full queue is dropped without a word, end markers too.
          mandatory: true,
          sendHighWaterMark: replayQueueMessages(options.messageBytes),
          receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
          maxMessageSize: MAX_INBOUND_BYTES,
          handshakeInterval: HANDSHAKE_MS,
          tcpMaxRetransmitTimeout: limits.tcpTimeoutMs,
          heartbeatInterval: HEARTBEAT_INTERVAL_MS,
          heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
          ipv6: isIpv6(data.endpoint),
          ...curveServerOptions(data.curve),
        }),
    );
    const topic = Buffer.from(options.topic, "utf8");
    const relay = new SnapshotRelay(options.snapshotPort, topic);
    return new ReplayServer({ ...options, socket, endpoint, topic, relay, limits });
  }

  /** The address, with the real port. */
  get endpoint(): string {
    return this.#parts.endpoint;
  }

  /** Whether someone is being served who could take more within milliseconds. */
  get active(): boolean {
    return this.#clients.active;
  }

  /** Asks the index thread behind this port for snapshots from now on. */
  useSnapshotPort(port: MessagePort): void {
    this.#parts.relay.usePort(port);
  }

  /**
   * Takes some requests and sends some messages, for about a millisecond at most, and leaves nothing pending. `nowMs` is a
   * monotonic clock. True: there is more to do right now. Not to be called inside an update of the counters.
   */
  async poll(nowMs: number): Promise<boolean> {
    const untilMs = performance.now() + MAX_MS_PER_POLL;
    this.#nowMs = nowMs;
    const isMoreAsked = await this.#takeRequests(nowMs);
    this.#parts.relay.poll();
    const isMoreToSend = await this.#clients.serve(nowMs, untilMs, MAX_SENDS_PER_POLL);
    this.#clients.expire(nowMs);
    this.#books.count(this.#clients.serving);
    return isMoreAsked || isMoreToSend;
  }

  /** Closes the socket; what is queued may still leave for `lingerMs`. */
  close(lingerMs: number): void {
    this.#clients.clear();
    this.#parts.relay.close();
    this.#books.count(this.#clients.serving);
    this.#parts.socket.linger = lingerMs;
    this.#parts.socket.close();
  }

  /** True: there may be more. */
  async #takeRequests(nowMs: number): Promise<boolean> {
    const { socket } = this.#parts;
    for (let i = 0; i < MAX_REQUESTS_PER_POLL; i++) {
      // Asking first is far cheaper than a receive that fails.
      if (!socket.readable) return false;
      let message: Buffer[];
      try {
        message = await socket.receive();
      } catch {
        return false;
      }
      const [identity, ...frames] = message;
      if (identity !== undefined) this.#take(identity, frames, nowMs);
    }
    return true;
  }

  #take(identity: Buffer, frames: readonly Buffer[], nowMs: number): void {
    const { window, data, topic, relay } = this.#parts;
    const request = parseRequest(frames);
    if (request.type === "malformed") {
      this.#books.ended({ outcome: "bad_request", durationMs: null });
      return;
    }
    const framing = request.type === "snapshot" ? "v2" : data.framing;
    // A client that is up to date may ask for what comes next as often as its bucket allows.
    const isSnapshot = request.type === "snapshot";
    const start = isSnapshot || request.start >= window.next ? null : request.start;
    const verdict = this.#pace.judge(keyOf(identity), start, nowMs);
    if (verdict !== "admitted") {
      this.#clients.refuse(identity, framing, nowMs);
      this.#books.ended({ outcome: verdict, durationMs: null });
      return;
    }
    const isTaken = this.#clients.ask(
      identity,
      framing,
      () => (request.type === "snapshot" ? relay.answer() : new RangeAnswer(window, data, topic, request.start)),
      nowMs,
    );
    if (isTaken) return;
    this.#pace.unanswered(keyOf(identity));
    this.#books.ended({ outcome: "limited", durationMs: null });
  }

  async #send(identity: Buffer, frames: readonly Buffer[]): Promise<Sent> {
    try {
      await this.#parts.socket.send([identity, ...frames]);
      return "accepted";
    } catch (error) {
      // Whatever else a socket may say: this client cannot be served.
      return wouldWait(error) ? "full" : "gone";
    }
  }
}
