/**
 * A worker of a cluster: hears the leader's commands and answers them. MAIN THREAD, where the objects are that commands are
 * about; see `leader.ts`.
 *
 * Leaders come and go. The sockets go on connecting, and nothing that a leader sends ends the worker. Answers are pushed only
 * to a leader that is there: those to one that has gone would reach the next one, which never asked.
 */
import { randomUUID } from "node:crypto";
import type { Push, Subscriber } from "zeromq";
import { type CurveKeyPair, curveClientOptions, memberKeys } from "../../shared/curve.ts";
import { messageOf } from "../../shared/errors.ts";
import { isIpv6 } from "../../shared/zmq-wire.ts";
import { isWorkerName } from "./answer-note.ts";
import type { LeaderEndpoints } from "./endpoints.ts";
import { callOutside } from "./outside.ts";
import { WorkerDesk, type WorkerDuties } from "./worker-desk.ts";

/** Longest frame of a command; a longer one ends the connection, and the next one is made. */
const MAX_COMMAND_BYTES = 16 * 1024 * 1024;
const MESSAGES_A_TURN = 64;
const HEARTBEAT_MS = 5000;
const HEARTBEAT_TIMEOUT_MS = 15_000;
/** Between two tries to connect, which a worker without a leader makes all its life. */
const RECONNECT_MS = 100;
const RECONNECT_MAX_MS = 1000;
/** An address that swallows what is sent to it, as that of a host that is down, is tried again after this. */
const CONNECT_TIMEOUT_MS = 2000;
/** From the end of a connection to the certainty that libzmq does not open another. */
const LEFT_FOR_GOOD_MS = 2 * RECONNECT_MAX_MS;
/** Longest that an answer waits for the connection to a leader whose command has just been heard. */
const ANSWER_WAIT_MS = 2000;
/** Answers that may wait so; more are lost, and told as a problem. */
const MAX_WAITING = 256;

export interface ClusterWorkerOptions extends WorkerDuties {
  readonly endpoints: LeaderEndpoints;
  /** Told with each answer, so that the leader can say who is missing; no two workers may have the same. Default: none. */
  readonly name?: string;
  /** The key pair that all of the cluster share. Default: none, and nothing is encrypted. */
  readonly curve?: CurveKeyPair | null;
  /** Told when a leader is there, and when it has gone. */
  readonly onConnection?: (connected: boolean) => void;
}

export class ClusterWorker {
  readonly #desk: WorkerDesk;
  readonly #sub: Subscriber;
  readonly #push: Push;
  readonly #options: ClusterWorkerOptions;
  readonly #closing: AbortController;
  readonly #timers: Set<NodeJS.Timeout> = new Set();
  #isConnected: boolean = false;
  readonly #wakes: Set<() => void> = new Set();
  #commands: number = 0;

  private constructor(sub: Subscriber, push: Push, options: ClusterWorkerOptions) {
    this.#sub = sub;
    this.#push = push;
    this.#options = options;
    this.#closing = new AbortController();
    const identity = { worker: options.name ?? null, boot: randomUUID() };
    this.#desk = new WorkerDesk(identity, options, this.#closing.signal);
  }

  /**
   * Begins to connect, and goes on whenever the connection is lost. Rejects for an address that libzmq does not take, with
   * RangeError for a name or handlers that are not allowed.
   */
  static async connect(options: ClusterWorkerOptions): Promise<ClusterWorker> {
    if (options.name !== undefined && !isWorkerName(options.name)) {
      throw new RangeError(`${JSON.stringify(options.name)} cannot be the name of a worker`);
    }
    // Loaded here and not before, since it brings native code along.
    const { Push, Subscriber } = await import("zeromq");
    const common = {
      linger: 0,
      reconnectInterval: RECONNECT_MS,
      reconnectMaxInterval: RECONNECT_MAX_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
      ...curveClientOptions(memberKeys(options.curve)),
    };
    const { pub, ack } = options.endpoints;
    const sub = new Subscriber({ ...common, maxMessageSize: MAX_COMMAND_BYTES, ipv6: isIpv6(pub) });
    const push = new Push({ ...common, sendTimeout: 0, immediate: true, ipv6: isIpv6(ack) });
    try {
      const worker = new ClusterWorker(sub, push, options);
      worker.#open();
      return worker;
    } catch (error) {
      sub.close();
      push.close();
      throw error;
    }
  }

