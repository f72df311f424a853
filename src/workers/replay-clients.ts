/**
 * Serves the clients of the replay socket in turn, a message each, so that none waits for another's long replay or full
 * queue. PUBLISHER THREAD.
 */
import type { ReplayFraming } from "../shared/zmq-wire.ts";
import type { Answer } from "./replay-answer.ts";
import { type EndedAnswer, ReplayClient } from "./replay-client.ts";

/** What became of one message. `gone`: no connection has this identity. */
export type Sent = "accepted" | "full" | "gone";

export interface ReplayClientsParts {
  readonly framing: ReplayFraming;
  readonly maxClients: number;
  readonly expiryMs: number;
  /** Offers a message to the queue of the client with this identity. Completes at once. */
  readonly send: (identity: Buffer, frames: readonly Buffer[]) => Promise<Sent>;
  /** A message that was published before was accepted. */
  readonly onBatch: () => void;
  readonly onEnd: (ended: EndedAnswer) => void;
}

export class ReplayClients {
  readonly #parts: ReplayClientsParts;
  readonly #byKey: Map<string, ReplayClient> = new Map();
  /** In the order of their turns. */
  readonly #turns: ReplayClient[] = [];
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

  /**
   * Takes a request; `makeAnswer` is called if it can be answered. `limited`: it cannot, the client gets its end marker when
   * it is its turn. `refused`: there are too many clients to even remember this one.
   */
  ask(identity: Buffer, makeAnswer: () => Answer, nowMs: number): "taken" | "limited" | "refused" {
    const client = this.#admit(identity);
    if (client === null) return "refused";
    return client.ask(makeAnswer, nowMs) ? "taken" : "limited";
  }

  /** Sends `maxSends` messages at most, until `performance.now()` is `untilMs`. True: more could be sent right now. */
  async serve(nowMs: number, untilMs: number, maxSends: number): Promise<boolean> {
    let sends = 0;
    let idle = 0;
    while (idle < this.#turns.length) {
      if (sends >= maxSends || performance.now() >= untilMs) return true;
      const at = this.#nextTurn % this.#turns.length;
      const client = this.#turns[at] as ReplayClient;
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
        this.#accepted(client, nowMs);
      }
    }
    return false;
  }

  /** Gives up on clients that have taken nothing for too long. */
  expire(nowMs: number): void {
    for (const client of this.#turns) client.expire(nowMs, this.#parts.expiryMs);
  }

  /** Forgets everyone. */
  clear(): void {
    while (this.#turns[0] !== undefined) this.#forget(this.#turns[0]);
  }

  #admit(identity: Buffer): ReplayClient | null {
    const key = identity.toString("latin1");
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#turns.length >= this.#parts.maxClients) {
      // Of those that stand still, one goes without its end markers.
      const expired = this.#turns.find((client) => client.isExpired);
      if (expired === undefined) return null;
      this.#forget(expired);
    }
    const client = new ReplayClient(identity, this.#parts.framing);
    this.#byKey.set(key, client);
    this.#turns.push(client);
    return client;
  }

  #accepted(client: ReplayClient, nowMs: number): void {
    const { part, ended } = client.accepted(nowMs);
    if (part === "batch") this.#parts.onBatch();
    if (ended !== null) this.#parts.onEnd(ended);
    if (client.isDone) this.#forget(client);
  }

  #forget(client: ReplayClient): void {
    for (const ended of client.abandon()) this.#parts.onEnd(ended);
    this.#byKey.delete(client.identity.toString("latin1"));
    const at = this.#turns.indexOf(client);
    this.#turns.splice(at, 1);
    if (at < this.#nextTurn) this.#nextTurn--;
  }
}
