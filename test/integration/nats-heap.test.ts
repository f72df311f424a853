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
/** So long that their payloads are what fills the heap: collections follow the bytes and not the time that a busy machine takes. */
const TOKENS = 128;
/** Of the busiest thread, from its start on: seen were 1 or 2, and with V8's own nursery 6 to 8. */
const MAX_COLLECTIONS = 4;
/** `sh` puts what V8 prints into a file, and then is the service: the arguments are the program and its own. */
const TRACED = ["sh", "-c", 'node="$1"; shift; exec "$node" --trace-gc "$@" >"$GC_LOG"', "sh"];

/** Whole collections of each thread, by what the line says: `[pid:isolate] ms since it began: Mark-Compact …`. */
function wholeCollections(log: string): ReadonlyMap<string, readonly number[]> {
  const times = new Map<string, number[]>();
  for (const [, isolate = "", ms] of log.matchAll(/\[\d+:(0x[0-9a-f]+)\]\s+(\d+) ms: Mark-Compact/gu)) {
    times.set(isolate, [...(times.get(isolate) ?? []), Number(ms)]);
  }
  return times;
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
    const engine = `--engine synthetic:?rate=${RATE}&events=${EVENTS}&blocks=1&tokens=${TOKENS}&removed=0&seed=1 --kv-block-size ${TOKENS}`;
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
    assert.ok(whole.size > 0, "each thread collects once while it starts");
    for (const times of whole.values()) {
      assert.ok(times.length <= MAX_COLLECTIONS, `a thread collected at ${times.join(", ")} ms`);
    }
  });
}
