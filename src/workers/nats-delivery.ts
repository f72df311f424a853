/**
 * Delivery over core NATS: at most once for a subscriber, and counted. PUBLISHER THREAD.
 *
 * A message is sent when a barrier behind it has come back, which means that the server has taken it. What lay in front of no
 * barrier when the connection was lost is sent again: subscribers may get it twice, but nothing is lost uncounted between
 * here and the server. Order is that of the queue, also then.
 */
import type { NatsConnection } from "nats";
import { NATS_FLIGHT_BYTES } from "../shared/nats-limits.ts";
import type { NatsFlight } from "./nats-flight.ts";
import type { NatsLink } from "./nats-link.ts";

/** One way of delivery; all of it is called by the sink. */
export interface NatsDelivery {
  readonly connected: (connection: NatsConnection) => void;
  readonly disconnected: () => void;
  readonly barrierReturned: (mark: number) => void;
  /** Hands over what may be handed over now. True: there is more, for another turn. */
  readonly pump: (nowMs: number) => boolean;
}

/**
 * Messages after which others of this thread get their turn; one to two milliseconds. While the ring is full, a turn comes
 * after 64 ZMQ messages: NATS must be able to keep up with these.
 */
export const HAND_OVERS_PER_TURN = 128;
/** The same for large ones, of which thousands may have waited for the server: each is copied twice on its way to the kernel. */
export const HAND_OVER_BYTES_PER_TURN: number = 2 * 1024 * 1024;

export class CoreDelivery implements NatsDelivery {
  readonly #flight: NatsFlight;
  readonly #link: NatsLink;
  readonly #maxInFlight: number;

  constructor(flight: NatsFlight, link: NatsLink, maxInFlight: number) {
    this.#flight = flight;
    this.#link = link;
    this.#maxInFlight = maxInFlight;
  }

  connected(): void {}

  disconnected(): void {
    this.#flight.queue.rewind();
  }

  barrierReturned(mark: number): void {
    const { queue } = this.#flight;
    this.#flight.dropDenied(mark);
    for (let n = queue.first; n < mark; n++) {
      const item = queue.at(n);
      if (item !== null && item.isInFlight) this.#flight.confirm(item);
    }
  }

  pump(): boolean {
    const isMore = this.#handOver();
    const { queue } = this.#flight;
    if (queue.flightCount > 0) this.#link.barrier(queue.cursor);
    return isMore;
  }

  #handOver(): boolean {
    const { queue } = this.#flight;
    const { connection } = this.#link;
    const fullBytes = queue.flightBytes + HAND_OVER_BYTES_PER_TURN;
    for (let left = HAND_OVERS_PER_TURN; left > 0 && queue.flightBytes < fullBytes; left--) {
      if (connection === null || queue.flightCount >= this.#maxInFlight || queue.flightBytes >= NATS_FLIGHT_BYTES)
        return false;
      const item = queue.peek();
      if (item === null || item.message === null) return false;
      if (this.#flight.handOver(item, item.message, connection, null) === "failed") {
        this.#link.fail(new Error("the connection is closed"));
        return false;
      }
    }
    return true;
  }
}
