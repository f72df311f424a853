/** `kvcast consolidate` between real publishers and a real subscriber. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { decode } from "@msgpack/msgpack";
import { type MetricsPage, parseMetrics } from "../../src/main/flood/metrics-text.ts";
import type { KvEvent } from "../../src/main/tail/kv-event.ts";
import { StreamClient } from "../../src/main/tail/stream-client.ts";
import { ConsolidatedReader } from "../support/consolidated.ts";
import { end, startKvcast } from "../support/cli-process.ts";
import { consolidate, type Kvcast, type ServeFacts, serve } from "../support/processes.ts";
import {
  EMPTY,
  END_V2,
  numberFrame,
  replyV2,
  ScriptedPublisher,
  scriptedReplay,
} from "../support/scripted-publisher.ts";

type Consolidating = Kvcast & { facts: ServeFacts };

/** The page, once `isThere`. Each page is up to 100 ms old, and asked for again at once. */
async function pageWhen({ facts }: Consolidating, isThere: (page: MetricsPage) => boolean): Promise<MetricsPage> {
  for (;;) {
    const page = parseMetrics(await (await fetch(`${facts.url}/metrics`)).text());
    if (isThere(page)) return page;
  }
}

const received = (page: MetricsPage): number => page.sum("kvcast_consolidator_received_events_total");

/** Tells it to stop; resolves with how many events it has published. */
async function stopped(running: Consolidating): Promise<number> {
  running.child.kill("SIGTERM");
  const { published_events: published, dropped_events: dropped } = await running.log(
    "stopped, everything gathered was published",
  );
  assert.equal(dropped, 0);
  assert.deepEqual(await running.exit, { code: 0, signal: null });
  return Number(published);
}

function assertBooks(page: MetricsPage): void {
  const skipped = page.sum("kvcast_consolidator_skipped_events_total");
  const applied = page.sum("kvcast_consolidator_applied_events_total");
  assert.equal(received(page), skipped + applied, "events");
}

const EVENTS = 3000;

for (const [format, removed] of [
  ["vllm", 0],
  ["vllm", 0.3],
  ["vllm-array", 0.3],
  ["dynamo", 0.3],
] as const) {
  const what = `two engines with the same blocks, as ${format}, ${100 * removed} % of the events removals`;
  test(`${what}: no block is told of twice`, { timeout: 60_000 }, async (t) => {
    const engine = `--engine synthetic:?events=${EVENTS}&rate=max&blocks=2&removed=${removed}&seed=7 --wait-subscribers 1`;
    const engines = await Promise.all([1, 2].map(() => serve(t, `${engine} --wire-format ${format}`)));
    const sources = engines.map(({ facts }) => `--engine-endpoint vllm=${facts.zmqEndpoint}`).join(" ");
    const running = await consolidate(t, `${sources} --wait-subscribers 1`);
    const reader = new ConsolidatedReader(running.facts.zmqEndpoint);
    t.after(() => reader.client.close());
    const clears = format === "dynamo" ? 0 : 2;
    const page = await pageWhen(running, (now) => received(now) === 2 * EVENTS + clears);
    assertBooks(page);
    assert.match(await (await fetch(`${running.facts.url}/`)).text(), /<a href="\/ready">/);
    assert.equal(page.sum("kvcast_consolidator_skipped_events_total"), 0);

    const published = await stopped(running);
    const view = await reader.until(published);
    assert.equal(view.events, published);
    const live = page.value("kvcast_consolidator_live_blocks");
    assert.ok(live > 0);
    assert.equal(view.live.get(0)?.size, live);
    if (removed > 0) return;
    // Made-up tokens repeat themselves now and then: the same content under two hashes is one block.
    assert.ok(live <= 2 * EVENTS && live > 1.9 * EVENTS, `${live} live blocks`);
    assert.equal(page.sum("kvcast_consolidator_published_events_total", { event_type: "stored" }), live);
    assert.equal(page.value("kvcast_consolidator_duplicate_blocks_total"), 4 * EVENTS - live);
  });
}

/** Reads so many events, however they are batched. */
async function readEvents(t: TestContext, endpoint: string, count: number): Promise<KvEvent[]> {
  const client = new StreamClient({ endpoint });
  t.after(() => client.close());
  const events: KvEvent[] = [];
  for await (const item of client) {
    if (item.kind === "batch") events.push(...item.batch.events);
    if (events.length >= count) break;
  }
  return events;
}

function capture(): Buffer[] {
  const file = path.join(process.cwd(), "test/fixtures/consolidator/trtllm_capture.msgpack");
  return (decode(readFileSync(file)) as number[][]).map((payload) => Buffer.from(payload));
}

const short = (events: readonly KvEvent[]): unknown[] =>
  events.map((event) =>
    event.type === "stored"
      ? ["S", event.hashes[0], event.parent, event.tokens, event.medium]
      : event.type === "removed"
        ? ["R", event.hashes[0], event.medium]
        : [event.type],
  );

const EXPECTED = {
  legacy: [
    ["S", 1n, null, [10, 20, 30, 40], "GPU"],
    ["S", 2n, 1n, [50, 60, 70, 80], "GPU"],
    ["R", 1n, "GPU"],
  ],
  lineage: [
    ["S", 3114443937531979n, null, [10, 20, 30, 40], null],
    ["S", 5370979798324801n, 3114443937531979n, [50, 60, 70, 80], null],
    ["R", 3114443937531979n, null],
  ],
};

