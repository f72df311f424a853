/** Starts that cannot succeed: a sentence that helps, the exit code that the command line documents, and nothing left behind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import test from "node:test";
import { within } from "../support/fault/deadline.ts";
import { Kvcast, serve } from "../support/processes.ts";
import { portOf } from "../support/scripted-engine.ts";
import { requireTool } from "../support/tools.ts";

const LIMIT_MS = 20_000;

async function failure(kvcast: Kvcast): Promise<{ code: number | null; text: string }> {
  const { code } = await within("it ends", LIMIT_MS, kvcast.exit);
  return { code, text: kvcast.text() };
}

test("the HTTP port is taken: exit 69, and the ZMQ address is free again", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const other = await serve(t, "--engine synthetic:");
  const zmq = other.facts.zmqEndpoint;
  other.child.kill("SIGTERM");
  await other.exit;

  const first = new Kvcast(t, `serve --engine synthetic: --zmq-endpoint ${zmq} --system-port ${portOf(taken)}`);
  const { code, text } = await failure(first);
  assert.equal(code, 69, text);
  assert.match(text, /another process listens there, perhaps another kvcast; choose another port with --system-port/u);
  assert.ok(!text.includes("kvcast is running"));

  const second = new Kvcast(t, `serve --engine synthetic: --zmq-endpoint ${zmq} --system-port 0`);
  await within("the address can be bound", LIMIT_MS, second.log("kvcast is running"));
});

for (const files of [22, 32, 44]) {
  test(`${files} file descriptors are not enough: exit 69 or 1 with a reason, never half a service`, async (t) => {
    if (requireTool(t, "prlimit") === null) return;
    const kvcast = new Kvcast(t, "serve --engine synthetic: --zmq-endpoint tcp://127.0.0.1:* --system-port 0", {
      under: ["prlimit", `--nofile=${files}:${files}`],
    });
    const { code, text } = await failure(kvcast);
    assert.match(text, /EMFILE|too many open files/u);
    assert.ok(!text.includes("kvcast is running"));
    // With fewer than some 25 not even the command line can be loaded, and Node itself says so.
    if (files > 30) {
      assert.equal(code, 69, text);
      assert.match(text, /kvcast: error: .*ulimit -n/u);
      assert.ok(!text.includes("a bug in kvcast"), text);
    } else assert.notEqual(code, 0);
  });
}

test("a value that is not allowed: exit 78, before anything is bound", async (t) => {
  for (const flags of [
    "--zmq-endpoint tcp://nowhere",
    "--ring-slots 0",
    "--system-port 70000",
    "--kv-block-size none",
    "--replay-endpoint tcp://nowhere",
    "--engine ftp://127.0.0.1",
  ]) {
    const engine = flags.startsWith("--engine") ? "" : "--engine synthetic: ";
    const { code, text } = await failure(new Kvcast(t, `serve ${engine}${flags}`));
    assert.equal(code, 78, `${flags}: ${text}`);
    assert.ok(text.includes(flags.split(" ")[0] ?? ""), text);
  }
});
