/**
 * Several engines in one `serve`, all of them processes: each one's events go out under its own ranks, and one that hangs,
 * talks nonsense, begins anew or floods changes nothing for the others.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { Subscriber } from "zeromq";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { assertBooks, scrape } from "../support/books.ts";
import { expectedStream, trafficConfig } from "../support/expected-stream.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { type Kvcast, serve, type ServeFacts, sim, SubscriberProcess } from "../support/processes.ts";
import { block, createdJson, type Json, storedJson } from "../support/raw-events.ts";
import { scriptedEngine } from "../support/scripted-engine.ts";
import { decodePayload } from "../support/wire.ts";

type Service = Kvcast & { readonly facts: ServeFacts };
type Ranks = Readonly<Record<string, { readonly events: number; readonly digest: string }>>;

interface Health {
  readonly status: string;
  readonly reasons: readonly string[];
  readonly engines: Readonly<Record<string, { readonly kind: string; readonly up: boolean }>>;
}

const PATIENCE_MS = 60_000;
/** Far longer than any test may take: whoever waited for a hanging engine would wait until the test has failed. */
const HANGS_FOR = "--engine-timeout 600";

async function health(service: Service): Promise<Health & { readonly code: number }> {
  const response = await fetch(`${service.facts.url}/health`);
  return { code: response.status, ...((await response.json()) as Health) };
}

function ups({ engines }: Pick<Health, "engines">): Record<string, boolean> {
  return Object.fromEntries(Object.entries(engines).map(([name, { up }]) => [name, up]));
}

/** What subscribers must see of an engine whose ranks begin at `base`. */
function shifted(ranks: Ranks, base: number): Ranks {
  return Object.fromEntries(Object.entries(ranks).map(([rank, seen]) => [String(base + Number(rank)), seen]));
}

/** What is counted for one engine. */
function booksOf(page: MetricsPage, engine: string): Record<string, number> {
  const of = (name: string, labels: Record<string, string> = {}): number =>
    page.sum(`kvcast_${name}_events_total`, { engine, ...labels });
  return {
    created: of("source_received", { event_type: "created" }),
    // Of stored and removed ones, which all are published here.
    published: of("source_received") - of("source_received", { event_type: "created" }),
    cleared: of("injected"),
    leftOut: of("filtered") + of("invalid") + of("source_duplicate"),
  };
}

async function stopInTime(service: Kvcast): Promise<void> {
  service.child.kill("SIGTERM");
  assert.deepEqual(await within("the service ends", 6000, service.exit), { code: 0, signal: null }, service.text());
}

test("one engine hangs, one begins anew, one is built in: all that was said arrives, under the right ranks", async (t) => {
  const ranks = 2;
  const restartsAt = [3000];
  const restarting = trafficConfig({ events: 8000, ranks, seed: 11 });
  const builtIn = trafficConfig({ events: 6000, ranks, seed: 5 });
  const a = await sim(t, `--events 8000 --rate 8000 --ranks ${ranks} --seed 11 --fault restart-at:3000`);
  const hung = await sim(t, `--events 100 --ranks ${ranks} --fault hang`);
  const service = await serve(
    t,
    `--engine a=${a.url} --engine hung=${hung.url} --engine synthetic:?events=6000&rate=6000&seed=5 ` +
      `--attention-dp-size ${ranks} --wait-subscribers 1 ${HANGS_FOR}`,
  );
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  const expected: Ranks = {
    ...shifted(expectedStream(restarting, { restartsAt }), 0),
    // Of the one that hangs nothing is known: what subscribers may believe of it is cleared.
    ...shifted(expectedStream(trafficConfig({ events: 0, ranks })), 2),
    ...shifted(expectedStream(builtIn), 4),
  };
  const events = Object.values(expected).reduce((sum, rank) => sum + rank.events, 0);
  const report = await within("everything arrives", PATIENCE_MS, subscriber.until({ untilEvents: events }));
  assert.deepEqual(report.ranks, expected);
  assert.deepEqual([report.gaps, report.repeats], [0, 0]);

  const { code, status, reasons, ...state } = await health(service);
  assert.deepEqual(
    [code, status, reasons],
    [503, "notready", ["engine hung has not answered yet"]],
    "its events do not flow, those of the others do",
  );
  assert.deepEqual(ups(state), { a: true, hung: false, engine2: true });

  const page = await eventually("all is counted as sent", PATIENCE_MS, async () => {
    const now = await scrape(service.facts.url);
    return now.sum("kvcast_sink_sent_events_total") === events ? now : null;
  });
  assertBooks(page, true);
  // A created event is left out, one for each rank and life of its engine; a clear is added for each as well.
  const twice = 2 * ranks;
  assert.deepEqual(booksOf(page, "a"), { created: twice, published: 8000, cleared: twice, leftOut: twice });
  assert.deepEqual(booksOf(page, "hung"), { created: 0, published: 0, cleared: ranks, leftOut: 0 });
  assert.deepEqual(booksOf(page, "engine2"), { created: ranks, published: 6000, cleared: ranks, leftOut: ranks });
  assert.equal(page.value("kvcast_source_sequence_resets_total", { engine: "a" }), ranks);
  assert.equal(page.sum("kvcast_source_sequence_resets_total"), ranks, "of no other engine");

  await stopInTime(service);
});

