/**
 * Messages and load out to NATS, beside the ZMQ socket and without ever holding it up. PUBLISHER THREAD.
 *
 *   offer ──► queue (bounded, ours) ──► in flight (bounded) ──► confirmed: sent
 *     └─ full: dropped, counted            └─ connection lost: back into the queue, in order
 *
 * Nothing here blocks or is waited for. Whatever may have to be done next, done it is in a turn of the event loop: see
 * `nats-turns.ts`.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { natsSlotReserveBytes } from "../shared/nats-limits.ts";
import type { NatsReport, NatsSinkData } from "../shared/nats-messages.ts";
import { CoreDelivery, type NatsDelivery } from "./nats-delivery.ts";
import { NatsFlight } from "./nats-flight.ts";
import { NatsGauges } from "./nats-gauges.ts";
import { NatsLink } from "./nats-link.ts";
import { type LoadKind, NatsLoad } from "./nats-load.ts";
import type { NatsMessage } from "./nats-queue.ts";
import { PageMemory } from "./page-memory.ts";
import { StreamDelivery } from "./nats-stream-delivery.ts";
import { streamSubject, workerSubject } from "../shared/nats-subjects.ts";
import { NATS_TIMING, type NatsTiming } from "./nats-timing.ts";
import { NatsTurns } from "./nats-turns.ts";

export type { NatsMessage } from "./nats-queue.ts";

/** A barrier that is out for so long: the server is slow, and load would only pile up in front of it. */
const SLOW_MS = 2000;
/** Room that headers may take of what the server accepts as one message. */
const HEADER_BYTES = 512;
/** So many messages that wait are worth a turn of their own. */
const MANY_WAIT = 64;

export class NatsSink {
  /** For the payloads of messages that are offered. */
  readonly pages: PageMemory = new PageMemory();
  readonly #flight: NatsFlight;
  readonly #link: NatsLink;
  readonly #load: NatsLoad;
  readonly #delivery: NatsDelivery;
  readonly #gauges: NatsGauges;
  readonly #turns: NatsTurns;
  readonly #maxInFlight: number;
  #isStopping: boolean = false;
  #isAbandoned: boolean = false;

