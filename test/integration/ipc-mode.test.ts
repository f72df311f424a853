/** Sockets that are bound to a path here can be connected to by their user alone, whatever the umask, and leave nothing behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { Dealer, Publisher, Subscriber } from "zeromq";
import { bindSocket } from "../../src/workers/zmq-socket.ts";
import { lastingEndpoints, leaderOf, QUICK, workerOf } from "../support/cluster.ts";
import { eventually } from "../support/fault/deadline.ts";
import { Kvcast } from "../support/processes.ts";
import { readAnswer, requestFor } from "../support/replay-harness.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kv-ipc-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o777).toString(8);
}

test("serve: the sockets of events and replays, with the most careless umask", async (t) => {
  const folder = folderOf(t);
  const [live, replay] = ["live", "replay"].map((name) => path.join(folder, name));
  const careless = ["sh", "-c", 'umask 0; exec "$@"', "sh"];
  const flags = `serve --engine synthetic:?rate=100 --system-port -1 --zmq-endpoint ipc://${live} --replay-endpoint ipc://${replay}`;
  const kvcast = new Kvcast(t, flags, { under: careless });
  const started = await kvcast.log("kvcast is running");
  assert.deepEqual([started["zmq_endpoint"], started["replay_endpoint"]], [`ipc://${live}`, `ipc://${replay}`]);
  assert.deepEqual(readdirSync(folder).toSorted(), ["live", "replay"]);
  assert.deepEqual([modeOf(String(live)), modeOf(String(replay))], ["600", "600"]);
  const subscriber = new Subscriber({ linger: 0 });
  const dealer = new Dealer({ linger: 0 });
  t.after(() => {
    subscriber.close();
    dealer.close();
  });
  subscriber.connect(`ipc://${live}`);
  subscriber.subscribe("");
  assert.equal((await subscriber.receive()).length, 3);
  dealer.connect(`ipc://${replay}`);
  await dealer.send(requestFor(0));
  assert.ok((await readAnswer(dealer)).length > 1);
});

test("a path that leaves no room for a detour, and one that a dead process left", async (t) => {
  const folder = folderOf(t);
  const long = path.join(folder, "x".repeat(107 - folder.length - 1));
  const deep = path.join(folder, "s");
  for (const file of [long, deep]) {
    for (let life = 0; life < 2; life++) {
      // libzmq leaves the file of a socket that is closed.
      const bind = (): ReturnType<typeof bindSocket<Publisher>> =>
        bindSocket(`ipc://${file}`, () => new Publisher({ linger: 0 }));
      // Closing takes another thread a moment.
      const { socket, endpoint } = await eventually("the path is free", 5000, () => bind().catch(() => null));
      assert.equal(endpoint, `ipc://${file}`);
      assert.equal(modeOf(file), "600");
      socket.close();
    }
  }
  await assert.rejects(
    bindSocket(`ipc://${folder}/none/s`, () => new Publisher()),
    /cannot bind ipc:.*there is no directory .*none/,
  );
});

/** Listens on a path, with room for hardly anyone to wait, and then stops taking whoever comes. */
const LISTENER = `
require("node:net").createServer().listen({ path: process.argv[1], backlog: 1 }, () => {
  console.log("listening");
  process.kill(process.pid, "SIGSTOP");
});`;

test("a path whose owner is stopped, with a full queue, is not taken away", async (t) => {
  const file = path.join(folderOf(t), "s");
  const owner = spawn(process.execPath, ["-e", LISTENER, file], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => owner.kill("SIGKILL"));
  await once(owner.stdout, "data");
  const waiting: Socket[] = [];
  t.after(() => waiting.forEach((socket) => socket.destroy()));
  const codes = async (): Promise<string | null> => {
    const socket = createConnection(file);
    waiting.push(socket);
    return new Promise((resolve) => {
      socket.on("connect", () => resolve(null));
      socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? ""));
    });
  };
  assert.equal(await eventually("a full queue", 5000, codes), "EAGAIN");
  const { ino } = statSync(file);
  await assert.rejects(
    bindSocket(`ipc://${file}`, () => new Publisher({ linger: 0 })),
    /Address already in use/,
  );
  assert.equal(statSync(file).ino, ino);
});

test("a leader of a cluster", async (t) => {
  const endpoints = lastingEndpoints(t);
  const leader = await leaderOf(t, { endpoints });
  assert.deepEqual(leader.endpoints, endpoints);
  for (const address of [endpoints.pub, endpoints.ack]) assert.equal(modeOf(address.replace("ipc://", "")), "600");
  await workerOf(t, { endpoints });
  const { metadata } = await leader.handshake({ ...QUICK, plan: () => ({ numHostBlocks: 0, numDiskBlocks: 0 }) });
  assert.equal(metadata.length, 1);
});
