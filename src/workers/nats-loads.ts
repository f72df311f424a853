/**
 * The load that main posts, on its way to NATS: each message gets the envelope of the event plane when it is sent. PUBLISHER
 * THREAD.
 */
import type { LoadMessage, PlanePlace } from "../shared/nats-messages.ts";
import { encodeEnvelope, FORWARD_PASS_TOPIC, newPublisherId } from "../shared/plane-envelope.ts";
import type { NatsSink } from "./nats-sink.ts";
import { planeSubject } from "../shared/nats-subjects.ts";

export class NatsLoads {
  readonly #nats: NatsSink;
  readonly #place: PlanePlace;
  readonly #publisherId: number = newPublisherId();
  /** By topic: each is a stream of its own to its readers. */
  readonly #sequences: Map<string, number> = new Map();

  constructor(nats: NatsSink, place: PlanePlace) {
    this.#nats = nats;
    this.#place = place;
  }

  take({ topic, rank, payload }: LoadMessage): void {
    const kind = topic === FORWARD_PASS_TOPIC ? "record" : "state";
    this.#nats.setLoad(`${topic} ${rank}`, planeSubject(this.#place, topic), kind, () => {
      const sequence = this.#sequences.get(topic) ?? 0;
      this.#sequences.set(topic, sequence + 1);
      return encodeEnvelope(this.#publisherId, sequence, Date.now(), topic, payload);
    });
  }
}
