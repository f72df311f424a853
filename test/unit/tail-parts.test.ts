/** The parts of `kvcast tail` that need no socket: its options, queue, blocks, printers. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { loadTailConfig } from "../../src/main/config/load-tail.ts";
import type { TailConfig, TailSwitches } from "../../src/main/config/load-tail.ts";
import { JsonPrinter } from "../../src/main/tail/json-printer.ts";
import type { KvEvent, StoredEvent } from "../../src/main/tail/kv-event.ts";
import { LiveBlocks } from "../../src/main/tail/live-blocks.ts";
import { LiveQueue } from "../../src/main/tail/live-queue.ts";
import type { NoteItem, Printer } from "../../src/main/tail/printer.ts";
import { RecentMessages } from "../../src/main/tail/recent-messages.ts";
import { StatsPrinter } from "../../src/main/tail/stats-printer.ts";
import { newCounters } from "../../src/main/tail/stream-counters.ts";
import type { BatchItem, BatchSource, SnapshotHeader } from "../../src/main/tail/stream-items.ts";
import { TextPrinter } from "../../src/main/tail/text-printer.ts";
import { ConfigError } from "../../src/shared/errors.ts";
import { numberFrame } from "../support/scripted-publisher.ts";

const OFF: TailSwitches = { json: false, stats: false, sync: false, tokens: false };

function load(
  endpoint: string | undefined,
  flags: Readonly<Record<string, readonly string[]>> = {},
  switches: Partial<TailSwitches> = {},
): TailConfig {
  return loadTailConfig(endpoint, new Map(Object.entries(flags)), { ...OFF, ...switches });
}

test("options: defaults, and every flag arrives", () => {
  assert.deepEqual(load(undefined), {
    ...OFF,
    endpoint: "tcp://127.0.0.1:20081",
    topic: "",
    maxMessageBytes: 64 * 1024 * 1024,
    timeoutMs: null,
    replayEndpoint: null,
    replayFraming: "v2",
    curve: null,
    types: new Set(),
    ranks: new Set(),
    count: Infinity,
  });
  const flags = {
    topic: ["kv"],
    "max-message-bytes": ["1MiB"],
    timeout: ["2.5"],
    replay: ["ipc:///run/replay"],
    "replay-framing": ["v1"],
    type: ["stored", "cleared"],
    rank: ["0", "3"],
    count: ["7"],
  };
  assert.deepEqual(load("tcp://[::1]:1", flags, { sync: true, json: true }), {
    ...OFF,
    sync: true,
    json: true,
    endpoint: "tcp://[::1]:1",
    topic: "kv",
    maxMessageBytes: 1024 * 1024,
    timeoutMs: 2500,
    replayEndpoint: "ipc:///run/replay",
    replayFraming: "v1",
    curve: null,
    types: new Set(["stored", "cleared"]),
    ranks: new Set([0, 3]),
    count: 7,
  });
});

test("options: what is not allowed", () => {
  for (const endpoint of ["none", "tcp://*:1", "tcp://h:*", "tcp://h:0", "tcp://h", "http://h:1", "", "ipc://"]) {
    assert.throws(() => load(endpoint), ConfigError, endpoint);
    assert.throws(() => load(undefined, { replay: [endpoint] }), ConfigError, endpoint);
  }
  for (const [name, value] of [
    ["type", "created"],
    ["rank", "-1"],
    ["count", "0"],
    ["timeout", "0"],
    ["replay-framing", "v3"],
    ["max-message-bytes", "1"],
  ] as const) {
    assert.throws(() => load(undefined, { [name]: [value] }), ConfigError, name);
  }
  assert.throws(() => load(undefined, {}, { sync: true }), /--sync: it needs --replay EP/);
});

test("queue: reading stops at the limit, and goes on below it", async () => {
  const payload = Buffer.alloc(1000);
  let received = 0;
  let closed = false;
  const queue = new LiveQueue(
    {
      receive: async () => {
        if (closed) throw new Error("closed");
        return [Buffer.alloc(0), numberFrame(received++), payload];
      },
    },
    10 * 1512, // with what a message takes up besides
  );
  const pumped = queue.pump();
  for (let turns = 0; turns < 100; turns++) await nextTurn();
  assert.equal(received, 10);
  for (let sequence = 0; sequence < 5000; sequence++) {
    const arrival = await queue.take();
    assert.ok(arrival !== null && arrival !== "woken" && "sequence" in arrival);
    assert.equal(arrival.sequence, sequence);
  }
  for (let turns = 0; turns < 100; turns++) await nextTurn();
  assert.ok(received <= 5010 && received > 5000, String(received));
  queue.wake();
  assert.equal(await queue.take(), "woken");
  closed = true;
  queue.end();
  assert.equal(await queue.take(), null);
  await pumped;
});

test("queue: what waits from earlier runs can be dropped", async () => {
  const numbers = [998, 999, 0, 1, 0, 1, 2];
  const queue = new LiveQueue(
    {
      receive: async () => {
        const number = numbers.shift();
        if (number === undefined) throw new Error("closed");
        return [Buffer.alloc(0), numberFrame(number), Buffer.alloc(1)];
      },
    },
    1e6,
  );
  await queue.pump();
  queue.dropEarlierRuns();
  const left: unknown[] = [];
  for (let next = await queue.take(); next !== null; next = await queue.take()) {
    left.push(next !== "woken" && "sequence" in next ? next.sequence : next);
  }
  assert.deepEqual(left, [0, 1, 2]);
});

test("recent messages are told by number and content, and not for ever", () => {
  const recent = new RecentMessages();
  const long = Buffer.alloc(1000, 1);
  const message = { sequence: 5, payload: long };
  assert.ok(!recent.has(message));
  recent.add(message);
  assert.ok(recent.has({ sequence: 5, payload: Buffer.from(long) }));
  assert.ok(!recent.has({ sequence: 6, payload: long }));
  assert.ok(!recent.has({ sequence: 5, payload: long.subarray(1) }));
  for (const at of [0, 63, 936, 999]) {
    const other = Buffer.from(long);
    other[at] = 2;
    assert.ok(!recent.has({ sequence: 5, payload: other }), String(at));
  }
  recent.add({ sequence: 5 + 4096, payload: long });
  assert.ok(!recent.has(message));
  recent.clear();
  assert.ok(!recent.has({ sequence: 5 + 4096, payload: long }));
});

const STORED: StoredEvent = {
  type: "stored",
  hashes: [1n, 0xffff_ffff_ffff_ffffn],
  parent: 255n,
  tokens: [700_001, 2, 3],
  blockSize: 2,
  loraId: null,
  loraName: null,
  medium: "GPU",
  cacheSalt: "salt",
  others: { extra_keys: [["salt"], 7n, Buffer.from([1, 2])] },
};
const HEADER: SnapshotHeader = { epoch: "run", started: 1.5, sequence: 9, blocks: 2, complete: true, tokens: true };

function item(events: readonly KvEvent[], source: BatchSource = "live", rank: number | null = 3): BatchItem {
  const sequence = source === "snapshot" ? null : 12;
  return { kind: "batch", source, sequence, bytes: 100, batch: { timestamp: 1_700_000_000.5, events, rank } };
}

type Write = (text: string) => void;
const plainText = (write: Write): Printer => new TextPrinter({ tokens: false, colour: false, write });
const fullText = (write: Write): Printer => new TextPrinter({ tokens: true, colour: true, write });

function printed(run: (write: Write) => Printer, ...items: readonly (BatchItem | NoteItem)[]): string {
  let text = "";
  const printer = run((more) => (text += more));
  for (const each of items) {
    if (each.kind !== "batch") printer.note(each);
    else for (const event of each.batch.events) printer.event(event, each);
  }
  return text;
}

function removed(...hashes: bigint[]): KvEvent {
  return { type: "removed", hashes, medium: null };
}

test("blocks: live ones by rank, until all is forgotten", () => {
  const blocks = new LiveBlocks();
  blocks.apply(item([STORED], "snapshot"));
  blocks.apply(item([STORED, { ...STORED, hashes: [0n, 5n] }, removed(1n, 77n)]));
  blocks.apply(item([STORED], "live", 0));
  blocks.apply(item([removed(1n)], "live", 8));
  assert.deepEqual(blocks.counts(), [
    [0, 2],
    [3, 3],
  ]);
  blocks.apply(item([{ type: "cleared" }]));
  assert.deepEqual(blocks.counts(), [
    [0, 2],
    [3, 0],
  ]);
  blocks.apply({ kind: "restart", sequence: 0, expected: 13 });
  assert.deepEqual(blocks.counts(), []);
  for (let rank = 0; rank < 5000; rank++) blocks.apply(item([STORED], "live", rank));
  assert.equal(blocks.counts().length, 4096);
  assert.ok(!blocks.complete);
  blocks.apply({ kind: "snapshot-start", header: HEADER });
  assert.ok(blocks.complete);
});

test("text: one line an event, nothing private in it", () => {
  const events: KvEvent[] = [
    STORED,
    { ...STORED, parent: null, hashes: [1n, 2n, 3n, 4n, 5n], loraName: "name\n\u009B2J", medium: "CPU" },
    { type: "removed", hashes: [255n], medium: null },
    { type: "cleared" },
    { type: "unknown", name: "New\u001B[31m" },
    { type: "malformed", reason: "token_ids" },
  ];
  const text = printed(plainText, item(events), item([STORED], "replay"), item([STORED], "snapshot", null));
  const lines = text.split("\n");
  assert.equal(lines.pop(), "");
  const chain = "0000000000000001,ffffffffffffffff blocks 2 parent 00000000000000ff tokens 3";
  const five = "0000000000000001,0000000000000002,0000000000000003,0000000000000004,… blocks 5";
  assert.deepEqual(
    lines.map((line) => line.replace(/ \d\d:\d\d:\d\d\.500 /, " TIME ")),
    [
      `#12 TIME rank 3 stored  ${chain}`,
      `#12 TIME rank 3 stored  ${five} parent root tokens 3 medium "CPU" lora "name\\n\\u009b2J"`,
      "#12 TIME rank 3 removed 00000000000000ff blocks 1",
      "#12 TIME rank 3 cleared all blocks of the rank",
      "#12 TIME rank 3 unknown New\\u001b[31m",
      "#12 TIME rank 3 malformed event: token_ids",
      `#12 TIME rank 3 stored  ${chain} (replayed)`,
      `- TIME rank - stored  ${chain} (snapshot)`,
    ],
  );
  assert.ok(!/salt|700001/.test(text));
});

test("text: what happens to the stream", () => {
  const text = printed(
    plainText,
    { kind: "gap", from: 4, to: 6, healed: true, reason: null },
    { kind: "gap", from: 7, to: 7, healed: false, reason: "evicted" },
    { kind: "restart", sequence: 0, expected: 8 },
    { kind: "snapshot-start", header: { ...HEADER, epoch: `\u001B${"x".repeat(100)}`, complete: false } },
    { kind: "snapshot-end", sequence: 9, blocks: 2 },
    { kind: "snapshot-failed", reason: "off" },
    { kind: "malformed", reason: "msgpack", sequence: 10 },
    { kind: "malformed", reason: "frames", sequence: null },
  );
  assert.deepEqual(text.trimEnd().split("\n"), [
    "gap: #4 to #6, 3 messages, healed by replay",
    "gap: #7, 1 message lost: the publisher keeps them no more",
    "restart: #0 where #8 was next; forget all blocks",
    `snapshot of 2 blocks up to #9, run \\u001b${"x".repeat(35)}, incomplete: the publisher does not know all; forget all others`,
    "end of the snapshot: 2 blocks; live from #10",
    "no snapshot: the publisher keeps none (serve --snapshot)",
    "#10 is malformed: msgpack",
    "a message is malformed: frames",
  ]);
});

test("text: gaps are red where there are colours, and tokens there when they are asked for", () => {
  const text = printed(fullText, item([STORED]), { kind: "gap", from: 4, to: 6, healed: false, reason: "timeout" });
  assert.ok(text.includes(' token_ids 700001,2,3 salt "salt" others {"extra_keys":[["salt"],"7","0102"]}'), text);
  assert.ok(text.endsWith("\u001B[31mgap: #4 to #6, 3 messages lost: the replay did not answer in time\u001B[0m\n"));
});

test("json: hashes in decimal, nothing private unless it is asked for", () => {
  for (const tokens of [false, true]) {
    const print = (write: Write): Printer => new JsonPrinter({ tokens, colour: false, write });
    const text = printed(
      print,
      item([STORED, { type: "removed", hashes: [2n ** 63n], medium: "GPU" }, { type: "cleared" }]),
      item(
        [
          { type: "unknown", name: "\u009B" },
          { type: "malformed", reason: "event" },
        ],
        "snapshot",
        null,
      ),
      { kind: "gap", from: 4, to: 6, healed: true, reason: null },
      { kind: "gap", from: 4, to: 6, healed: false, reason: "no-replay" },
      { kind: "restart", sequence: 0, expected: 8 },
      { kind: "snapshot-start", header: HEADER },
    );
    assert.ok(!text.includes("\u009B"));
    const at = { sequence: 12, source: "live", time: 1_700_000_000.5, rank: 3 };
    const snapshot = { ...at, sequence: null, source: "snapshot", rank: null };
    const stored = {
      type: "stored",
      ...at,
      hashes: ["1", "18446744073709551615"],
      parent: "255",
      tokens: 3,
      block_size: 2,
      medium: "GPU",
      lora_id: null,
      lora_name: null,
    };
    const secret = { token_ids: [700_001, 2, 3], cache_salt: "salt", others: { extra_keys: [["salt"], "7", "0102"] } };
    const lines = text.trimEnd().split("\n");
    const [first, ...rest] = lines.map((line): unknown => JSON.parse(line));
    assert.deepEqual(first, tokens ? { ...stored, ...secret } : stored);
    assert.deepEqual(rest, [
      { type: "removed", ...at, hashes: ["9223372036854775808"], medium: "GPU" },
      { type: "cleared", ...at },
      { type: "unknown", ...snapshot, name: "\u009B" },
      { type: "malformed", ...snapshot, reason: "event" },
      { type: "gap", from: 4, to: 6, healed: true },
      { type: "gap", from: 4, to: 6, healed: false, reason: "no-replay" },
      { type: "restart", sequence: 0, expected: 8 },
      { type: "snapshot-start", ...HEADER },
    ]);
  }
});

test("stats: a line a second, over the one before it on a terminal, and the totals", () => {
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    for (const columns of [null, 60]) {
      let text = "";
      const counters = newCounters();
      const blocks = new LiveBlocks();
      const write = (more: string): void => void (text += more);
      const printer = new StatsPrinter({ counters, blocks, json: false, colour: false, columns, write });
      Object.assign(counters, { events: 10, messages: 5, bytes: 2e6, lastSequence: 44, gaps: 1, lost: 2, healed: 3 });
      counters.malformed.msgpack = 1;
      blocks.apply(item([STORED]));
      printer.batch(item([STORED]));
      mock.timers.tick(1000);
      const erased = columns === null ? "" : "\r\u001B[2K";
      assert.ok(text.startsWith(erased));
      const line =
        /^\d\d:\d\d:\d\d {2}events\/s \d+ {2}messages\/s \d+ {2}MB\/s [\d.]+ {2}last #44 {2}gaps 1 lost 2 healed 3 {2}lag [\d.]+ ms {2}malformed 1 {2}blocks 3:2\n$/;
      assert.match(text.slice(erased.length), columns === null ? line : /^.{59}$/);
      text = "";
      printer.end();
      assert.ok(text.startsWith(erased));
      const end =
        /^10 events in 5 messages in [\d.]+ s, 1 gaps, 2 messages lost, 3 healed {2}malformed 1 {2}blocks 3:2\n$/;
      assert.match(text.slice(erased.length), end);
      text = "";
      mock.timers.tick(5000);
      assert.equal(text, "");
    }
  } finally {
    mock.timers.reset();
  }
});
