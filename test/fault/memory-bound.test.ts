/** Far more events than anyone takes: memory stays below the bound that is printed at the start. */
import assert from "node:assert/strict";
import test from "node:test";
import { scrape } from "../support/books.ts";
import { eventually } from "../support/fault/deadline.ts";
import { peakRssBytes } from "../support/fault/proc.ts";
import { serve, SubscriberProcess } from "../support/processes.ts";

const MIB = 1024 * 1024;
/** What the garbage collectors of five threads leave lying about, more in a flood than in usual traffic. */
const GARBAGE_MIB = 40;
/** What a flood must have published for the run to mean something: many times what all queues hold. */
const FLOOD_BYTES = 600 * MIB;

test("a flood with two stopped readers: resident memory is the program plus the bound", async (t) => {
  const queue = 32;
  const service = await serve(
    t,
    `--engine synthetic:?rate=max&blocks=8 --wait-subscribers 2 --zmq-queue-bytes ${queue}MiB`,
  );
  const bound = Number(service.logs.find((record) => record.msg === "kvcast is running")?.["memory_bound_mib"]);
  assert.ok(bound > queue && bound < 200, `${bound} MiB are printed`);
  const { url } = service.facts;
  const stalled = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  const reader = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  await reader.until({ untilEvents: 100_000 });
  const { pid } = service.child;
  assert.ok(pid);
  // Warm, and with all its threads, but with nobody who is behind.
  const base = peakRssBytes(pid) / MIB;
  stalled.child.kill("SIGSTOP");
  reader.child.kill("SIGSTOP");
  await eventually("far more was published than fits anywhere", 18_000, async () =>
    (await scrape(url)).sum("kvcast_sink_sent_bytes_total") > FLOOD_BYTES ? true : null,
  );
  const peak = peakRssBytes(pid) / MIB;
  t.diagnostic(
    `peak ${Math.round(peak)} MiB after ${Math.round(base)} MiB at first, printed ${bound} MiB for events with one stopped subscriber`,
  );
  // The bound is for one subscriber that does not read; each further one costs its queue.
  assert.ok(peak < base + GARBAGE_MIB + bound + queue, `${Math.round(peak)} MiB`);
});
