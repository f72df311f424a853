/** A replay server on a real socket, polled by the test as the publisher's loop would, and clients for it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { MessagePort } from "node:worker_threads";
import { Dealer } from "zeromq";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { REPLAY_OUTCOMES } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import type { ReplayData } from "../../src/shared/messages.ts";
import { sequenceFrame } from "../../src/shared/zmq-wire.ts";
import type { PaceLimits } from "../../src/workers/replay-pace.ts";
import { type ReplayLimits, ReplayServer } from "../../src/workers/replay-server.ts";
import { ReplayWindow } from "../../src/workers/replay-window.ts";

export const TOPIC = "kv";
export const END_NUMBER = "ffffffffffffffff";
export const END_V2: readonly string[] = ["", "", END_NUMBER, ""];
export const END_V1: readonly string[] = ["", END_NUMBER, ""];

const AT_WILL: PaceLimits = {
  burst: Infinity,
  perSecond: 0,
  allBurst: Infinity,
  allPerSecond: 0,
  repeats: Infinity,
  restMs: 0,
};

export interface HarnessOptions {
  readonly endpoint?: string;
  readonly framing?: ReplayData["framing"];
  readonly evicted?: ReplayData["evicted"];
  readonly maxBytes?: number;
  readonly maxBatches?: number;
  readonly snapshotPort?: MessagePort;
  readonly messageBytes?: number;
  readonly limits?: Partial<ReplayLimits>;
  /** Default: clients may ask as often as they like. */
  readonly pace?: PaceLimits;
}

export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export class ReplayHarness {
  readonly window: ReplayWindow;
  readonly counters: CounterBlock;
  readonly server: ReplayServer;
  /** Added to the clock that the server sees. */
  aheadMs: number = 0;
  readonly #t: TestContext;

  private constructor(t: TestContext, window: ReplayWindow, counters: CounterBlock, server: ReplayServer) {
    this.#t = t;
    this.window = window;
    this.counters = counters;
    this.server = server;
  }

  static async start(t: TestContext, options: HarnessOptions = {}): Promise<ReplayHarness> {
    const { maxBytes = 1 << 20, maxBatches = 1000 } = options;
    const window = ReplayWindow.allocate(maxBytes, maxBatches);
    const counters = CounterBlock.allocate(PUBLISHER_CELLS.size);
    const server = await ReplayServer.bind({
      data: {
        endpoint: options.endpoint ?? "tcp://127.0.0.1:*",
        framing: options.framing ?? "v2",
        evicted: options.evicted ?? "suffix",
        window: window.buffer,
        maxBytes,
        maxBatches,
      },
      window,
      topic: TOPIC,
      counters,
      snapshotPort: options.snapshotPort ?? null,
      messageBytes: options.messageBytes ?? 64 * 1024,
      limits: {
        maxClients: 50,
        expiryMs: 10_000,
        tcpTimeoutMs: 10_000,
        pace: options.pace ?? AT_WILL,
        ...options.limits,
      },
    });
    t.after(() => server.close(0));
    return new ReplayHarness(t, window, counters, server);
  }

  /** Keeps messages first … end - 1, of so many bytes each. */
  keep(first: number, end: number, bytes: number = 4): void {
    for (let sequence = first; sequence < end; sequence++) this.window.append(sequence, payloadOf(sequence, bytes));
  }

  client(options: { readonly receiveHighWaterMark?: number } = {}): Dealer {
    const dealer = new Dealer({ linger: 0, ...options });
    this.#t.after(() => dealer.close());
    dealer.connect(this.server.endpoint);
    return dealer;
  }

  async poll(): Promise<void> {
    await this.server.poll(performance.now() + this.aheadMs);
    await turn();
  }

  /** Polls until the promise is settled. */
  async during<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const settled = promise.finally(() => (state.isSettled = true));
    // While it is polled, a failure has no other handler.
    settled.catch(() => {});
    while (!state.isSettled) await this.poll();
    return settled;
  }

  /** Polls until the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.poll();
  }

  /** Asks, and reads the answer up to its end marker, which is included. */
  async ask(dealer: Dealer, start: number): Promise<Buffer[][]> {
    await dealer.send(requestFor(start));
    return this.during(readAnswer(dealer));
  }

  /** Requests counted so far, without the outcomes that did not occur. */
  outcomes(): Record<string, number> {
    const counts = REPLAY_OUTCOMES.map(
      (outcome, i) => [outcome, this.counters.read(PUBLISHER_CELLS.replayRequests + i)] as const,
    );
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  cell(
    name: "replaySentBatches" | "replaySessions" | "replayBatches" | "replayBytes" | "replayOldestSequence",
  ): number {
    return this.counters.read(PUBLISHER_CELLS[name]);
  }
}

export function requestFor(start: number): Buffer[] {
  return [Buffer.alloc(0), sequenceFrame(start)];
}

/** A payload that tells its message. */
export function payloadOf(sequence: number, bytes: number = 4): Buffer {
  const payload = Buffer.alloc(bytes, sequence & 0xff);
  payload.writeUInt32BE(sequence % 2 ** 32);
  return payload;
}

export function isEnd(message: readonly Buffer[]): boolean {
  return message.at(-2)?.toString("hex") === END_NUMBER && message.at(-1)?.length === 0;
}

export async function readAnswer(dealer: Dealer): Promise<Buffer[][]> {
  const messages: Buffer[][] = [];
  do messages.push(await dealer.receive());
  while (!isEnd(messages.at(-1) ?? []));
  return messages;
}

export function hex(message: readonly Buffer[]): string[] {
  return message.map((frame) => frame.toString("hex"));
}

/** The numbers of a v2 answer, whose payloads and end are checked too. */
export function numbersOf(answer: readonly (readonly Buffer[])[], bytes: number = 4): number[] {
  assert.deepEqual(hex(answer.at(-1) ?? []), END_V2);
  return answer.slice(0, -1).map((message) => {
    const [delimiter, topic, number, payload] = message;
    assert.equal(message.length, 4);
    assert.equal(delimiter?.length, 0);
    assert.equal(topic?.toString(), TOPIC);
    const sequence = Number(number?.readBigUInt64BE());
    assert.deepEqual(payload, payloadOf(sequence, bytes));
    return sequence;
  });
}

export function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}
