/**
 * An engine that publishes over ZMQ itself, and everything that can go wrong with it: gaps that a replay heals, in either
 * framing, and gaps that none does; a replay that hangs; numbers that go back; frames and payloads that are none. Each time
 * the stream goes on, what was missed is reported, and the books balance to the event.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { assertBooks, scrape } from "../support/books.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { Gate } from "../support/gate.ts";
import { type Kvcast, serve, type ServeFacts } from "../support/processes.ts";
import {
  EMPTY,
  END_V1,
  END_V2,
  numberFrame,
  replyV1,
  replyV2,
  type Request,
  scriptedReplay,
  ScriptedPublisher,
  storedPayload,
} from "../support/scripted-publisher.ts";
import { Told } from "../support/told.ts";

const PATIENCE_MS = 20_000;
const FLAGS = "--kv-block-size 2 --clear-on-start off --wait-subscribers 1";
const LABELS = { engine: "engine0" };

type Service = Kvcast & { readonly facts: ServeFacts };

/** A service that is subscribed to this publisher, and a subscriber of the service. */
async function reading(
  t: TestContext,
  engines: string,
  publishers: readonly ScriptedPublisher[],
  flags: string = "",
): Promise<{
  readonly service: Service;
  readonly told: Told;
}> {
  const service = await serve(t, `${engines} ${FLAGS}${flags === "" ? "" : ` ${flags}`}`);
  const told = new Told(t, service.facts.zmqEndpoint);
  await within("it subscribes", PATIENCE_MS, Promise.all(publishers.map((publisher) => publisher.subscribed())));
  return { service, told };
}

/** The page on which so many events have been received, at rest. */
async function pageAt(service: Service, received: number): Promise<MetricsPage> {
  const page = await eventually(`${received} events are received`, PATIENCE_MS, async () => {
    const now = await scrape(service.facts.url);
    const isAtRest = now.sum("kvcast_ring_enqueued_events_total") === now.sum("kvcast_sink_sent_events_total");
    return now.sum("kvcast_source_received_events_total") === received && isAtRest ? now : null;
  });
  assertBooks(page, true);
  return page;
}

/** Answers the first request, that of the connection, with nothing; the others by `answer`. */
function afterTheFirst(
  begun: Gate,
  end: readonly Buffer[],
  answer: (request: Request) => Promise<void>,
): (request: Request) => Promise<void> {
  let requests = 0;
  return (request) => {
    if (requests++ > 0) return answer(request);
    begun.open();
    return request.answer(end);
  };
}

function batchOf(...events: readonly unknown[]): Buffer {
  return Buffer.from(encode([1.5, events, 0]));
}

async function stopInTime(service: Kvcast): Promise<void> {
  service.child.kill("SIGTERM");
  assert.deepEqual(await within("the service ends", 6000, service.exit), { code: 0, signal: null }, service.text());
}

for (const [framing, reply, end] of [
  ["v1", replyV1, END_V1],
  ["v2", replyV2, END_V2],
] as const) {
  test(`a gap is healed by replay, ${framing}, in order and before anything newer`, async (t) => {
    const publisher = await ScriptedPublisher.bind(t);
    const begun = new Gate();
    const replay = await scriptedReplay(
      t,
      afterTheFirst(begun, end, async ({ from, answer }) => {
        assert.equal(from, 2);
        for (const sequence of [2, 3, 4]) await answer(reply(sequence, storedPayload(sequence)));
        await answer(end);
      }),
    );
    const engine = `--engine zmq+${publisher.endpoint}?replay=${replay}&framing=${framing}`;
    const { service, told } = await reading(t, engine, [publisher]);
    await within("it asks for what came before", PATIENCE_MS, begun.opened);
    for (const sequence of [0, 1, 4, 5]) await publisher.send(sequence);
    assert.deepEqual(await told.first(6), ["r0 +0", "r0 +1", "r0 +2", "r0 +3", "r0 +4", "r0 +5"]);
    const page = await pageAt(service, 6);
    assert.equal(page.value("kvcast_source_healed_messages_total", LABELS), 2);
    assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
    assert.equal(page.sum("kvcast_rank_dirty"), 0);
    assert.equal(page.value("kvcast_source_last_event_id", { ...LABELS, dp_rank: "0" }), 5);
    await stopInTime(service);
  });
}

