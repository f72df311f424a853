/**
 * The newest load of each rank, sent when it changes and again on a heartbeat. PUBLISHER THREAD.
 *
 * Only the latest value is worth anything. So there is no queue: a value that could not be sent is replaced by the next one,
 * goes past all waiting events, and is repeated because a router may have come later, or lost it.
 */
import { type NatsConnection, NatsError } from "nats";
import type { NatsFlight } from "./nats-flight.ts";

/** Ranks times topics, with room to spare; more is a mistake somewhere. */
const MAX_KEYS = 4096;

interface Load {
  subject: string;
  makePayload: () => Uint8Array;
  dueMs: number;
}

export class NatsLoad {
  readonly #flight: NatsFlight;
  readonly #heartbeatMs: number;
  readonly #loads: Map<string, Load> = new Map();

  constructor(flight: NatsFlight, heartbeatMs: number) {
    this.#flight = flight;
    this.#heartbeatMs = heartbeatMs;
  }

  /** False: there are too many keys, and this one is new. */
  set(key: string, subject: string, makePayload: () => Uint8Array): boolean {
    if (this.#loads.size >= MAX_KEYS && !this.#loads.has(key)) return false;
    this.#loads.set(key, { subject, makePayload, dueMs: 0 });
    return true;
  }

  /** A new connection: perhaps other subscribers. */
  resend(): void {
    for (const load of this.#loads.values()) load.dueMs = 0;
  }

  /** Sends what is due. Returns whether anything was sent. */
  pump(connection: NatsConnection, nowMs: number): boolean {
    let hasSent = false;
    for (const load of this.#loads.values()) {
      if (nowMs < load.dueMs) continue;
      load.dueMs = nowMs + this.#heartbeatMs;
      if (!this.#flight.mayTry(load.subject)) continue;
      try {
        connection.publish(load.subject, load.makePayload());
        hasSent = true;
      } catch (error) {
        if (!(error instanceof NatsError)) throw error;
        this.#flight.refused(error.code === "MAX_PAYLOAD_EXCEEDED" ? "max_payload" : "other", null);
      }
    }
    return hasSent;
  }
}
