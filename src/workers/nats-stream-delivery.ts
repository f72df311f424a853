/**
 * Delivery into a stream: at least once while this process lives. PUBLISHER THREAD.
 *
 * Messages are handed over without waiting for each other's acknowledgement, up to a limit. What a connection took along, and
 * what was not acknowledged in time although the server answers, is handed over again from the first such message on; the
 * stream knows by `Nats-Msg-Id` what it has already.
 *
 *   starting ──stream is there──► trying ──acknowledged──► flowing ──refused──► landing
 *     ▲ ▲                          ▲  └──────────refused────────────────────────►  │ none in flight
 *     │ └─5 s, the stream is gone──│───────────────────────────────────────────────┤
 *     └─ new connection            └──5 s── holding ◄── no room ───────────────────┘
 *
 * A stream that refuses (full, deleted) may have taken messages behind the refused one. To send that one later would
 * turn the order round, so it is dropped, and its number is a gap that consumers see. While trying, one message is in flight
 * at a time, and so it stays in the queue however often it is refused.
 */
import { createInbox, type Msg, type NatsConnection, type Subscription } from "nats";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { NATS_FLIGHT_BYTES } from "../shared/nats-limits.ts";
import { readAck } from "./nats-ack.ts";
import { HAND_OVER_BYTES_PER_TURN, HAND_OVERS_PER_TURN, type NatsDelivery } from "./nats-delivery.ts";
import type { NatsErrorReason } from "./nats-errors.ts";
import type { NatsFlight } from "./nats-flight.ts";
import type { NatsLink } from "./nats-link.ts";
import type { QueueItem } from "./nats-queue.ts";
import { prepareStream, type StreamState, type StreamWish } from "./nats-stream.ts";
import type { NatsTiming } from "./nats-timing.ts";

/** What an acknowledgement may take after the server has answered a barrier. */
const ACK_GRACE_MS = 1000;
/** Places from the first unsettled message to the next to be handed over, in windows. */
const SPREAD = 16;

type Stage = "starting" | "flowing" | "landing" | "holding" | "trying";

export interface StreamDeliveryParts {
  readonly flight: NatsFlight;
  readonly link: NatsLink;
  readonly stream: StreamWish;
  readonly maxInFlight: number;
  readonly timing: NatsTiming;
  /** There is something to do before the next step. */
  readonly wake: () => void;
}

export class StreamDelivery implements NatsDelivery {
  readonly #parts: StreamDeliveryParts;
  #stage: Stage = "starting";
  #connection: NatsConnection | null = null;
  #inbox: string = "";
  #subscription: Subscription | null = null;
  #isPreparing: boolean = false;
  /** When a stream that is missing or refuses is tried again. */
  #againMs: number = 0;
  /** The last refusal that main was told of in this episode. */
  #reported: string = "";
  /** The stream itself was missing at the last refusal: it is to be looked for. */
  #isStreamLost: boolean = false;
  /** When a barrier came back although the first message was overdue, on the link's clock. */
  #answeredAt: number | null = null;
  /** The first unsettled message, and since when it is that, on the link's clock. */
  #front: number = -1;
  #frontSince: number = 0;
  /** Highest number that the stream has taken, by subject. */
  readonly #taken: Map<string, number> = new Map();

  constructor(parts: StreamDeliveryParts) {
    this.#parts = parts;
  }

  connected(connection: NatsConnection): void {
    this.#connection = connection;
    this.#stage = "starting";
    this.#againMs = 0;
    this.#isPreparing = false;
    this.#answeredAt = null;
    this.#subscription = null;
  }

  disconnected(): void {
    this.#connection = null;
    this.#dropOvertaken();
    this.#parts.flight.queue.rewind();
  }

