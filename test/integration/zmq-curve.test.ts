/**
 * ZMQ sockets that demand CURVE, as `kvcast serve` binds them: who is let in, what can be read on the wire, and what becomes of
 * both when the list of clients changes. Peers are libzmq itself, and Python's binding of it.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { chmodSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { curveKeyPair, Dealer, Subscriber } from "zeromq";
import { findPython } from "../../bench/support/python.ts";
import { AllowFile } from "../../src/main/curve/allow-file.ts";
import { keyFromZ85 } from "../../src/main/curve/z85.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import { type CurveClientKeys, curveClientOptions } from "../../src/shared/curve.ts";
import { CurveFiles, welcome } from "../support/curve.ts";
import { within } from "../support/fault/deadline.ts";
import { type Kvcast, serve, type ServeFacts } from "../support/processes.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { readAnswer, requestFor } from "../support/replay-harness.ts";
import { portOf } from "../support/scripted-engine.ts";
import { greeting } from "../support/zmtp-peer.ts";

const DEADLINE_MS = 10_000;
const TRAFFIC = "--engine synthetic:?rate=200 --replay-endpoint tcp://127.0.0.1:*";

type Served = Kvcast & { readonly facts: ServeFacts; readonly replayEndpoint: string };

async function guarded(t: TestContext, flags: string): Promise<Served> {
  const process = await serve(t, `${TRAFFIC} ${flags}`.trim());
  const started = await process.log("kvcast is running");
  return Object.assign(process, { replayEndpoint: String(started["replay_endpoint"]) });
}

async function refused(url: string, socket: string): Promise<number> {
  const page = parseMetrics(await (await fetch(`${url}/metrics`)).text());
  return page.sum("kvcast_zmq_refused_handshakes_total", { socket, reason: "unlisted" });
}

/** Whether a replay from 0 is answered with messages. */
async function replays(endpoint: string, keys: CurveClientKeys | null): Promise<"answer" | "refused"> {
  const dealer = new Dealer({ linger: 0, ...curveClientOptions(keys) });
  try {
    const failed = new Promise<"refused">((resolve) => {
      for (const name of ["handshake:error:protocol", "handshake:error:auth", "handshake:error:other"] as const) {
        dealer.events.on(name, () => resolve("refused"));
      }
    });
    dealer.connect(endpoint);
    const asked = dealer.send(requestFor(0)).then(() => readAnswer(dealer));
    asked.catch(() => {});
    return await Promise.race([failed, asked.then((messages) => (messages.length > 1 ? "answer" : "refused"))]);
  } finally {
    dealer.close();
  }
}