  /** Whether a leader has brought it through the handshake. */
  get isReady(): boolean {
    return this.#desk.isReady;
  }

  /** Whether a leader is there. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Commands that were heard. */
  get commands(): number {
    return this.#commands;
  }

  /** Ends what is under way. What was answered may still leave for `lingerMs`. Safe to call twice. */
  close(lingerMs: number = 0): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#sub.close();
    this.#push.linger = lingerMs;
    this.#push.close();
    this.#wakeAll();
  }

  #open(): void {
    const { pub, ack } = this.#options.endpoints;
    this.#watch(this.#sub, pub, (connected) => {
      this.#isConnected = connected;
      callOutside(() => this.#options.onConnection?.(connected));
    });
    this.#watch(this.#push, ack, (connected) => {
      if (connected) this.#wakeAll();
    });
    this.#push.connect(ack);
    this.#sub.connect(pub);
    this.#sub.subscribe("");
    void this.#pump();
  }

  /** A peer that breaks the rules, as with a frame beyond the limit, is left for good by libzmq; so it is connected to anew. */
  #watch(socket: Subscriber | Push, endpoint: string, onChange: (connected: boolean) => void): void {
    let leftForGood: NodeJS.Timeout | undefined;
    let connected = false;
    const forget = (): void => {
      clearTimeout(leftForGood);
      if (leftForGood !== undefined) this.#timers.delete(leftForGood);
    };
    const say = (now: boolean): void => {
      if (connected !== now) onChange((connected = now));
    };
    socket.events.on("handshake", () => {
      forget();
      say(true);
    });
    socket.events.on("disconnect", () => {
      say(false);
      forget();
      if (this.#closing.signal.aborted) return;
      leftForGood = setTimeout(() => {
        socket.disconnect(endpoint);
        socket.connect(endpoint);
      }, LEFT_FOR_GOOD_MS);
      this.#timers.add(leftForGood);
    });
    for (const name of ["connect:delay", "connect:retry"] as const) socket.events.on(name, forget);
  }

  /** Reads until the socket is closed. Commands are carried out side by side. Never rejects. */
  async #pump(): Promise<void> {
    try {
      for (let n = 1; ; n++) {
        const frames = await this.#sub.receive();
        this.#commands++;
        void this.#answer(frames);
        if (n % MESSAGES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    } catch {
      // The socket was closed: there is nothing else that receive() can fail with.
    }
  }

  /** Never rejects. */
  async #answer(frames: readonly Buffer[]): Promise<void> {
    const answer = await this.#desk.handle(frames);
    if (answer === null) return;
    const untilMs = performance.now() + ANSWER_WAIT_MS;
    for (;;) {
      if (this.#push.closed) return;
      try {
        await this.#push.send(answer);
        return;
      } catch (error) {
        const leftMs = untilMs - performance.now();
        if (this.#closing.signal.aborted) return;
        if (leftMs <= 0 || this.#wakes.size >= MAX_WAITING) {
          const problem = { kind: "answer_lost", name: null, message: messageOf(error) } as const;
          callOutside(() => this.#options.onProblem?.(problem));
          return;
        }
        await this.#connection(leftMs);
      }
    }
  }

  /** Resolves with the next connection, or after `ms`. */
  async #connection(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        this.#wakes.delete(over);
        resolve();
      };
      const timer = setTimeout(over, ms);
      this.#wakes.add(over);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#wakes) wake();
  }
}
