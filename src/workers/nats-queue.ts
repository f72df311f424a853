/**
 * The sink's own queue: messages that wait, then those in flight, in order, until each one's fate is known. PUBLISHER
 * THREAD.
 *
 *   first            cursor                     end
 *     │ handed over    │ to be handed over       │
 *     ▼ (some settled) ▼                         ▼
 *
 * A message keeps its number for life. After a connection is lost the cursor goes back to the first that is unsettled: what
 * was in flight is handed over again, before anything new.
 */
import { NATS_ITEM_BYTES } from "../shared/nats-limits.ts";
import type { PagedBytes } from "./page-memory.ts";

export interface NatsMessage {
  readonly subject: string;
  /** Belongs to the sink from the offer on, which lets go of its memory. */
  readonly payload: PagedBytes;
  /** Goes into `Kvcast-Sequence`, with encoding `raw`. */
  readonly sequence: number;
  /** Goes into `Nats-Msg-Id`, by which a stream knows duplicates. */
  readonly messageId: string | null;
  /** Engine events in it, for the books. */
  readonly stored: number;
  readonly removed: number;
  readonly cleared: number;
  /** When main accepted the first event of its slot, on the clock of `monotonicMicros()`; null: there is none in it. */
  readonly acceptedMicros: number | null;
}

export interface QueueItem {
  readonly number: number;
  /** Null once settled: the payload is freed though the place in the queue is still taken. */
  message: NatsMessage | null;
  bytes: number;
  readonly offeredMs: number;
  /** Of the last hand-over, on the clock of `performance.now()`. */
  sentMs: number;
  /** Times it has been handed over. */
  sends: number;
  isInFlight: boolean;
  /** The stream refused it for now. */
  isRefused: boolean;
}

/** Settled places in front of the array that are cut off together. */
const TRIM = 1024;

export class NatsQueue {
  #items: QueueItem[] = [];
  /** Places of the array that are settled and passed. */
  #skipped: number = 0;
  /** Number of the message in the array's first place. */
  #base: number = 0;
  #cursor: number = 0;
  #bytes: number = 0;
  #flightBytes: number = 0;
  #flightCount: number = 0;

  get isEmpty(): boolean {
    return this.first === this.end;
  }

  /** Number of the first message that is unsettled. */
  get first(): number {
    return this.#base + this.#skipped;
  }

  /** Number of the first message that is to be handed over next. */
  get cursor(): number {
    return this.#cursor;
  }

  get end(): number {
    return this.#base + this.#items.length;
  }

  /** Bytes of the pages of payloads, and some for each message, of all that is unsettled. */
  get bytes(): number {
    return this.#bytes;
  }

  get flightBytes(): number {
    return this.#flightBytes;
  }

  get flightCount(): number {
    return this.#flightCount;
  }

  static cost(message: NatsMessage): number {
    return message.payload.heldBytes + NATS_ITEM_BYTES;
  }

  push(message: NatsMessage, offeredMs: number): void {
    const bytes = NatsQueue.cost(message);
    this.#bytes += bytes;
    this.#items.push({
      number: this.end,
      message,
      bytes,
      offeredMs,
      sentMs: 0,
      sends: 0,
      isInFlight: false,
      isRefused: false,
    });
  }

  /** Notes that a message has grown by so many bytes. */
  grow(item: QueueItem, bytes: number): void {
    item.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Null: no such message, or settled. */
  at(number: number): QueueItem | null {
    const item = this.#items[number - this.#base];
    return item === undefined || item.message === null ? null : item;
  }

  /** The message at the cursor; null when all have been handed over. Goes past what is settled. */
  peek(): QueueItem | null {
    while (this.#cursor < this.end) {
      const item = this.at(this.#cursor);
      if (item !== null) return item;
      this.#cursor++;
    }
    return null;
  }

  /** Notes that the message at the cursor has been handed over. */
  handOver(item: QueueItem, nowMs: number): void {
    item.sentMs = nowMs;
    item.sends++;
    item.isInFlight = true;
    item.isRefused = false;
    this.#flightCount++;
    this.#flightBytes += item.bytes;
    this.#cursor++;
  }

  /** Takes a message out of flight; it stays in the queue. */
  land(item: QueueItem): void {
    if (!item.isInFlight) return;
    item.isInFlight = false;
    this.#flightCount--;
    this.#flightBytes -= item.bytes;
  }

  /** Forgets a message whose fate is known. */
  settle(item: QueueItem): void {
    this.land(item);
    item.message?.payload.release();
    item.message = null;
    this.#bytes -= item.bytes;
    while (this.#skipped < this.#items.length && this.#items[this.#skipped]?.message === null) this.#skipped++;
    if (this.#skipped >= TRIM || this.#skipped === this.#items.length) this.#trim();
  }

  /** All that is unsettled is to be handed over again, from the first on. */
  rewind(): void {
    for (let n = this.first; n < this.#cursor; n++) {
      const item = this.at(n);
      if (item !== null) this.land(item);
    }
    this.#cursor = this.first;
  }

  #trim(): void {
    this.#items = this.#items.slice(this.#skipped);
    this.#base += this.#skipped;
    this.#skipped = 0;
    this.#cursor = Math.max(this.#cursor, this.#base);
  }
}
