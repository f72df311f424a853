/**
 * Too much of everything at once: an engine that makes ten times the events that the service can take, and a crowd of scrapers,
 * pages, replays, and subscribers that come and go. Memory stays within what was printed, every event is delivered or counted as
 * lost, and when it is over, events are as young as before.
 *
 * What ten times is, is measured first: how many events a second the service takes from an engine that gives as fast as it is
 * asked. The other engine makes ten times as many by the clock, into a buffer as engines have it, which loses its oldest events
 * when it is full. So the pressure is at the engine, as it is in life, and what was lost there has to show in the gaps.
 *
 * KVCAST_OVERLOAD_SECONDS says how long it goes on; `npm run long` takes a minute.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { FloodSubscriber } from "../../src/main/flood/subscriber.ts";
import type { FeedStats } from "../../src/main/sim/event-feed.ts";
import { assertBooks, scrape } from "../support/books.ts";
import type { CrowdOrder, CrowdReport } from "../support/crowd-process.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { openFiles, peakRssBytes } from "../support/fault/proc.ts";
import { type Kvcast, serve, type ServeFacts, sim } from "../support/processes.ts";

const LOAD_SECONDS = Number(process.env["KVCAST_OVERLOAD_SECONDS"] ?? 5);
const LIMIT = { timeout: (LOAD_SECONDS + 100) * 1000 };
const OVERLOAD = 10;
const CROWD = { scrapers: 50, scrapeEveryMs: 1000, pages: 16, replayers: 8, churnPerSecond: 200 };
const CROWD_PROCESS = fileURLToPath(new URL("../support/crowd-process.js", import.meta.url));

const MIB = 1024 * 1024;
const TOKENS = 32;
const TRAFFIC = `--blocks 4 --tokens ${TOKENS} --kv-block-size ${TOKENS}`;
/** As large as the buffers of engines are. */
const BUFFER_EVENTS = 2000;
/** Young events among the many: how old those get is what a router sees. */
const STEADY = `--rate 200 ${TRAFFIC} --seed 2`;
/** The first half of these warms the service up; in a short run there is little time for that, and what it takes grows later. */
const KNEE_EVENTS = LOAD_SECONDS < 30 ? 30_000 : 400_000;
/** What the engines' buffers hold takes some 20 MB as an answer; the default allows for far more, and the bound with it. */
const MEMORY = "--replay-bytes 32MiB --zmq-queue-bytes 32MiB --engine-max-response-bytes 32MiB";
/** Of which the bound would say nothing. */
const LOOSE_MIB = 500;
/** What the garbage collectors of five threads leave lying about, and what 66 connections cost. */
const GARBAGE_MIB = 60;
const RECOVERY_MS = 5000;
/** Of the ages that are looked at. */
const WINDOW_MS = 700;
/** Nobody minds less; and on a busy machine a thread may wait for so long. */
const YOUNG_MS = 150;

type Service = Kvcast & { readonly facts: ServeFacts };
type Sim = Kvcast & { readonly url: string };

async function statsOf(engine: Sim): Promise<FeedStats> {
  return (await (await fetch(`${engine.url}/sim/stats`)).json()) as FeedStats;
}

function serveFor(t: TestContext, first: Sim, steady: Sim): Promise<Service> {
  const engines = `--engine ${first.url} --engine ${steady.url} --kv-block-size ${TOKENS} --wait-subscribers 1`;
  return serve(t, `${engines} ${MEMORY} --replay-endpoint tcp://127.0.0.1:*`);
}

function subscriber(t: TestContext, { facts }: Service, anyStart: boolean = false): FloodSubscriber {
  const events = { blockSizeTokens: TOKENS, warmEvents: 1, events: null, countFaults: true, anyStart };
  const counter = new FloodSubscriber({ endpoint: facts.zmqEndpoint, ...events });
  t.after(() => counter.stop());
  return counter;
}

/** How old events are for somebody who comes now, milliseconds; 99 of 100 are younger. */
async function ageMs(t: TestContext, service: Service): Promise<number> {
  const looker = subscriber(t, service, true);
  await looker.warm();
  const warmMs = performance.now();
  const ages = await eventually("ages are known", 20_000, async () => {
    const { warmAges } = await looker.report();
    return warmAges !== null && performance.now() - warmMs > WINDOW_MS ? warmAges : null;
  });
  looker.stop();
  return ages.p99Micros / 1000;
}

