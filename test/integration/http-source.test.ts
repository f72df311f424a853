import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { createServer as createNetServer } from "node:net";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "../../bench/support/free-port.ts";
import type { HttpEngineConfig, PollProfile } from "../../src/main/config/config.ts";
import { DrainClient, type Drain, type DrainPorts } from "../../src/main/engine/drain-client.ts";
import { HttpSource } from "../../src/main/engine/http-source.ts";
import type { RawEvent } from "../../src/main/engine/raw-event.ts";
import type { EventSink } from "../../src/main/engine/source.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { asList, rawEventOf, readFixture } from "../support/raw-events.ts";
import { within } from "../support/fault/deadline.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { RecordingSink, snapshot } from "../support/recording-sink.ts";
import { Gate } from "../support/gate.ts";
import { engineConfig, portOf, scriptedEngine } from "../support/scripted-engine.ts";

const profile: PollProfile = { name: "default", minSleepMs: 1, maxSleepMs: 10, factor: 1.5, maxItemsPerStep: 256 };

interface Rig {
  readonly source: HttpSource;
  readonly counters: EngineCounters;
  readonly log: RecordingLog;
}

function sourceFor(
  url: URL,
  sink: EventSink,
  over: Partial<HttpEngineConfig> = {},
  ports: Partial<DrainPorts> = {},
): Rig {
  const counters = new EngineCounters("engine0", "http", 1);
  const log = new RecordingLog();
  const config = engineConfig(url, over);
  const source = new HttpSource({ config, profile, sink, counters, log, ports });
  return { source, counters, log };
}

function removed(id: number): string {
  return `{"event_id":${id},"data":{"type":"removed","block_hashes":[${id}]}}`;
}

function body(...ids: number[]): string {
  return `[${ids.map(removed).join(",")}]`;
}

/** Checks each event as it comes against a list that repeats with every answer. */
class ComparingSink implements EventSink {
  readonly #expected: readonly string[];
  seen: number = 0;

  constructor(expected: readonly string[]) {
    this.#expected = expected;
  }

  accept(event: RawEvent): boolean {
    const expected = this.#expected[this.seen++ % this.#expected.length];
    const actual = JSON.stringify(snapshot(event));
    if (actual !== expected) assert.equal(actual, expected);
    return true;
  }

  retry(): boolean {
    return true;
  }

  async writable(): Promise<void> {}

  flush(): void {}
}

function httpChunk(part: Buffer): string {
  return `${part.length.toString(16)}\r\n${part.toString("latin1")}\r\n`;
}

/**
 * Answers request k with `bytes`, split before byte k, the two parts as two chunks and in two writes. Written on the
 * bare socket, because tens of thousands of answers go through it. It insists on whole requests, one at a time.
 */
