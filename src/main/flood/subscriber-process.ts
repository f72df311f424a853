/**
 * The subscriber of a load test, in a process of its own: it receives everything, counts it, checks the sequence, notes how
 * old each event is, and does nothing else, so that what is measured is the publisher. argv: a SubscriberOrder as JSON. The
 * first message with events is decoded whole, with a decoder that the publisher does not use: that what is counted are events
 * at all.
 *
 * The age of an event is the wall clock of this process less the timestamp of its batch, which is that of the first event
 * in it: so it errs on the side of too old. Ages are cold until the warm-up is over. What was made before this process
 * had its first message waited for it, and has no age that would say anything.
 */
import { Subscriber } from "zeromq";
import { type AgeFigures, AgeHistogram } from "./age-histogram.ts";
import { batchSeconds } from "./batch-header.ts";
import { checkWhole } from "./check-whole.ts";
import { Tally, type TallyFigures } from "./tally.ts";

export interface SubscriberOrder {
  readonly endpoint: string;
  /** Tokens that a block must hold; null where that is not known. */
  readonly blockSizeTokens: number | null;
  /** The clock starts with the message that completes so many. */
  readonly warmEvents: number;
  /** And not before so many milliseconds after the first message. */
  readonly warmMs?: number;
  /** The clock stops with the message that completes so many; null for no end. */
  readonly events: number | null;
  /** The stream may begin with any sequence number. */
  readonly anyStart?: boolean;
  /** A hole in the sequence, or a message out of order, is counted and is not the end. */
  readonly countFaults?: boolean;
}

export interface SubscriberReport extends TallyFigures {
  /** Events after the warm-up, and the time that they took. */
  readonly timedEvents: number;
  readonly timedMs: number;
  /** From the first message to the last. */
  readonly totalMs: number;
  /** Of the last message, milliseconds since 1970. */
  readonly lastReceivedMs: number;
  /** The first sequence number that is missing; null when none is. */
  readonly firstMissing: number | null;
  /** Since the warm-up, up to this report; 0 before its end. */
  readonly windowMs: number;
  /** Events of each second of that, the last one perhaps not over. */
  readonly eventsBySecond: readonly number[];
  /** How old events were on arrival; null where there were none to tell of. */
  readonly coldAges: AgeFigures | null;
  readonly warmAges: AgeFigures | null;
}

export type SubscriberMessage =
  | { readonly type: "ready" | "connected" }
  | { readonly type: "warm" | "progress"; readonly figures: TallyFigures }
  | { readonly type: "done" | "report"; readonly report: SubscriberReport }
  | { readonly type: "broken"; readonly reason: string };

const PROGRESS_MS = 200;
/** Messages between two looks at the clock. */
const PROGRESS_MESSAGES = 64;
const ORIGIN_STEPS = 10;
/** A day of them; what comes later is not told by the second. */
const MAX_SECONDS = 86_400;

const order: SubscriberOrder = JSON.parse(process.argv[2] ?? "{}");
const end = order.events ?? Infinity;
const warmUpMs = order.warmMs ?? 0;
// Without limit on this side: whoever receives this way loses nothing that the publisher could send.
const socket = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
socket.events.on("connect", () => tell({ type: "connected" }));
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
const tally = new Tally(order.anyStart);
const eventsBySecond: number[] = [];
let firstMs = 0;
let warmMs = 0;
let warmEvents = 0;
let lastMs = 0;
let warm = false;

function tell(message: SubscriberMessage): void {
  // Where nobody listens any more, the end of the channel is about to end this process too.
  process.send?.(message, undefined, undefined, () => {});
}

function report(): SubscriberReport {
  return {
    ...tally.figures(),
    timedEvents: tally.events - warmEvents,
    timedMs: lastMs - warmMs,
    totalMs: lastMs - firstMs,
    lastReceivedMs: originMs + lastMs,
    firstMissing: tally.firstMissing,
    windowMs: warm ? performance.now() - warmMs : 0,
    eventsBySecond,
    coldAges: ages.cold.figures(),
    warmAges: ages.warm.figures(),
  };
}

process.on("message", () => tell({ type: "report", report: report() }));
process.on("disconnect", () => process.exit(0));
if (!process.connected) process.exit(0);
tell({ type: "ready" });

/** Counts what came in the second that it came in. Seconds without anything get their zero. */
function addToSecond(nowMs: number, events: number): void {
  const second = Math.min(Math.floor((nowMs - warmMs) / 1000), MAX_SECONDS);
  while (eventsBySecond.length <= second) eventsBySecond.push(0);
  eventsBySecond[second] = (eventsBySecond[second] as number) + events;
}

let nextProgressMs = 0;
let checked = false;
try {
  while (tally.events < end) {
    const [, sequence, payload] = await socket.receive();
    const nowMs = performance.now();
    const eventsBefore = tally.events;
    tally.add(sequence, payload);
    if (payload === undefined) continue;
    lastMs = nowMs;
    if (tally.messages === 1) firstMs = nowMs;
    const events = tally.events - eventsBefore;
    if (!checked && events > 0) {
      checked = true;
      checkWhole(payload, order.blockSizeTokens);
    }
    if (order.countFaults !== true && tally.fault !== null) throw new Error(tally.fault);
    const madeMs = batchSeconds(payload) * 1000 - originMs;
    if (madeMs > firstMs) ages[warm ? "warm" : "cold"].add((nowMs - madeMs) * 1000, events);
    if (warm) addToSecond(nowMs, events);
    else if (tally.events >= order.warmEvents && nowMs - firstMs >= warmUpMs) {
      warm = true;
      warmEvents = tally.events;
      warmMs = performance.now();
      tell({ type: "warm", figures: tally.figures() });
    }
    if (end === Infinity || tally.messages % PROGRESS_MESSAGES === 0) {
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