test("a replay that hangs costs its time-out; what was missed is reported, and the rank is cleared before it goes on", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const other = await ScriptedPublisher.bind(t);
  const begun = new Gate();
  const asked = new Gate();
  const replay = await scriptedReplay(
    t,
    afterTheFirst(begun, END_V2, async () => asked.open()),
  );
  const { service, told } = await reading(
    t,
    `--engine zmq+${publisher.endpoint}?replay=${replay} --engine zmq+${other.endpoint}`,
    [publisher, other],
    "--on-engine-gap clear",
  );
  await within("it asks for what came before", PATIENCE_MS, begun.opened);
  await publisher.send(0);
  await told.first(1);
  await publisher.send(3);
  await within("the replay is asked for", PATIENCE_MS, asked.opened);
  // Now the one waits for an answer that does not come; the other does not.
  for (let sequence = 0; sequence < 50; sequence++) await other.send(sequence, storedPayload(100 + sequence));
  const expected = Array.from({ length: 50 }, (_, i) => `r1 +${100 + i}`);
  assert.deepEqual(await told.first(51), ["r0 +0", ...expected]);
  assert.equal(told.words.length, 51, "the one that waits has not gone on");
  assert.deepEqual((await told.first(53)).slice(51), ["r0 clear", "r0 +3"]);
  // A further gap is not asked for at once, and does not wait again.
  await publisher.send(5);
  assert.deepEqual((await told.first(55)).slice(53), ["r0 clear", "r0 +5"]);

  const page = await pageAt(service, 53);
  assert.equal(page.value("kvcast_source_sequence_gaps_total", { ...LABELS, dp_rank: "0" }), 3);
  assert.equal(page.value("kvcast_injected_events_total", { ...LABELS, reason: "gap" }), 2);
  assert.equal(page.value("kvcast_source_errors_total", { ...LABELS, kind: "zmq", reason: "timeout" }), 1);
  assert.equal(page.sum("kvcast_source_sequence_gaps_total", { engine: "engine1" }), 0);
  assert.equal(page.sum("kvcast_rank_dirty"), 0, "the clear makes it clean again");
  await stopInTime(service);
});

test("a gap without a replay marks the rank, and the engine's own clear makes it clean", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const { service, told } = await reading(t, `--engine zmq+${publisher.endpoint}`, [publisher]);
  await publisher.send(0);
  await publisher.send(2);
  assert.deepEqual(await told.first(2), ["r0 +0", "r0 +2"]);
  const marked = await pageAt(service, 2);
  assert.equal(marked.value("kvcast_rank_dirty", { ...LABELS, dp_rank: "0" }), 1);
  assert.equal(marked.value("kvcast_source_sequence_gaps_total", { ...LABELS, dp_rank: "0" }), 1);
  await publisher.send(3, batchOf({ type: "AllBlocksCleared" }));
  assert.deepEqual(await told.first(3), ["r0 +0", "r0 +2", "r0 clear"]);
  assert.equal((await pageAt(service, 3)).sum("kvcast_rank_dirty"), 0);
  await stopInTime(service);
});

test("numbers that go back are a restart: a clear goes before what follows, and its beginning is fetched", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const begun = new Gate();
  const replay = await scriptedReplay(
    t,
    afterTheFirst(begun, END_V2, async ({ from, answer }) => {
      assert.equal(from, 0);
      for (const sequence of [0, 1]) await answer(replyV2(sequence, storedPayload(70 + sequence)));
      await answer(END_V2);
    }),
  );
  const { service, told } = await reading(t, `--engine zmq+${publisher.endpoint}?replay=${replay}`, [publisher]);
  await within("it asks for what came before", PATIENCE_MS, begun.opened);
  for (const sequence of [0, 1, 2, 3, 4]) await publisher.send(sequence);
  await publisher.send(2, storedPayload(72));
  assert.deepEqual((await told.first(9)).slice(4), ["r0 +4", "r0 clear", "r0 +70", "r0 +71", "r0 +72"]);
  const page = await pageAt(service, 8);
  assert.equal(page.value("kvcast_source_sequence_resets_total", LABELS), 1);
  assert.equal(page.value("kvcast_injected_events_total", { ...LABELS, reason: "restart" }), 1);
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
  await stopInTime(service);
});

