/**
 * What every HTTP client of kvcast does about a server that means harm: one that sends it elsewhere, never ends, is slow, is compressed,
 * or nests without end; and about a name that leads where credentials are handed out.
 */
import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { parseBoundedJson } from "../../src/main/bounded-json.ts";
import { runPerf } from "../../src/main/cli/perf.ts";
import { DrainClient } from "../../src/main/engine/drain-client.ts";
import { ADDRESS_REFUSED, isRefusedAddress } from "../../src/main/engine/engine-address.ts";
import { JsonFetcher } from "../../src/main/engine/json-fetcher.ts";
import { attach } from "../../src/main/flood/target.ts";
import { askHealth } from "../../src/main/health/ask-health.ts";
import { guardedGet } from "../../src/main/http/guarded-get.ts";
import { lookAt } from "../../src/main/http/http-look.ts";
import { fetchSnapshot, liveMessages } from "../../src/main/top/live-stream.ts";
import { engineConfig, scriptedEngine } from "../support/scripted-engine.ts";

const TIMEOUT_MS = 1000;
/** Where the server ends it, and not the time: so that nothing is given up before it has begun. */
const PATIENCE_MS = 10_000;
/** Far more than any of the timeouts, far less than a body without end. */
const LIMIT_MS = 12_000;
/** What the sockets of both sides hold, on top of what was read. */
const IN_FLIGHT_BYTES: number = 16 * 1024 * 1024;
const MIB: number = 1024 * 1024;

/** Made before anybody waits: that takes a while, and nothing else runs meanwhile. */
const BOMB: Buffer = gzipSync(Buffer.alloc(64 * MIB, " "));

interface Client {
  /** Resolves with whether it got an answer that it believes. */
  readonly ask: (url: URL, timeoutMs: number) => Promise<boolean>;
  /** Most bytes that it reads. */
  readonly maxBytes: number;
}

