/** Why a publisher does not let one in is told by what it says itself, also where its hang-up overtakes the reason. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { curveKeyPair, Publisher } from "zeromq";
import type { CurveClientKeys } from "../../src/shared/curve.ts";
import type { HandshakeRefusal } from "../../src/main/tail/handshake-refusal.ts";
import { peerMechanism } from "../../src/main/tail/peer-mechanism.ts";
import { StreamClient } from "../../src/main/tail/stream-client.ts";
import { within } from "../support/fault/deadline.ts";
import { portOf } from "../support/scripted-engine.ts";
import { greeting } from "../support/zmtp-peer.ts";

const DEADLINE_MS = 15_000;
const SIGNATURE_BYTES = 10;

/** Listens on a port of its own, and tells of what each connection has sent so far. */
async function listen(t: TestContext, heard: (socket: Socket, bytes: Buffer) => void): Promise<string> {
  const server = createServer((socket) => {
    let bytes: Buffer = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (more) => heard(socket, (bytes = Buffer.concat([bytes, more]))));
    t.after(() => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return `tcp://127.0.0.1:${portOf(server)}`;
}

/** libzmq opens with the signature alone, and is reset; who opens with the version too gets the whole greeting. */
function resetsLibzmq(mechanism: string): (socket: Socket, bytes: Buffer) => void {
  return (socket, bytes) => {
    if (bytes.length <= SIGNATURE_BYTES) socket.resetAndDestroy();
    else socket.write(greeting(mechanism));
  };
}

async function refusalAt(t: TestContext, endpoint: string, curve: CurveClientKeys | null): Promise<HandshakeRefusal> {
  const first = new Promise<HandshakeRefusal>((resolve) => {
    const client = new StreamClient({ endpoint, curve, onRefusal: resolve });
    t.after(() => client.close());
    void client[Symbol.asyncIterator]().next();
  });
  return within("a refusal", DEADLINE_MS, first);
}

function someKeys(): CurveClientKeys {
  return { serverKey: curveKeyPair().publicKey, ...curveKeyPair() };
}

test("a hang-up that overtakes the greeting does not hide which side speaks no CURVE", async (t) => {
  const plain = await listen(t, resetsLibzmq("NULL"));
  assert.equal(await refusalAt(t, plain, someKeys()), "mechanism");
  const secured = await listen(t, resetsLibzmq("CURVE"));
  assert.equal(await refusalAt(t, secured, null), "mechanism");
});

test("where both speak the same, or the peer says nothing, the end is all that is told", async (t) => {
  const secured = await listen(t, resetsLibzmq("CURVE"));
  assert.equal(await refusalAt(t, secured, someKeys()), "ended");
  const mute = await listen(t, (socket) => socket.resetAndDestroy());
  assert.equal(await refusalAt(t, mute, someKeys()), "ended");
});

test("libzmq says which mechanism it speaks; others say nothing that counts", async (t) => {
  const open = new Publisher({ linger: 0 });
  const secured = new Publisher({ linger: 0, curveServer: true, curveSecretKey: curveKeyPair().secretKey });
  t.after(() => {
    open.close();
    secured.close();
  });
  await Promise.all([open.bind("tcp://127.0.0.1:*"), secured.bind("tcp://127.0.0.1:*")]);
  assert.equal(await peerMechanism(open.lastEndpoint ?? "", DEADLINE_MS), "NULL");
  assert.equal(await peerMechanism(secured.lastEndpoint ?? "", DEADLINE_MS), "CURVE");
  const http = await listen(t, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  const strange = await listen(t, (socket) => socket.write(greeting("\x1b[31mred")));
  const silent = await listen(t, () => {});
  assert.equal(await peerMechanism(http, DEADLINE_MS), null);
  assert.equal(await peerMechanism(strange, DEADLINE_MS), null);
  assert.equal(await peerMechanism(silent, 50), null);
  assert.equal(await peerMechanism("tcp://127.0.0.1:1", DEADLINE_MS), null);
  assert.equal(await peerMechanism("inproc://a", DEADLINE_MS), null);
});