/** Events a second that the service takes when nobody else wants anything, and how old events are then. */
async function measureAlone(t: TestContext): Promise<{ readonly knee: number; readonly youngMs: number }> {
  const fast = await sim(t, `--rate max --events ${KNEE_EVENTS} ${TRAFFIC} --buffer-max-events ${BUFFER_EVENTS}`);
  const steady = await sim(t, STEADY);
  const service = await serveFor(t, fast, steady);
  const counter = subscriber(t, service);
  await counter.warm();
  const start = await eventually("it is warm", 60_000, async () => {
    const { drained: already } = await statsOf(fast);
    return already > KNEE_EVENTS / 2 ? { ms: performance.now(), drained: already } : null;
  });
  await eventually("the fast engine is drained", 60_000, async () => {
    const { published, buffered } = await statsOf(fast);
    return published === KNEE_EVENTS && buffered === 0 ? true : null;
  });
  const { drained } = await statsOf(fast);
  const knee = ((drained - start.drained) * 1000) / (performance.now() - start.ms);
  const youngMs = await ageMs(t, service);
  counter.stop();
  for (const each of [service, fast, steady]) {
    each.child.kill("SIGKILL");
    await each.exit;
  }
  return { knee, youngMs };
}

/** What became of the ids of the flood, at one moment. */
interface Ids {
  readonly received: number;
  readonly missing: number;
  readonly last: number;
}

function idsOf(page: MetricsPage): Ids {
  const engine = "engine0";
  return {
    received: page.sum("kvcast_source_received_events_total", { engine }),
    missing: page.sum("kvcast_source_sequence_gaps_total", { engine }),
    last: page.has("kvcast_source_last_event_id", { engine, dp_rank: "0" })
      ? page.value("kvcast_source_last_event_id", { engine, dp_rank: "0" })
      : -1,
  };
}

class Crowd {
  readonly #child: ReturnType<typeof fork>;

