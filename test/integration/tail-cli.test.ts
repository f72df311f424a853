/** `kvcast tail` as a process: streams, exit codes, filters. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import { type Child, end, startKvcast } from "../support/cli-process.ts";
import {
  END_V2,
  headerReply,
  replyV2,
  scriptedReplay,
  ScriptedPublisher,
  snapshotReply,
  storedPayload,
} from "../support/scripted-publisher.ts";

const LIMIT = { timeout: 30_000 };

function tail(t: TestContext, ...args: readonly string[]): Child {
  const child = startKvcast(["tail", ...args]);
  t.after(() => child.kill("SIGKILL"));
  return child;
}

function jsonLines(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("--json --count: events and a healed gap as objects, then exit 0", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const replay = await scriptedReplay(t, async ({ answer }) => {
    await answer(replyV2(2, storedPayload(2)));
    await answer(END_V2);
  });
  const ended = end(tail(t, publisher.endpoint, "--json", "--count", "3", "--replay", replay));
  await publisher.subscribed();
  for (const sequence of [1, 3, 4]) await publisher.send(sequence, storedPayload(sequence, { rank: 1 }));
  const { code, out, err } = await ended;
  assert.equal(code, 0, err);
  const stored = {
    type: "stored",
    time: 0,
    parent: null,
    tokens: 2,
    block_size: 2,
    medium: null,
    lora_id: null,
    lora_name: null,
  };
  assert.deepEqual(
    jsonLines(out).map((line) => ({ ...line, time: 0 })),
    [
      { ...stored, sequence: 1, source: "live", rank: 1, hashes: ["1"] },
      { ...stored, sequence: 2, source: "replay", rank: 0, hashes: ["2"] },
      { type: "gap", time: 0, from: 2, to: 2, healed: true },
      { ...stored, sequence: 3, source: "live", rank: 1, hashes: ["3"] },
    ],
  );
  assert.match(
    err,
    /^kvcast: connected to tcp:\S+\nkvcast: 3 events in 3 messages .* 1 gaps, 0 messages lost, 1 healed\n$/,
  );
});

function cleared(rank: number): Buffer {
  return Buffer.from(encode([1.5, [["AllBlocksCleared"]], rank]));
}

test("filters, and nothing private, no colours and no talk in what is printed", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const flags = ["--type", "stored", "--type", "cleared", "--rank", "1", "--count", "2", "--topic", "kv"];
  const ended = end(tail(t, publisher.endpoint, ...flags));
  await publisher.subscribed();
  const salted = { type: "BlockStored", block_hashes: [5], token_ids: [123_456], block_size: 1, cache_salt: "secret" };
  await publisher.send(0, storedPayload(0));
  await publisher.send(1, Buffer.from(encode([1.5, [{ type: "BlockRemoved", block_hashes: [1] }, salted], 1])));
  await publisher.send(2, cleared(0));
  await publisher.send(5, cleared(1));
  const { code, out } = await ended;
  assert.equal(code, 0);
  assert.deepEqual(
    out.split("\n").map((line) => line.replace(/ \d\d:\d\d:\d\d\.500 /, " TIME ")),
    [
      "#1 TIME rank 1 stored  0000000000000005 blocks 1 parent root tokens 1",
      "gap: #3 to #4, 2 messages lost: there is no --replay to ask",
      "#5 TIME rank 1 cleared all blocks of the rank",
      "",
    ],
  );
});

test("--sync --stats: live blocks of each rank; exit 0 on a signal", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const replay = await scriptedReplay(t, async ({ answer }) => {
    await publisher.subscribed();
    await answer(headerReply({ sequence: 6, blocks: 2 }));
    await answer(snapshotReply(storedPayload(21)));
    await answer(snapshotReply(storedPayload(22, { rank: 2 })));
    await answer(END_V2);
    for (const sequence of [5, 6, 7, 8]) await publisher.send(sequence);
  });
  const child = tail(t, publisher.endpoint, "--replay", replay, "--sync", "--stats", "--json");
  const ended = once(child, "close");
  child.stderr.resume();
  const lines: Record<string, unknown>[] = [];
  let told = false;
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(JSON.parse(line));
    // Once: a second signal would end it without its summary.
    if (!told && lines.at(-1)?.["last_sequence"] === 8) told = child.kill("SIGINT");
  }
  const last = lines.at(-1) ?? {};
  assert.deepEqual(
    [last["type"], last["events"], last["lost"], last["snapshots"], last["blocks"]],
    ["summary", 2, 0, 1, { 0: 3, 2: 1 }],
  );
  assert.equal(lines[0]?.["type"], "stats");
  assert.deepEqual(await ended, [0, null]);
});

test("exit 69 without a publisher in time, and without the snapshot that was asked for", LIMIT, async (t) => {
  const nobody = await end(tail(t, "tcp://127.0.0.1:1", "--timeout", "0.2"));
  assert.deepEqual([nobody.code, nobody.out], [69, ""]);
  assert.equal(nobody.err, "kvcast: error: no connection to tcp://127.0.0.1:1 within 0.2 s\n");

  const publisher = await ScriptedPublisher.bind(t);
  const replay = await scriptedReplay(t, async ({ answer }) => {
    await answer(headerReply({ error: "off" }));
    await answer(END_V2);
  });
  const off = await end(tail(t, publisher.endpoint, "--replay", replay, "--sync"));
  assert.equal(off.code, 69);
  assert.match(off.err, /\nkvcast: error: no snapshot: the publisher keeps none \(serve --snapshot\)\n$/);
});

test("exit 0 when told to stop while it waits, and when nobody reads any more", LIMIT, async (t) => {
  const waiting = tail(t, "tcp://127.0.0.1:1", "--stats");
  // The first line of figures shows that signals are waited for.
  await once(waiting.stdout, "data");
  waiting.kill("SIGTERM");
  assert.deepEqual(await once(waiting, "close"), [0, null]);

  const publisher = await ScriptedPublisher.bind(t);
  const unread = tail(t, publisher.endpoint);
  const closed = once(unread, "close");
  await publisher.subscribed();
  unread.stdout.destroy();
  await publisher.send(0);
  assert.deepEqual(await closed, [0, null]);
});

test("wrong usage and bad values", LIMIT, async (t) => {
  const twice = await end(tail(t, "tcp://h:1", "tcp://h:2"));
  assert.deepEqual([twice.code, twice.out], [2, ""]);
  const bad = await end(tail(t, "nonsense"));
  assert.deepEqual([bad.code, bad.out], [78, ""]);
  assert.match(bad.err, /^kvcast: error: the address: "nonsense" is not allowed; it takes tcp:/);
  const sync = await end(tail(t, "--sync"));
  assert.equal(sync.code, 78);
});
