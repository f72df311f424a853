/**
 * Both HTTP implementations against the same table of requests, over real sockets.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "../../src/main/http/routes.ts";
import type { HttpServer } from "../../src/main/http/server.ts";
import { IMPLEMENTATIONS, startTestServer } from "../support/http-servers.ts";
import { RawConnection, type RawResponse, rawRequest } from "../support/raw-http.ts";
import { Gate } from "../support/gate.ts";

const HOST = "Host: test\r\n";
const TEXT = "text/plain; charset=utf-8";

const ROUTES: readonly Route[] = [
  { path: "/text", handler: () => ({ status: 200, contentType: TEXT, body: "gräßlich\n" }) },
  { path: "/buffer", handler: async () => ({ status: 200, contentType: "a/b", body: Buffer.from([0, 255, 10]) }) },
  {
    path: "/echo",
    handler: ({ query, headers }) => ({
      status: 503,
      contentType: TEXT,
      body: `${query.get("a")} ${headers["x-test"]} ${headers["__proto__"]}`,
      headers: { "X-More": "yes" },
    }),
  },
  { path: "/keys", handler: ({ query }) => ({ status: 200, contentType: TEXT, body: [...query.keys()].join(" ") }) },
  {
    path: "/throws",
    handler: () => {
      throw new Error("secret detail");
    },
  },
  { path: "/rejects", handler: () => Promise.reject(new Error("secret detail")) },
];

function get(server: HttpServer, path: string): Promise<RawResponse | null> {
  return rawRequest(server.port, `GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
}

/** Requests that must not reach a handler. `null`: a server may also end the connection without an answer. */
const REFUSED: readonly (readonly [name: string, request: string, statuses: readonly (number | null)[]])[] = [
  ["two Host headers", `GET /text HTTP/1.1\r\n${HOST}${HOST}\r\n`, [400]],
  ["two different Host headers", `GET /text HTTP/1.1\r\n${HOST}host: other\r\n\r\n`, [400]],
  ["no Host header", "GET /text HTTP/1.1\r\n\r\n", [400, null]],
  ["absolute request target", `GET http://test/text HTTP/1.1\r\n${HOST}\r\n`, [400, null]],
  ["asterisk target", `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, [400, 405, null]],
  ["CONNECT", `CONNECT test:80 HTTP/1.1\r\n${HOST}\r\n`, [405, null]],
  ["20 KB header", `GET /text HTTP/1.1\r\n${HOST}A: ${"a".repeat(20_000)}\r\n\r\n`, [431]],
  ["many headers", `GET /text HTTP/1.1\r\n${HOST}${"Aaaa: bbbb\r\n".repeat(900)}\r\n`, [431, null]],
  ["20 KB target", `GET /text?${"a".repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, [414, 431]],
  ["GET with a body", `GET /text HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`, [413]],
  ["GET with a chunked body", `GET /text HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [413]],
  ["GET that expects 100", `GET /text HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`, [413]],
  [
    "length and chunked",
    `POST /text HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [400, 405, null],
  ],
  ["two lengths", `GET /text HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: 4\r\n\r\nabcd`, [400, 413, null]],
  [
    "space before the colon",
    `GET /text HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    [400, 413, null],
  ],
  ["unknown coding", `GET /text HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, [400, 413, 501]],
  ["negative length", `GET /text HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`, [400, 413, null]],
  ["bare line feeds", "GET /text HTTP/1.1\nHost: test\n\n", [400, null]],
  ["folded header", `GET /text HTTP/1.1\r\n${HOST}A: b\r\n c\r\n\r\n`, [400, null]],
  ["NUL in a header", `GET /text HTTP/1.1\r\n${HOST}A: b\0c\r\n\r\n`, [400, null]],
  ["unknown method", `FETCH /text HTTP/1.1\r\n${HOST}\r\n`, [400, 405, null]],
  ["HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 405, 505, null]],
  ["TLS hello", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00FC\u0003\u0003", [400, null]],
];

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: GET answers with the handler's response`, async (t) => {
    const { server, counted } = await startTestServer(t, implementation, ROUTES);
    assert.equal(server.implementation, implementation);
    assert.equal(server.url, `http://127.0.0.1:${server.port}`);
    const response = await get(server, "/text");
    assert.equal(response?.status, 200);
    assert.equal(response.headers["content-type"], TEXT);
    assert.equal(response.headers["content-length"], "11");
    assert.equal(response.headers["cache-control"], "no-store");
    assert.equal(response.headers["x-content-type-options"], "nosniff");
    assert.equal(response.body.toString(), "gräßlich\n");
    const bytes = await get(server, "/buffer");
    assert.deepEqual(bytes?.body, Buffer.from([0, 255, 10]));
    assert.deepEqual(counted(), { "/text 200": 1, "/buffer 200": 1 });
  });

  void test(`${implementation}: a handler sees query and headers and sets status and headers`, async (t) => {
    const { server, counted } = await startTestServer(t, implementation, ROUTES);
    const response = await rawRequest(
      server.port,
      `GET /echo?a=1%202&b HTTP/1.1\r\n${HOST}X-Test: first\r\nx-test: second\r\n\r\n`,
    );
    assert.equal(response?.status, 503);
    assert.equal(response.headers["x-more"], "yes");
    assert.equal(response.body.toString(), "1 2 first undefined");
    assert.deepEqual(counted(), { "/echo 503": 1 });
    assert.equal((await get(server, "/keys"))?.body.toString(), "");
    assert.equal((await get(server, "/keys?"))?.body.toString(), "");
    assert.equal((await get(server, "/keys?a&b=1"))?.body.toString(), "a b");
  });

  void test(`${implementation}: HEAD has the head of GET and no body, and the connection goes on`, async (t) => {
    const { server } = await startTestServer(t, implementation, ROUTES);
    const connection = await RawConnection.open(server.port);
    connection.send(`HEAD /text HTTP/1.1\r\n${HOST}\r\n`);
    const head = await connection.response("head");
    connection.send(`GET /text HTTP/1.1\r\n${HOST}\r\n`);
    const full = await connection.response();
    connection.socket.destroy();
    assert.equal(head?.status, 200);
    assert.equal(head.headers["content-length"], "11");
    assert.equal(full?.status, 200);
    assert.equal(full.body.toString(), "gräßlich\n");
    assert.deepEqual(Object.keys(head.headers).toSorted(), Object.keys(full.headers).toSorted());
  });

  void test(`${implementation}: pipelined requests are answered in order`, async (t) => {
    const { server } = await startTestServer(t, implementation, ROUTES);
    const connection = await RawConnection.open(server.port);
    connection.send(`GET /buffer HTTP/1.1\r\n${HOST}\r\nGET /text HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal((await connection.response())?.body.length, 3);
    assert.equal((await connection.response())?.body.length, 11);
    connection.socket.destroy();
  });

  void test(`${implementation}: an unknown path is a 404 that does not repeat it`, async (t) => {
    const { server, counted } = await startTestServer(t, implementation, ROUTES);
    for (const path of ["/", "/text/", "/TEXT", "/te%78t", "/toString", "/__proto__", "/<script>"]) {
      const response = await get(server, path);
      assert.equal(response?.status, 404, path);
      assert.equal(response.headers["content-type"], TEXT);
      assert.equal(response.body.toString(), "Not found\n");
    }
    assert.deepEqual(counted(), { "other 404": 7 });
  });

  void test(`${implementation}: other methods are a 405 with Allow, and their body is never read as a request`, async (t) => {
    const { server, counted } = await startTestServer(t, implementation, ROUTES);
    const smuggled = `GET /text HTTP/1.1\r\n${HOST}\r\n`;
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const connection = await RawConnection.open(server.port);
      connection.send(`${method} /text HTTP/1.1\r\n${HOST}Content-Length: 9000\r\n\r\n${smuggled}`);
      const response = await connection.response();
      assert.equal(response?.status, 405, method);
      assert.equal(response.headers["allow"], "GET, HEAD");
      assert.equal((await connection.ended()).length, 0, `${method} gets one answer`);
    }
    assert.deepEqual(counted(), { "other 405": 5 });
  });

  for (const [name, request, statuses] of REFUSED) {
    void test(`${implementation}: refused: ${name}`, async (t) => {
      const { server, counted } = await startTestServer(t, implementation, ROUTES);
      // Only a parser that waits for more needs to hear that nothing comes.
      const response = await rawRequest(server.port, request, statuses.includes(null));
      assert.ok(statuses.includes(response?.status ?? null), `answered ${response?.status}`);
      assert.deepEqual(
        Object.keys(counted()).filter((one) => !one.startsWith("other ")),
        [],
      );
      if (response !== null) assert.equal(response.headers["connection"], "close");
      assert.equal((await get(server, "/text"))?.status, 200);
    });
  }

  void test(`${implementation}: a handler that fails is a 500 without details, logged once`, async (t) => {
    const { server, lines, counted } = await startTestServer(t, implementation, ROUTES);
    for (const path of ["/throws", "/rejects", "/throws"]) {
      const response = await get(server, path);
      assert.equal(response?.status, 500);
      assert.equal(response.body.toString(), "Internal error\n");
    }
    assert.deepEqual(counted(), { "/throws 500": 2, "/rejects 500": 1 });
    const failures = lines.filter((line) => line.includes("HTTP handler failed"));
    assert.equal(failures.length, 2);
    assert.ok(failures[0]?.includes("secret detail"));
  });

  void test(`${implementation}: a client that leaves while a handler works does no harm`, async (t) => {
    const entered = new Gate();
    const left = new Gate();
    const slow: Route = {
      path: "/slow",
      handler: async () => {
        entered.open();
        await left.opened;
        return { status: 200, contentType: TEXT, body: "late" };
      },
    };
    const { server, lines } = await startTestServer(t, implementation, [...ROUTES, slow]);
    const connection = await RawConnection.open(server.port);
    connection.send(`GET /slow HTTP/1.1\r\n${HOST}\r\n`);
    await entered.opened;
    connection.socket.resetAndDestroy();
    await connection.ended();
    assert.equal((await get(server, "/text"))?.status, 200);
    left.open();
    assert.equal((await get(server, "/text"))?.status, 200);
    assert.deepEqual(
      lines.filter((line) => line.includes('"error"')),
      [],
    );
  });
}
