import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type SimServer, runSim } from "../../src/main/sim/run-sim.ts";
import { parseFault } from "../../src/main/sim/sim-config.ts";
import { eventually } from "../support/fault/deadline.ts";
import { type Reply, SimClock, begin, call, drain, expectedEvents, idsOf, simConfig } from "../support/sim-client.ts";

interface Rig {
  readonly sim: SimServer;
  readonly clock: SimClock;
  /** The events by id, one JSON text each. */
  readonly events: readonly string[];
}

/** A stand-in engine with 500 events in its buffer. */
async function withFaults(t: TestContext, ...faults: string[]): Promise<Rig> {
  const clock = new SimClock();
  const config = simConfig({ faults: faults.map(parseFault) }, { events: 500 });
  const sim = await runSim(config, clock);
  t.after(() => sim.close());
  clock.ms += 500;
  return { sim, clock, events: expectedEvents(config.traffic, "v1", 501) };
}

/** The ids of one life of the engine. */
function life(lastId: number): number[] {
  return Array.from({ length: lastId + 1 }, (_, id) => id);
}

/** Both variants of a fault, whichever comes first. */
async function untilBoth(next: () => Promise<Reply>, isFirst: (reply: Reply) => boolean): Promise<[Reply, Reply]> {
  const replies: Reply[] = [];
  for (let i = 0; i < 40; i++) {
    replies.push(await next());
    const first = replies.find(isFirst);
    const second = replies.find((reply) => !isFirst(reply));
    if (first !== undefined && second !== undefined) return [first, second];
  }
  return assert.fail("forty answers were all of one sort");
}

test("gap: a share of the events is missing, their ids too, and nothing else changes", async (t) => {
  const { sim, events } = await withFaults(t, "gap:10%");
  const reply = await drain(sim);
  const ids = idsOf(reply);
  assert.equal(reply.text, `[${ids.map((id) => events[id]).join(",")}]`);
  assert.equal(ids[0], 0, "created is there");
  const missing = 501 - ids.length;
  assert.ok(missing > 25 && missing < 80, `${missing} of 500 are missing`);
  const { droppedByFault, drained, lastIds } = sim.stats();
  assert.deepEqual([droppedByFault, drained, lastIds], [missing, ids.length, [500]]);
});

test("restart-at: the engine begins anew, with other hashes, and the number of events stays", async (t) => {
  const { sim, clock, events } = await withFaults(t, "restart-at:200", "restart-at:300");
  const { text } = await drain(sim);
  const ids = idsOf({ text } as Reply);
  assert.deepEqual(ids, [...life(200), ...life(100), ...life(200)]);
  const hashes = text.match(/"block_hash":\d+/gu) ?? [];
  assert.equal(new Set(hashes).size, hashes.length);
  assert.ok(text.startsWith(`[${events.slice(0, 201).join(",")},`));
  clock.ms += 1000;
  assert.equal((await drain(sim)).text, "[]");
  const { published, generated, restarts, lastIds } = sim.stats();
  assert.deepEqual([published, generated, restarts, lastIds], [500, 503, 2, [200]]);
});

test("restart-at can be set while it runs, also for right now", async (t) => {
  const clock = new SimClock();
  const sim = await runSim(simConfig(), clock);
  t.after(() => sim.close());
  clock.ms += 10;
  // Half of what was made before the restart is still in the buffer when it is planned.
  assert.equal(idsOf(await drain(sim)).length, 11);
  clock.ms += 10;
  sim.setFaults([parseFault("restart-at:20"), parseFault("restart-at:5")]);
  clock.ms += 5;
  assert.deepEqual(idsOf(await drain(sim)), [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 0, 1, 2, 3, 4, 5]);
});

test("http500 and garbage leave the events where they are", async (t) => {
  const { sim } = await withFaults(t, "http500");
  assert.equal((await drain(sim)).status, 500);
  sim.setFaults([parseFault("garbage")]);
  const [page, noise] = await untilBoth(
    () => drain(sim),
    (reply) => reply.type === "text/html",
  );
  assert.match(page.text, /^<!DOCTYPE html>/u);
  assert.equal(noise.status, 200);
  assert.equal(noise.type, "application/json");
  assert.throws(() => JSON.parse(noise.text));
  sim.setFaults([]);
  assert.equal(idsOf(await drain(sim)).length, 501);
});

test("truncate: half the body, then an orderly end, with and without the announced length", async (t) => {
  const { sim, clock, events } = await withFaults(t, "truncate");
  const first = await drain(sim);
  const whole = `[${events.join(",")}]`;
  assert.equal(first.text, whole.slice(0, Math.floor(whole.length / 2)));
  const [short, chunked] = await untilBoth(
    () => {
      clock.ms += 10;
      return drain(sim);
    },
    (reply) => !reply.complete,
  );
  for (const reply of [short, chunked]) assert.throws(() => JSON.parse(reply.text), SyntaxError);
  await sim.close();
  const { cut, drained } = sim.stats();
  assert.deepEqual([cut, drained], [501, 0]);
});

