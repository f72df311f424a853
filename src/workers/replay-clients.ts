/**
 * Serves the clients of the replay socket in turn, a message each, so that none waits for another's long replay or full
 * queue. PUBLISHER THREAD.
 *
 * What the socket holds for all of them together is bounded. Who is being answered has a share of its own. Who has got all
 * may still have the last messages in its queue: only the next message for it would show, and there is none. So these stay
 * on the account for as long as the transport waits for a peer that takes nothing, each with what its queue can hold at most,
 * which is little after a short answer. Whoever would exceed the bound gets an end marker only.
 */
import { elementAt } from "../shared/element.ts";
import { REPLAY_MESSAGE_OVERHEAD_BYTES } from "../shared/queue-sizes.ts";
import type { ReplayFraming } from "../shared/zmq-wire.ts";
import type { Answer } from "./replay-answer.ts";
import { type EndedAnswer, ReplayClient } from "./replay-client.ts";

/** What became of one message. `gone`: no connection has this identity. */
export type Sent = "accepted" | "full" | "gone";

export interface ReplayClientsParts {
  readonly maxClients: number;
  /** Messages, and bytes, that the queue of one client may hold. */
  readonly heldMessages: number;
  readonly clientBytes: number;
  /** So long after its last message nothing is in a client's queue any more, or its connection is closed. */
  readonly restMs: number;
  readonly expiryMs: number;
  /** Offers a message to the queue of the client with this identity. Completes at once. */
  readonly send: (identity: Buffer, frames: readonly Buffer[]) => Promise<Sent>;
  /** A message that was published before was accepted. */
  readonly onBatch: () => void;
  readonly onEnd: (ended: EndedAnswer) => void;
  /** This client has taken nothing for too long. */
  readonly onExpired?: (identity: Buffer) => void;
}

export class ReplayClients {
  readonly #parts: ReplayClientsParts;
  /** All that are known, by identity. */
  readonly #byKey: Map<string, ReplayClient> = new Map();
  /** Those that are owed something, in the order of their turns. */
  readonly #turns: ReplayClient[] = [];
  /** The others, with the time at which they will be forgotten, which rises. */
  readonly #resting: Map<ReplayClient, number> = new Map();
  #restingBytes: number = 0;
  #nextTurn: number = 0;

  constructor(parts: ReplayClientsParts) {
    this.#parts = parts;
  }

  /** Clients that are being served; those that have expired and only wait for end markers do not count. */
  get serving(): number {
    return this.#turns.reduce((sum, client) => sum + (client.isExpired ? 0 : 1), 0);
  }

  /** Whether one of them could take more within milliseconds. */
  get active(): boolean {
    return this.#turns.some((client) => !client.isExpired && !client.isStalled);
  }

  /** Bytes that the socket may hold, or come to hold, for all clients together. */
  get reservedBytes(): number {
    return this.#turns.reduce((sum, client) => sum + this.#reservedFor(client), this.#restingBytes);
  }

  /**
   * Takes a request; `makeAnswer` is called if it can be answered. False: it cannot, the client gets an end marker of this
   * framing when it is its turn. However many wait for no more than that: each is a connection, which costs more.
   */
  ask(identity: Buffer, framing: ReplayFraming, makeAnswer: () => Answer, nowMs: number): boolean {
    this.#forgetRested(nowMs);
    const client = this.#clientOf(identity);
    const { maxClients, clientBytes } = this.#parts;
    const others = this.reservedBytes - this.#reservedFor(client);
    const isRoom = client.isServed || others + clientBytes <= maxClients * clientBytes;
    return client.ask(isRoom ? makeAnswer : null, framing, nowMs);
  }

  /** Takes a request that is not to be answered: the client gets an end marker of this framing when it is its turn. */
  refuse(identity: Buffer, framing: ReplayFraming, nowMs: number): void {
    this.#forgetRested(nowMs);
    this.#clientOf(identity).ask(null, framing, nowMs);
  }

  /** Sends `maxSends` messages at most, until `performance.now()` is `untilMs`. True: more could be sent right now. */
  async serve(nowMs: number, untilMs: number, maxSends: number): Promise<boolean> {
    let sends = 0;
    let idle = 0;
    while (idle < this.#turns.length) {
      if (sends >= maxSends || performance.now() >= untilMs) return true;
      const at = this.#nextTurn % this.#turns.length;
      const client = elementAt(this.#turns, at);
      this.#nextTurn = at + 1;
      idle++;
      const frames = client.next(nowMs);
      if (frames === null) continue;
      sends++;
      const sent = await this.#parts.send(client.identity, frames);
      if (sent === "gone") this.#forget(client);
      else if (sent === "full") client.refused(nowMs);
      else {
        idle = 0;
        this.#accepted(client, nowMs, sizeOf(frames));
      }
    }
    return false;
  }

  /** Gives up on clients that have taken nothing for too long, and forgets those that have had all for long enough. */
  expire(nowMs: number): void {
    for (const client of this.#turns) {
      if (client.expire(nowMs, this.#parts.expiryMs)) this.#parts.onExpired?.(client.identity);
    }
    this.#forgetRested(nowMs);
  }

  /** Forgets everyone. */
  clear(): void {
    while (this.#turns[0] !== undefined) this.#forget(this.#turns[0]);
    for (const client of this.#resting.keys()) this.#wake(client);
    this.#byKey.clear();
  }

  /** The client of this identity, with a turn among the others. */
  #clientOf(identity: Buffer): ReplayClient {
    const key = keyOf(identity);
    const known = this.#byKey.get(key);
    if (known !== undefined && !this.#resting.has(known)) return known;
    if (known !== undefined) this.#wake(known);
    const client = known ?? new ReplayClient(identity, this.#parts.heldMessages);
    this.#byKey.set(key, client);
    this.#turns.push(client);
    return client;
  }

  #forgetRested(nowMs: number): void {
    for (const [client, untilMs] of this.#resting) {
      if (nowMs < untilMs) return;
      this.#wake(client);
      this.#byKey.delete(keyOf(client.identity));
    }
  }

  #reservedFor(client: ReplayClient): number {
    return client.isServed ? Math.max(this.#parts.clientBytes, client.heldBytes) : client.heldBytes;
  }

  #accepted(client: ReplayClient, nowMs: number, bytes: number): void {
    const { part, ended } = client.accepted(nowMs, bytes);
    if (part === "batch") this.#parts.onBatch();
    if (ended !== null) this.#parts.onEnd(ended);
    if (!client.isDone) return;
    this.#endTurns(client);
    client.rest();
    this.#resting.set(client, nowMs + this.#parts.restMs);
    this.#restingBytes += client.heldBytes;
  }

  #wake(client: ReplayClient): void {
    if (this.#resting.delete(client)) this.#restingBytes -= client.heldBytes;
  }

  /** Its connection is gone, and its queue with it. */
  #forget(client: ReplayClient): void {
    for (const ended of client.abandon()) this.#parts.onEnd(ended);
    this.#byKey.delete(keyOf(client.identity));
    this.#endTurns(client);
  }

  #endTurns(client: ReplayClient): void {
    const at = this.#turns.indexOf(client);
    this.#turns.splice(at, 1);
    if (at < this.#nextTurn) this.#nextTurn--;
  }
}

/** An identity as a key. */
export function keyOf(identity: Buffer): string {
  return identity.toString("latin1");
}

/** Bytes of a message in a queue. The payload comes last. */
function sizeOf(frames: readonly Buffer[]): number {
  return (frames.at(-1)?.length ?? 0) + REPLAY_MESSAGE_OVERHEAD_BYTES;
}