async function splittingEngine(t: TestContext, bytes: Buffer, onRequest: () => void): Promise<URL> {
  const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  let k = 0;
  const server = createNetServer((socket) => {
    socket.setNoDelay(true);
    let answering = false;
    socket.on("data", (request: Buffer) => {
      const text = request.toString("latin1");
      assert.ok(
        !answering && text.startsWith("POST /kv_cache_events ") && text.indexOf("\r\n\r\n") === text.length - 4,
      );
      onRequest();
      answering = true;
      const [first, second] = [bytes.subarray(0, k % bytes.length), bytes.subarray(k % bytes.length)];
      k++;
      socket.write(head + (first.length > 0 ? httpChunk(first) : ""), "latin1");
      setImmediate(() => {
        answering = false;
        socket.write(`${httpChunk(second)}0\r\n\r\n`, "latin1");
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return new URL(`http://127.0.0.1:${portOf(server)}`);
}

for (const name of [
  "trtllm_kv_cache_events",
  "trtllm_kv_cache_events_attention_dp",
  "trtllm_kv_cache_events_legacy",
  "trtllm_kv_cache_events_v2_sha256",
  "trtllm_kv_cache_events_v2_sha256_64",
]) {
  test(`${name}: the same events wherever the answer is split`, async (t) => {
    const file = `trtllm/${name}.json`;
    const bytes = readFileSync(path.join(process.cwd(), "test/fixtures", file));
    const expected = asList(readFixture(file)).map((entry) => JSON.stringify(snapshot(rawEventOf(entry))));
    assert.ok(expected.length > 2);
    const sink = new ComparingSink(expected);
    // Poll k is split before byte k; the first and the last come in one piece.
    const splits = bytes.length + 1;
    let polls = 0;
    const url = await splittingEngine(t, bytes, () => {
      if (++polls === splits) rig.source.stop();
    });
    const client = new DrainClient(engineConfig(url));
    let chunks = 0;
    const drain: Drain = {
      get answering() {
        return client.answering;
      },
      drain: (onChunk) =>
        client.drain((chunk) => {
          chunks++;
          return onChunk(chunk);
        }),
      abort: () => client.abort(),
      renew: (credentials) => client.renew(credentials),
      close: () => client.close(),
    };
    const rig = sourceFor(url, sink, {}, { drain });
    await rig.source.run();
    assert.equal(sink.seen, splits * expected.length);
    assert.deepEqual(rig.counters.polls, { items: splits, empty: 0, error: 0 });
    assert.equal(chunks, 2 * splits - 2, "every split was seen");
    assert.equal(rig.counters.receivedBytes, splits * bytes.length);
  });
}

test("an engine that has only GET is read, and asked with POST once", async (t) => {
  const engine = await scriptedEngine(t, (response, n, request) => {
    if (n === 3) source.stop();
    if (request.method === "GET") response.end(body(n));
    else response.writeHead(405).end();
  });
  const sink = new RecordingSink();
  const { source, counters } = sourceFor(engine.url, sink);
  await source.run();
  assert.deepEqual(
    engine.requests.map(({ method }) => method),
    ["POST", "GET", "GET", "GET"],
  );
  assert.deepEqual(sink.ids, [1, 2, 3]);
  assert.deepEqual(counters.polls, { items: 3, empty: 0, error: 0 });
});

test("faults of all kinds cost their answer's rest and nothing else", async (t) => {
  const faults: { readonly [n: number]: (response: ServerResponse) => void } = {
    0: (response) => response.writeHead(500).end("[]"),
    1: (response) => response.end("<html></html>"),
    2: (response) => response.end(`[${removed(20)},{"event_id":`),
    3: (response) => {
      response.writeHead(200, { "content-length": "5000" });
      response.write(`[${removed(30)},`, () => response.destroy());
    },
    4: (response) => response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
    5: (response) => response.end(`[${removed(50)},${" ".repeat(200_000)}`),
    6: (response) => response.write(`[${removed(60)},`),
    7: (response) => response.end('{"object":"error"}'),
    8: (response) => response.writeHead(302, { location: "/elsewhere" }).end(),
    9: (response) => response.end(`[null,{},${removed(90)}]`),
  };
  const engine = await scriptedEngine(t, (response, n) => {
    if (n === 9) source.stop();
    faults[n]?.(response);
  });
  const sink = new RecordingSink();
  const { source, counters } = sourceFor(engine.url, sink, { maxResponseBytes: 100_000, timeoutMs: 1000 });
  await source.run();
  assert.deepEqual(sink.ids, [20, 30, 50, 60, -1, -1, 90]);
  assert.deepEqual(counters.polls, { items: 1, empty: 0, error: 9 });
  assert.deepEqual(counters.errors, {
    connect: 1,
    timeout: 1,
    http_status: 2,
    decode: 3,
    oversize: 1,
    schema: 1,
  });
  assert.equal(counters.up, 1);
  assert.equal(engine.maxInFlight, 1);
});

test("while the sink is full the engine feels it, and no event is lost", async (t) => {
  const events = 120_000;
  const stuck = new Gate();
  const engine = await scriptedEngine(t, (response, n) => {
    if (n > 0) {
      source.stop();
      return response.end("[]");
    }
    let id = 0;
    let refused = false;
    const more = (): void => {
      let ready = true;
      while (ready && id < events) {
        const from = id;
        id = Math.min(events, id + 500);
        const text = Array.from({ length: id - from }, (_, i) => removed(from + i)).join(",");
        ready = response.write(`${from === 0 ? "[" : ","}${text}`);
      }
      if (id < events) {
        if (!refused) setImmediate(() => stuck.open());
        refused = true;
        response.once("drain", more);
      } else response.end("]");
    };
    return more();
  });
  const sink = new RecordingSink();
  sink.room = 10;
  const { source, counters } = sourceFor(engine.url, sink, { timeoutMs: 30_000 });
  const full = sink.untilFull();
  const running = source.run();
  await full;
  await stuck.opened;
  const held = counters.receivedBytes;
  assert.equal(sink.ids.length, 10);
  // Many small allowances: each makes the source stop and go once more.
  for (let i = 0; i < 200; i++) {
    const again = sink.untilFull();
    sink.allow(37);
    await again;
  }
  assert.equal(sink.ids.length, 10 + 200 * 37);
  assert.ok(held < 1_000_000, `${held} bytes were read while the sink was full`);
  sink.allow(Infinity);
  await running;
  assert.equal(sink.ids.length, events);
  assert.ok(sink.ids.every((id, i) => id === i));
  assert.deepEqual(counters.polls, { items: 1, empty: 1, error: 0 });
});

/** Listens on `port` and answers each drain with one event. */
async function listenOn(port: number, onDrain: () => void): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((_request, response) => {
    onDrain();
    response.end("[]");
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: portOf(server),
    async close(): Promise<void> {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

test("an engine that goes away and comes back: down is told, polling goes on, up is told", async () => {
  const answered = new Gate();
  const first = await listenOn(await freePort(), () => answered.open());
  const sleeps: number[] = [];
  const down = new Gate();
  const { source, counters, log } = sourceFor(
    new URL(`http://127.0.0.1:${first.port}`),
    new RecordingSink(),
    {},
    {
      sleep: (ms) => {
        sleeps.push(ms);
        if (counters.polls.error >= 5) down.open();
        return new Promise((resolve) => setImmediate(resolve));
      },
    },
  );
  const running = source.run();
  await answered.opened;
  await first.close();
  await down.opened;
  assert.equal(counters.up, 0);
  const back = new Gate();
  const second = await listenOn(first.port, () => back.open());
  await back.opened;
  source.stop();
  await running;
  await second.close();
  assert.equal(counters.up, 1);
  assert.deepEqual(
    log.lines.map(({ msg }) => msg),
    ["the engine answers", "polling the engine fails", "the engine answers again"],
  );
});

/** A source whose engine has answered half: `[event 0,` and no more until the test says so. */
async function halfAnswered(
  t: TestContext,
): Promise<Rig & { sink: RecordingSink; running: Promise<void>; finish: () => void }> {
  const rest = new Gate();
  const engine = await scriptedEngine(t, (response) => {
    response.write(`[${removed(0)},`);
    void rest.opened.then(() => response.end(`${removed(1)}]`));
  });
  const sink = new RecordingSink();
  const taken = new Gate();
  const accept = sink.accept.bind(sink);
  sink.accept = (event): boolean => {
    taken.open();
    return accept(event);
  };
  const rig = sourceFor(engine.url, sink);
  const running = rig.source.run();
  await taken.opened;
  return { ...rig, sink, running, finish: () => rest.open() };
}

test("stop inside an answer: its end still counts", async (t) => {
  const { source, counters, sink, running, finish } = await halfAnswered(t);
  source.stop();
  finish();
  await running;
  assert.deepEqual(sink.ids, [0, 1]);
  assert.deepEqual(counters.polls, { items: 1, empty: 0, error: 0 });
});

test("stop inside an answer that never ends: cut within the grace", async (t) => {
  const { source, counters, log, sink, running } = await halfAnswered(t);
  source.stop();
  await within("it ends", 4000, running);
  assert.deepEqual(sink.ids, [0]);
  assert.deepEqual(counters.polls, { items: 0, empty: 0, error: 0 });
  assert.equal(log.of("warn").length, 1);
});

test("stop while the engine holds the request: cut within the grace, and no second request", async (t) => {
  const asked = new Gate();
  const engine = await scriptedEngine(t, () => asked.open());
  const { source, counters } = sourceFor(engine.url, new RecordingSink());
  const running = source.run();
  await asked.opened;
  source.stop();
  await running;
  assert.equal(engine.requests.length, 1);
  assert.deepEqual(counters.polls, { items: 0, empty: 0, error: 0 });
});