  barrierReturned(mark: number): void {
    const { flight, link } = this.#parts;
    flight.dropDenied(mark);
    if (this.#isOverdue()) this.#answeredAt ??= link.awakeMs;
  }

  pump(nowMs: number): boolean {
    if (this.#connection === null) return false;
    if (this.#subscription === null) this.#stage = "starting";
    if (this.#stage === "starting") {
      if (!this.#isPreparing && nowMs >= this.#againMs) void this.#prepare(this.#connection);
      return false;
    }
    this.#watchAcks();
    if (this.#stage === "landing" && this.#parts.flight.queue.flightCount === 0) this.#landed();
    if (this.#stage === "holding" && nowMs >= this.#againMs) this.#stage = "trying";
    if (this.#stage === "flowing") return this.#handOver(this.#parts.maxInFlight);
    if (this.#stage === "trying") this.#handOver(1);
    return false;
  }

  /** Looks for the stream; only once it is there, or cannot be looked for, messages go out. */
  async #prepare(connection: NatsConnection): Promise<void> {
    this.#isPreparing = true;
    this.#subscription ??= this.#subscribe(connection);
    const state = await prepareStream(connection, this.#parts.stream);
    if (this.#connection !== connection) return;
    this.#isPreparing = false;
    // A refused subscription is answered before the question about the stream.
    if (this.#subscription === null) this.#againMs = performance.now() + this.#parts.timing.holdMs;
    else this.#prepared(state);
    this.#parts.wake();
  }

  #subscribe(connection: NatsConnection): Subscription {
    this.#inbox = createInbox();
    return connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (this.#connection !== connection) return;
        if (error === null) {
          this.#answered(message);
        } else {
          this.#subscription = null;
          this.#count("permission", "not allowed to subscribe to acknowledgements");
        }
        this.#parts.wake();
      },
    });
  }

  #prepared(state: StreamState): void {
    if (state.state !== "ready") this.#count(state.reason, state.detail);
    if (state.state === "ready" || state.state === "unknown") this.#stage = "trying";
    else this.#againMs = performance.now() + this.#parts.timing.holdMs;
  }

  /** True: there is more, for another turn. */
  #handOver(limit: number): boolean {
    const { flight, link } = this.#parts;
    const { queue } = flight;
    const fullBytes = queue.flightBytes + HAND_OVER_BYTES_PER_TURN;
    for (let left = HAND_OVERS_PER_TURN; left > 0 && queue.flightBytes < fullBytes; left--) {
      const connection = this.#connection;
      if (connection === null || queue.flightCount >= limit || queue.flightBytes >= NATS_FLIGHT_BYTES) return false;
      // What is acknowledged keeps its place as long as one in front of it is not.
      if (queue.cursor - queue.first >= limit * SPREAD) return false;
      const item = queue.peek();
      if (item === null || item.message === null) return false;
      if (queue.flightCount === 0) this.#frontSince = link.awakeMs;
      const reply = `${this.#inbox}.${item.number.toString(36)}`;
      if (flight.handOver(item, item.message, connection, reply) === "failed") {
        link.fail(new Error("the connection is closed"));
        return false;
      }
    }
    return true;
  }

  #answered(message: Msg): void {
    const { flight, link, stream } = this.#parts;
    const number = Number.parseInt(message.subject.slice(this.#inbox.length + 1), 36);
    const item = flight.queue.at(number);
    if (item === null || item.message === null) return;
    const ack = readAck(message, stream.name);
    if (ack.type === "taken") {
      const { subject } = item.message;
      this.#taken.set(subject, Math.max(number, this.#taken.get(subject) ?? 0));
      if (ack.isDuplicate) flight.tally.add(PUBLISHER_CELLS.natsDuplicateAcks, 1);
      flight.confirm(item);
      link.worked();
      if (this.#stage === "trying") this.#flow();
    } else if (ack.type === "never") {
      this.#count(ack.reason, ack.detail);
      flight.drop(item, "rejected");
    } else if (item.isInFlight) {
      flight.queue.land(item);
      item.isRefused = true;
      this.#refuse(ack.reason, ack.detail);
    }
  }

  /** The episode, if there was one, is over. */
  #flow(): void {
    this.#stage = "flowing";
    this.#reported = "";
  }

  #refuse(reason: "no_stream" | "other", detail: string): void {
    this.#count(reason, detail);
    this.#isStreamLost = reason === "no_stream";
    if (this.#stage === "flowing" || this.#stage === "trying") this.#stage = "landing";
  }

  /** Counts an error, and tells main of it unless it was the last thing told. */
  #count(reason: NatsErrorReason, detail: string): void {
    this.#parts.flight.refused(reason, detail === this.#reported ? null : detail);
    this.#reported = detail;
  }

  /** All fates of the window are known: what can be sent later without turning the order round, is. */
  #landed(): void {
    this.#dropOvertaken();
    this.#parts.flight.queue.rewind();
    this.#stage = this.#isStreamLost ? "starting" : "holding";
    this.#againMs = performance.now() + this.#parts.timing.holdMs;
  }

  #dropOvertaken(): void {
    const { flight } = this.#parts;
    for (let n = flight.queue.first; n < flight.queue.end; n++) {
      const item = flight.queue.at(n);
      if (item === null) continue;
      if (item.sends === 0) return;
      if (item.isRefused && this.#isOvertaken(item)) flight.drop(item, "rejected");
    }
  }

  #isOvertaken(item: QueueItem): boolean {
    const subject = item.message?.subject ?? "";
    return (this.#taken.get(subject) ?? -1) > item.number;
  }

  #isOverdue(): boolean {
    const { flight, link } = this.#parts;
    if (flight.queue.flightCount === 0) return false;
    if (flight.queue.first !== this.#front) {
      this.#front = flight.queue.first;
      this.#frontSince = link.awakeMs;
      this.#answeredAt = null;
    }
    return link.awakeMs - this.#frontSince >= this.#parts.timing.ackTimeoutMs;
  }

  /** A server that does not answer at all is the link's business; one that answers, but not to this, gets it again. */
  #watchAcks(): void {
    const { flight, link } = this.#parts;
    if (!this.#isOverdue()) return;
    if (this.#answeredAt === null) {
      link.barrier(flight.queue.cursor);
      return;
    }
    if (link.awakeMs - this.#answeredAt < ACK_GRACE_MS) return;
    this.#answeredAt = null;
    this.#frontSince = link.awakeMs;
    this.#count("timeout", "the stream does not acknowledge");
    flight.queue.rewind();
  }
}
