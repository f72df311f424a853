/** The stream client against a publisher that is told what to do, over real sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import { StreamClient } from "../../src/main/tail/stream-client.ts";
import type { StreamItem } from "../../src/main/tail/stream-items.ts";
import type { StreamClientOptions } from "../../src/main/tail/stream-options.ts";
import { ConfigError } from "../../src/shared/errors.ts";
import { Gate } from "../support/gate.ts";
import {
  Door,
  EMPTY,
  END_V1,
  END_V2,
  headerReply,
  numberFrame,
  replyV1,
  replyV2,
  scriptedReplay,
  ScriptedPublisher,
  snapshotReply,
  storedPayload,
} from "../support/scripted-publisher.ts";

const LIMIT = { timeout: 20_000 };

/** An item in a word or two. */
function word(item: StreamItem): string {
  switch (item.kind) {
    case "batch":
      return item.source === "snapshot" ? `snapshot ${hashOf(item)}` : `${item.source} ${item.sequence}`;
    case "gap":
      return `${item.healed ? "healed" : "lost"} ${item.from}-${item.to}${item.reason === null ? "" : ` ${item.reason}`}`;
    case "restart":
      return `restart ${item.sequence} for ${item.expected}`;
    case "snapshot-start":
      return `start ${item.header.sequence}`;
    case "snapshot-end":
      return `end ${item.sequence} with ${item.blocks}`;
    case "snapshot-failed":
      return `no snapshot ${item.reason}`;
    case "malformed":
      return `malformed ${item.reason} ${item.sequence}`;
  }
}

function hashOf(item: StreamItem): string {
  const event = item.kind === "batch" ? item.batch.events[0] : undefined;
  return event?.type === "stored" ? String(event.hashes[0]) : "?";
}

/** Reads a stream item by item; says what came, in words. */
class Reader {
  readonly client: StreamClient;
  readonly #items: AsyncIterator<StreamItem>;

  constructor(t: TestContext, options: StreamClientOptions) {
    this.client = new StreamClient(options);
    this.#items = this.client[Symbol.asyncIterator]();
    t.after(() => this.client.close());
  }

  async take(count: number): Promise<string[]> {
    const words: string[] = [];
    while (words.length < count) {
      const { value, done } = await this.#items.next();
      if (done === true) throw new Error("the stream ended");
      words.push(word(value));
    }
    return words;
  }

  /** Resolves when the stream ends, with nothing before it. */
  async end(): Promise<void> {
    assert.deepEqual(await this.#items.next(), { value: undefined, done: true });
  }
}

/** A reader whose subscription is in force. */
async function subscribed(
  t: TestContext,
  publisher: ScriptedPublisher,
  options: Partial<StreamClientOptions> = {},
): Promise<Reader> {
  const reader = new Reader(t, { endpoint: publisher.endpoint, ...options });
  const first = reader.take(1);
  await publisher.subscribed();
  await publisher.send(0);
  assert.deepEqual(await first, ["live 0"]);
  return reader;
}

async function sendAll(publisher: ScriptedPublisher, sequences: readonly number[]): Promise<void> {
  for (const sequence of sequences) await publisher.send(sequence);
}

test("messages in order, and what they add up to", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const reader = await subscribed(t, publisher, { topic: "k" });
  await publisher.frames([Buffer.from("other"), numberFrame(1), storedPayload(1)]);
  await sendAll(publisher, [1, 2]);
  assert.deepEqual(await reader.take(2), ["live 1", "live 2"]);
  const { messages, events, bytes, lastSequence, gaps, lost } = reader.client.counters;
  assert.deepEqual(
    { messages, events, lastSequence, gaps, lost },
    { messages: 3, events: 3, lastSequence: 2, gaps: 0, lost: 0 },
  );
  assert.equal(
    bytes,
    [0, 1, 2].reduce((sum, hash) => sum + storedPayload(hash).length, 0),
  );
});

test("a gap without a replay to ask is a loss", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const reader = await subscribed(t, publisher);
  await sendAll(publisher, [5, 6]);
  assert.deepEqual(await reader.take(3), ["lost 1-4 no-replay", "live 5", "live 6"]);
  assert.equal(reader.client.counters.lost, 4);
});

