/**
 * Load on its way out. PUBLISHER THREAD. It goes past all waiting events, and is not confirmed: the next one is better.
 *
 * Of a `state` only the newest value is worth anything: one that could not be sent is replaced by the next, and sent again on
 * a new connection, whose readers may be others. `Records` each count; a few of a rank wait, the oldest go first, and none is
 * ever sent twice. When to say something again is main's to decide, which knows whether the engine lives.
 */
import { type NatsConnection, NatsError } from "nats";
import type { NatsFlight } from "./nats-flight.ts";

/** Ranks times topics, with room to spare; more is a mistake somewhere. */
const MAX_KEYS = 4096;
/** Records of one key that wait for a connection. */
const MAX_RECORDS = 64;

export type LoadKind = "state" | "record";

interface Load {
  subject: string;
  readonly kind: LoadKind;
  /** What waits, oldest first; of a state, the newest value. */
  waiting: (() => Uint8Array)[];
  /** The value that was sent last, of a state. */
  sent: (() => Uint8Array) | null;
}

export class NatsLoad {
  readonly #flight: NatsFlight;
  readonly #loads: Map<string, Load> = new Map();

  constructor(flight: NatsFlight) {
    this.#flight = flight;
  }

  /** `makePayload` is called when it is sent. False: there are too many keys, and this one is new. */
  set(key: string, subject: string, kind: LoadKind, makePayload: () => Uint8Array): boolean {
    let load = this.#loads.get(key);
    if (load === undefined) {
      if (this.#loads.size >= MAX_KEYS) return false;
      this.#loads.set(key, (load = { subject, kind, waiting: [], sent: null }));
    }
    if (kind === "state") load.waiting = [makePayload];
    else {
      load.waiting.push(makePayload);
      if (load.waiting.length > MAX_RECORDS) load.waiting.shift();
    }
    return true;
  }

  /** A new connection: perhaps other subscribers. */
  resend(): void {
    for (const load of this.#loads.values()) if (load.waiting.length === 0 && load.sent) load.waiting = [load.sent];
  }

  /** Sends what waits. Returns whether anything was sent. */
  pump(connection: NatsConnection): boolean {
    let hasSent = false;
    for (const load of this.#loads.values()) {
      if (load.waiting.length === 0 || !this.#flight.mayTry(load.subject)) continue;
      for (const makePayload of load.waiting.splice(0)) {
        if (load.kind === "state") load.sent = makePayload;
        if (this.#publish(connection, load.subject, makePayload())) hasSent = true;
      }
    }
    return hasSent;
  }

  #publish(connection: NatsConnection, subject: string, payload: Uint8Array): boolean {
    try {
      connection.publish(subject, payload);
      return true;
    } catch (error) {
      if (!(error instanceof NatsError)) throw error;
      this.#flight.refused(error.code === "MAX_PAYLOAD_EXCEEDED" ? "max_payload" : "other", null);
      return false;
    }
  }
}
