/**
 * Life of the HTTP servers: binding, taken ports, closing, and the choice between the two.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { BindError, EXIT, KvcastError } from "../../src/shared/errors.ts";
import { loadHyperExpress } from "../../src/main/http/hyper-express-server.ts";
import type { Route } from "../../src/main/http/routes.ts";
import { type HttpImplementation, type HttpServer, startHttpServer } from "../../src/main/http/server.ts";
import { IMPLEMENTATIONS, recordingLogger, startTestServer } from "../support/http-servers.ts";
import { within } from "../support/fault/deadline.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { Gate } from "../support/gate.ts";

const GET = "GET /text HTTP/1.1\r\nHost: localhost\r\n\r\n";
const ROUTES: readonly Route[] = [
  { path: "/text", handler: () => ({ status: 200, contentType: "text/plain", body: "hello" }) },
];
/** Far below the time in which an idle connection ends by itself, far above what a busy machine needs. */
const PROMPT_MS = 1500;
/**
 * How long a client may take that sends nothing, or too little. node:http is told 5 s for a head and looks every second; hyper-express has
 * 10 s of its own, in steps of 4 s, and takes no other.
 */
const SLOW_CLIENT_MS: Readonly<Record<HttpImplementation, number>> = { node: 9_000, "hyper-express": 17_000 };

function startOn(port: number, implementation: HttpImplementation): Promise<HttpServer> {
  return startHttpServer({ host: "127.0.0.1", port, routes: ROUTES, log: recordingLogger().log, implementation });
}

async function takenPort(t: TestContext): Promise<number> {
  const server: Server = createServer().listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  t.after(() => server.close());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address
  return (server.address() as AddressInfo).port;
}

