/** A NATS sink with counters of its own, offers in the way of the publisher, and a second connection that reads. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { connect, type NatsConnection } from "nats";
import { monotonicMicros } from "../../src/shared/clock.ts";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { SINK_DROP_REASONS, SINK_ERROR_REASONS } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import type { NatsAuth, NatsReport, NatsSinkData } from "../../src/shared/nats-messages.ts";
import { PLANE_NUMBERS_BYTES } from "../../src/shared/plane-numbers.ts";
import { NatsSink } from "../../src/workers/nats-sink.ts";
import { PagedBytes } from "../../src/workers/page-memory.ts";
import { eventSubject } from "../../src/shared/nats-subjects.ts";
import { Deadline, lasting } from "./fault/deadline.ts";
import { NATS_TIMING, type NatsTiming } from "../../src/workers/nats-timing.ts";

export const NO_AUTH: NatsAuth = { user: null, password: null, token: null, nkeySeed: null, creds: null };
export const PLACE = { namespace: "dynamo", component: "backend", endpoint: "generate", workerId: 7n } as const;
export const SUBJECT: string = eventSubject(PLACE, "dynamo", 0);
const LOOK_AGAIN_MS = 5;
/** Less patient than in earnest where a test has to wait for it. */
const TIMING: NatsTiming = { ...NATS_TIMING, holdMs: 500 };

/** Resolves as soon as it holds; fails the test when it does not within `ms`. */
export async function until(what: string, ms: number, holds: () => boolean): Promise<void> {
  const deadline = new Deadline(ms);
  try {
    while (!holds()) {
      assert.ok(!deadline.isOver, `not within ${ms} ms: ${what}`);
      await lasting(LOOK_AGAIN_MS);
    }
  } finally {
    deadline.end();
  }
}

export interface Books {
  readonly dequeued: number;
  readonly sent: number;
  readonly dropped: number;
  readonly pending: number;
}

export class NatsRig {
  readonly sink: NatsSink;
  readonly reports: NatsReport[] = [];
  readonly counters: CounterBlock = CounterBlock.allocate(PUBLISHER_CELLS.size);
  #offered: number = 0;

  constructor(
    t: TestContext,
    servers: readonly string[],
    data: Partial<NatsSinkData> = {},
    timing: Partial<NatsTiming> = {},
  ) {
    const whole: NatsSinkData = {
      connection: { servers, name: "kvcast test", auth: NO_AUTH, tls: null },
      encoding: "dynamo",
      place: PLACE,
      jetStream: null,
      queueBytes: 64 * 1024 * 1024,
      maxInFlight: 256,
      epoch: "e",
      run: "r",
      slotBytes: 98_304,
      numbers: new SharedArrayBuffer(PLANE_NUMBERS_BYTES),
      events: true,
      ...data,
    };
    this.sink = NatsSink.start(whole, this.counters, (report) => this.reports.push(report), {
      ...TIMING,
      ...timing,
    });
    // Whatever a test leaves behind, no connection stays open.
    t.after(() => this.sink.stop(0));
  }

  get offered(): number {
    return this.#offered;
  }

  /** Offers one message with one event, and its number in its first four bytes. */
  offer(bytes: number = 100, subject: string = SUBJECT): boolean {
    const number = this.#offered++;
    const payload = new Uint8Array(bytes);
    new DataView(payload.buffer).setUint32(0, number);
    const messageId = `e:${number}`;
    const counts = { stored: 1, removed: 0, cleared: 0 };
    const message = {
      subject,
      payload: this.payload(payload),
      sequence: number,
      messageId,
      ...counts,
      acceptedMicros: monotonicMicros(),
    };
    const isTaken = this.sink.offer(message);
    this.counters.begin();
    this.counters.add(PUBLISHER_CELLS.dequeuedEvents, 1);
    this.sink.countOffers();
    this.counters.end();
    return isTaken;
  }

  /** The bytes as those of a message. */
  payload(bytes: Uint8Array): PagedBytes {
    return new PagedBytes(this.sink.pages, bytes);
  }

  offerMany(count: number, bytes: number = 100): void {
    for (let i = 0; i < count; i++) this.offer(bytes);
  }

  read(cell: number): number {
    return this.counters.read(cell);
  }

  dropped(reason: (typeof SINK_DROP_REASONS)[number]): number {
    return this.read(PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf(reason));
  }

  errors(reason: (typeof SINK_ERROR_REASONS)[number]): number {
    return this.read(PUBLISHER_CELLS.natsErrors + SINK_ERROR_REASONS.indexOf(reason));
  }

  /** All at one moment. Asserts that they balance. */
  books(): Books {
    const cells = new Float64Array(PUBLISHER_CELLS.size);
    assert.ok(this.counters.snapshot(cells));
    const column = (first: number, width: number): number =>
      cells.subarray(first, first + width).reduce((sum, value) => sum + value, 0);
    const books = {
      dequeued: cells[PUBLISHER_CELLS.dequeuedEvents] ?? 0,
      sent: column(PUBLISHER_CELLS.natsSentEvents, 3),
      dropped: column(PUBLISHER_CELLS.natsDroppedEvents, SINK_DROP_REASONS.length),
      pending: cells[PUBLISHER_CELLS.natsPendingEvents] ?? 0,
    };
    assert.equal(books.dequeued, books.sent + books.dropped + books.pending, JSON.stringify(books));
    return books;
  }

  /** Resolves when nothing is pending. */
  async settled(ms: number = 10_000): Promise<Books> {
    await until("everything is sent or dropped", ms, () => this.books().pending === 0);
    return this.books();
  }

  async up(ms: number = 10_000): Promise<void> {
    await until("connected", ms, () => this.read(PUBLISHER_CELLS.natsUp) === 1);
  }

  /** The first report of a kind, past or to come. */
  async report<T extends NatsReport["type"]>(type: T, ms: number = 10_000): Promise<NatsReport & { type: T }> {
    const isIt = (report: NatsReport): report is NatsReport & { type: T } => report.type === type;
    await until(`a report of ${type}; there are ${JSON.stringify(this.reports)}`, ms, () => this.reports.some(isIt));
    return this.reports.find(isIt) as NatsReport & { type: T };
  }
}

/** A client of the test's own, closed with the test. */
export async function client(t: TestContext, options: Parameters<typeof connect>[0]): Promise<NatsConnection> {
  const connection = await connect({ maxReconnectAttempts: -1, reconnectTimeWait: 50, ...options });
  t.after(() => connection.close());
  return connection;
}

/** Reads the numbers of messages on a subject, from the moment on in which it resolves. */
export async function reader(t: TestContext, url: string, subject: string = SUBJECT): Promise<number[]> {
  const numbers: number[] = [];
  const connection = await client(t, { servers: url });
  connection.subscribe(subject, {
    callback: (_, message) => numbers.push(numberOf(message.data)),
  });
  await connection.flush();
  return numbers;
}

/** Numbers in a stream, in its order. */
export async function inStream(connection: NatsConnection, stream: string): Promise<number[]> {
  const manager = await connection.jetstreamManager();
  const { state } = await manager.streams.info(stream);
  const numbers: number[] = [];
  for (let sequence = state.first_seq; sequence <= state.last_seq && state.messages > 0; sequence++) {
    numbers.push(numberOf((await manager.streams.getMessage(stream, { seq: sequence })).data));
  }
  return numbers;
}

export function numberOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0);
}

/** 0 … count - 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
