/**
 * The way of a message from the offer to its fate, as both ways of delivery share it: the queue, the hand-over to the
 * connection, refusals of a subject, and the books. PUBLISHER THREAD.
 *
 * Books: what is offered is pending, until it is sent (confirmed) or dropped, in engine events. All that concerns messages
 * of a slot that has not been counted yet is held back until it is, so that on every scrape
 * dequeued = sent + dropped + pending.
 */
import { headers, type MsgHdrs, type NatsConnection } from "nats";
import { monotonicMicros, wallClockSeconds } from "../shared/clock.ts";
import { EVENT_TYPES, SINK_DROP_REASONS } from "../shared/counter-labels.ts";
import { codeOf } from "../shared/errors.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { NatsReport } from "../shared/nats-messages.ts";
import { DeniedSubjects } from "./denied-subjects.ts";
import { detailOf, natsErrorCell, type NatsErrorReason } from "./nats-errors.ts";
import { type NatsMessage, NatsQueue, type QueueItem } from "./nats-queue.ts";
import { NatsTally } from "./nats-tally.ts";

export type NatsDropReason = (typeof SINK_DROP_REASONS)[number];
export type HandOver = "done" | "dropped" | "failed";

export interface FlightParts {
  readonly queueBytes: number;
  /** Most that the messages of one slot cost; those of an oversize event may cost more. */
  readonly reserveBytes: number;
  /** Set as `Kvcast-Epoch`, with `Kvcast-Sequence`; null for neither. */
  readonly epoch: string | null;
  /** Between two messages that try whether a denied subject is allowed by now. */
  readonly holdMs: number;
  readonly report: (report: NatsReport) => void;
}

export class NatsFlight {
  readonly queue: NatsQueue = new NatsQueue();
  /** What may be shown as soon as anyone likes. */
  readonly tally: NatsTally = new NatsTally();
  readonly #parts: FlightParts;
  /** What concerns messages from `#countedTo` on. */
  readonly #uncounted: NatsTally = new NatsTally();
  #countedTo: number = 0;
  #lastSuccessSeconds: number = 0;
  readonly #denied: DeniedSubjects;
  #isTooLargeReported: boolean = false;

  constructor(parts: FlightParts) {
    this.#parts = parts;
    this.#denied = new DeniedSubjects(parts.holdMs);
  }

  /** The messages of another slot might find no room. */
  get isFull(): boolean {
    return this.queue.bytes > 0 && this.queue.bytes + this.#parts.reserveBytes > this.#parts.queueBytes;
  }

  get lastSuccessSeconds(): number {
    return this.#lastSuccessSeconds;
  }

  /** False: no room, counted as dropped for `reason`. */
  offer(message: NatsMessage, refuse: NatsDropReason | null): boolean {
    const { queue } = this;
    const isFull = queue.bytes + NatsQueue.cost(message) > this.#parts.queueBytes && !queue.isEmpty;
    const reason = refuse ?? (isFull ? "buffer_full" : null);
    if (reason !== null) {
      this.#uncounted.add(droppedCell(reason), eventsOf(message));
      message.payload.release();
      return false;
    }
    queue.push(message, performance.now());
    this.#uncounted.add(PUBLISHER_CELLS.natsPendingEvents, eventsOf(message));
    return true;
  }

  /** The message of that number if it has never been handed over: nobody has seen what it holds now. */
  waiting(number: number): NatsMessage | null {
    const item = this.queue.at(number);
    return item === null || item.sends > 0 ? null : item.message;
  }

