/**
 * Requests that two parsers would cut in two different places, against both servers: what is hidden in them must never be answered,
 * and the connection must not be used again. Also what one client may take up: connections, requests, heads.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "../../src/main/http/routes.ts";
import { IMPLEMENTATIONS, startTestServer } from "../support/http-servers.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";

const HOST = "Host: test\r\n";
const JSON_TYPE = "Content-Type: application/json\r\n";
const HIDDEN = `GET /hidden HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST /take HTTP/1.1\r\n${HOST}${JSON_TYPE}`;
const TEXT = "text/plain";
const MAX_CONNECTIONS = 256;
const MAX_REQUESTS = 1000;

/** A length of what comes behind it, so that a parser that goes by it takes the hidden request for a body. */
const over = (text: string): string => `Content-Length: ${text.length}\r\n`;
const ZERO = "0\r\n\r\n";

const VECTORS: Readonly<Record<string, string>> = {
  "length and chunked": `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${ZERO}${HIDDEN}`,
  "chunked and length": `${POST}Transfer-Encoding: chunked\r\n${over(ZERO + HIDDEN)}\r\n${ZERO}${HIDDEN}`,
  "two lengths that differ": `${POST}Content-Length: 0\r\n${over(HIDDEN)}\r\n${HIDDEN}`,
  "two lengths in one header": `${POST}Content-Length: 0, ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  "a length with a sign": `${POST}Content-Length: +0\r\n\r\n${HIDDEN}`,
  "a negative length": `${POST}Content-Length: -1\r\n\r\n${HIDDEN}`,
  "a length in hexadecimal": `${POST}Content-Length: 0x0\r\n\r\n${HIDDEN}`,
  "a length that is no number": `${POST}Content-Length: zero\r\n\r\n${HIDDEN}`,
  "a length beyond all numbers": `${POST}Content-Length: 99999999999999999999\r\n\r\n${HIDDEN}`,
  "a space before the colon of a coding": `${POST}Transfer-Encoding : chunked\r\n\r\n${ZERO}${HIDDEN}`,
  "a space before the colon of a length": `${POST}Content-Length : 0\r\n\r\n${HIDDEN}`,
  "a coding nobody knows": `${POST}Transfer-Encoding: xchunked\r\n\r\n${ZERO}${HIDDEN}`,
  "a coding with a vertical tab": `${POST}Transfer-Encoding: \u000Bchunked\r\n\r\n${ZERO}${HIDDEN}`,
  "a coding beside chunked": `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n${ZERO}${HIDDEN}`,
  "chunked and then another": `${POST}Transfer-Encoding: chunked, identity\r\n\r\n${ZERO}${HIDDEN}`,
  "two codings": `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${ZERO}${HIDDEN}`,
  "a coding in a folded line": `${POST}X: a\r\n Transfer-Encoding: chunked\r\n${over(ZERO)}\r\n${ZERO}${HIDDEN}`,
  "a chunk size beyond all numbers": `${POST}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n${HIDDEN}`,
  "a negative chunk size": `${POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n${HIDDEN}`,
  "a chunk size in another form": `${POST}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${HIDDEN}`,
  "a chunk that is longer than it says": `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n${ZERO}${HIDDEN}`,
  "an extension of a chunk with a line feed": `${POST}Transfer-Encoding: chunked\r\n\r\n2;\n{}\r\n${HIDDEN}${ZERO}`,
  "lines that end with a line feed": `POST /take HTTP/1.1\nHost: test\n${over(HIDDEN)}\n${HIDDEN}`,
  "a carriage return within a header": `${POST}X: a\rContent-Length: 0\r\n\r\n${HIDDEN}`,
  "a NUL in a header": `${POST}X: a\0\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
  "two hosts": `GET /text HTTP/1.1\r\n${HOST}Host: other\r\n\r\n${HIDDEN}`,
  "an absolute target": `GET http://other/text HTTP/1.1\r\n${HOST}\r\n${HIDDEN}`,
  "a body of a GET": `GET /text HTTP/1.1\r\n${HOST}${over(HIDDEN)}\r\n${HIDDEN}`,
  "a chunked body of a GET": `GET /text HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${ZERO}${HIDDEN}`,
  "a method that is not served": `PUT /text HTTP/1.1\r\n${HOST}${over(HIDDEN)}\r\n${HIDDEN}`,
  "another kind of body": `POST /take HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\n${over(HIDDEN)}\r\n${HIDDEN}`,
  "a head that is too long": `GET /text HTTP/1.1\r\n${HOST}X: ${"a".repeat(9000)}\r\n\r\n${HIDDEN}`,
};

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: nothing that is hidden in a request is answered`, { concurrency: 8 }, async (t) => {
    let hidden = 0;
    const routes: readonly Route[] = [
      { path: "/text", handler: () => ({ status: 200, contentType: TEXT, body: "text" }) },
      { path: "/take", maxBodyBytes: 4096, handler: () => ({ status: 200, contentType: TEXT, body: "taken" }) },
      {
        path: "/hidden",
        handler: () => {
          hidden++;
          return { status: 200, contentType: TEXT, body: "hidden" };
        },
      },
    ];
    const { server } = await startTestServer(t, implementation, routes);
    await Promise.all(
      Object.entries(VECTORS).map(([name, bytes]) =>
        t.test(name, async () => {
          const connection = await RawConnection.open(server.port);
          connection.send(bytes);
          // A parser that waits for more needs to hear that nothing comes.
          connection.socket.end();
          const first = await connection.response();
          const rest = await connection.ended();
          if (first !== null) assert.ok(first.status >= 400 || first.body.toString() === "taken", `${first.status}`);
          assert.doesNotMatch(rest.toString("latin1"), /hidden/);
          assert.equal(hidden, 0);
        }),
      ),
    );
    // What is whole and plain is answered: the table above does not pass because nothing works.
    const plain = await RawConnection.open(server.port);
    plain.send(`${POST}Content-Length: 2\r\n\r\n{}${HIDDEN}`);
    assert.equal((await plain.response())?.body.toString(), "taken");
    assert.equal((await plain.response())?.body.toString(), "hidden");
    plain.send(`${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n${ZERO}`);
    assert.equal((await plain.response())?.body.toString(), "taken");
    plain.socket.destroy();
  });
}

const ROUTES: readonly Route[] = [{ path: "/text", handler: () => ({ status: 200, contentType: TEXT, body: "text" }) }];
const GET = `GET /text HTTP/1.1\r\n${HOST}\r\n`;

void test("node: more connections than there may be are cut, and those that are there are served", async (t) => {
  const { server } = await startTestServer(t, "node", ROUTES);
  const all = await Promise.all(Array.from({ length: MAX_CONNECTIONS }, () => RawConnection.open(server.port)));
  const extra = await RawConnection.open(server.port);
  assert.equal((await extra.ended()).length, 0);
  all[0]?.send(GET);
  assert.equal((await all[0]?.response())?.status, 200);
  for (const { socket } of all) socket.destroy();
  await Promise.all(all.map((one) => one.ended()));
});

void test("node: a connection has so many requests and no more", async (t) => {
  const { server } = await startTestServer(t, "node", ROUTES);
  const connection = await RawConnection.open(server.port);
  connection.send(GET.repeat(MAX_REQUESTS));
  for (let i = 1; i <= MAX_REQUESTS; i++) {
    const response = await connection.response();
    assert.equal(response?.status, 200);
    assert.equal(response.headers["connection"], i === MAX_REQUESTS ? "close" : "keep-alive");
  }
  connection.send(GET);
  assert.equal((await connection.response())?.status, 503, "one more is not answered");
  connection.socket.destroy();
});

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: many silent connections do not keep a probe from its answer`, async (t) => {
    const { server } = await startTestServer(t, implementation, ROUTES);
    const silent = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(server.port)));
    for (const each of silent) each.send("GET /text HTTP/1.1\r\nHost: t");
    assert.equal((await rawRequest(server.port, GET))?.status, 200);
    for (const { socket } of silent) socket.destroy();
  });
}
