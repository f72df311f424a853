import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { mock, test, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { HttpEngineConfig } from "../../src/main/config/config.ts";
import { DeadlineClock } from "../../src/main/engine/deadline-clock.ts";
import { DrainClient, type DrainOutcome } from "../../src/main/engine/drain-client.ts";
import type { OnChunk } from "../../src/main/engine/drain-exchange.ts";
import { Gate } from "../support/gate.ts";
import { engineConfig, portOf, scriptedEngine } from "../support/scripted-engine.ts";

function clientFor(t: TestContext, url: URL, over: Partial<HttpEngineConfig> = {}): DrainClient {
  const client = new DrainClient(engineConfig(url, over));
  t.after(() => client.close());
  return client;
}

/** Drains into a list of bytes; `onChunk` may decide after each piece. */
async function collect(client: DrainClient, onChunk: OnChunk = () => true): Promise<DrainOutcome & { body: Buffer }> {
  const pieces: Buffer[] = [];
  const outcome = await client.drain((chunk) => {
    pieces.push(Buffer.from(chunk));
    return onChunk(chunk);
  });
  return { ...outcome, body: Buffer.concat(pieces) };
}

/** A server that answers any connection with these bytes, valid HTTP or not. */
async function rawServer(t: TestContext, bytes: string): Promise<URL> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end(bytes, "latin1"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return new URL(`http://127.0.0.1:${portOf(server)}`);
}

test("an engine that accepts and never answers is given up at the deadline", async (t) => {
  const engine = await scriptedEngine(t, () => {});
  const outcome = await collect(clientFor(t, engine.url, { timeoutMs: 60 }));
  assert.equal(outcome.error?.reason, "timeout");
  assert.ok(outcome.elapsedMs >= 60);
});

test("the deadline is for the whole answer, also for one that never stops dripping", async (t) => {
  const engine = await scriptedEngine(t, (response) => {
    const drip = setInterval(() => response.write(" "), 5);
    response.on("close", () => clearInterval(drip));
  });
  const outcome = await collect(clientFor(t, engine.url, { timeoutMs: 1000 }));
  assert.equal(outcome.error?.reason, "timeout");
  assert.ok(outcome.body.length > 0, "what had come was handed over");
});

test("the second verb of a drain gets what the first has left of the deadline", async (t) => {
  const engine = await scriptedEngine(t, (response, n) => {
    if (n === 0) response.writeHead(405).end();
  });
  const outcome = await collect(clientFor(t, engine.url, { timeoutMs: 1500 }));
  assert.equal(outcome.error?.reason, "timeout");
  assert.equal(engine.requests.length, 2);
});

test("the deadline does not run while the consumer holds the answer up", async (t) => {
  const engine = await scriptedEngine(t, (response) => {
    response.write("[1,");
    setImmediate(() => response.end("2]"));
  });
  let holds = 0;
  const startedMs = performance.now();
  const outcome = await collect(clientFor(t, engine.url, { timeoutMs: 1000 }), () => {
    if (holds++ > 0) return true;
    return new Promise((resolve) => setTimeout(() => resolve(true), 1200));
  });
  const tookMs = performance.now() - startedMs;
  assert.equal(outcome.error, null);
  assert.equal(outcome.body.toString(), "[1,2]");
  assert.ok(outcome.elapsedMs < tookMs - 1100, `the engine took ${outcome.elapsedMs} ms`);
});

test("deadline clock: counts running time only and fires once", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  let now = 0;
  let fired = 0;
  const advance = (ms: number): void => {
    now += ms;
    mock.timers.tick(ms);
  };
  const clock = new DeadlineClock(
    100,
    () => fired++,
    () => now,
  );
  advance(60);
  clock.pause();
  advance(500);
  assert.equal(fired, 0, "it fires in no pause");
  clock.resume();
  clock.resume();
  advance(39);
  assert.equal(fired, 0);
  assert.equal(clock.elapsedMs, 99);
  advance(1);
  assert.equal(fired, 1);
  clock.stop();
  advance(1000);
  assert.equal(fired, 1);
  assert.equal(clock.elapsedMs, 100);
});