  constructor(t: TestContext, order: CrowdOrder) {
    this.#child = fork(CROWD_PROCESS, [JSON.stringify(order)]);
    t.after(() => this.#child.kill("SIGKILL"));
  }

  async ready(): Promise<void> {
    await once(this.#child, "message");
  }

  async leave(): Promise<CrowdReport> {
    const told = once(this.#child, "message") as Promise<[{ readonly report: CrowdReport }]>;
    this.#child.send("leave");
    const [{ report }] = await within("the crowd leaves", 30_000, told);
    this.#child.disconnect();
    return report;
  }
}

test(`ten times too much for ${LOAD_SECONDS} s, and a crowd`, LIMIT, async (t) => {
  const { knee, youngMs } = await measureAlone(t);
  t.diagnostic(`alone: ${Math.round(knee)} events a second, p99 of age ${youngMs.toFixed(1)} ms`);

  const rate = Math.ceil(knee * OVERLOAD);
  const flood = await sim(t, `--rate ${rate} ${TRAFFIC} --seed 1 --buffer-max-events ${BUFFER_EVENTS}`);
  const steady = await sim(t, STEADY);
  const service = await serveFor(t, flood, steady);
  const { url } = service.facts;
  const { pid } = service.child;
  assert.ok(pid);
  const started = service.logs.find((record) => record.msg === "kvcast is running");
  const boundMib = Number(started?.["memory_bound_mib"]);
  assert.ok(boundMib > 32 && boundMib < LOOSE_MIB, `${boundMib} MiB are printed`);
  const baseMib = peakRssBytes(pid) / MIB;
  const counter = subscriber(t, service);
  await counter.warm();
  const first = await eventually("the flood is read", 10_000, async () => {
    const ids = idsOf(await scrape(url));
    return ids.received > 0 ? ids : null;
  });
  const filesBefore = openFiles(pid);

  const before = await statsOf(flood);
  const startMs = performance.now();
  const crowd = new Crowd(t, {
    ...CROWD,
    port: Number(new URL(url).port),
    zmqEndpoint: service.facts.zmqEndpoint,
    replayEndpoint: String(started?.["replay_endpoint"]),
  });
  await crowd.ready();
  await eventually("the time is over", (LOAD_SECONDS + 5) * 1000, () =>
    performance.now() - startMs >= LOAD_SECONDS * 1000 ? true : null,
  );
  assert.equal((await fetch(`${url}/live`)).status, 200);
  const after = await statsOf(flood);
  const loadMs = performance.now() - startMs;
  const agedMs = await ageMs(t, service);

  // The end of the load: the engine is stopped where it is, and the crowd goes.
  flood.child.kill("SIGSTOP");
  const endMs = performance.now();
  const told = await crowd.leave();
  const isYoung = Math.max(YOUNG_MS, 3 * youngMs);
  let recoveredMs = 0;
  const againMs = await eventually("events are young again", RECOVERY_MS + 20_000, async () => {
    const sinceMs = performance.now() - endMs;
    const ms = await ageMs(t, service);
    if (ms > isYoung) return null;
    recoveredMs = sinceMs;
    return ms;
  });
  const peakMib = peakRssBytes(pid) / MIB;
  const offered = after.generated - before.generated;
  const taken = after.drained - before.drained;
  t.diagnostic(
    `${Math.round((offered * 1000) / loadMs)} events a second were made, ${Math.round((taken * 1000) / loadMs)} taken: ` +
      `${(offered / taken).toFixed(1)} times too much`,
  );
  t.diagnostic(
    `p99 of age: ${agedMs.toFixed(1)} ms under load, ${againMs.toFixed(1)} ms from ${Math.round(recoveredMs)} ms after it`,
  );
  t.diagnostic(
    `memory: ${Math.round(baseMib)} MiB at first, peak ${Math.round(peakMib)} MiB, printed for events ${boundMib} MiB`,
  );
  t.diagnostic(JSON.stringify(told));
  assert.ok(offered / taken > OVERLOAD / 2, "it was too much indeed");
  assert.ok(recoveredMs <= RECOVERY_MS, `events were young again after ${Math.round(recoveredMs)} ms`);
  assert.ok(peakMib < baseMib + GARBAGE_MIB + boundMib, `${Math.round(peakMib)} MiB`);

  assert.equal(told.failedScrapes, 0);
  assert.equal(told.closedPages, 0);
  assert.equal(told.silentReplays, 0, "each replay has its end");
  assert.ok(told.scrapes > (CROWD.scrapers * LOAD_SECONDS) / 4, `only ${told.scrapes} scrapes`);
  assert.ok(told.replays > 0 && told.replayedMessages > 0 && told.leastPageBytes > 0);
  assert.ok(told.subscribers > (CROWD.churnPerSecond * LOAD_SECONDS) / 2, `only ${told.subscribers} came and went`);

  await judge(service, counter, { flood, steady, first });
  await eventually("connections are closed and forgotten", 10_000, () => (openFiles(pid) <= filesBefore ? true : null));
});

/** Every event that the engine made is delivered, or counted as lost where it was lost. */
async function judge(
  { facts }: Service,
  counter: FloodSubscriber,
  { flood, steady, first }: { readonly flood: Sim; readonly steady: Sim; readonly first: Ids },
): Promise<void> {
  for (const engine of [flood, steady]) engine.child.kill("SIGKILL");
  const page = await eventually("all is quiet", 20_000, async () => {
    const now = await scrape(facts.url);
    const enqueued = now.sum("kvcast_ring_enqueued_events_total");
    return enqueued === now.sum("kvcast_sink_sent_events_total") ? now : null;
  });
  assertBooks(page, true);
  assert.equal(page.sum("kvcast_worker_restarts_total"), 0, "no thread died or was replaced");
  assert.equal(page.sum("kvcast_ring_dropped_events_total"), 0);
  const sent = page.sum("kvcast_sink_sent_events_total", { sink: "zmq" });
  const last = page.sum("kvcast_published_sequence");
  const report = await eventually("the subscriber has the last message", 20_000, async () => {
    const figures = await counter.report();
    return figures.lastSequence === last ? figures : null;
  });
  assert.equal(report.repeated, 0);
  assert.equal(report.messages + report.missing, last + 1, "each number came, or its absence shows");
  if (report.missing === 0) assert.equal(report.events, sent);

  // What the engine lost before it was first read is nothing that anybody can know of.
  const ids = idsOf(page);
  const passed = ids.last - first.last;
  assert.equal(ids.received - first.received + ids.missing - first.missing, passed, "each id was read, or is missing");
  assert.ok(ids.missing - first.missing > passed / 2, "most of them were lost at the engine");
}