test("beside a flood without end, a hanging engine and one that talks nonsense, a slow one is read in time", async (t) => {
  const events = 200;
  const slow = await sim(t, `--events ${events} --rate 100 --removed 0 --blocks 1 --tokens 4`);
  const hung = await sim(t, "--fault hang");
  const nonsense = await sim(t, "--fault garbage");
  const service = await serve(
    t,
    // Of few bytes, so that the subscriber keeps up and misses nothing.
    `--engine flood=synthetic:?rate=max&blocks=1 --kv-block-size 4 --engine hung=${hung.url} --engine nonsense=${nonsense.url} ` +
      `--engine slow=${slow.url} --wait-subscribers 1 ${HANGS_FOR}`,
  );
  const subscriber = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  t.after(() => subscriber.close());
  subscriber.connect(service.facts.zmqEndpoint);
  subscriber.subscribe("");
  const seen = new Map<number, number>();
  let arrived = 0;
  await within("all of the slow engine arrives", PATIENCE_MS, readSlow());
  assert.deepEqual(
    [...seen.keys()].toSorted((a, b) => a - b),
    [0, 1, 2, 3],
    "of the two in between, the clears of the start",
  );
  assert.ok((seen.get(0) ?? 0) > 10, "the flood went on meanwhile");

  const page = await scrape(service.facts.url);
  assertBooks(page, false);
  assert.ok(page.sum("kvcast_source_errors_total", { engine: "nonsense" }) > 1, "it was asked again and again");
  assert.equal(page.sum("kvcast_source_errors_total", { engine: "slow" }), 0);
  const { reasons } = await health(service);
  assert.deepEqual(reasons, ["engine hung has not answered yet", "engine nonsense does not answer"]);
  await stopInTime(service);

  /** A message ends with its rank; only those of the slow engine are decoded, there is no time for the others. */
  async function readSlow(): Promise<void> {
    while (arrived < events) {
      const [, , payload] = await subscriber.receive();
      const rank = payload?.at(-1) ?? -1;
      seen.set(rank, (seen.get(rank) ?? 0) + 1);
      if (rank !== 3 || payload === undefined) continue;
      const [, list] = decodePayload(payload);
      arrived += list.filter((event) => (event as { type: string }).type === "BlockStored").length;
    }
  }
});

function stored(id: number, hash: number, rank: number): Json {
  return storedJson(id, [block(hash, 32)], { rank });
}

/** An engine that says this once, and then nothing. */
async function telling(t: TestContext, events: readonly Json[]): Promise<string> {
  let left: readonly Json[] = events;
  const engine = await scriptedEngine(t, (response, _n, { url }) => {
    if (url !== "/kv_cache_events") return void response.writeHead(404).end();
    response.end(JSON.stringify(left));
    left = [];
  });
  return engine.url.origin;
}

test("a rank that the engine should not have is left out, and told of", async (t) => {
  const first = await telling(t, [createdJson(0), stored(1, 7, 0), stored(0, 8, 1), stored(5, 9, 1), stored(2, 10, 0)]);
  const second = await telling(t, [stored(0, 11, 0)]);
  const service = await serve(t, `--engine ${first} --engine ${second} --clear-on-start off`);
  await service.log((record) => record.msg.startsWith("events of an attention-DP rank beyond --attention-dp-size are"));
  const page = await eventually("all is published", PATIENCE_MS, async () => {
    const now = await scrape(service.facts.url);
    return now.sum("kvcast_sink_sent_events_total") === 3 ? now : null;
  });
  assertBooks(page, true);
  assert.equal(page.value("kvcast_filtered_events_total", { engine: "engine0", reason: "unknown_rank" }), 2);
  assert.equal(page.sum("kvcast_source_unknown_rank_events_total"), 0);
  assert.equal(page.sum("kvcast_rank_dirty"), 0);
  await stopInTime(service);
});

test("a hang-up renews the credentials of all engines", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "kvcast-several-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "headers");
  writeFileSync(file, "X-Key: one\n");
  const seen = [new Set<unknown>(), new Set<unknown>()];
  const urls = await Promise.all(
    seen.map(async (keys) => {
      const engine = await scriptedEngine(t, (response, _n, request) => {
        keys.add(request.headers["x-key"]);
        response.end("[]");
      });
      return engine.url.origin;
    }),
  );
  const service = await serve(t, `--engine ${urls[0]} --engine ${urls[1]} --engine-header-file ${file}`);
  const both = (key: string): Promise<true> =>
    eventually(`both engines see ${key}`, PATIENCE_MS, () => (seen.every((keys) => keys.has(key)) ? true : null));
  await both("one");
  writeFileSync(file, "X-Key: two\n");
  service.child.kill("SIGHUP");
  await both("two");
  await stopInTime(service);
});
