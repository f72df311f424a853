/**
 * What the rivals in Node have in common: their order, the socket, when events are due, and what they answer. Each is a
 * child process with one thread; argv: a RivalOrder as JSON. It tells its endpoint, holds the first event until a
 * subscriber is there, and answers each message with its usage.
 *
 * Nothing is done badly on purpose: the event loop gets its turns, and no queue limit makes a rival lose anything.
 */
import { XPublisher } from "zeromq";
import { RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { wallClockSeconds } from "../../src/shared/clock.ts";
import { floodTraffic, TOKENS_A_BLOCK } from "../support/made-up-events.ts";

export interface RivalOrder {
  /** Blocks in each stored event. */
  readonly blocks: number;
  readonly events: number;
  /** Events a second, those of a millisecond together; null for as fast as it goes. */
  readonly ratePerSecond: number | null;
}

export interface RivalUsage {
  readonly sentEvents: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  /** Of the last send, milliseconds since 1970. */
  readonly lastSentMs: number;
}

/** Sent payloads are released in turns of the event loop; this many messages apart cost nothing to speak of. */
const MESSAGES_PER_TURN = 64;
/** A wait is cut here, so that a rate of almost nothing is no longer than a timer can be. */
const MAX_WAIT_MS = 1000;

export class RivalSocket {
  #sentEvents = 0;
  #lastSentMs = 0;
  #messages = 0;
  readonly #socket: XPublisher;

  private constructor(socket: XPublisher) {
    this.#socket = socket;
    process.on("message", () => process.send?.(this.#usage()));
    process.on("disconnect", () => process.exit(0));
  }

  /** Binds, tells the endpoint, and resolves when a subscriber is there. */
  static async open(): Promise<RivalSocket> {
    const socket = new XPublisher({ sendHighWaterMark: 0, linger: 10_000 });
    await socket.bind("tcp://127.0.0.1:0");
    const rival = new RivalSocket(socket);
    process.send?.({ endpoint: socket.lastEndpoint });
    await socket.receive();
    return rival;
  }

  async send(payload: Uint8Array, events: number): Promise<void> {
    const sequence = Buffer.allocUnsafe(8);
    sequence.writeBigUInt64BE(BigInt(this.#messages));
    await this.#socket.send(["", sequence, payload]);
    this.#lastSentMs = performance.timeOrigin + performance.now();
    this.#sentEvents += events;
    if (++this.#messages % MESSAGES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  #usage(): RivalUsage {
    const { user, system } = process.cpuUsage();
    return {
      sentEvents: this.#sentEvents,
      cpuSeconds: (user + system) / 1e6,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      lastSentMs: this.#lastSentMs,
    };
  }
}

/** Seconds since 1970 for a batch. Never whole: the encoder would write an integer, where readers expect a float. */
export function batchSeconds(): number {
  const seconds = wallClockSeconds();
  return Number.isInteger(seconds) ? seconds + 1e-6 : seconds;
}

export function readOrder(): RivalOrder {
  return JSON.parse(process.argv[2] ?? "{}") as RivalOrder;
}

/** How many events are due by now, again and again until that is all of them. Paced by timers, never by spinning. */
async function* dueEvents({ events, ratePerSecond }: RivalOrder): AsyncGenerator<number> {
  if (ratePerSecond === null) {
    yield events;
    return;
  }
  const start = performance.now();
  for (let due = 0; due < events;) {
    const untilNext = Math.ceil(((due + 1) * 1000) / ratePerSecond - (performance.now() - start));
    await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(untilNext, 1), MAX_WAIT_MS)));
    due = Math.min(events, Math.floor(((performance.now() - start) * ratePerSecond) / 1000));
    yield due;
  }
}

/**
 * Makes the events and gives each to `publish` when it is due, with the time at which it was: a reused scratch, not to be
 * kept. `pause` is called when no more are due at the moment. Resolves when both have had all.
 */
export async function publishAll(
  order: RivalOrder,
  publish: (event: RawEvent, seconds: number) => Promise<void> | undefined,
  pause: () => Promise<void> | undefined,
): Promise<void> {
  const traffic = new Traffic(floodTraffic(order.blocks, order.events));
  const raw = new RawEvent();
  let lastId = -1;
  for await (const due of dueEvents(order)) {
    const dueSeconds = batchSeconds();
    while (traffic.made < due && traffic.next(raw)) {
      if (raw.eventId !== lastId + 1) throw new Error("an event is missing");
      lastId = raw.eventId;
      // What remains of the rules for such events: only whole blocks of stored events go out.
      if (raw.kind !== RAW_KIND.stored || raw.tokenCount !== raw.blockCount * TOKENS_A_BLOCK) continue;
      const pending = publish(raw, order.ratePerSecond === null ? batchSeconds() : dueSeconds);
      if (pending !== undefined) await pending;
    }
    await pause();
  }
}