test("garbage between messages costs itself, each piece counted by what is wrong with it", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const { service, told } = await reading(t, `--engine zmq+${publisher.endpoint}`, [publisher]);
  const stored = { type: "BlockStored", block_hashes: [9], token_ids: [7, 8], block_size: 2 };
  const topic = Buffer.from("kv");
  const pieces: readonly (readonly [string, readonly Buffer[] | Buffer])[] = [
    ["frames", [EMPTY]],
    ["frames", [topic, numberFrame(1), storedPayload(1), EMPTY]],
    ["frames", [topic, Buffer.alloc(7), storedPayload(1)]],
    ["frames", [topic, numberFrame(2n ** 63n), storedPayload(1)]],
    ["undecodable", EMPTY],
    ["undecodable", Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ["undecodable", Buffer.from("no msgpack at all")],
    ["undecodable", Buffer.from(encode({ ts: 1, events: [], rank: 0 }))],
    ["undecodable", Buffer.from(encode([1.5, [stored]]))],
    ["undecodable", batchOf(stored, { ...stored, type: "BlockMoved" })],
    ["undecodable", batchOf(stored, { ...stored, token_ids: [-1, 2] })],
    ["hash_bytes", batchOf({ ...stored, block_hashes: [new Uint8Array(32)] })],
    ["block_size", batchOf({ ...stored, block_size: 4 })],
    ["token_count", batchOf({ ...stored, token_ids: [1, 2, 3, 4, 5] })],
  ];
  let sequence = 0;
  await publisher.send(sequence++, storedPayload(1000));
  for (const [i, [, piece]] of pieces.entries()) {
    if (Buffer.isBuffer(piece)) await publisher.send(sequence++, piece);
    else await publisher.frames(piece);
    await publisher.send(sequence++, storedPayload(1001 + i));
  }
  const sound = pieces.length + 1;
  const expected = Array.from({ length: sound }, (_, i) => `r0 +${1000 + i}`);
  assert.deepEqual(await told.first(sound), expected, "all sound ones, and nothing of the others");
  const page = await pageAt(service, sound + pieces.length);
  for (const reason of ["frames", "undecodable", "hash_bytes", "block_size", "token_count"]) {
    const count = pieces.filter(([wrong]) => wrong === reason).length;
    assert.equal(page.value("kvcast_invalid_events_total", { ...LABELS, reason }), count, reason);
  }
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
  for (const record of service.logs) {
    assert.ok(!/BlockMoved|1000/.test(JSON.stringify(record)), "what stood in a message is in no line");
  }
  await stopInTime(service);
});

test("messages of two frames are taken as they come; nothing can be missed among them", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const { service, told } = await reading(t, `--engine zmq+${publisher.endpoint}`, [publisher]);
  for (const hash of [5, 6, 7]) await publisher.frames([EMPTY, storedPayload(hash)]);
  assert.deepEqual(await told.first(3), ["r0 +5", "r0 +6", "r0 +7"]);
  const page = await pageAt(service, 3);
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
  assert.ok(!page.has("kvcast_source_last_event_id", { ...LABELS, dp_rank: "0" }), "they have no number");
  await stopInTime(service);
});

test("a service whose publisher leaves it waiting for a replay ends in time", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const asked = new Gate();
  const replay = await scriptedReplay(t, async () => asked.open());
  const { service } = await reading(t, `--engine zmq+${publisher.endpoint}?replay=${replay}`, [publisher]);
  await within("it asks", PATIENCE_MS, asked.opened);
  await stopInTime(service);
});