test("drop-connection: a reset in the middle of the body loses its events", async (t) => {
  const { sim } = await withFaults(t, "drop-connection");
  await drain(sim).then(
    (reply) => assert.equal(reply.complete, false),
    (error: NodeJS.ErrnoException) => assert.equal(error.code, "ECONNRESET"),
  );
  sim.setFaults([]);
  assert.equal((await drain(sim)).text, "[]");
  await sim.close();
  assert.equal(sim.stats().cut, 501);
});

test("slow: the body comes in drops, and is whole in the end", async (t) => {
  const { sim, events } = await withFaults(t, "slow:2000000B/s");
  const quick = begin(sim, "POST", "/kv_cache_events");
  const whole = `[${events.join(",")}]`;
  assert.ok((await quick.firstBytes).length < whole.length);
  assert.equal((await quick.reply).text, whole);
  assert.equal(sim.stats().drained, 501);
});

test("slow: a client that gives up has lost the events", async (t) => {
  const { sim } = await withFaults(t, "slow:100B/s");
  const { request, reply, firstBytes } = begin(sim, "POST", "/kv_cache_events");
  assert.ok((await firstBytes).length < 500);
  request.destroy();
  assert.equal((await reply).complete, false);
  await sim.close();
  assert.deepEqual([sim.stats().cut, sim.stats().drained], [501, 0]);
});

test("hang: no answer, while other routes go on; close ends it", async (t) => {
  const { sim } = await withFaults(t, "hang");
  const hanging = begin(sim, "POST", "/kv_cache_events");
  const ended = assert.rejects(hanging.reply, { code: "ECONNRESET" });
  assert.equal((await call(sim, "GET", "/health")).status, 200);
  assert.equal(sim.stats().buffered, 501);
  await sim.close();
  await ended;
});

test("unhealthy: health says so in the engine's words, in its window only", async (t) => {
  const { sim, clock } = await withFaults(t, "unhealthy@1-2s");
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) {
    const reply = await call(sim, "GET", "/health");
    statuses.push(reply.status);
    if (reply.status === 503) assert.match(reply.text, /^LLM is unavailable\./u);
    clock.ms += 1000;
  }
  assert.deepEqual(statuses, [200, 503, 200]);
});

test("zombie: health says that all is well, lists are empty, completions hang; what happened meanwhile comes behind it", async (t) => {
  const { sim, clock } = await withFaults(t, "zombie@0-1s");
  assert.equal((await call(sim, "GET", "/health")).status, 200);
  for (const [method, route] of [
    ["POST", "/kv_cache_events"],
    ["GET", "/metrics"],
    ["GET", "/perf_metrics"],
  ] as const) {
    assert.equal((await call(sim, method, route)).text, "[]", route);
  }
  const body = JSON.stringify({ model: "m", prompt: [1] });
  const ended = assert.rejects(fetch(`${sim.url}/v1/completions`, { method: "POST", body }));
  await eventually("it has taken the request", 20_000, async () =>
    (await call(sim, "GET", "/sim/completions")).text === '{"requests":1,"canaries":0}' ? true : null,
  );
  assert.equal(sim.stats().drained, 0);
  clock.ms += 1000;
  assert.deepEqual(idsOf(await drain(sim)), life(500));
  assert.ok((JSON.parse((await call(sim, "GET", "/metrics")).text) as unknown[]).length > 0);
  await sim.close();
  await ended;
});

test("mute: events are gone, created ones too, and all else goes on", async (t) => {
  const { sim, clock } = await withFaults(t, "mute@0-1s");
  assert.equal((await drain(sim)).text, "[]");
  assert.ok((JSON.parse((await call(sim, "GET", "/metrics")).text) as unknown[]).length > 0);
  clock.ms += 1000;
  assert.equal((await drain(sim)).text, "[]", "they do not come back");
  assert.equal(sim.stats().cut, 501);
});

test("a share hits that share of the answers, a route only its own, and the seed decides which", async (t) => {
  const outcomes = async (): Promise<number[]> => {
    const { sim } = await withFaults(t, "http500:30%:/version", "http500:/metrics");
    const statuses: number[] = [];
    for (let i = 0; i < 60; i++) statuses.push((await call(sim, "GET", "/version")).status);
    assert.equal((await call(sim, "GET", "/metrics")).status, 500);
    assert.equal((await drain(sim)).status, 200);
    return statuses;
  };
  const first = await outcomes();
  const failed = first.filter((status) => status === 500).length;
  assert.ok(failed > 8 && failed < 30, `${failed} of 60 failed`);
  assert.deepEqual(await outcomes(), first);
});