  private constructor(
    data: NatsSinkData,
    counters: CounterBlock,
    report: (report: NatsReport) => void,
    timing: NatsTiming,
    waitingEvents: number,
  ) {
    this.#maxInFlight = data.maxInFlight;
    const epoch = data.encoding === "raw" ? data.epoch : null;
    const flight = new NatsFlight({
      queueBytes: data.queueBytes,
      reserveBytes: natsSlotReserveBytes(data.slotBytes),
      epoch,
      holdMs: timing.holdMs,
      report,
    });
    this.#flight = flight;
    this.#load = new NatsLoad(flight);
    this.#link = new NatsLink(
      data.connection,
      {
        connected: (connection) => {
          flight.forgetRefusals();
          this.#load.resend();
          this.#delivery.connected(connection);
          this.#turns.wake();
        },
        disconnected: () => {
          this.#delivery.disconnected();
          this.#turns.wake();
        },
        denied: (subject) => {
          flight.denied(subject);
          this.#turns.wake();
        },
        barrierReturned: (mark) => {
          this.#delivery.barrierReturned(mark);
          this.#turns.wake();
        },
      },
      flight.tally,
      report,
      timing.stallMs,
    );
    this.#delivery = this.#deliveryFor(data, timing);
    this.#gauges = new NatsGauges(counters, flight, this.#link);
    // What a thread before this one had taken, counted and not sent went with it.
    flight.lost(counters.read(PUBLISHER_CELLS.natsPendingEvents) - waitingEvents);
    this.#gauges.commit();
    this.#turns = new NatsTurns({
      paceMs: timing.paceMs,
      isPressed: () => this.#isPressed(),
      take: (nowMs) => this.#step(nowMs),
    });
    this.#turns.wake();
  }

  /**
   * Connects in the background, for ever. Never throws. `waitingEvents` are counted as pending and will be offered; all else that
   * is was in the queue of a sink before this one.
   */
  static start(
    data: NatsSinkData,
    counters: CounterBlock,
    report: (report: NatsReport) => void,
    timing: NatsTiming = NATS_TIMING,
    waitingEvents: number = 0,
  ): NatsSink {
    return new NatsSink(data, counters, report, timing, waitingEvents);
  }

  /** Bytes of payloads' pages, with some for each message, that wait or are in flight. */
  get pendingBytes(): number {
    return this.#flight.queue.bytes;
  }

  /** Whoever can wait should not offer another slot now. */
  get isFull(): boolean {
    return this.#flight.isFull;
  }

  /** Messages wait or are in flight: the event loop should turn. */
  get hasWork(): boolean {
    return !this.#flight.queue.isEmpty;
  }

  /** Most bytes of a payload that the server takes, headers allowed for. It may change with a connection. */
  get maxPayload(): number {
    return Math.max(0, this.#link.maxPayload - HEADER_BYTES);
  }

  /**
   * Takes a message, in order. False: the queue is full, or the sink is stopping, and its events are counted as dropped. In
   * either case nothing shows in the counters until `countOffers`.
   */
  offer(message: NatsMessage): boolean {
    const isTaken = this.#flight.offer(message, this.#isStopping ? "shutdown" : null);
    if (isTaken) this.#turns.wake();
    return isTaken;
  }

  /** Number of the message that was taken last. */
  get lastNumber(): number {
    return this.#flight.queue.end - 1;
  }

  /** The message of that number if no connection has been given it yet: it may still grow. */
  waiting(number: number): NatsMessage | null {
    return this.#flight.waiting(number);
  }

  /**
   * Takes more for the message of that number, which waits and into which the caller then puts it: so many bytes, so many events.
   * False: there is no room. Nothing shows before `countOffers`.
   */
  grow(number: number, bytes: number, events: number): boolean {
    return !this.#isStopping && this.#flight.grow(number, bytes, events);
  }

  /**
   * Removed events of which nobody needs to hear: counted as sent, with the next `countOffers`, though no message tells of
   * them.
   */
  satisfied(removedEvents: number): void {
    this.#flight.satisfied(removedEvents);
  }

  /**
   * Puts all that is known into the counters, inside an update that the caller has opened and in which it counts the slot as
   * dequeued whose messages have been offered.
   */
  countOffers(): void {
    this.#flight.countOffers();
    this.#gauges.show();
  }

  /**
   * A load of a rank. `makePayload` is called when it is sent, for what changes from message to message.
   * False: there are too many keys.
   */
  setLoad(key: string, subject: string, kind: LoadKind, makePayload: () => Uint8Array): boolean {
    const isTaken = this.#load.set(key, subject, kind, makePayload);
    this.#turns.wake();
    return isTaken;
  }

  /**
   * Takes no more, sends what it has until `deadlineMs` (on the clock of `performance.now()`), counts the rest as dropped
   * for "shutdown", and closes. All slots whose messages were offered have to be counted before.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    await this.#turns.until(() => this.#flight.queue.isEmpty, deadlineMs);
    this.#turns.end();
    this.#flight.countOffers();
    this.#flight.dropAll("shutdown");
    this.#link.close();
    this.#gauges.commit();
  }

  /**
   * Lets go of everything at once and counts nothing: for a thread that ends in the middle of a slot, which its successor sends
   * and counts.
   */
  abandon(): void {
    this.#turns.end();
    this.#isStopping = true;
    this.#isAbandoned = true;
    this.#link.close();
  }

  #deliveryFor(data: NatsSinkData, timing: NatsTiming): NatsDelivery {
    const flight = this.#flight;
    const link = this.#link;
    const { jetStream, maxInFlight, place, encoding } = data;
    if (jetStream === null || !data.events) return new CoreDelivery(flight, link, maxInFlight);
    const stream = {
      name: jetStream,
      subject: streamSubject(place, encoding),
      needed: workerSubject(place, encoding),
    };
    return new StreamDelivery({ flight, link, stream, maxInFlight, timing, wake: () => this.#turns.wake() });
  }

  /** Does what is due; cheap when nothing is. `nowMs` on the clock of `performance.now()`. */
  #step(nowMs: number): void {
    if (this.#isAbandoned) return;
    this.#link.step(nowMs);
    const { connection } = this.#link;
    if (connection !== null) {
      if (this.#link.barrierAgeMs < SLOW_MS && this.#load.pump(connection)) {
        this.#link.barrier(this.#flight.queue.cursor);
      }
      if (this.#delivery.pump(nowMs)) this.#turns.wake();
      if (this.#flight.hasRefusals) this.#link.barrier(this.#flight.queue.cursor);
    }
    this.#gauges.commit();
  }

  #isPressed(): boolean {
    if (this.#isStopping) return true;
    // However much waits for a connection, turns do not bring one about.
    if (this.#link.connection === null) return false;
    const { queue } = this.#flight;
    return queue.end - queue.cursor >= MANY_WAIT && 2 * queue.flightCount <= this.#maxInFlight;
  }
}