async function believed(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

/** All that there are; those of an engine are all a DrainClient. */
const CLIENTS: Readonly<Record<string, Client>> = {
  "drain of an engine": {
    maxBytes: MIB,
    ask: async (url, timeoutMs) => {
      const client = new DrainClient({ ...engineConfig(url), timeoutMs, maxResponseBytes: MIB });
      const { error } = await client.drain(() => true);
      client.close();
      return error === null;
    },
  },
  "document of an engine": {
    maxBytes: 64 * 1024,
    ask: async (url, timeoutMs) => {
      const fetcher = new JsonFetcher({ ...engineConfig(url), timeoutMs }, "server_info");
      const { value } = await fetcher.fetch();
      fetcher.close();
      return value !== undefined;
    },
  },
  "kvcast check": {
    maxBytes: MIB,
    ask: async (url, timeoutMs) => !("failure" in (await askHealth(url, "health", timeoutMs))),
  },
  "kvcast top, one look": { maxBytes: 16 * MIB, ask: (url, timeoutMs) => believed(fetchSnapshot(url, timeoutMs)) },
  "kvcast top, the stream": {
    maxBytes: 16 * MIB,
    ask: async (url, timeoutMs) => {
      const seen: unknown[] = [];
      const read = async (): Promise<void> => {
        for await (const message of liveMessages(url, timeoutMs, AbortSignal.timeout(2 * timeoutMs)))
          seen.push(message);
      };
      await read().catch(() => {});
      return seen.length > 0;
    },
  },
  "kvcast perf": {
    maxBytes: 16 * MIB,
    ask: (url, timeoutMs) =>
      believed(
        runPerf({ url, timeoutMs, json: true, login: engineConfig(url) }, { env: {}, out: () => {}, err: () => {} }),
      ),
  },
  "kvcast flood": {
    maxBytes: 8 * MIB,
    ask: (url) =>
      believed(attach({ source: "running", zmqEndpoint: "tcp://127.0.0.1:9", metricsUrl: url.href }).page()),
  },
};

/** Writes `piece` for as long as there is someone who takes it. Resolves with the bytes written. */
async function pour(response: ServerResponse, piece: Buffer, maxBytes: number): Promise<number> {
  let bytes = 0;
  const gone = once(response, "close");
  while (bytes < maxBytes && !response.destroyed) {
    bytes += piece.length;
    if (response.write(piece)) continue;
    await Promise.race([once(response, "drain"), gone]);
  }
  response.end();
  return bytes;
}

async function timed(work: Promise<boolean>): Promise<boolean> {
  const begunMs = performance.now();
  const isBelieved = await work;
  const tookMs = performance.now() - begunMs;
  assert.ok(tookMs < LIMIT_MS, `${Math.round(tookMs)} ms`);
  return isBelieved;
}

async function isSafe(t: TestContext, { ask, maxBytes }: Client): Promise<void> {
  const elsewhere = await scriptedEngine(t, (response) => response.end("[]"));
  for (const status of [301, 302, 303, 307, 308]) {
    const engine = await scriptedEngine(t, (response) =>
      response.writeHead(status, { location: elsewhere.url.href }).end(),
    );
    assert.equal(await timed(ask(engine.url, PATIENCE_MS)), false, `redirect ${status}`);
    assert.ok(engine.requests.length > 0);
  }
  assert.equal(elsewhere.connections, 0, "nobody is sent anywhere");

  // 10 GB of what might become an answer.
  const poured: Promise<number>[] = [];
  const endless = await scriptedEngine(t, (response) => {
    poured.push(pour(response, Buffer.alloc(256 * 1024, '"a",'), 10_000 * MIB));
  });
  assert.equal(await timed(ask(endless.url, PATIENCE_MS)), false, "a body without end");
  assert.ok(poured.length > 0);
  for (const bytes of await Promise.all(poured)) {
    assert.ok(bytes <= maxBytes + IN_FLIGHT_BYTES, `${bytes} bytes were taken`);
  }

  const packed = await scriptedEngine(t, (response) =>
    response.writeHead(200, { "content-encoding": "gzip" }).end(BOMB),
  );
  assert.equal(await timed(ask(packed.url, PATIENCE_MS)), false, "what is compressed is not unpacked");
  assert.ok(packed.requests.length > 0);
  assert.ok(packed.requests.every(({ headers }) => headers["accept-encoding"] === "identity"));

  const slow = await scriptedEngine(t, (response) => {
    response.writeHead(200, { "content-length": "1000000" });
    const drip = setInterval(() => response.write(" "), 50);
    response.once("close", () => clearInterval(drip));
  });
  assert.equal(await timed(ask(slow.url, TIMEOUT_MS)), false, "a byte now and then is no answer");

  const deep = Buffer.from("[".repeat(1e6));
  const nested = await scriptedEngine(t, (response) => response.end(Buffer.concat([deep, Buffer.alloc(1e6, "]")])));
  await timed(ask(nested.url, PATIENCE_MS));
  const metadata = new URL("http://169.254.169.254:1/");
  assert.equal(
    await believed(ask(metadata, TIMEOUT_MS).then((is) => (is ? is : Promise.reject(new Error("refused"))))),
    false,
  );
}

void test("a server that means harm gets nothing for it", { concurrency: 4 }, async (t) => {
  await Promise.all(Object.entries(CLIENTS).map(([name, client]) => t.test(name, (one) => isSafe(one, client))));
});

void test("a name that leads to a metadata service is not connected to, whatever else it leads to", async () => {
  const found: LookupAddress[] = [
    { address: "127.0.0.1", family: 4 },
    { address: "169.254.169.254", family: 4 },
  ];
  const url = new URL("http://metadata.example:1/");
  const resolve = (_host: string, _options: object, done: (error: null, addresses: LookupAddress[]) => void): void =>
    done(null, found);
  const signal = AbortSignal.timeout(LIMIT_MS);
  await assert.rejects(guardedGet(url, { signal, resolve }), { code: ADDRESS_REFUSED });
  await assert.rejects(guardedGet(new URL("http://[fe80::1]:1/"), { signal }), { code: ADDRESS_REFUSED });
  assert.equal((await lookAt(new URL("http://169.254.169.254/"), { timeoutMs: TIMEOUT_MS })).failure, ADDRESS_REFUSED);
});

void test("all ways to write such an address, and none that is an engine's", () => {
  for (const address of [
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "[::ffff:a9fe:a9fe]",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "::ffff:0:a9fe:a9fe",
    "64:ff9b::6464:64c8",
    "2002:6464:64c8::1",
    "::a83f:8110",
    "2002:a9fe:a9fe::1",
    "::a9fe:a9fe",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    // As a URL turns them into addresses.
    ...["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"].map(
      (host) => new URL(`http://${host}`).hostname,
    ),
  ]) {
    assert.equal(isRefusedAddress(address), true, address);
  }
  for (const address of [
    "127.0.0.1",
    "::1",
    "10.0.0.1",
    "fd00::1",
    "169.253.255.255",
    "169.255.0.0",
    "fec0::1",
    "100.64.0.1",
    "engine",
  ]) {
    assert.equal(isRefusedAddress(address), false, address);
  }
});

const nested = (levels: number): string => `${"[".repeat(levels)}1${"]".repeat(levels)}`;

void test("JSON that nests deeper than anything does is refused before it is parsed", () => {
  assert.doesNotThrow(() => parseBoundedJson(nested(256)));
  assert.throws(() => parseBoundedJson(nested(257)), SyntaxError);
  assert.throws(() => parseBoundedJson(`${'{"a":'.repeat(300)}1${"}".repeat(300)}`), SyntaxError);
  // What stands in texts nests nothing.
  const text = JSON.stringify({ a: `\\"${"[".repeat(1000)}\\`, b: "[{".repeat(500) });
  assert.deepEqual(parseBoundedJson(text), JSON.parse(text));
  // Siblings are no levels.
  assert.deepEqual(
    parseBoundedJson(`[${Array.from({ length: 1000 }, () => "[]").join(",")}]`),
    Array.from({ length: 1000 }, () => []),
  );
  const begunMs = performance.now();
  assert.throws(() => parseBoundedJson("[".repeat(8e6)), SyntaxError);
  assert.throws(() => parseBoundedJson(`"${"[".repeat(8e6)}`), SyntaxError);
  assert.ok(performance.now() - begunMs < 1000);
});