/** A proxy in front of a port that keeps all bytes of both directions. */
async function wiretap(t: TestContext, endpoint: string): Promise<{ endpoint: string; heard: () => Buffer }> {
  const chunks: Buffer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(endpoint).port), "127.0.0.1");
    sockets.push(client, upstream);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
      from.on("data", (chunk) => {
        chunks.push(chunk);
        to.write(chunk);
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { endpoint: `tcp://127.0.0.1:${portOf(server)}`, heard: () => Buffer.concat(chunks) };
}

/** How often bytes of a message are found among those of its connection. */
async function readable(t: TestContext, publisher: string, keys: CurveClientKeys | null): Promise<number> {
  const tap = await wiretap(t, publisher);
  const socket = new Subscriber({ linger: 0, ...curveClientOptions(keys) });
  t.after(() => socket.close());
  socket.connect(tap.endpoint);
  socket.subscribe("");
  let found = 0;
  for (let looked = 0; looked < 5;) {
    const [, , payload] = await within("a message", DEADLINE_MS, socket.receive());
    // Of blocks that are stored; others have nothing to hide.
    if (payload === undefined || payload.length < 200) continue;
    looked++;
    const heard = tap.heard();
    // Token ids are most of it; whatever piece is looked for is there or not.
    for (let at = 0; at + 16 <= payload.length; at += 16)
      found += heard.includes(payload.subarray(at, at + 16)) ? 1 : 0;
  }
  return found;
}

test("who is let in: the right key at the right server, and nobody else, on both sockets; the rest is counted", async (t) => {
  const [listed, stranger] = [curveKeyPair(), curveKeyPair()];
  const files = new CurveFiles(t, listed);
  const { facts, replayEndpoint, logs } = await guarded(t, files.flags);
  const at = facts.zmqEndpoint;
  const wrongServer = curveKeyPair().publicKey;
  assert.equal(await welcome(at, files.keys(listed)), "message");
  assert.equal(await welcome(at, files.keys(stranger)), "not_allowed");
  assert.equal(await welcome(at, files.keys(listed, wrongServer)), "ended");
  assert.equal(await welcome(at, null), "mechanism");
  assert.equal(await welcome(at, files.keys(files.server)), "message", "the service's own key");
  assert.equal(await replays(replayEndpoint, files.keys(listed)), "answer");
  assert.equal(await replays(replayEndpoint, files.keys(stranger)), "refused");
  assert.equal(await replays(replayEndpoint, files.keys(listed, wrongServer)), "refused");
  assert.equal(await replays(replayEndpoint, null), "refused");
  assert.deepEqual([await refused(facts.url, "live"), await refused(facts.url, "replay")], [1, 1]);
  const told = logs.filter(({ msg }) => msg.startsWith("a ZMQ client was refused"));
  assert.equal(told[0]?.["public_key"], stranger.publicKey);
  const said = logs.map((line) => JSON.stringify(line)).join("\n");
  for (const { secretKey } of [files.server, listed]) assert.ok(!said.includes(secretKey), "a secret key in the log");
});

test("nothing of a message can be read on the wire, of a plain one everything", async (t) => {
  const client = curveKeyPair();
  const files = new CurveFiles(t, client);
  const [closed, open] = await Promise.all([guarded(t, files.flags), guarded(t, "")]);
  assert.equal(await readable(t, closed.facts.zmqEndpoint, files.keys(client)), 0);
  assert.ok((await readable(t, open.facts.zmqEndpoint, null)) > 10);
});

test("the list may change while it runs: for the next handshake; who is in stays in", async (t) => {
  const [first, second] = [curveKeyPair(), curveKeyPair()];
  const files = new CurveFiles(t, first);
  const kvcast = await guarded(t, files.flags);
  const at = kvcast.facts.zmqEndpoint;
  const guest = new Subscriber({ linger: 0, ...curveClientOptions(files.keys(first)) });
  t.after(() => guest.close());
  guest.connect(at);
  guest.subscribe("");
  await guest.receive();
  assert.equal(await welcome(at, files.keys(second)), "not_allowed");
  files.allow(first, second);
  assert.equal(await welcome(at, files.keys(second)), "message");
  files.allow(second);
  assert.equal(await welcome(at, files.keys(first)), "not_allowed");
  assert.equal(await welcome(at, files.keys(second)), "message");
  for (let i = 0; i < 20; i++) await within("a message to a guest", DEADLINE_MS, guest.receive());
  // What makes no sense changes nothing, and is told once.
  writeFileSync(files.allowFile, `${first.publicKey}\nsecond\n`);
  assert.equal(await welcome(at, files.keys(first)), "not_allowed");
  assert.equal(await welcome(at, files.keys(second)), "message");
  const { reason } = await kvcast.log((record) => record.msg.includes("cannot be used, the one before it stays"));
  assert.match(String(reason), /line 2 does not begin with a public key/);
  files.allow();
  assert.equal(await welcome(at, files.keys(second)), "not_allowed");
});

const PYTHON_PEER = `
import sys, zmq
live, replay, server, public, secret = sys.argv[1:]
def connect(kind, address):
    socket = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 8000)
    socket.curve_serverkey = server.encode()
    socket.curve_publickey = public.encode()
    socket.curve_secretkey = secret.encode()
    socket.connect(address)
    return socket
sub = connect(zmq.SUB, live)
sub.setsockopt(zmq.SUBSCRIBE, b"")
topic, sequence, payload = sub.recv_multipart()
dealer = connect(zmq.DEALER, replay)
dealer.send_multipart([b"", (0).to_bytes(8, "big")])
frames = dealer.recv_multipart()
print(len(sequence), len(payload) > 0, int.from_bytes(frames[2], "big"))
`;

const python = findPython();

test(
  "Python's binding of libzmq is a client like any other",
  { skip: "missing" in python ? python.missing : false },
  async (t) => {
    const client = curveKeyPair();
    const files = new CurveFiles(t, client);
    const { facts, replayEndpoint } = await guarded(t, files.flags);
    const args = [facts.zmqEndpoint, replayEndpoint, files.server.publicKey, client.publicKey, client.secretKey];
    const child = spawn("/usr/bin/python3", ["-I", "-c", PYTHON_PEER, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    assert.equal((await text(child.stdout)).trim(), "8 True 0");
  },
);

/** A ZMTP 3 greeting and READY without security, and the head of a frame of 1 GiB. */
function huge(type: string): Buffer {
  const value = Buffer.alloc(4 + type.length);
  value.writeUInt32BE(type.length);
  value.write(type, 4);
  const body = Buffer.concat([Buffer.from("\u0005READY\u000bSocket-Type"), value]);
  const head = Buffer.alloc(9);
  head[0] = 2;
  head.writeBigUInt64BE(1n << 30n, 1);
  return Buffer.concat([greeting("NULL"), Buffer.from([4, body.length]), body, head, Buffer.alloc(64 * 1024)]);
}

function attack(t: TestContext, endpoint: string, bytes: Buffer): Socket {
  const socket = connect(Number(new URL(endpoint).port), "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  socket.resume();
  socket.write(bytes);
  return socket;
}

test("a frame of 1 GiB, and garbage, end their connection and nothing else, with keys and without", async (t) => {
  const client = curveKeyPair();
  const files = new CurveFiles(t, client);
  const [closed, open] = await Promise.all([guarded(t, files.flags), guarded(t, "")]);
  for (const { facts, replayEndpoint } of [closed, open]) {
    for (const [endpoint, type] of [
      [facts.zmqEndpoint, "SUB"],
      [replayEndpoint, "DEALER"],
    ] as const) {
      const socket = attack(t, endpoint, huge(type));
      const gone = new Promise((resolve) => socket.on("close", resolve));
      await within(`the end of the connection to ${type}`, DEADLINE_MS, gone);
      // What an old ZMTP might have meant may be waited for, until the time for handshakes is over.
      attack(t, endpoint, Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100)));
      attack(t, endpoint, Buffer.alloc(100_000, 0xff));
    }
  }
  assert.equal(await welcome(closed.facts.zmqEndpoint, files.keys(client)), "message");
  assert.equal(await replays(closed.replayEndpoint, files.keys(client)), "answer");
  assert.equal(await welcome(open.facts.zmqEndpoint, null), "message");
  assert.equal(await replays(open.replayEndpoint, null), "answer");
});

test("a list that cannot be read, or that everyone may write, leaves the one before in force until it can be", async (t) => {
  const [first, second] = [curveKeyPair(), curveKeyPair()];
  const files = new CurveFiles(t, first);
  const log = new RecordingLog();
  const place = { label: "list", option: "list" };
  const allow = new AllowFile(
    { file: files.allowFile, place },
    { onRead: (keys) => log.info(String(keys)), onBad: (reason) => log.error(reason) },
  );
  t.after(() => allow.close());
  const hex = ({ publicKey }: typeof first): string => keyFromZ85(publicKey)?.toString("hex") ?? "";
  rmSync(files.allowFile);
  for (let i = 0; i < 3; i++)
    assert.deepEqual([await allow.has(hex(first)), await allow.has(hex(second))], [true, false]);
  assert.equal(log.of("error").length, 1);
  assert.match(log.lines[0]?.msg ?? "", /ENOENT/);
  files.allow(second);
  chmodSync(files.allowFile, 0o666);
  assert.deepEqual([await allow.has(hex(first)), await allow.has(hex(second))], [true, false]);
  assert.match(log.of("error")[1]?.msg ?? "", /everyone on this machine can write to it; run chmod o-w/);
  chmodSync(files.allowFile, 0o644);
  assert.deepEqual([await allow.has(hex(first)), await allow.has(hex(second))], [false, true]);
  // Replaced by way of a link, as Kubernetes does.
  const other = path.join(files.folder, "other");
  writeFileSync(other, hex(first));
  rmSync(files.allowFile);
  symlinkSync(other, files.allowFile);
  assert.deepEqual([await allow.has(hex(first)), await allow.has(hex(second))], [true, false]);
  assert.deepEqual(
    log.of("info").map(({ msg }) => msg),
    ["1", "1"],
  );
});