test("sockets of their own for two ranks: a loss on one clears that one; the rank of a batch goes before the socket's", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "kvcast-zmq-engine-"));
  t.after(() => rm(folder, { recursive: true }));
  const address = `ipc://${path.join(folder, "kv")}`;
  const zero = await ScriptedPublisher.bind(t, address);
  const one = await ScriptedPublisher.bind(t, `${address}_dp1`);
  const { service, told } = await reading(
    t,
    `--engine synthetic:?events=0 --engine zmq+${address} --attention-dp-size 2 --on-engine-gap clear`,
    [zero, one],
  );
  await zero.send(0, storedPayload(1, { rank: 0 }));
  await told.first(1);
  await one.send(0, storedPayload(2, { rank: 1 }));
  await told.first(2);
  // Of no rank that the engine has: the socket counts.
  await one.send(1, storedPayload(3, { rank: 7 }));
  await told.first(3);
  await one.send(4, storedPayload(4, { rank: 1 }));
  await told.first(5);
  await zero.send(1, storedPayload(5, { rank: 1 }));
  assert.deepEqual(await told.first(6), ["r2 +1", "r3 +2", "r3 +3", "r3 clear", "r3 +4", "r3 +5"]);
  const page = await eventually("all is received", PATIENCE_MS, async () => {
    const now = await scrape(service.facts.url);
    return now.sum("kvcast_source_received_events_total", { engine: "engine1" }) === 5 ? now : null;
  });
  const labels = { engine: "engine1", dp_rank: "1" };
  assert.equal(page.value("kvcast_source_sequence_gaps_total", labels), 2);
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 2);
  await stopInTime(service);
});

test("a socket that carries all ranks: a loss on it clears each of them, also one that stays silent", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const { service, told } = await reading(
    t,
    `--engine zmq+${publisher.endpoint}?ports=one --attention-dp-size 2 --on-engine-gap clear`,
    [publisher],
  );
  await publisher.send(0, storedPayload(1, { rank: 0 }));
  await told.first(1);
  await publisher.send(1, storedPayload(2, { rank: 1 }));
  await told.first(2);
  await publisher.send(3, storedPayload(3, { rank: 0 }));
  const words = await told.first(5);
  assert.deepEqual(words.slice(0, 2), ["r0 +1", "r1 +2"]);
  assert.deepEqual(words.slice(2).toSorted(), ["r0 +3", "r0 clear", "r1 clear"]);
  assert.ok(words.indexOf("r0 clear") < words.indexOf("r0 +3"));
  const page = await pageAt(service, 3);
  assert.equal(page.value("kvcast_source_sequence_gaps_total", { ...LABELS, dp_rank: "other" }), 1);
  assert.equal(page.value("kvcast_injected_events_total", { ...LABELS, reason: "gap" }), 2);
  await stopInTime(service);
});

test("tier moves go out with their medium if they are wanted", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const { service, told } = await reading(t, `--engine zmq+${publisher.endpoint}`, [publisher], "--publish-tier-moves");
  const moves = [
    { type: "BlockStored", block_hashes: [9], token_ids: [7, 8], block_size: 2, medium: "GPU" },
    { type: "BlockStored", block_hashes: [9], token_ids: [], block_size: 2, medium: "CPU" },
    { type: "BlockRemoved", block_hashes: [9], medium: "GPU" },
    { type: "BlockRemoved", block_hashes: [9], medium: "CPU" },
    { type: "BlockRemoved", block_hashes: [9], medium: "somewhere" },
  ];
  await publisher.send(0, batchOf(...moves));
  assert.deepEqual(await told.first(4), ["r0 +9", "r0 CPU_TIER1 +9", "r0 -9", "r0 CPU_TIER1 -9"]);
  const page = await pageAt(service, 5);
  assert.equal(page.value("kvcast_filtered_events_total", { ...LABELS, reason: "medium" }), 1);
  await stopInTime(service);
});