test("deadline clock: a pause inside the timer's time moves the deadline", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  let now = 0;
  let fired = 0;
  const clock = new DeadlineClock(
    100,
    () => fired++,
    () => now,
  );
  now = 10;
  mock.timers.tick(10);
  clock.pause();
  now = 40;
  clock.resume();
  now = 100;
  mock.timers.tick(90);
  assert.equal(fired, 0, "70 ms of running time");
  now = 130;
  mock.timers.tick(30);
  assert.equal(fired, 1);
});

for (const announced of [true, false]) {
  test(`bytes up to the cap are handed over, then oversize (announced: ${announced})`, async (t) => {
    const engine = await scriptedEngine(t, (response) => {
      if (announced) response.writeHead(200, { "content-length": "100" });
      response.write("x".repeat(40));
      setImmediate(() => response.end("y".repeat(60)));
    });
    const outcome = await collect(clientFor(t, engine.url, { maxResponseBytes: 64 }));
    assert.equal(outcome.error?.reason, "oversize");
    assert.equal(outcome.body.toString(), "x".repeat(40) + "y".repeat(24));
  });
}

test("a body of exactly the cap is fine", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("z".repeat(64)));
  const outcome = await collect(clientFor(t, engine.url, { maxResponseBytes: 64 }));
  assert.equal(outcome.error, null);
  assert.equal(outcome.body.length, 64);
});

test("a body without an end is cut at the cap and the connection closed", async (t) => {
  const closed = new Gate();
  const engine = await scriptedEngine(t, (response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(16 * 1024)));
    };
    response.on("drain", more);
    response.on("close", () => closed.open());
    more();
  });
  const outcome = await collect(clientFor(t, engine.url, { maxResponseBytes: 300_000 }));
  assert.equal(outcome.error?.reason, "oversize");
  assert.equal(outcome.body.length, 300_000);
  await closed.opened;
});

test("a connection that breaks inside the body: connect, after what had come", async (t) => {
  const client = new Gate<DrainClient>();
  const seen = new Gate();
  const engine = await scriptedEngine(t, (response, _n, request) => {
    response.write("[1,");
    void seen.opened.then(() => request.socket.resetAndDestroy());
  });
  client.open(clientFor(t, engine.url));
  const outcome = await collect(await client.opened, () => {
    seen.open();
    return true;
  });
  assert.equal(outcome.error?.reason, "connect");
  assert.equal(outcome.error?.staleSocket, false);
  assert.equal(outcome.body.toString(), "[1,");
});

test("a body shorter than announced: connect", async (t) => {
  const url = await rawServer(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1]");
  const outcome = await collect(clientFor(t, url));
  assert.equal(outcome.error?.reason, "connect");
  assert.equal(outcome.body.toString(), "[1]");
});

