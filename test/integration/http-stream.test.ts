/**
 * Bodies that are made while they are sent, on both servers: whole, in order, no faster than the client reads, and given up
 * when it leaves or stalls.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { type BodySink, type BodyStream, sendBody } from "../../src/main/http/body-stream.ts";
import type { Route } from "../../src/main/http/routes.ts";
import { IMPLEMENTATIONS, startTestServer } from "../support/http-servers.ts";
import { rawRequest } from "../support/raw-http.ts";

const CHUNK_BYTES = 64 * 1024;
const GET = "GET /stream HTTP/1.1\r\nHost: test\r\n\r\n";

/** Numbered chunks; notes what was asked of it. */
class NumberedStream implements BodyStream {
  asked: number = 0;
  readonly cancelled: Promise<void>;
  #cancel: () => void = () => {};
  readonly #chunks: number;

  constructor(chunks: number) {
    this.#chunks = chunks;
    this.cancelled = new Promise((resolve) => (this.#cancel = resolve));
  }

  async next(): Promise<Uint8Array | null> {
    if (this.asked === this.#chunks) return null;
    return new Uint8Array(CHUNK_BYTES).fill(this.asked++ & 0xff);
  }

  cancel(): void {
    this.#cancel();
  }
}

function routeOf(stream: BodyStream): Route {
  return { path: "/stream", handler: () => ({ status: 200, contentType: "application/msgpack", stream }) };
}

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: a stream arrives whole and in order, and the connection lives on`, async (t) => {
    const stream = new NumberedStream(300);
    const { server, counted } = await startTestServer(t, implementation, [routeOf(stream)]);
    const response = await fetch(`${server.url}/stream`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/msgpack");
    const body = new Uint8Array(await response.arrayBuffer());
    assert.equal(body.length, 300 * CHUNK_BYTES);
    for (let i = 0; i < 300; i++) {
      assert.equal(body[i * CHUNK_BYTES], i & 0xff);
      assert.equal(body[(i + 1) * CHUNK_BYTES - 1], i & 0xff);
    }
    await stream.cancelled;
    assert.deepEqual(counted(), { "/stream 200": 1 });
  });

  void test(`${implementation}: HEAD asks for no body and cancels it`, async (t) => {
    const stream = new NumberedStream(3);
    const { server } = await startTestServer(t, implementation, [routeOf(stream)]);
    const response = await fetch(`${server.url}/stream`, { method: "HEAD" });
    assert.equal(response.status, 200);
    await stream.cancelled;
    assert.equal(stream.asked, 0);
  });

  void test(`${implementation}: a client that reads nothing holds the stream back, and ends it by leaving`, async (t) => {
    const stream = new NumberedStream(10_000);
    const { server } = await startTestServer(t, implementation, [routeOf(stream)]);
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.pause();
    socket.write(GET);
    let before = -1;
    // The kernel's buffers take some; then nothing more is asked for.
    while (before !== stream.asked || stream.asked === 0) {
      before = stream.asked;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(stream.asked < 1000, `${stream.asked} chunks of 10,000 were made for a client that reads nothing`);
    socket.destroy();
    await stream.cancelled;
    assert.equal((await rawRequest(server.port, "GET /none HTTP/1.1\r\nHost: test\r\n\r\n"))?.status, 404);
  });

  void test(`${implementation}: a stream that breaks cuts the connection instead of ending the body`, async (t) => {
    let calls = 0;
    const stream: BodyStream = {
      async next() {
        if (++calls > 3) throw new Error("nothing more");
        return new Uint8Array(10);
      },
      cancel() {},
    };
    const { server } = await startTestServer(t, implementation, [routeOf(stream)]);
    // Whether the head had left already is a matter of luck.
    await assert.rejects(async () => (await fetch(`${server.url}/stream`)).arrayBuffer());
    assert.equal(calls, 4);
  });

  void test(`${implementation}: close cuts a body that would never end`, async (t) => {
    const stream = new NumberedStream(Number.MAX_SAFE_INTEGER);
    const { server } = await startTestServer(t, implementation, [routeOf(stream)]);
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(GET);
    await once(socket, "data");
    socket.resume();
    await Promise.all([server.close(), once(socket, "close"), stream.cancelled]);
  });
}

void test("a client that takes nothing is dropped after a while", async () => {
  const stream = new NumberedStream(10);
  const sink: BodySink = { gone: false, write: () => false, end() {}, onChange() {} };
  assert.equal(await sendBody(stream, sink, 20), false);
  assert.equal(stream.asked, 1);
  await stream.cancelled;
});
