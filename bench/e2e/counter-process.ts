/**
 * A subscriber in a process of its own that receives and counts everything and does nothing else, so that what is measured
 * is the publisher. argv: a CounterOrder as JSON. The first message is decoded whole, with a decoder that the
 * publisher does not use: that what is counted are events at all.
 */
import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";
import { Tally, type TallyFigures } from "./tally.ts";

export interface CounterOrder {
  readonly endpoint: string;
  readonly blockSizeTokens: number;
  /** The clock starts with the message that completes so many. */
  readonly warmEvents: number;
  /** The clock stops with the message that completes so many; null for no end. */
  readonly events: number | null;
}

export interface CounterReport extends TallyFigures {
  /** Events after the warm-up, and the time that they took. */
  readonly timedEvents: number;
  readonly timedMs: number;
  /** From the first message to the last. */
  readonly totalMs: number;
  /** Of the last message, milliseconds since 1970. */
  readonly lastReceivedMs: number;
}

export type CounterMessage =
  | { readonly type: "warm" | "progress"; readonly figures: TallyFigures }
  | { readonly type: "done" | "report"; readonly report: CounterReport }
  | { readonly type: "broken"; readonly reason: string };

const PROGRESS_MS = 200;
/** Messages between two looks at the clock. */
const PROGRESS_MESSAGES = 64;

interface StoredMap {
  readonly type?: unknown;
  readonly block_hashes?: readonly unknown[];
  readonly token_ids?: readonly unknown[];
}

/** Throws unless the payload is a batch of maps with as many tokens as their blocks hold. */
function checkWhole(payload: Uint8Array, events: number, blockSizeTokens: number): void {
  const [timestamp, list, rank] = decode(payload, { useBigInt64: true }) as [unknown, readonly StoredMap[], unknown];
  if (typeof timestamp !== "number" || typeof rank !== "number" || list.length !== events) {
    throw new Error("the first message is not [timestamp, events, rank]");
  }
  for (const { type, block_hashes: hashes, token_ids: tokens } of list) {
    const stored = type === "BlockStored" && tokens?.length === (hashes?.length ?? 0) * blockSizeTokens;
    const removed = type === "BlockRemoved" && (hashes?.length ?? 0) > 0;
    if (!stored && !removed) throw new Error("the first message holds an event that is none");
  }
}

const order = JSON.parse(process.argv[2] ?? "{}") as CounterOrder;
const end = order.events ?? Infinity;
// Without limit on this side: whoever receives this way loses nothing that the publisher could send.
const socket = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
socket.connect(order.endpoint);
socket.subscribe("");

const tally = new Tally();
let firstMs = 0;
let warmMs = 0;
let warmEvents = 0;
let lastMs = 0;
let warm = false;

function tell(message: CounterMessage): void {
  process.send?.(message);
}

function report(): CounterReport {
  return {
    ...tally.figures(),
    timedEvents: tally.events - warmEvents,
    timedMs: lastMs - warmMs,
    totalMs: lastMs - firstMs,
    lastReceivedMs: performance.timeOrigin + lastMs,
  };
}

process.on("message", () => tell({ type: "report", report: report() }));
process.on("disconnect", () => process.exit(0));
process.send?.({ type: "ready" });

let nextProgressMs = 0;
try {
  while (tally.events < end) {
    const [, sequence, payload] = await socket.receive();
    tally.add(sequence, payload);
    if (tally.messages === 1 && payload !== undefined) {
      firstMs = performance.now();
      checkWhole(payload, tally.events, order.blockSizeTokens);
    }
    if (tally.fault !== null) throw new Error(tally.fault);
    if (!warm && tally.events >= order.warmEvents) {
      warm = true;
      warmEvents = tally.events;
      warmMs = performance.now();
      tell({ type: "warm", figures: tally.figures() });
    }
    if (end === Infinity || tally.messages % PROGRESS_MESSAGES === 0) {
      lastMs = performance.now();
      if (lastMs < nextProgressMs) continue;
      nextProgressMs = lastMs + PROGRESS_MS;
      tell({ type: "progress", figures: tally.figures() });
    }
  }
  lastMs = performance.now();
  tell({ type: "done", report: report() });
} catch (error) {
  tell({ type: "broken", reason: error instanceof Error ? error.message : String(error) });
}