test("a body longer than announced: decode, and nothing of what is beyond", async (t) => {
  const url = await rawServer(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[1,2,3]");
  const outcome = await collect(clientFor(t, url));
  assert.equal(outcome.error?.reason, "decode");
  assert.ok("[1".startsWith(outcome.body.toString()));
});

test("a body that ends with the connection is complete", async (t) => {
  const url = await rawServer(t, "HTTP/1.0 200 OK\r\n\r\n[1]");
  const outcome = await collect(clientFor(t, url));
  assert.equal(outcome.error, null);
  assert.equal(outcome.body.toString(), "[1]");
});

for (const [what, bytes] of [
  ["no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["a bad chunk length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n"],
] as const) {
  test(`${what}: decode`, async (t) => {
    const outcome = await collect(clientFor(t, await rawServer(t, bytes)));
    assert.equal(outcome.error?.reason, "decode");
    assert.match(outcome.error?.message ?? "", /HPE_/);
  });
}

test("headers without an end: oversize", async (t) => {
  const url = await rawServer(t, `HTTP/1.1 200 OK\r\nX-Pad: ${"p".repeat(70_000)}\r\n\r\n[]`);
  assert.equal((await collect(clientFor(t, url))).error?.reason, "oversize");
});

for (const encoding of ["gzip", "br", "identity, gzip"]) {
  test(`content-encoding ${encoding} is refused`, async (t) => {
    const engine = await scriptedEngine(t, (response) =>
      response.writeHead(200, { "content-encoding": encoding }).end(gzipSync("[]")),
    );
    const outcome = await collect(clientFor(t, engine.url));
    assert.equal(outcome.error?.reason, "decode");
    assert.equal(outcome.body.length, 0);
  });
}

test("content-encoding identity is fine", async (t) => {
  const engine = await scriptedEngine(t, (response) =>
    response.writeHead(200, { "content-encoding": "Identity" }).end("[]"),
  );
  assert.equal((await collect(clientFor(t, engine.url))).error, null);
});

test("a consumer that has enough cuts the answer", async (t) => {
  const closed = new Gate();
  const engine = await scriptedEngine(t, (response) => {
    response.on("close", () => closed.open());
    response.write("<html>");
  });
  const outcome = await collect(clientFor(t, engine.url), () => false);
  assert.equal(outcome.cut, true);
  assert.equal(outcome.error, null);
  await closed.opened;
});

test("a consumer that throws rejects the drain, at once or later", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.end("[]"));
  const client = clientFor(t, engine.url);
  const bug = new Error("bug");
  await assert.rejects(
    client.drain(() => {
      throw bug;
    }),
    bug,
  );
  await assert.rejects(
    client.drain(() => Promise.reject(bug)),
    bug,
  );
  assert.equal((await collect(client)).error, null, "the client itself goes on");
});

test("no piece comes and the engine feels it while the consumer holds one", async (t) => {
  const block = Buffer.alloc(256 * 1024, 32);
  const blocks = 256;
  let sent = 0;
  const engine = await scriptedEngine(t, (response) => {
    const more = (): void => {
      while (sent < blocks) {
        sent++;
        if (!response.write(block)) {
          response.once("drain", more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  let held = false;
  let pieces = 0;
  let bytes = 0;
  const outcome = await clientFor(t, engine.url).drain(async (chunk) => {
    assert.equal(held, false, "a piece came while another was held");
    held = true;
    bytes += chunk.length;
    // So many turns of the event loop would do to carry all of it over.
    if (pieces++ === 0) {
      for (let turn = 0; turn < 5000; turn++) await nextTurn();
      assert.ok(sent < blocks, "the engine got rid of everything");
    }
    held = false;
    return true;
  });
  assert.equal(outcome.error, null);
  assert.equal(bytes, blocks * block.length);
});

test("abort before the answer", async (t) => {
  const asked = new Gate();
  const engine = await scriptedEngine(t, () => asked.open());
  const client = clientFor(t, engine.url);
  const running = collect(client);
  await asked.opened;
  assert.equal(client.answering, false);
  client.abort();
  const outcome = await running;
  assert.equal(outcome.cut, true);
  assert.equal(outcome.error, null);
  client.abort();
});

test("abort inside the answer, while the consumer holds a piece: it may put it down first", async (t) => {
  const engine = await scriptedEngine(t, (response) => response.write("[1,"));
  const client = clientFor(t, engine.url);
  const holding = new Gate();
  const release = new Gate<boolean>();
  let settled = false;
  const running = collect(client, () => {
    holding.open();
    return release.opened;
  }).then((outcome) => {
    settled = true;
    return outcome;
  });
  await holding.opened;
  assert.equal(client.answering, true);
  client.abort();
  await nextTurn();
  assert.equal(settled, false);
  release.open(true);
  assert.equal((await running).cut, true);
});

test("a connection that breaks while the consumer holds a piece is told when it puts it down", async (t) => {
  const holding = new Gate();
  const release = new Gate<boolean>();
  const broken = new Gate();
  const engine = await scriptedEngine(t, (response, _n, request) => {
    response.write("[1,");
    request.socket.on("close", () => broken.open());
    void holding.opened.then(() => request.socket.resetAndDestroy());
  });
  const running = collect(clientFor(t, engine.url), () => {
    holding.open();
    return release.opened;
  });
  await broken.opened;
  release.open(true);
  assert.equal((await running).error?.reason, "connect");
});
