/** What NATS beside ZMQ costs the heap of the publisher, as V8 itself tells of it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { scrape } from "../support/books.ts";
import { eventually } from "../support/fault/deadline.ts";
import { NatsServer } from "../support/nats-server.ts";
import { serve } from "../support/processes.ts";

const EVENTS = 100_000;
const RATE = 20_000;
const PATIENCE_MS = 60_000;
/** Code is compiled and loaded until then, on each thread. */
const STARTED_MS = 2000;
/** Of all threads together, in three seconds: with V8's own nursery it is four or more. */
const MAX_COLLECTIONS = 1;
/** `sh` puts what V8 prints into a file, and then is the service: the arguments are the program and its own. */
const TRACED = ["sh", "-c", 'node="$1"; shift; exec "$node" --trace-gc "$@" >"$GC_LOG"', "sh"];

/** Whole collections, by what the line says: `[pid:isolate] ms since it began: Mark-Compact …`. */
function wholeCollections(log: string): number[] {
  return [...log.matchAll(/\]\s+(\d+) ms: Mark-Compact/gu)].map(([, ms]) => Number(ms)).filter((ms) => ms > STARTED_MS);
}

/** What becomes of the server once it has confirmed something, and the sink that has all events in the end. */
const FATES = [
  { fate: "lives", act: async () => {}, sink: "nats" },
  { fate: "freezes", act: async (server: NatsServer) => server.hang(), sink: "zmq" },
  { fate: "dies", act: async (server: NatsServer) => server.kill(), sink: "zmq" },
] as const;

for (const { fate, act, sink } of FATES) {
  test(`a server that ${fate}: its messages do not make V8 collect whole heaps while those of ZMQ wait`, async (t) => {
    const server = await NatsServer.start(t);
    if (server === null) return;
    const log = path.join(server.folder, "gc.log");
    const engine = `--engine synthetic:?rate=${RATE}&events=${EVENTS}&blocks=1&tokens=32&removed=0&seed=1 --kv-block-size 32`;
    const sinks = `--sink both --worker-id 42 --nats-url ${server.url} --clear-on-start off --load off`;
    const service = await serve(t, `${engine} ${sinks}`, { under: TRACED, env: { GC_LOG: log } });
    const sent = async (to: string): Promise<number> =>
      (await scrape(service.facts.url)).sum("kvcast_sink_sent_events_total", { sink: to });
    await eventually("the server has events", PATIENCE_MS, async () => ((await sent("nats")) > 0 ? true : null));
    await act(server);
    await eventually("all events are out", PATIENCE_MS, async () => ((await sent(sink)) === EVENTS ? true : null));
    const text = readFileSync(log, "utf8");
    assert.match(text, /Scavenge/u, "V8 tells of collections");
    const whole = wholeCollections(text);
    assert.ok(whole.length <= MAX_COLLECTIONS, `collected at ${whole.join(", ")} ms`);
  });
}
