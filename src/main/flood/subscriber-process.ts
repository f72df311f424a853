/**
 * The subscriber of a load test, in a process of its own: it receives everything, counts it, checks the sequence, notes how
 * old each event is, and does nothing else, so that what is measured is the publisher. argv: a SubscriberOrder as JSON. The
 * first message is decoded whole, with a decoder that the publisher does not use: that what is counted are events at all.
 *
 * The age of an event is the wall clock of this process less the timestamp of its batch, which is that of the first event
 * in it: so it errs on the side of too old. Ages are cold until the warm-up is over. What was made before this process
 * had its first message waited for it, and has no age that would say anything.
 */
import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";
import { type AgeFigures, AgeHistogram } from "./age-histogram.ts";
import { batchSeconds } from "./batch-header.ts";
import { Tally, type TallyFigures } from "./tally.ts";

export interface SubscriberOrder {
  readonly endpoint: string;
  readonly blockSizeTokens: number;
  /** The clock starts with the message that completes so many. */
  readonly warmEvents: number;
  /** The clock stops with the message that completes so many; null for no end. */
  readonly events: number | null;
}

export interface SubscriberReport extends TallyFigures {
  /** Events after the warm-up, and the time that they took. */
  readonly timedEvents: number;
  readonly timedMs: number;
  /** From the first message to the last. */
  readonly totalMs: number;
  /** Of the last message, milliseconds since 1970. */
  readonly lastReceivedMs: number;
  /** How old events were on arrival; null where there were none to tell of. */
  readonly coldAges: AgeFigures | null;
  readonly warmAges: AgeFigures | null;
}

export type SubscriberMessage =
  | { readonly type: "warm" | "progress"; readonly figures: TallyFigures }
  | { readonly type: "done" | "report"; readonly report: SubscriberReport }
  | { readonly type: "broken"; readonly reason: string };

const PROGRESS_MS = 200;
/** Messages between two looks at the clock. */
const PROGRESS_MESSAGES = 64;
const ORIGIN_STEPS = 10;

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

const order = JSON.parse(process.argv[2] ?? "{}") as SubscriberOrder;
const end = order.events ?? Infinity;
// Without limit on this side: whoever receives this way loses nothing that the publisher could send.
const socket = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
socket.connect(order.endpoint);
socket.subscribe("");

/**
 * Milliseconds since 1970 at the zero of `performance.now()`, to a few microseconds: found where `Date.now()` steps. What comes
 * between the two readings makes it too small, so the largest is the best.
 */
function wallOriginMs(): number {
  let originMs = 0;
  for (let steps = 0; steps < ORIGIN_STEPS; steps++) {
    const before = Date.now();
    let nowMs = Date.now();
    while (nowMs === before) nowMs = Date.now();
    originMs = Math.max(originMs, nowMs - performance.now());
  }
  return originMs;
}

const originMs = wallOriginMs();
const ages = { cold: new AgeHistogram(), warm: new AgeHistogram() };
const tally = new Tally();
let firstMs = 0;
let warmMs = 0;
let warmEvents = 0;
let lastMs = 0;
let warm = false;

function tell(message: SubscriberMessage): void {
  process.send?.(message);
}

function report(): SubscriberReport {
  return {
    ...tally.figures(),
    timedEvents: tally.events - warmEvents,
    timedMs: lastMs - warmMs,
    totalMs: lastMs - firstMs,
    lastReceivedMs: originMs + lastMs,
    coldAges: ages.cold.figures(),
    warmAges: ages.warm.figures(),
  };
}

process.on("message", () => tell({ type: "report", report: report() }));
process.on("disconnect", () => process.exit(0));
process.send?.({ type: "ready" });

let nextProgressMs = 0;
try {
  while (tally.events < end) {
    const [, sequence, payload] = await socket.receive();
    const nowMs = performance.now();
    const eventsBefore = tally.events;
    tally.add(sequence, payload);
    if (payload === undefined) continue;
    if (tally.messages === 1) {
      firstMs = nowMs;
      checkWhole(payload, tally.events, order.blockSizeTokens);
    }
    if (tally.fault !== null) throw new Error(tally.fault);
    const madeMs = batchSeconds(payload) * 1000 - originMs;
    if (madeMs > firstMs) ages[warm ? "warm" : "cold"].add((nowMs - madeMs) * 1000, tally.events - eventsBefore);
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