async function assertTaken(port: number, implementation: HttpImplementation): Promise<void> {
  const outcome = await startOn(port, implementation).catch((error: unknown) => error);
  // A server that did start is closed first, or it would keep the failed test running.
  if (outcome instanceof Object && "close" in outcome && typeof outcome.close === "function") await outcome.close();
  assert.ok(outcome instanceof BindError, `port ${port} was bound twice`);
  assert.equal(outcome.code, "KVCAST_BIND_FAILED");
  assert.equal(outcome.exitCode, EXIT.unavailable);
  assert.equal(outcome.endpoint, `127.0.0.1:${port}`);
  for (const part of [`127.0.0.1:${port}`, "another process listens there", "--system-port", "DYN_SYSTEM_PORT"]) {
    assert.ok(outcome.message.includes(part), `"${part}" in: ${outcome.message}`);
  }
}

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: a port that another program holds is a BindError`, async (t) => {
    await assertTaken(await takenPort(t), implementation);
  });

  for (const first of IMPLEMENTATIONS) {
    void test(`${implementation}: a port that kvcast itself holds (${first}) is a BindError`, async (t) => {
      const { server } = await startTestServer(t, first, ROUTES);
      await assertTaken(server.port, implementation);
      assert.equal((await rawRequest(server.port, GET))?.status, 200);
    });
  }

  void test(`${implementation}: an address of another machine is a BindError that says so`, async () => {
    const { log } = recordingLogger();
    await assert.rejects(
      startHttpServer({ host: "192.0.2.1", port: 0, routes: ROUTES, log, implementation }),
      (error: unknown) => error instanceof BindError && error.message.includes("this machine has no such address"),
    );
  });

  void test(`${implementation}: a fixed port is served, freed by close, and served again`, async (t) => {
    const { server: first } = await startTestServer(t, implementation, ROUTES);
    await first.close();
    const second = await startOn(first.port, implementation);
    t.after(() => second.close());
    assert.equal(second.port, first.port);
    assert.equal((await rawRequest(second.port, GET))?.status, 200);
  });

  void test(`${implementation}: close is prompt and frees the port though a client keeps its connection`, async (t) => {
    const { server } = await startTestServer(t, implementation, ROUTES);
    const idle = await RawConnection.open(server.port);
    idle.send(GET);
    assert.equal((await idle.response())?.status, 200);
    const silent = await RawConnection.open(server.port);
    await within("it closes", PROMPT_MS, server.close());
    await within("it stays closed", PROMPT_MS, server.close());
    const next = await startOn(server.port, implementation);
    t.after(() => next.close());
    assert.equal((await rawRequest(server.port, GET))?.status, 200);
    idle.send(GET);
    assert.equal(await idle.response(), null, "no answer on a connection of the closed server");
    silent.socket.destroy();
  });

  void test(`${implementation}: close lets a handler finish, but waits for none that hangs`, async (t) => {
    const entered = new Gate();
    const left = new Gate();
    const slow: Route = {
      path: "/slow",
      handler: async () => {
        entered.open();
        await left.opened;
        return { status: 200, contentType: "text/plain", body: "late" };
      },
    };
    const hangs: Route = { path: "/hangs", handler: () => new Promise(() => {}) };
    const { server } = await startTestServer(t, implementation, [slow]);
    const answer = rawRequest(server.port, "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await entered.opened;
    const closed = server.close();
    left.open();
    assert.equal((await answer)?.body.toString(), "late");
    await closed;

    const { server: other } = await startTestServer(t, implementation, [...ROUTES, hangs]);
    const hanging = await RawConnection.open(other.port);
    hanging.send("GET /hangs HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // Answered after it, so the request above has reached its handler.
    await rawRequest(other.port, GET);
    await within("the other one closes", PROMPT_MS, other.close());
    hanging.socket.destroy();
  });
}

void test("slow and silent clients are cut off", async (t) => {
  const cutOff = async (implementation: HttpImplementation): Promise<void> => {
    const { server } = await startTestServer(t, implementation, ROUTES);
    const silent = await RawConnection.open(server.port);
    const partial = await RawConnection.open(server.port);
    partial.send("GET /text HTTP/1.1\r\nHost: localhost\r\nX-A: ");
    const trickle = setInterval(() => partial.send("a"), 500);
    t.after(() => clearInterval(trickle));
    const ended = Promise.all([silent.ended(), partial.ended()]);
    await within(`${implementation} cuts them off`, SLOW_CLIENT_MS[implementation], ended);
  };
  await Promise.all(IMPLEMENTATIONS.map(cutOff));
});

void test("IPv6 addresses are bracketed in the URL", async (t) => {
  const { log } = recordingLogger();
  const server = await startHttpServer({ host: "::1", port: 0, routes: ROUTES, log, implementation: "node" }).catch(
    (error: unknown) => error,
  );
  if (server instanceof BindError) {
    t.skip("no IPv6 here");
    return;
  }
  assert.ok(typeof server === "object" && server !== null && "url" in server && "close" in server);
  assert.match(String(server.url), /^http:\/\/\[::1\]:\d+$/u);
  if (typeof server.close === "function") await server.close();
});

void test("without the native module node:http serves and the reason is logged", async (t) => {
  process.env["UWS_USE_FALLBACK"] = "1";
  t.after(() => delete process.env["UWS_USE_FALLBACK"]);
  const { log, lines } = recordingLogger();
  const server = await startHttpServer({ host: "127.0.0.1", port: 0, routes: ROUTES, log });
  t.after(() => server.close());
  assert.equal(server.implementation, "node");
  assert.equal((await rawRequest(server.port, GET))?.status, 200);
  assert.ok(lines.some((line) => line.includes("HTTP is served by node:http") && line.includes("UWS_USE_FALLBACK")));
  await assert.rejects(
    startOn(0, "hyper-express"),
    (error: unknown) => error instanceof KvcastError && error.code === "KVCAST_HTTP_UNAVAILABLE",
  );
});

void test("by default hyper-express serves where it can", async (t) => {
  const { log } = recordingLogger();
  const server = await startHttpServer({ host: "127.0.0.1", port: 0, routes: ROUTES, log });
  t.after(() => server.close());
  assert.equal(server.implementation, (await loadHyperExpress()).ok ? "hyper-express" : "node");
});