for (const framing of ["v2", "v1"] as const) {
  const reply = framing === "v2" ? replyV2 : replyV1;
  const end = framing === "v2" ? END_V2 : END_V1;

  test(`a gap is healed in order, before anything newer: ${framing}`, LIMIT, async (t) => {
    const publisher = await ScriptedPublisher.bind(t);
    const asked: (number | null)[] = [];
    const replayEndpoint = await scriptedReplay(t, async ({ from, answer }) => {
      asked.push(from);
      // What is published while the replay is under way comes after it.
      await sendAll(publisher, [5, 6]);
      for (let sequence = from ?? 0; sequence <= 6; sequence++) await answer(reply(sequence, storedPayload(sequence)));
      await answer(end);
    });
    const reader = await subscribed(t, publisher, { replayEndpoint, replayFraming: framing });
    await publisher.send(4);
    assert.deepEqual(await reader.take(7), [
      "replay 1",
      "replay 2",
      "replay 3",
      "healed 1-3",
      "live 4",
      "live 5",
      "live 6",
    ]);
    assert.deepEqual(asked, [1]);
    const { gaps, healed, lost, duplicates } = reader.client.counters;
    assert.deepEqual({ gaps, healed, lost, duplicates }, { gaps: 1, healed: 3, lost: 0, duplicates: 0 });
  });

  test(`what the publisher keeps no more is lost, and named: ${framing}`, LIMIT, async (t) => {
    const publisher = await ScriptedPublisher.bind(t);
    const replayEndpoint = await scriptedReplay(t, async ({ answer }) => {
      for (const sequence of [0, 3, 3, 4, 2, 6]) await answer(reply(sequence, storedPayload(sequence)));
      await answer(end);
    });
    const reader = await subscribed(t, publisher, { replayEndpoint, replayFraming: framing });
    await publisher.send(9);
    assert.deepEqual(await reader.take(9), [
      "lost 1-2 evicted",
      "replay 3",
      "replay 4",
      "healed 3-4",
      "lost 5-5 evicted",
      "replay 6",
      "healed 6-6",
      "lost 7-8 evicted",
      "live 9",
    ]);
    const { gaps, healed, lost } = reader.client.counters;
    assert.deepEqual({ gaps, healed, lost }, { gaps: 1, healed: 3, lost: 5 });
  });
}

test("a replay without its end marker costs the time-out, and the next gap does not wait again", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  let requests = 0;
  const replayEndpoint = await scriptedReplay(t, async ({ answer }) => {
    requests++;
    await answer(replyV2(1, storedPayload(1)));
  });
  const reader = await subscribed(t, publisher, { replayEndpoint, replayTimeoutMs: 1000 });
  await sendAll(publisher, [4, 6]);
  assert.deepEqual(await reader.take(6), [
    "replay 1",
    "healed 1-1",
    "lost 2-3 timeout",
    "live 4",
    "lost 5-5 cooling-down",
    "live 6",
  ]);
  assert.equal(requests, 1);
});

test("what was not asked for does not keep a replay alive", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const stopped = new Gate();
  const replayEndpoint = await scriptedReplay(t, async ({ answer }) => {
    const timer = setInterval(() => void answer(replyV2(0, storedPayload(0))).catch(() => {}), 20);
    void stopped.opened.then(() => clearInterval(timer));
  });
  t.after(() => stopped.open());
  const reader = await subscribed(t, publisher, { replayEndpoint, replayTimeoutMs: 200 });
  await publisher.send(2);
  assert.deepEqual(await reader.take(2), ["lost 1-1 timeout", "live 2"]);
});

test("a replay in the other framing is told apart from no answer", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const replayEndpoint = await scriptedReplay(t, async ({ answer }) => {
    await answer(replyV1(1, storedPayload(1)));
    await answer(END_V1);
  });
  const reader = await subscribed(t, publisher, { replayEndpoint });
  await publisher.send(2);
  assert.deepEqual(await reader.take(2), ["lost 1-1 framing", "live 2"]);
});

test("numbers that go back are a new run, whose beginning is fetched", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const replayEndpoint = await scriptedReplay(t, async ({ from, answer }) => {
    assert.equal(from, 0);
    for (const sequence of [0, 1, 2]) await answer(replyV2(sequence, storedPayload(sequence + 100)));
    await answer(END_V2);
  });
  const reader = await subscribed(t, publisher, { replayEndpoint });
  await sendAll(publisher, [1, 2, 3]);
  await publisher.send(2, storedPayload(102));
  await publisher.send(3, storedPayload(103));
  assert.deepEqual(await reader.take(8), [
    "live 1",
    "live 2",
    "live 3",
    "restart 2 for 4",
    "replay 0",
    "replay 1",
    "healed 0-1",
    "live 2",
  ]);
  assert.deepEqual(await reader.take(1), ["live 3"]);
  assert.equal(reader.client.counters.restarts, 1);
});

