/** The programs under examples/ work as their heads say, against a `kvcast serve` in a process of its own. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Child, end, startKvcast, startNode } from "../support/cli-process.ts";

const CONSOLIDATE = fileURLToPath(new URL("../../examples/consolidate.js", import.meta.url));
const ROUTING = fileURLToPath(new URL("../../examples/kv-aware-routing.js", import.meta.url));
const SUBSCRIBER = fileURLToPath(new URL("../../examples/subscriber.js", import.meta.url));
const SYNC_SUBSCRIBER = fileURLToPath(new URL("../../examples/sync-subscriber.js", import.meta.url));

/** The addresses that `serve` bound, from its start record: of events, and of replay if it has one. */
async function boundEndpoints(serve: Child): Promise<readonly string[]> {
  const lines = createInterface({ input: serve.stderr });
  for await (const line of lines) {
    const { zmq_endpoint: events, replay_endpoint: replay }: Readonly<Record<string, unknown>> = JSON.parse(line);
    if (typeof events !== "string") continue;
    lines.close();
    serve.stderr.resume();
    return typeof replay === "string" ? [events, replay] : [events];
  }
  throw new Error("serve ended before it said where it publishes");
}

const EVENTS = 500;
const HASH = "[0-9a-f]{16}";
const HASHES = `${HASH}(?:,${HASH})*`;
const EVENT_LINE = new RegExp(
  `^#\\d+ rank [01] (?:stored   ${HASHES} \\(64 tokens, after (?:the root|${HASH})\\)|removed  ${HASHES}|cleared  all blocks of the rank)$`,
);

for (const format of ["vllm", "vllm-array", "dynamo", "dynamo-2026-01"]) {
  test(`subscriber prints each event of ${format} and ends by itself`, { timeout: 60_000 }, async () => {
    // One a rank, at the start.
    const clears = format.startsWith("dynamo") ? 0 : 2;
    const count = EVENTS + clears;
    const engine = `--engine synthetic:?events=${EVENTS}&rate=max&ranks=2 --attention-dp-size 2`;
    const zmq = `--zmq-endpoint tcp://127.0.0.1:0 --zmq-topic kv --wire-format ${format} --wait-subscribers 1`;
    const serve = startKvcast(`serve ${engine} ${zmq} --system-port -1 --log-format json`.split(" "));
    const stopped = once(serve, "close");
    const children: Child[] = [serve];
    try {
      const subscriber = startNode([
        SUBSCRIBER,
        ...(await boundEndpoints(serve)),
        "--topic",
        "kv",
        "--count",
        String(count),
      ]);
      children.push(subscriber);
      const { code, out, err } = await end(subscriber);
      assert.deepEqual([code, err], [0, ""]);

      const lines = out.trimEnd().split("\n");
      const last = lines.pop() ?? "";
      assert.match(last, new RegExp(`^${count} events in \\d+ messages, 0 messages missed$`));
      assert.equal(lines.length, count);
      for (const line of lines) assert.match(line, EVENT_LINE);
      assert.equal(lines.filter((line) => line.includes("cleared")).length, clears);
      for (const rank of [0, 1])
        assert.ok(
          lines.some((line) => line.includes(` rank ${rank} `)),
          `rank ${rank}`,
        );
      const sequences = [...new Set(lines.map((line) => Number(/^#(\d+)/.exec(line)?.[1])))];
      const messages = Number(/in (\d+) messages/.exec(last)?.[1]);
      assert.deepEqual(
        sequences,
        Array.from({ length: messages }, (_, i) => i),
      );

      serve.kill("SIGTERM");
      assert.deepEqual(await stopped, [0, null]);
    } finally {
      for (const child of children) child.kill("SIGKILL");
    }
  });
}

for (const example of [SUBSCRIBER, SYNC_SUBSCRIBER]) {
  const name = path.basename(example);
  test(`${name} ends quietly when nobody reads its output any more`, { timeout: 60_000 }, async () => {
    const engine = "--engine synthetic:?rate=200&ranks=1 --snapshot";
    const zmq = "--zmq-endpoint tcp://127.0.0.1:0 --replay-endpoint tcp://127.0.0.1:0";
    const serve = startKvcast(`serve ${engine} ${zmq} --system-port -1 --log-format json`.split(" "));
    const stopped = once(serve, "close");
    const children: Child[] = [serve];
    try {
      const subscriber = startNode([example, ...(await boundEndpoints(serve))]);
      children.push(subscriber);
      let err = "";
      subscriber.stderr.on("data", (text: Buffer) => (err += String(text)));
      await once(subscriber.stdout, "data");
      subscriber.stdout.destroy();
      const [code, signal] = await once(subscriber, "close");
      assert.deepEqual([code, signal, err], [0, null, ""]);
    } finally {
      for (const child of children) child.kill();
      await stopped;
    }
  });
}

test("two engines and a consolidator in one command: each block is printed once", { timeout: 60_000 }, async () => {
  const { code, out, err } = await end(startNode([CONSOLIDATE, "--events", "50"]));
  assert.equal(code, 0, err);
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.length, 50);
  const hashes = lines.map((line) => new RegExp(HASH).exec(line)?.[0]);
  assert.equal(new Set(hashes).size, 50);
  for (const line of lines) assert.match(line, /stored/);
});

test("kv-aware routing finds more in the caches than taking turns, and draws it", { timeout: 60_000 }, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "kvcast-example-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const svg = path.join(folder, "hits.svg");
  const { code, out, err } = await end(startNode([ROUTING, "--requests", "800", "--svg", svg]));
  assert.equal(code, 0, err);
  const rates = Array.from(out.matchAll(/^(?:round robin|kv-aware) +([\d.]+) %/gm), ([, rate]) => Number(rate));
  const [inTurn = 0, aware = 0] = rates;
  assert.ok(inTurn > 20 && aware > inTurn + 10, out);
  const drawing = await readFile(svg, "utf8");
  assert.match(drawing, /^<svg [^>]+>[\s\S]*<\/svg>\n$/);
  assert.equal(drawing.match(/<polyline points="(?:[\d.]+,[\d.]+ ?){60}"/g)?.length, 2);
  const wrong = await end(startNode([ROUTING, "--workers", "none"]));
  assert.equal(wrong.code, 2);
  assert.equal(wrong.err, "--workers must be a whole number above 0\n");
});
