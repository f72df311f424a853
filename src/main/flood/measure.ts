/**
 * One measurement: a subscriber in a process of its own at a service, a warm-up, the measured time, the end, and whether
 * everything arrived. MAIN THREAD.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../shared/errors.ts";
import { booksFault, lossesOf, lossesSince, usageOf } from "./books.ts";
import { type FloodFigures, lossFigures, rateFigures } from "./figures.ts";
import { FloodFailedError, FloodUnreachableError } from "./flood-errors.ts";
import type { MetricsPage } from "./metrics-text.ts";
import type { Times } from "./plan.ts";
import { FloodSubscriber } from "./subscriber.ts";
import type { SubscriberReport } from "./subscriber-process.ts";
import type { TallyFigures } from "./tally.ts";
import type { FloodTarget, LastWords } from "./target.ts";

/** What a service of ours may take from its start to its first event, at a rate that brings one in no time. */
const FIRST_OWN_MS = 20_000;
/** A service that runs may be idle; who floods it has a load on it. */
const FIRST_RUNNING_MS = 10_000;
/** After the end of a service: a subscriber that gets nothing for so long has got all that it will. */
const SILENCE_MS = 2000;
const LOOK_MS = 20;
/** Between two looks at the memory of a service that is not ours. */
const PAGE_EVERY_MS = 1000;

export interface MeasureOrder extends Times {
  /** Null for as fast as it goes, or when the load is not ours. */
  readonly offeredPerSecond: number | null;
}

export interface MeasureHooks {
  /** Some five times a second, while messages come. `sinceMs`: since the end of the warm-up; null before. */
  readonly onProgress: (figures: TallyFigures, sinceMs: number | null) => void;
  /** Resolves when the measurement is to end early. */
  readonly stopped: Promise<unknown>;
}

/**
 * Ends the target if it is its own. Null when it was stopped before there was anything to measure. Throws
 * FloodUnreachableError, FloodFailedError, or what the target's children died of.
 */
export async function measure(
  target: FloodTarget,
  order: MeasureOrder,
  hooks: MeasureHooks,
): Promise<FloodFigures | null> {
  const first = await target.page();
  let warmAtMs: number | null = null;
  const subscriber = new FloodSubscriber(
    {
      endpoint: target.endpoint,
      blockSizeTokens: target.blockSizeTokens,
      warmEvents: 1,
      warmMs: order.warmUpMs,
      events: null,
      // The number of messages is compared with the service's at the end, so none can be missing in front.
      anyStart: true,
      countFaults: true,
    },
    (figures) => hooks.onProgress(figures, warmAtMs === null ? null : performance.now() - warmAtMs),
  );
  const timers = new AbortController();
  const stopped = hooks.stopped.then(() => "stopped" as const);
  const trouble = [target.died(), brokenStream(subscriber), stopped];
  try {
    const warm = await Promise.race([subscriber.warm(), nothingCame(target, subscriber, order, timers), ...trouble]);
    if (warm === "stopped") return null;
    warmAtMs = performance.now();
    const before = await reading(target);
    const rest = order.durationMs - (performance.now() - warmAtMs);
    const over = sleep(Math.max(0, rest), undefined, { signal: timers.signal });
    const watching = watchMemory(target, timers.signal);
    const why = await Promise.race([over, watching, ...trouble]);
    const timed = await Promise.race([subscriber.report(), target.died()]);
    const after = await reading(target);
    const peakRssBytes = target.peakRssBytes();
    const last = await target.stop();
    const final = last === null ? timed : await catchUp(subscriber, last);

    const opening = target.isOwn ? null : first;
    const losses = after === null ? null : lossesOf(after.page);
    return {
      offeredPerSecond: order.offeredPerSecond,
      interrupted: why === "stopped",
      warmUpMs: order.warmUpMs,
      windowMs: timed.windowMs,
      rate: rateFigures(timed),
      bytesPerSecond: ((timed.bytes - warm.bytes) * 1000) / timed.windowMs,
      events: final.events,
      messages: final.messages,
      bytes: final.bytes,
      lastSequence: final.lastSequence,
      loss: lossFigures(
        final,
        last,
        losses === null || opening === null ? losses : lossesSince(losses, lossesOf(opening)),
        after === null ? null : booksFault(after.page),
      ),
      coldAges: timed.coldAges,
      warmAges: timed.warmAges,
      ...cpuFigures(before, after),
      peakRssBytes,
      memoryBoundBytes: target.memoryBoundBytes,
    };
  } finally {
    timers.abort();
    subscriber.stop();
  }
}

/** Rejects when what comes is no stream of events. */
function brokenStream(subscriber: FloodSubscriber): Promise<never> {
  return subscriber.broken().catch((error: unknown) => {
    throw new FloodFailedError(`the subscriber cannot go on: ${messageOf(error)}`, error);
  });
}

/** Rejects when there was no message within the time; never resolves. */
async function nothingCame(
  target: FloodTarget,
  subscriber: FloodSubscriber,
  { offeredPerSecond }: MeasureOrder,
  { signal }: AbortController,
): Promise<never> {
  const eventMs = offeredPerSecond === null ? 0 : 1000 / offeredPerSecond;
  const limitMs = target.isOwn ? FIRST_OWN_MS + 2 * eventMs : FIRST_RUNNING_MS;
  await sleep(limitMs, undefined, { signal }).catch(() => new Promise(() => {}));
  if (subscriber.figures !== null) return new Promise(() => {});
  const what = `within ${Math.round(limitMs / 1000)} s from ${target.endpoint}`;
  if (target.isOwn) throw new FloodFailedError(`no message came ${what}`);
  throw new FloodUnreachableError(
    subscriber.connected
      ? `no message came ${what}, although there is a connection: a flood needs a load on the service`
      : `no connection ${what.replace("from", "to")}`,
  );
}

/** Looks at the page of a running service now and then, for its memory. Never resolves. */
async function watchMemory(target: FloodTarget, signal: AbortSignal): Promise<never> {
  while (!target.isOwn && !signal.aborted) {
    await sleep(PAGE_EVERY_MS, undefined, { signal }).catch(() => {});
    if (!signal.aborted) await target.page();
  }
  return new Promise(() => {});
}

/** The report that has all that the service sent, or all that came before nothing came any more. */
async function catchUp(subscriber: FloodSubscriber, last: LastWords): Promise<SubscriberReport> {
  let report = await subscriber.report();
  let silentSinceMs = performance.now();
  while (report.lastSequence < last.lastSequence && performance.now() - silentSinceMs < SILENCE_MS) {
    await sleep(LOOK_MS);
    const next = await subscriber.report();
    if (next.messages > report.messages) silentSinceMs = performance.now();
    report = next;
  }
  return report;
}

interface Reading {
  readonly page: MetricsPage;
  readonly atMs: number;
}

async function reading(target: FloodTarget): Promise<Reading | null> {
  const page = await target.page();
  return page === null ? null : { page, atMs: performance.now() };
}

function cpuFigures(
  before: Reading | null,
  after: Reading | null,
): Pick<FloodFigures, "cpuMicrosPerEvent" | "cpuCores"> {
  if (before === null || after === null) return { cpuMicrosPerEvent: null, cpuCores: null };
  const [from, to] = [usageOf(before.page), usageOf(after.page)];
  const events = to.sentEvents - from.sentEvents;
  const micros = (to.cpuSeconds - from.cpuSeconds) * 1e6;
  return {
    cpuMicrosPerEvent: events > 0 ? micros / events : null,
    cpuCores: micros / ((after.atMs - before.atMs) * 1000),
  };
}
