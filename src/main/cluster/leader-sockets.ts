/**
 * The two sockets of a leader: commands go out to all workers, answers come in from any. MAIN THREAD.
 *
 * The publisher is an XPUB, which subscribers cannot tell from a PUB: it hears of each new one, so that a command that was sent
 * too early for it can be sent again at once instead of after a while.
 */
import { setTimeout } from "node:timers/promises";
import type { Pull, XPublisher } from "zeromq";
import { type CurveKeyPair, curveServerOptions } from "../../shared/curve.ts";
import { bindReason, IN_USE } from "../../shared/bind-reason.ts";
import { BindError, codeOf } from "../../shared/errors.ts";
import { bindPrivately, ipcPath } from "../../shared/private-ipc.ts";
import { isIpv6 } from "../../shared/zmq-wire.ts";
import { CurveGate } from "../curve/curve-gate.ts";
import type { LeaderEndpoints } from "./endpoints.ts";
import { MAX_PAYLOAD_BYTES } from "./frames.ts";
import { type IpcRelease, lockIpc } from "./ipc-lock.ts";

/** Longest message of a subscriber. Subscriptions of ours are empty, but the handshake of CURVE has messages of more than 256 bytes. */
const MAX_SUBSCRIBER_BYTES = 1024;
/** Messages between two turns of the event loop. */
const MESSAGES_A_TURN = 64;
const HEARTBEAT_MS = 5000;
const HEARTBEAT_TIMEOUT_MS = 15_000;
const BIND_PATIENCE_MS = 1000;
const BIND_RETRY_MS = 10;

export interface LeaderEars {
  onAnswer(frames: readonly Buffer[]): void;
  /** Someone subscribed: `isNew`, or has gone. */
  onSubscription(isNew: boolean): void;
}

export class LeaderSockets {
  /** With the real ports. */
  readonly endpoints: LeaderEndpoints;
  readonly #pub: XPublisher;
  readonly #pull: Pull;
  readonly #locks: readonly IpcRelease[];
  readonly #gate: CurveGate | null;

  private constructor(
    pub: XPublisher,
    pull: Pull,
    locks: readonly IpcRelease[],
    gate: CurveGate | null,
    asked: LeaderEndpoints,
    ears: LeaderEars,
  ) {
    this.#pub = pub;
    this.#pull = pull;
    this.#locks = locks;
    this.#gate = gate;
    this.endpoints = { pub: boundAddress(pub, asked.pub), ack: boundAddress(pull, asked.ack) };
    void pump(pull, (frames) => ears.onAnswer(frames));
    void pump(pub, ([subscription]) => ears.onSubscription(subscription?.[0] === 1));
  }

  /**
   * `curve`: the key pair of the cluster; null: whoever connects is heard. Rejects with BindError when one of the addresses is taken
   * for longer than a moment, malformed or not ours; nothing stays open then.
   */
  static async bind(
    endpoints: LeaderEndpoints,
    ears: LeaderEars,
    patienceMs: number = BIND_PATIENCE_MS,
    curve: CurveKeyPair | null = null,
  ): Promise<LeaderSockets> {
    // Loaded here and not before, since it brings native code along.
    const { Pull, XPublisher } = await import("zeromq");
    const gate = curve === null ? null : new CurveGate({ keys: curve, clients: "members" }, null);
    await gate?.open(["cluster"]);
    const common = {
      linger: 0,
      heartbeatInterval: HEARTBEAT_MS,
      heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
      ...curveServerOptions(gate?.server("cluster")),
    };
    const pub = new XPublisher({
      ...common,
      sendTimeout: 0,
      maxMessageSize: MAX_SUBSCRIBER_BYTES,
      verbosity: "allSubsUnsubs",
      ipv6: isIpv6(endpoints.pub),
    });
    const pull = new Pull({ ...common, maxMessageSize: MAX_PAYLOAD_BYTES, ipv6: isIpv6(endpoints.ack) });
    const locks: IpcRelease[] = [];
    try {
      locks.push(await bind(pub, endpoints.pub, patienceMs));
      locks.push(await bind(pull, endpoints.ack, patienceMs));
      return new LeaderSockets(pub, pull, locks, gate, endpoints, ears);
    } catch (error) {
      pub.close();
      pull.close();
      for (const release of locks) release();
      gate?.close();
      throw error;
    }
  }

  /** To all that are subscribed; a worker whose queue is full does not get it, and is waited for by nobody. */
  async send(frames: Buffer[]): Promise<void> {
    await this.#pub.send(frames);
  }

  /** What was sent may still leave for `lingerMs`. */
  close(lingerMs: number = 0): void {
    this.#pub.linger = lingerMs;
    this.#pub.close();
    this.#pull.close();
    for (const release of this.#locks) release();
    this.#gate?.close();
  }
}

/** With the real port. A path is where it was asked for, though libzmq has seen it come from elsewhere. */
function boundAddress({ lastEndpoint }: XPublisher | Pull, asked: string): string {
  return ipcPath(asked) === null ? (lastEndpoint ?? asked) : asked;
}

/** An address that is in use is tried for a moment: that of a socket which was closed just now is let go of by another thread. */
async function bind(socket: XPublisher | Pull, endpoint: string, patienceMs: number): Promise<IpcRelease> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    let reason: unknown = IN_USE;
    const release = await lockIpc(endpoint);
    if (release !== null) {
      try {
        const file = ipcPath(endpoint);
        if (file === null) await socket.bind(endpoint);
        else await bindPrivately(file, (staged) => socket.bind(staged));
        return release;
      } catch (error) {
        release();
        reason = error;
      }
    }
    if (!isInUse(reason) || performance.now() >= endMs) {
      throw new BindError(endpoint, `cannot bind ${endpoint}: ${bindReason(endpoint, reason)}`, reason);
    }
    await setTimeout(BIND_RETRY_MS);
  }
}

/** Whether an address could not be bound because another socket has it: the `cause` of a BindError. */
export function isInUse(reason: unknown): boolean {
  return reason === IN_USE || codeOf(reason) === IN_USE;
}

/** Reads until the socket is closed. Never rejects. */
async function pump(socket: XPublisher | Pull, take: (frames: readonly Buffer[]) => void): Promise<void> {
  try {
    for (let n = 1; ; n++) {
      take(await socket.receive());
      // A peer that never pauses must not keep the others, or a timer, from their turn.
      if (n % MESSAGES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } catch {
    // The socket was closed: there is nothing else that receive() can fail with.
  }
}