  /** Makes room for the message of that number to grow by so many bytes and events. False: there is none. */
  grow(number: number, bytes: number, events: number): boolean {
    const { queue } = this;
    const item = queue.at(number);
    if (item === null || queue.bytes + bytes > this.#parts.queueBytes) return false;
    queue.grow(item, bytes);
    this.#uncounted.add(PUBLISHER_CELLS.natsPendingEvents, events);
    return true;
  }

  /** Removed events that are done without a message. */
  satisfied(removedEvents: number): void {
    this.#uncounted.add(PUBLISHER_CELLS.natsSentEvents + EVENT_TYPES.indexOf("removed"), removedEvents);
  }

  /** Events that a queue before this one had, and that are gone with it. */
  lost(events: number): void {
    this.tally.add(droppedCell("shutdown"), events);
    this.tally.add(PUBLISHER_CELLS.natsPendingEvents, -events);
  }

  /** All that has been offered has been counted as dequeued. */
  countOffers(): void {
    this.#uncounted.moveTo(this.tally);
    this.#countedTo = this.queue.end;
  }

  /** Hands the message at the cursor to the connection. `failed`: the connection is none any more. */
  handOver(item: QueueItem, message: NatsMessage, connection: NatsConnection, reply: string | null): HandOver {
    const nowMs = performance.now();
    if (this.#denied.has(message.subject, nowMs)) {
      this.tally.add(natsErrorCell("permission"), 1);
      this.drop(item, "rejected");
      return "dropped";
    }
    const fields = this.#headersOf(message);
    try {
      connection.publish(message.subject, message.payload.copyOut(), {
        ...(reply === null ? {} : { reply }),
        ...(fields === null ? {} : { headers: fields }),
      });
    } catch (error) {
      return this.#refusedByClient(item, error);
    }
    if (item.sends === 0)
      this.tallyOf(item).observe(PUBLISHER_CELLS.natsPublishDuration, (nowMs - item.offeredMs) / 1000);
    else this.tally.add(PUBLISHER_CELLS.natsRetries, 1);
    this.queue.handOver(item, nowMs);
    return "done";
  }

  /** The server has it. */
  confirm(item: QueueItem): void {
    const { message } = item;
    if (message === null) return;
    const tally = this.tallyOf(item);
    tally.add(PUBLISHER_CELLS.natsSentEvents, message.stored);
    tally.add(PUBLISHER_CELLS.natsSentEvents + 1, message.removed);
    tally.add(PUBLISHER_CELLS.natsSentEvents + 2, message.cleared);
    tally.add(PUBLISHER_CELLS.natsSentBatches, 1);
    tally.add(PUBLISHER_CELLS.natsSentBytes, message.payload.length);
    tally.add(PUBLISHER_CELLS.natsPendingEvents, -eventsOf(message));
    tally.observe(PUBLISHER_CELLS.natsAckDuration, (performance.now() - item.sentMs) / 1000);
    if (message.acceptedMicros !== null) {
      tally.observe(PUBLISHER_CELLS.natsPipelineLatency, (monotonicMicros() - message.acceptedMicros) / 1e6);
    }
    this.#lastSuccessSeconds = wallClockSeconds();
    this.#denied.allow(message.subject);
    this.#isTooLargeReported = false;
    this.queue.settle(item);
  }

  /** It will not be sent. */
  drop(item: QueueItem, reason: NatsDropReason): void {
    const { message } = item;
    if (message === null) return;
    const tally = this.tallyOf(item);
    tally.add(droppedCell(reason), eventsOf(message));
    tally.add(PUBLISHER_CELLS.natsPendingEvents, -eventsOf(message));
    this.queue.settle(item);
  }

  dropAll(reason: NatsDropReason): void {
    for (let n = this.queue.first; n < this.queue.end; n++) {
      const item = this.queue.at(n);
      if (item !== null) this.drop(item, reason);
    }
  }

  /** Counts an error, and tells main if `detail` is given. */
  refused(reason: NatsErrorReason, detail: string | null): void {
    this.tally.add(natsErrorCell(reason), 1);
    if (detail !== null) this.#parts.report({ type: "nats-refused", reason, detail });
  }

  /** The server refused a message to this subject; which one shows at the next barrier. Counted by the link. */
  denied(subject: string): void {
    const isNews = this.#denied.refused(subject, performance.now());
    const detail = `not allowed to publish to ${subject}`;
    if (isNews) this.#parts.report({ type: "nats-refused", reason: "permission", detail });
  }

  /** Whether refusals wait for a barrier that says which messages they are about. */
  get hasRefusals(): boolean {
    return this.#denied.hasRefusals;
  }

  /** Whether a message to the subject would be refused; if it is time to try again, this one may. */
  mayTry(subject: string): boolean {
    return !this.#denied.has(subject, performance.now());
  }

  /**
   * Drops what the server has refused, among the messages in flight below `mark`: as many as there were refusals, the last
   * ones, since a subject that has just been denied was allowed before.
   */
  dropDenied(mark: number): void {
    if (!this.hasRefusals) return;
    const { queue } = this;
    for (let n = Math.min(mark, queue.end) - 1; n >= queue.first; n--) {
      const item = queue.at(n);
      if (item === null || item.message === null || !item.isInFlight) continue;
      if (this.#denied.takeRefusal(item.message.subject)) this.drop(item, "rejected");
    }
    // What is left belongs to messages behind the mark, if there are any.
    if (mark >= queue.cursor) this.#denied.clearRefusals();
  }

  /** A new connection may have other rights. */
  forgetRefusals(): void {
    this.#denied.clear();
  }

  /** Where what becomes of a message is to be counted. */
  tallyOf(item: QueueItem): NatsTally {
    return item.number < this.#countedTo ? this.tally : this.#uncounted;
  }

  #headersOf(message: NatsMessage): MsgHdrs | null {
    const { epoch } = this.#parts;
    if (epoch === null && message.messageId === null) return null;
    const fields = headers();
    if (message.messageId !== null) fields.set("Nats-Msg-Id", message.messageId);
    if (epoch !== null) {
      fields.set("Kvcast-Sequence", String(message.sequence));
      fields.set("Kvcast-Epoch", epoch);
    }
    return fields;
  }

  #refusedByClient(item: QueueItem, error: unknown): HandOver {
    const code = codeOf(error);
    if (code === "CONNECTION_CLOSED" || code === "CONNECTION_DRAINING") return "failed";
    const isTooLarge = code === "MAX_PAYLOAD_EXCEEDED";
    const detail = isTooLarge
      ? `a message of ${item.message?.payload.length} bytes is larger than the server takes`
      : null;
    this.refused(isTooLarge ? "max_payload" : "other", this.#isTooLargeReported ? null : (detail ?? detailOf(error)));
    this.#isTooLargeReported = true;
    this.drop(item, "rejected");
    return "dropped";
  }
}

function droppedCell(reason: NatsDropReason): number {
  return PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf(reason);
}

function eventsOf({ stored, removed, cleared }: NatsMessage): number {
  return stored + removed + cleared;
}