test("a new run whose first message is number 1 has lost nothing that is known of", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const reader = await subscribed(t, publisher);
  await sendAll(publisher, [1, 2, 3]);
  assert.deepEqual(await reader.take(3), ["live 1", "live 2", "live 3"]);
  await publisher.send(1, storedPayload(101));
  assert.deepEqual(await reader.take(2), ["restart 1 for 4", "live 1"]);
  await publisher.send(2, storedPayload(102));
  await publisher.send(5, storedPayload(105));
  assert.deepEqual(await reader.take(3), ["live 2", "lost 3-4 no-replay", "live 5"]);
  const { gaps, lost, restarts } = reader.client.counters;
  assert.deepEqual({ gaps, lost, restarts }, { gaps: 1, lost: 2, restarts: 1 });
});

test("many gaps are healed from few answers, each in its place", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const live = Array.from({ length: 40 }, (_, i) => 3 * (i + 1));
  let requests = 0;
  const replayEndpoint = await scriptedReplay(t, async ({ from, answer }) => {
    if (requests++ === 0) await sendAll(publisher, live.slice(1));
    for (let sequence = from ?? 0; sequence <= 120; sequence++)
      await answer(replyV2(sequence, storedPayload(sequence)));
    await answer(END_V2);
  });
  const reader = await subscribed(t, publisher, { replayEndpoint });
  await publisher.send(3);
  const expected = live.flatMap((n) => [`replay ${n - 2}`, `replay ${n - 1}`, `healed ${n - 2}-${n - 1}`, `live ${n}`]);
  assert.deepEqual(await reader.take(expected.length), expected);
  assert.ok(requests < live.length / 2, `${requests} requests`);
  const { gaps, healed, lost, duplicates } = reader.client.counters;
  assert.deepEqual({ gaps, healed, lost, duplicates }, { gaps: 40, healed: 80, lost: 0, duplicates: 0 });
});

test("a batch in doubt that is sent again is dropped, and no restart", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const reader = await subscribed(t, publisher);
  await sendAll(publisher, [1, 2, 3, 1, 2, 3, 4]);
  assert.deepEqual(await reader.take(4), ["live 1", "live 2", "live 3", "live 4"]);
  // The same number with something else in it is no duplicate.
  await publisher.send(4, storedPayload(4, { seconds: 1_800_000_000 }));
  assert.deepEqual(await reader.take(1), ["restart 4 for 5"]);
  assert.equal(reader.client.counters.duplicates, 3);
});

test("garbage is counted, and the stream goes on", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const reader = await subscribed(t, publisher);
  await publisher.frames([Buffer.from("kv"), numberFrame(1)]);
  await publisher.frames([Buffer.from("kv"), Buffer.alloc(7), storedPayload(1)]);
  await publisher.frames([Buffer.from("kv"), numberFrame(2n ** 64n - 1n), storedPayload(1)]);
  await publisher.send(1, Buffer.from("ddffffffff", "hex"));
  await publisher.send(2, EMPTY);
  await publisher.send(3, Buffer.from(encode({ not: "a batch" })));
  await publisher.send(4, Buffer.from(encode([1.5, [{ type: "BlockStored" }], 0])));
  await publisher.send(5);
  assert.deepEqual(await reader.take(8), [
    "malformed frames null",
    "malformed sequence null",
    "malformed sequence null",
    "malformed msgpack 1",
    "malformed msgpack 2",
    "malformed batch 3",
    "live 4",
    "live 5",
  ]);
  const { malformed, malformedEvents, gaps } = reader.client.counters;
  assert.deepEqual(malformed, { frames: 1, sequence: 2, msgpack: 2, batch: 1 });
  assert.equal(malformedEvents.block_hashes, 1);
  assert.equal(gaps, 0);
});

test("a message beyond the limit ends the connection, which comes back", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const lost = new Gate();
  const reader = await subscribed(t, publisher, {
    maxMessageBytes: 1000,
    onConnection: (connected) => {
      if (!connected) lost.open();
    },
  });
  await publisher.send(1, Buffer.alloc(1001));
  const next = reader.take(2);
  await lost.opened;
  await publisher.subscribed();
  await publisher.send(2);
  assert.deepEqual(await next, ["lost 1-1 no-replay", "live 2"]);
});

