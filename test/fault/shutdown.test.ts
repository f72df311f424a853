/** SIGTERM and SIGINT in every state of the service: what was taken is delivered, the exit is 0, and in time. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import test from "node:test";
import type { AddressInfo } from "node:net";
import { within } from "../support/fault/deadline.ts";
import { Kvcast, serve, sim, SubscriberProcess } from "../support/processes.ts";

const LIMIT_MS = 5000;

/** Sends the signal and checks that the service ends orderly. Returns its last words. */
async function endOrderly(service: Kvcast, signal: NodeJS.Signals = "SIGTERM"): Promise<Record<string, unknown>> {
  service.child.kill(signal);
  const { code, signal: killedBy } = await within("the service ends", LIMIT_MS, service.exit);
  assert.deepEqual([code, killedBy], [0, null], service.text());
  const last = service.logs.find((record) => record.msg.startsWith("stopped, "));
  assert.ok(last, service.text());
  return last;
}

/** The next line that says how much flows, with events in it besides the clear of the start. */
async function flowing(service: Kvcast): Promise<void> {
  await service.log((record) => record.msg === "flow" && Number(record["published_total"]) > 1);
}

test("under load from the built-in engine: all that was taken is delivered", async (t) => {
  const service = await serve(t, "--engine synthetic:?rate=50000 --wait-subscribers 1");
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  // Enough for the run to mean something, and it goes on behind it.
  await subscriber.until({ untilEvents: 20_000 });
  const last = await endOrderly(service);
  const report = await subscriber.until({ untilSequence: Number(last["last_sequence"]) });
  assert.equal(report.events, last["published_events"]);
  assert.equal(last["dropped_events"], 0);
  assert.deepEqual([report.firstSequence, report.gaps, report.repeats], [0, 0, 0]);
});

test("under load over HTTP: all that the engine gave away is delivered", async (t) => {
  // Room for all of a slow start: what overflows is neither drained nor published, and that is another test.
  const engine = await sim(t, "--rate 15000 --buffer-max-events 4000000");
  const service = await serve(t, `--engine ${engine.url} --wait-subscribers 1`);
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  await flowing(service);
  const last = await endOrderly(service, "SIGINT");
  const stats = (await (await fetch(`${engine.url}/sim/stats`)).json()) as { drained: number; cut: number };
  const report = await subscriber.until({ untilSequence: Number(last["last_sequence"]) });
  assert.equal(last["received_events"], stats.drained);
  // One of them was `created`, which is not published; the clear of the start was not theirs.
  assert.equal(last["injected_events"], 1);
  assert.equal(report.events, stats.drained);
  assert.equal(report.gaps, 0);
});

test("with an engine that never answers, and with none at all", async (t) => {
  const engine = await sim(t, "--fault hang");
  const hanging = await serve(t, `--engine ${engine.url}`);
  await engine.log((record) => record.msg.includes("listens"));
  await endOrderly(hanging);
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, "close");
  const lonely = await serve(t, `--engine http://127.0.0.1:${port}`);
  await lonely.log((record) => record["level"] === "warn" || record["level"] === "error");
  await endOrderly(lonely);
});

test("while it waits for subscribers, with a full ring behind it", async (t) => {
  const service = await serve(t, "--engine synthetic:?rate=max --wait-subscribers 1 --wait-subscribers-timeout 600");
  await service.log((record) => record.msg === "flow" && Number(record["in_per_s"]) >= 0);
  const last = await endOrderly(service);
  assert.ok(Number(last["received_events"]) > 500);
  // Published to nobody, as a publisher without subscribers does; but counted, to the last one. One is added at the
  // start, and one of the engine's is not published.
  assert.equal(last["injected_events"], 1);
  assert.equal(Number(last["published_events"]) + Number(last["dropped_events"]), last["received_events"]);
});

test("while it waits for subscribers: what the engine has given away is published, not dropped", async (t) => {
  const engine = await sim(t, "--rate max --events 20000");
  const service = await serve(t, `--engine ${engine.url} --wait-subscribers 1 --wait-subscribers-timeout 600`);
  await service.log((record) => record.msg === "flow" && Number(record["in_per_s"]) >= 0);
  const last = await endOrderly(service);
  const stats = (await (await fetch(`${engine.url}/sim/stats`)).json()) as { drained: number };
  assert.ok(stats.drained > 2000, "more than the ring holds was under way");
  assert.equal(last["received_events"], stats.drained);
  assert.equal(last["injected_events"], 1);
  assert.deepEqual([last["published_events"], last["dropped_events"]], [stats.drained, 0]);
});

test("with a subscriber that is stopped and whose queue is full", async (t) => {
  const service = await serve(t, "--engine synthetic:?rate=max --wait-subscribers 1 --zmq-queue-bytes 1MiB");
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  await flowing(service);
  subscriber.child.kill("SIGSTOP");
  const { published_total: before } = (await service.log("flow")) as unknown as { published_total: number };
  await service.log((record) => record.msg === "flow" && Number(record["published_total"]) > before);
  await endOrderly(service);
});

test("a second signal ends it at once", async (t) => {
  // The answer has begun and drips, so that the service waits a moment for its end.
  const engine = await sim(t, "--rate 1000 --fault slow:1B/s");
  const service = await serve(t, `--engine ${engine.url}`);
  await fetch(`${engine.url}/version`);
  service.child.kill("SIGTERM");
  await service.log("shutting down");
  service.child.kill("SIGINT");
  assert.deepEqual(await service.exit, { code: null, signal: "SIGINT" });
});

test("an address that is taken is exit 69 and names what to change", async (t) => {
  const first = await serve(t, "--engine synthetic:");
  const cases = [
    [`--zmq-endpoint ${first.facts.zmqEndpoint} --system-port 0`, "--zmq-endpoint"],
    [`--zmq-endpoint none --system-port ${new URL(first.facts.url).port}`, "--system-port"],
  ] as const;
  for (const [flags, named] of cases) {
    const second = new Kvcast(t, `serve --engine synthetic: ${flags}`);
    assert.deepEqual(await second.exit, { code: 69, signal: null });
    assert.ok(
      second.logs.some((record) => record.msg.includes(named)),
      second.text(),
    );
  }
});
