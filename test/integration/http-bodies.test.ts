/** Routes that take a body, on both HTTP implementations, over real sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "../../src/main/http/routes.ts";
import { IMPLEMENTATIONS, startTestServer } from "../support/http-servers.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";

const HEAD = "Host: test\r\nContent-Type: application/json\r\n";
const MAX_BYTES = 64 * 1024;
const ROUTES: readonly Route[] = [
  {
    path: "/echo",
    codes: [404],
    maxBodyBytes: MAX_BYTES,
    handler: ({ body, query }) => ({
      status: 200,
      contentType: "application/json",
      body: `${query.get("a") ?? ""}${body.length} ${body.subarray(0, 20).toString()}`,
    }),
  },
  { path: "/text", handler: () => ({ status: 200, contentType: "text/plain", body: "text" }) },
];

/** What ends a connection with this status, and never reaches the handler. */
const REFUSED: readonly (readonly [name: string, request: string, statuses: readonly (number | null)[]])[] = [
  ["GET", `GET /echo HTTP/1.1\r\nHost: test\r\n\r\n`, [405]],
  ["POST where none is taken", `POST /text HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\n{}`, [405]],
  [
    "another type",
    "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    [415],
  ],
  ["no type", "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}", [415]],
  ["a length beyond the limit", `POST /echo HTTP/1.1\r\n${HEAD}Content-Length: ${MAX_BYTES + 1}\r\n\r\n`, [413]],
  [
    "chunks beyond the limit",
    `POST /echo HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n${"4000\r\n".concat("a".repeat(0x4000), "\r\n").repeat(5)}`,
    [413],
  ],
  [
    "length and chunks",
    `POST /echo HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [400, null],
  ],
  ["another coding", `POST /echo HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip\r\n\r\n`, [400, 501, null]],
];

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: bodies of known length and in chunks reach the handler, on one connection`, async (t) => {
    const { server, counted } = await startTestServer(t, implementation, ROUTES);
    const connection = await RawConnection.open(server.port);
    connection.send(`POST /echo?a=b HTTP/1.1\r\n${HEAD}Content-Length: 9\r\n\r\n{"a":"b"}`);
    assert.equal((await connection.response())?.body.toString(), 'b9 {"a":"b"}');
    connection.send(`POST /echo HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n`);
    connection.send(`5\r\n:"b"}\r\n0\r\n\r\n`);
    assert.equal((await connection.response())?.body.toString(), '9 {"a":"b"}');
    const large = "x".repeat(MAX_BYTES);
    connection.send(`POST /echo HTTP/1.1\r\n${HEAD}Content-Length: ${MAX_BYTES}\r\n\r\n${large}`);
    assert.equal((await connection.response())?.body.toString(), `${MAX_BYTES} ${"x".repeat(20)}`);
    connection.send(`POST /echo HTTP/1.1\r\n${HEAD}\r\n`);
    assert.equal((await connection.response())?.body.toString(), "0 ");
    connection.send("GET /text HTTP/1.1\r\nHost: test\r\n\r\n");
    assert.equal((await connection.response())?.body.toString(), "text");
    connection.socket.destroy();
    assert.deepEqual(counted(), { "/echo 200": 4, "/text 200": 1 });
  });

  void test(`${implementation}: what is no such request is turned away`, async (t) => {
    const { server, counted } = await startTestServer(t, implementation, ROUTES);
    for (const [name, request, statuses] of REFUSED) {
      const response = await rawRequest(server.port, request);
      assert.ok(statuses.includes(response?.status ?? null), `${name}: ${response?.status ?? "nothing"}`);
    }
    assert.equal(counted()["/echo 200"], undefined);
    assert.equal(counted()["/echo 413"], 2);
    assert.equal(counted()["/echo 415"], 2);
    assert.equal(counted()["/echo 405"], 1);
    assert.equal(counted()["other 405"], 1);
  });

  void test(`${implementation}: there is room for so many bodies at once, and again when they have gone`, async (t) => {
    const routes = ROUTES.map((route) =>
      route.path === "/echo" ? { ...route, maxBodyBytes: 40 * 1024 * 1024 } : route,
    );
    const { server } = await startTestServer(t, implementation, routes);
    const first = await RawConnection.open(server.port);
    first.send(`POST /echo HTTP/1.1\r\n${HEAD}Content-Length: 40000000\r\n\r\n{"a"`);
    const small = `POST /echo HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\n{}`;
    assert.equal((await rawRequest(server.port, small))?.status, 200);
    const refused = `POST /echo HTTP/1.1\r\n${HEAD}Content-Length: 40000000\r\n\r\n`;
    assert.equal((await rawRequest(server.port, refused))?.status, 503);
    first.socket.destroy();
    const chunked = `POST /echo HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`;
    const deadlineMs = performance.now() + 4000;
    let status: number | undefined;
    while (status !== 200 && performance.now() < deadlineMs) status = (await rawRequest(server.port, chunked))?.status;
    assert.equal(status, 200);
  });
}

void test("a body that does not come in time costs its connection, others are served meanwhile", async (t) => {
  // At once, as the time has to pass.
  await Promise.all(
    IMPLEMENTATIONS.map(async (implementation) => {
      const { server, counted } = await startTestServer(t, implementation, ROUTES);
      const slow = await RawConnection.open(server.port);
      slow.send(`POST /echo HTTP/1.1\r\n${HEAD}Content-Length: 9\r\n\r\n{"a"`);
      const quick = await rawRequest(server.port, `POST /echo HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\n{}`);
      assert.equal(quick?.status, 200, implementation);
      assert.equal((await slow.response())?.status, 408, implementation);
      assert.deepEqual(counted(), { "/echo 200": 1, "/echo 408": 1 }, implementation);
      slow.socket.destroy();
    }),
  );
});