test("sync: snapshot first, what it contains is dropped, a gap after it is healed", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const asked: (number | null)[] = [];
  const replayEndpoint = await scriptedReplay(t, async ({ frames, from, answer }) => {
    asked.push(from);
    if (from !== null) {
      await answer(replyV2(7, storedPayload(7)));
      await answer(replyV2(8, storedPayload(8)));
      return answer(END_V2);
    }
    assert.deepEqual(frames, [EMPTY, Buffer.from("snapshot"), EMPTY]);
    // Subscribed before it asked: what is published meanwhile is not missed. 3 to 6 are in the snapshot, 7 goes missing.
    await publisher.subscribed();
    await sendAll(publisher, [3, 4, 5]);
    await answer(headerReply({ sequence: 6, blocks: 2 }));
    await answer(snapshotReply(storedPayload(21)));
    await answer(snapshotReply(storedPayload(22)));
    await answer(END_V2);
    await sendAll(publisher, [6, 8, 9]);
  });
  const reader = new Reader(t, { endpoint: publisher.endpoint, replayEndpoint, sync: true });
  assert.deepEqual(await reader.take(8), [
    "start 6",
    "snapshot 21",
    "snapshot 22",
    "end 6 with 2",
    "replay 7",
    "healed 7-7",
    "live 8",
    "live 9",
  ]);
  assert.deepEqual(asked, [null, 7]);
  const { covered, snapshots, healed, restarts, lost } = reader.client.counters;
  assert.deepEqual(
    { covered, snapshots, healed, restarts, lost },
    { covered: 4, snapshots: 1, healed: 1, restarts: 0, lost: 0 },
  );
});

test("sync: an empty publisher has an empty snapshot", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const replayEndpoint = await scriptedReplay(t, async ({ answer }) => {
    await publisher.subscribed();
    await answer(headerReply({}));
    await answer(END_V2);
    await sendAll(publisher, [0, 1]);
  });
  const reader = new Reader(t, { endpoint: publisher.endpoint, replayEndpoint, sync: true });
  assert.deepEqual(await reader.take(4), ["start -1", "end -1 with 0", "live 0", "live 1"]);
});

test("sync: without a snapshot the stream says so and goes on", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  let requests = 0;
  const replayEndpoint = await scriptedReplay(t, async ({ answer }) => {
    requests++;
    if (requests === 1) await publisher.subscribed();
    await answer(headerReply({ error: requests === 1 ? "busy" : "off" }));
    await answer(END_V2);
    await sendAll(publisher, [2 * requests, 2 * requests + 1]);
  });
  const reader = new Reader(t, { endpoint: publisher.endpoint, replayEndpoint, sync: true });
  assert.deepEqual(await reader.take(5), ["no snapshot off", "live 2", "live 3", "live 4", "live 5"]);
  assert.equal(requests, 2);
});

test("sync: a snapshot that is none, or has no end, is tried again and given up", LIMIT, async (t) => {
  for (const [answers, reason] of [
    [[headerReply({ sequence: 3, blocks: 2 }), snapshotReply(storedPayload(1))], "timeout"],
    [
      [headerReply({ sequence: 3, blocks: 1 }), snapshotReply(storedPayload(1)), snapshotReply(storedPayload(2))],
      "malformed",
    ],
    [[headerReply({ sequence: 3 }), snapshotReply(Buffer.from(encode([1.5, [], 0])))], "malformed"],
    [[headerReply({ sequence: 3, blocks: 2 }), snapshotReply(Buffer.from([0xc1]))], "malformed"],
    [[[EMPTY, Buffer.from("snapshot"), EMPTY, Buffer.from(encode({ version: 2 }))], END_V2], "malformed"],
    [[END_V2], "busy"],
    [[headerReply({ error: "expired" }), END_V2], "expired"],
    [
      [
        headerReply({ sequence: 3, blocks: 2 }),
        snapshotReply(storedPayload(1)),
        headerReply({ error: "overflow" }),
        END_V2,
      ],
      "overflow",
    ],
    [[headerReply({ sequence: 3, blocks: 2 }), headerReply({}), END_V2], "malformed"],
    [[replyV1(1, storedPayload(1))], "malformed"],
  ] as const) {
    const publisher = await ScriptedPublisher.bind(t);
    let requests = 0;
    const replayEndpoint = await scriptedReplay(t, async ({ answer }) => {
      requests++;
      for (const each of answers) await answer(each);
    });
    const options = { endpoint: publisher.endpoint, replayEndpoint, sync: true, replayTimeoutMs: 500 };
    const client = new StreamClient(options);
    t.after(() => client.close());
    for await (const item of client) {
      if (item.kind !== "snapshot-failed") continue;
      assert.equal(item.reason, reason);
      break;
    }
    assert.equal(requests, reason === "malformed" ? 1 : 3);
    assert.equal(client.counters.snapshots, 0);
  }
});