for (const identity of ["legacy", "lineage"] as const) {
  test(
    `the recorded batches come out as recorded: ${identity}; what is no batch is survived`,
    { timeout: 30_000 },
    async (t) => {
      const publisher = await ScriptedPublisher.bind(t);
      const running = await consolidate(
        t,
        `--engine-endpoint ${publisher.endpoint} --identity ${identity} --wait-subscribers 1 --drain-interval 0.01`,
      );
      const reading = readEvents(t, running.facts.zmqEndpoint, 3);
      await publisher.subscribed();
      const [first, second, third] = capture();
      assert.ok(first && second && third);
      // One frame, four frames, a number of three bytes, no msgpack, and half a batch.
      await publisher.frames([Buffer.from("kv")]);
      await publisher.frames([EMPTY, numberFrame(0), first, EMPTY]);
      await publisher.frames([EMPTY, Buffer.from([0, 0, 1]), first]);
      await publisher.frames([EMPTY, numberFrame(0), Buffer.from("no msgpack at all")]);
      await publisher.frames([EMPTY, numberFrame(1), first.subarray(0, 20)]);
      await publisher.frames([EMPTY, numberFrame(2), first]);
      // Without a number.
      await publisher.frames([EMPTY, second]);
      await publisher.frames([EMPTY, numberFrame(3), third]);
      assert.deepEqual(short(await reading), EXPECTED[identity]);
      const page = await pageWhen(running, (now) => received(now) === 3);
      assert.equal(page.sum("kvcast_consolidator_refused_messages_total"), 2);
      assert.equal(page.sum("kvcast_consolidator_source_malformed_messages_total"), 3);
      assert.equal(page.sum("kvcast_consolidator_source_lost_messages_total"), 0);
      assert.equal(await stopped(running), 3);
    },
  );
}

test("a gap is filled by replay, and a new run takes back what the old one held", { timeout: 30_000 }, async (t) => {
  const [first, second, third] = capture();
  assert.ok(first && second && third);
  const publisher = await ScriptedPublisher.bind(t);
  let answers = 0;
  const replay = await scriptedReplay(t, async ({ from, answer }) => {
    // Asked for from 0 on before there was anything. The news of the connection may come last of all, and then the new run is asked for
    // what is behind its number 0: nothing.
    if (from === 1 && answers++ === 0) await answer(replyV2(1, second));
    await answer(END_V2);
  });
  const running = await consolidate(
    t,
    `--engine-endpoint ${publisher.endpoint}?replay=${replay} --wait-subscribers 1 --drain-interval 0`,
  );
  const reading = readEvents(t, running.facts.zmqEndpoint, 5);
  await publisher.subscribed();
  await publisher.send(0, first);
  await publisher.send(2, third);
  // Numbers go back, at another time: block 2 of the run before is gone with it.
  const again = Buffer.from(first);
  again[4] = 0x80;
  await publisher.send(0, again);
  const events = short(await reading);
  assert.deepEqual(events.slice(0, 3), EXPECTED.legacy);
  assert.deepEqual(events.slice(3), [["cleared"], EXPECTED.legacy[0]]);
  const page = await pageWhen(running, (now) => received(now) === 4);
  assert.equal(page.sum("kvcast_consolidator_source_healed_messages_total"), 1);
  assert.equal(page.sum("kvcast_consolidator_source_restarts_total"), 1);
  assert.equal(page.value("kvcast_consolidator_live_blocks"), 1);
  await stopped(running);
});

test("what was gathered when it is told to stop goes out first", { timeout: 30_000 }, async (t) => {
  const [first] = capture();
  assert.ok(first);
  const publisher = await ScriptedPublisher.bind(t);
  const running = await consolidate(
    t,
    `--engine-endpoint ${publisher.endpoint} --wait-subscribers 1 --drain-interval 10`,
  );
  const reading = readEvents(t, running.facts.zmqEndpoint, 1);
  await publisher.subscribed();
  await publisher.send(0, first);
  await pageWhen(running, (now) => received(now) === 1);
  assert.equal(await stopped(running), 1);
  assert.equal((await reading).length, 1);
});

async function run(args: string, env: Record<string, string>): Promise<{ code: number | null; err: string }> {
  const { code, err } = await end(startKvcast(["consolidate", ...args.split(" ").filter(Boolean)], env));
  return { code, err };
}

test("Dynamo's variables: ports, mode, switch; and the port that is the leader's", { timeout: 30_000 }, async (t) => {
  const off = await run("", { DYN_KVBM_KV_EVENTS_ENABLE_CONSOLIDATOR: "false" });
  assert.equal(off.code, 0);
  assert.match(off.err, /switches the consolidator off/);
  const none = await run("", {});
  assert.equal(none.code, 78);
  assert.match(none.err, /--engine-endpoint is missing/);
  const trap = await run("", { DYN_KVBM_TRTLLM_ZMQ_PORT: "56001" });
  assert.equal(trap.code, 78);
  assert.match(trap.err, /56001 is the port of the leader .* set DYN_KVBM_TRTLLM_ZMQ_PORT/);
  const elsewhere = await run("--engine-endpoint tcp://127.0.0.1:7001", { DYN_KVBM_LEADER_ZMQ_PUB_PORT: "7001" });
  assert.equal(elsewhere.code, 78);

  const publisher = await ScriptedPublisher.bind(t);
  const port = publisher.endpoint.split(":").at(-1) ?? "";
  const running = await consolidate(t, "", {
    env: {
      DYN_KVBM_TRTLLM_ZMQ_PORT: port,
      DYN_KVBM_KV_EVENTS_CONSOLIDATOR_MODE: " PassThrough ",
      DYN_KVBM_KV_EVENTS_ENABLE_CONSOLIDATOR: "On",
    },
  });
  const started = await running.log("the consolidator is running");
  assert.equal(started["mode"], "passthrough");
  assert.equal(started["sources"], `trtllm at tcp://127.0.0.1:${port}`);
  await stopped(running);
});
