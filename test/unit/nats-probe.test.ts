/** A look at a NATS server's first line: what is none is refused in time, and no socket stays open. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import test from "node:test";
import { probeServer } from "../../src/workers/nats-probe.ts";
import { portOf } from "../support/scripted-engine.ts";

/** A server that greets with this; resolves when the connection of the probe is closed again. */
async function greeting(
  t: test.TestContext,
  text: string,
  hangUp = false,
): Promise<{ port: number; closed: Promise<unknown> }> {
  const server = createServer();
  const closed = once(server, "connection").then(([socket]: Socket[]) => {
    assert.ok(socket);
    socket.on("error", () => {});
    // In two pieces, as it may come.
    socket.write(text.slice(0, 10));
    setImmediate(() => {
      socket.write(text.slice(10));
      if (hangUp) socket.end();
    });
    socket.resume();
    return new Promise((resolve) => {
      socket.once("close", resolve);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { port: portOf(server), closed };
}

test("the first line says whether TLS is demanded", async (t) => {
  for (const [text, tlsRequired] of [
    ['INFO {"server_id":"x","tls_required":true} \r\n', true],
    ['INFO {"server_id":"x","tls_available":true}\r\nPING\r\n', false],
    ['INFO {"tls_required":"yes"}\r\n', false],
  ] as const) {
    const { port, closed } = await greeting(t, text);
    assert.deepEqual(await probeServer("127.0.0.1", port, 5000), { tlsRequired });
    await closed;
  }
});

for (const [what, text, hangUp, message] of [
  ["another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", false, /no NATS server/u],
  ["broken JSON", 'INFO {"a":\r\n', false, /no NATS server/u],
  ["a line without end", "I".repeat(70_000), false, /no NATS server/u],
  ["silence", "", false, /no NATS server answers/u],
  ["a dead line", "", true, /hung up/u],
] as const) {
  test(`${what}: refused, and hung up`, async (t) => {
    const { port, closed } = await greeting(t, text, hangUp);
    await assert.rejects(probeServer("127.0.0.1", port, text === "" && !hangUp ? 50 : 5000), message);
    await closed;
  });
}

test("nobody listens: Node's own error", async () => {
  await assert.rejects(probeServer("127.0.0.1", 1, 5000), { code: "ECONNREFUSED" });
});