test("sync: a restart and a loss are each followed by a new snapshot", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const asked: (number | null)[] = [];
  const snapshots = [
    { epoch: "one", sequence: 10 },
    { epoch: "one", sequence: 101 },
    { epoch: "two", sequence: 5 },
  ];
  const replayEndpoint = await scriptedReplay(t, async ({ from, answer }) => {
    asked.push(from);
    if (from === 102) await answer(replyV2(102, storedPayload(102)));
    if (from !== null) return answer(END_V2);
    const header = snapshots.shift();
    assert.ok(header);
    if (header.sequence === 10) await publisher.subscribed();
    await answer(headerReply({ ...header, blocks: 1 }));
    await answer(snapshotReply(storedPayload(900)));
    await answer(END_V2);
  });
  const reader = new Reader(t, { endpoint: publisher.endpoint, replayEndpoint, sync: true });
  assert.deepEqual(await reader.take(3), ["start 10", "snapshot 900", "end 10 with 1"]);

  await sendAll(publisher, [100, 101, 102]);
  assert.deepEqual(await reader.take(4), ["lost 11-99 evicted", "live 100", "live 101", "live 102"]);
  // The index is one message behind: 102 was told, but the snapshot makes its reader forget it.
  assert.deepEqual(await reader.take(3), ["start 101", "snapshot 900", "end 101 with 1"]);
  assert.deepEqual(await reader.take(2), ["replay 102", "healed 102-102"]);

  await sendAll(publisher, [3, 4]);
  const words: string[] = [];
  while (!words.includes("end 5 with 1")) words.push(...(await reader.take(1)));
  assert.equal(words[0], "restart 3 for 103");
  await sendAll(publisher, [5, 6]);
  assert.deepEqual(await reader.take(1), ["live 6"]);
  assert.deepEqual(
    asked.filter((from) => from !== 0),
    [null, 11, null, 102, null],
  );
});

test("sync: who is connected again takes a new snapshot, also of a run that is ahead", LIMIT, async (t) => {
  const [first, second] = [await ScriptedPublisher.bind(t), await ScriptedPublisher.bind(t)];
  const door = await Door.to(t, first.endpoint);
  let snapshots = 0;
  const replayEndpoint = await scriptedReplay(t, async ({ from, answer }) => {
    assert.equal(from, null);
    snapshots++;
    await (snapshots === 1 ? first : second).subscribed();
    await answer(headerReply({ sequence: snapshots === 1 ? 10 : 500, blocks: 1 }));
    await answer(snapshotReply(storedPayload(900 + snapshots)));
    await answer(END_V2);
  });
  const connections: boolean[] = [];
  const reader = new Reader(t, {
    endpoint: door.endpoint,
    replayEndpoint,
    sync: true,
    onConnection: (connected) => connections.push(connected),
  });
  assert.deepEqual(await reader.take(3), ["start 10", "snapshot 901", "end 10 with 1"]);
  await sendAll(first, [11, 12]);
  assert.deepEqual(await reader.take(2), ["live 11", "live 12"]);
  door.lead(second.endpoint);
  assert.deepEqual(await reader.take(3), ["start 500", "snapshot 902", "end 500 with 1"]);
  await sendAll(second, [499, 500, 501]);
  assert.deepEqual(await reader.take(1), ["live 501"]);
  assert.deepEqual(connections, [true, false, true]);
  assert.equal(reader.client.counters.lost, 0);
});

test("a stream ends when it is closed, whatever it waits for", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const asked = new Gate();
  const silent = await scriptedReplay(t, async () => asked.open());

  const asking = await subscribed(t, publisher, { replayEndpoint: silent });
  await publisher.send(5);
  const missing = asking.end();
  await asked.opened;
  asking.client.close();
  await missing;

  const waiting = new Reader(t, { endpoint: publisher.endpoint });
  const nothing = waiting.end();
  await publisher.subscribed();
  waiting.client.close();
  await nothing;

  const early = new Reader(t, { endpoint: publisher.endpoint });
  early.client.close();
  await early.end();

  const unconnected = new Reader(t, { endpoint: "tcp://127.0.0.1:1", replayEndpoint: silent, sync: true });
  const none = unconnected.end();
  unconnected.client.close();
  await none;
});

test("options that do not go together", () => {
  assert.throws(() => new StreamClient({ endpoint: "tcp://127.0.0.1:1", sync: true }), ConfigError);
});

test("an address that is none rejects the iteration", async () => {
  const client = new StreamClient({ endpoint: "nonsense" });
  await assert.rejects(client[Symbol.asyncIterator]().next());
});
