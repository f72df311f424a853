/** `kvcast index` over real sockets: what publishers send over ZMQ and NATS, and what it answers over HTTP. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import { connect } from "nats";
import { parseBigJson } from "../../src/main/router-feed/big-json.ts";
import { loadXxh3 } from "../../src/shared/xxh3.ts";
import { BlockHasher } from "../../src/main/consolidate/block-hasher.ts";
import { scrape } from "../support/books.ts";
import { eventually } from "../support/fault/deadline.ts";
import { contentsOfIndex } from "../support/index-contents.ts";
import { NatsServer } from "../support/nats-server.ts";
import { index, type Kvcast, serve } from "../support/processes.ts";
import { END_V2, replyV2, ScriptedPublisher, scriptedReplay } from "../support/scripted-publisher.ts";

const PATIENCE_MS = 20_000;
const MODEL = { model_name: "default" };

type Index = Kvcast & { url: string };

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

async function post({ url }: Index, route: string, body: unknown): Promise<Reply> {
  const response = await fetch(`${url}${route}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: parseBigJson(await response.text()) };
}

async function get({ url }: Index, route: string): Promise<Reply> {
  const response = await fetch(`${url}${route}`);
  return { status: response.status, body: parseBigJson(await response.text()) };
}

interface Stored {
  readonly hashes: readonly number[];
  readonly parent?: number | null;
  readonly tokens: readonly number[];
  readonly size?: number;
  readonly more?: object;
}

function batch(events: readonly object[], rank: number | null = 0): Buffer {
  return Buffer.from(encode([1_700_000_000.5, events, rank]));
}

function stored({ hashes, parent = null, tokens, size = 4, more = {} }: Stored): object {
  const block = { block_hashes: hashes, parent_block_hash: parent, token_ids: tokens, block_size: size };
  return { type: "BlockStored", ...block, ...more };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** A message with one block. */
function blockMessage(n: number): Buffer {
  return batch([stored({ hashes: [n + 1], tokens: range(4 * n, 4 * n + 3) })]);
}

/** Resolves when the index has taken so many messages. */
async function taken(one: Index, messages: number, input: string = "zmq"): Promise<void> {
  await eventually(`${messages} messages over ${input}`, PATIENCE_MS, async () =>
    (await scrape(one.url)).sum("kvcast_router_index_messages_total", { input }) >= messages ? true : null,
  );
}

async function pairsAre(one: Index, pairs: number): Promise<void> {
  await eventually(`${pairs} pairs`, PATIENCE_MS, async () =>
    (await scrape(one.url)).sum("kvcast_router_index_pairs") === pairs ? true : null,
  );
}

async function instances(one: Index, body: object): Promise<unknown> {
  const { status, body: answer } = await post(one, "/query", { ...MODEL, ...body });
  assert.equal(status, 200);
  return (answer as { instances: unknown }).instances;
}

async function withPublisher(t: TestContext, more: string = ""): Promise<{ publisher: ScriptedPublisher; one: Index }> {
  const publisher = await ScriptedPublisher.bind(t);
  const subscribed = publisher.subscribed();
  const one = await index(t, `--block-size 4 --workers 7=${publisher.endpoint}${more}`);
  await subscribed;
  return { publisher, one };
}

test(
  "a block on the device and its child in host memory: four tokens on the GPU, eight with the CPU",
  { timeout: 60_000 },
  async (t) => {
    const { publisher, one } = await withPublisher(t);
    await publisher.send(0, batch([stored({ hashes: [11], tokens: range(1, 4), more: { medium: "GPU" } })]));
    const child = stored({ hashes: [12], parent: 11, tokens: range(5, 8), more: { medium: "CPU_TIER1" } });
    const grandchild = stored({ hashes: [13], parent: 12, tokens: range(9, 12), more: { medium: "DISK" } });
    await publisher.send(1, batch([child, grandchild]));
    await taken(one, 2);
    const answer = await post(one, "/query", { ...MODEL, token_ids: range(1, 8) });
    assert.deepEqual(answer.body, {
      scores: { 7: { 0: 4 } },
      frequencies: [],
      instances: { 7: { longest_matched: 8, gpu: 4, dp: { 0: 4 }, cpu: 8, disk: 8 } },
    });
    assert.deepEqual(await instances(one, { token_ids: range(1, 12) }), {
      7: { longest_matched: 12, gpu: 4, dp: { 0: 4 }, cpu: 8, disk: 12 },
    });
    const removed = { type: "BlockRemoved", block_hashes: [11], medium: "GPU" };
    await publisher.send(2, batch([removed]));
    await taken(one, 3);
    assert.deepEqual(await instances(one, { token_ids: range(1, 12) }), {}, "nothing leads to the copies any more");
  },
);

test("by hash: the numbers of Dynamo's own test, with workers of 64 bits", { timeout: 60_000 }, async (t) => {
  const one = await index(t, "");
  const far = 18_446_744_073_709_551_615n;
  const [first, second] = await Promise.all([ScriptedPublisher.bind(t), ScriptedPublisher.bind(t)]);
  const workers = [
    [7n, first],
    [far, second],
  ] as const;
  for (const [worker, publisher] of workers) {
    const subscribed = publisher.subscribed();
    const order = `{"instance_id":${worker},"endpoint":"${publisher.endpoint}","model_name":"m","block_size":4}`;
    assert.deepEqual(await post(one, "/register", order), { status: 201, body: { status: "ok" } });
    await subscribed;
  }
  const two = stored({ hashes: [1, 2], tokens: range(1, 8) });
  await first.send(0, batch([two, stored({ hashes: [3], parent: 2, tokens: range(9, 12), more: { medium: "CPU" } })]));
  await second.send(0, batch([two], null));
  await taken(one, 2);
  const hasher = new BlockHasher(loadXxh3());
  const locals = [0, 4, 8].map((start) => {
    hasher.local(Uint32Array.from(range(1, 12)), start, start + 4, null);
    return BigInt.asIntN(64, (BigInt(hasher.hi >>> 0) << 32n) | BigInt(hasher.lo >>> 0));
  });
  assert.ok(
    locals.some((local) => local < 0n),
    "one of them is negative when it is signed",
  );
  const answer = await post(one, "/query_by_hash", `{"model_name":"m","block_hashes":[${locals.join(",")}]}`);
  assert.deepEqual((answer.body as { scores: unknown }).scores, { 7: { 0: 8 }, [String(far)]: { 0: 8 } });
  assert.deepEqual((answer.body as { instances: unknown }).instances, {
    7: { longest_matched: 12, gpu: 8, dp: { 0: 8 }, cpu: 12, disk: 12 },
    [String(far)]: { longest_matched: 8, gpu: 8, dp: { 0: 8 }, cpu: 8, disk: 8 },
  });
  assert.equal((await post(one, "/query_by_hash", { model_name: "m", block_hashes: [], cache_salt: "s" })).status, 400);
  assert.equal((await post(one, "/query", { model_name: "other", token_ids: [] })).status, 404);

  const workersNow = (await get(one, "/workers")).body as readonly { instance_id: unknown; status: string }[];
  assert.deepEqual(
    workersNow.map(({ instance_id: id, status }) => [id, status]),
    [
      [7, "active"],
      [String(far), "active"],
    ],
  );
  const again = { instance_id: 7, endpoint: first.endpoint, model_name: "m", block_size: 4 };
  assert.equal((await post(one, "/register", again)).status, 201, "the same again is no harm");
  assert.equal((await post(one, "/register", { ...again, endpoint: "tcp://127.0.0.1:1" })).status, 409);
  assert.equal((await post(one, "/register", { ...again, instance_id: 9, block_size: 8 })).status, 409);
  assert.equal((await post(one, "/register", { ...again, instance_id: 9, endpoint: "http://x" })).status, 400);
  assert.equal((await post(one, "/unregister", { instance_id: 9, model_name: "m" })).status, 404);
  assert.equal((await post(one, "/unregister", { instance_id: 7, model_name: "m" })).status, 200);
  await pairsAre(one, 2);
});

test("a choice of worker: overlap, load that was posted, and every worker's terms", { timeout: 60_000 }, async (t) => {
  const { publisher, one } = await withPublisher(t);
  await publisher.send(0, batch([stored({ hashes: [1, 2], tokens: range(1, 8) })], 0));
  await publisher.send(1, batch([stored({ hashes: [1], tokens: range(1, 4) })], 1));
  await taken(one, 2);
  const ask = { ...MODEL, token_ids: range(1, 16) };
  const free = (await post(one, "/route", ask)).body as { worker_id: number; dp_rank: number };
  assert.deepEqual([free.worker_id, free.dp_rank], [7, 0]);
  assert.equal(
    (await post(one, "/load", { ...MODEL, instance_id: 7, dp_rank: 0, active_blocks: 9, active_requests: 2 })).status,
    200,
  );
  const busy = (await post(one, "/route", ask)).body as {
    dp_rank: number;
    workers: readonly Record<string, unknown>[];
  };
  assert.equal(busy.dp_rank, 1);
  const rank = { worker_id: 7, over_limit: false };
  assert.deepEqual(busy.workers, [
    { ...rank, dp_rank: 0, overlap_blocks: 2, active_blocks: 9, active_requests: 2, cost: 11, probability: 0 },
    { ...rank, dp_rank: 1, overlap_blocks: 1, active_blocks: 0, active_requests: null, cost: 3, probability: 1 },
  ]);
  const heavy = (await post(one, "/route", { ...ask, overlap_weight: 20 })).body as { dp_rank: number };
  assert.equal(heavy.dp_rank, 0);
  assert.equal((await post(one, "/route", { ...ask, overlap_weight: 20, max_active_blocks: 5 })).status, 200);
  await post(one, "/load", { ...MODEL, instance_id: 7, dp_rank: 1, active_blocks: 9 });
  assert.equal((await post(one, "/route", { ...ask, max_active_blocks: 5 })).status, 503);
  assert.equal((await post(one, "/route", { ...ask, temperature: -1 })).status, 400);
  assert.equal((await post(one, "/route", '{"model_name": "default", "token_ids": [1.5]}')).status, 400);
  assert.equal((await post(one, "/route", "nonsense")).status, 400);
});

test(
  "LoRA name, salt and images are in the hashes; a salt goes for the whole chain",
  { timeout: 60_000 },
  async (t) => {
    const { publisher, one } = await withPublisher(t);
    const keys = [["dynamo-cache-salt:tenant"], null];
    await publisher.send(
      0,
      batch([
        stored({ hashes: [1], tokens: range(1, 4) }),
        stored({ hashes: [2], tokens: range(1, 4), more: { lora_name: "adapter" } }),
        stored({ hashes: [3], tokens: range(1, 4), more: { extra_keys: keys.slice(0, 1) } }),
        stored({ hashes: [4], parent: 3, tokens: range(5, 8) }),
        stored({
          hashes: [5],
          tokens: range(1, 4),
          more: { block_mm_infos: [{ mm_objects: [{ mm_hash: 42, offsets: [] }] }] },
        }),
        stored({ hashes: [6], tokens: range(1, 4), size: 8 }),
      ]),
    );
    await taken(one, 1);
    const gpu = async (body: object): Promise<unknown> =>
      ((await instances(one, body)) as { 7?: { gpu: number } })[7]?.gpu;
    const tokens = { token_ids: range(1, 9) };
    assert.equal(await gpu(tokens), 4);
    assert.equal(await gpu({ ...tokens, lora_name: "adapter" }), 4);
    assert.equal(await gpu({ ...tokens, lora_name: "other" }), undefined);
    assert.equal(await gpu({ ...tokens, cache_salt: "tenant" }), 8);
    assert.equal(await gpu({ ...tokens, block_mm_infos: [{ mm_objects: [{ mm_hash: 42 }] }] }), 4);
    assert.equal(await gpu({ ...tokens, block_mm_infos: [{ mm_objects: [{ mm_hash: 43 }] }] }), undefined);
    const page = await scrape(one.url);
    assert.equal(page.sum("kvcast_router_index_skipped_events_total", { reason: "block_size" }), 1);
    const text = await (await fetch(`${one.url}/metrics`)).text();
    assert.ok(!text.includes("tenant") && !one.text().includes("tenant"), "salts are nobody's business");
  },
);

test(
  "what was published before comes by replay; a gap that nobody can fill takes the blocks with it, and is told",
  { timeout: 60_000 },
  async (t) => {
    let keptFrom = 0;
    const replay = await scriptedReplay(t, async ({ from, answer }) => {
      for (let n = Math.max(from ?? 0, keptFrom); n < 3; n++) await answer(replyV2(n, blockMessage(n)));
      await answer(END_V2);
    });
    const { publisher, one } = await withPublisher(t, `?replay=${replay}`);
    await pairsAre(one, 3);
    await publisher.send(3, blockMessage(3));
    await pairsAre(one, 4);
    keptFrom = 100;
    await publisher.send(6, blockMessage(6));
    await pairsAre(one, 1);
    const page = await scrape(one.url);
    assert.equal(page.sum("kvcast_router_index_healed_messages_total"), 3);
    assert.equal(page.sum("kvcast_router_index_lost_messages_total"), 2);
    assert.equal(page.sum("kvcast_router_index_rank_drops_total", { reason: "gap" }), 1);
    const told = await one.log("messages of a publisher are lost: what its ranks hold is not known any more");
    assert.equal(told["blocks"], 4);
    await publisher.send(0, blockMessage(9));
    await eventually("a new run is seen", PATIENCE_MS, async () =>
      (await scrape(one.url)).sum("kvcast_router_index_rank_drops_total", { reason: "restart" }) === 1 ? true : null,
    );
  },
);

test(
  "it begins with a snapshot of a kvcast, ends in order, and a dump says the same as that service",
  { timeout: 60_000 },
  async (t) => {
    const engine = "--engine synthetic:?events=500&rate=max&ranks=2&removed=0.3 --attention-dp-size 2";
    const { facts, logs } = await serve(
      t,
      `${engine} --snapshot --snapshot-tokens on --replay-endpoint tcp://127.0.0.1:0`,
    );
    const replay = String(logs.find(({ msg }) => msg === "kvcast is running")?.["replay_endpoint"]);
    const live = await eventually("all events are in the index of the service", PATIENCE_MS, async () => {
      const page = await scrape(facts.url);
      if (page.sum("kvcast_sink_sent_events_total") < 500) return null;
      const blocks = page.sum("kvcast_source_stored_blocks_total") - page.sum("kvcast_source_removed_blocks_total");
      return blocks > 0 && page.sum("kvcast_index_blocks") === blocks ? blocks : null;
    });
    const one = await index(t, `--block-size 32 --workers 5=${facts.zmqEndpoint}?replay=${replay}&sync=on`);
    await pairsAre(one, live);
    const contents = await contentsOfIndex(one.url);
    assert.deepEqual([...contents.keys()].toSorted(), ["5:0", "5:1"]);
    const dump = (await get(one, "/dump?worker_id=5&dp_rank=1")).body as Record<string, { events: readonly unknown[] }>;
    const ofRank = dump["default:default"]?.events.length ?? 0;
    assert.ok(ofRank > 0 && ofRank < live);
    assert.equal((await get(one, "/dump?worker_id=x")).status, 400);
    const health = (await get(one, "/health")).body as { status: string };
    assert.equal(health.status, "ready");
    one.child.kill("SIGTERM");
    assert.deepEqual(await one.exit, { code: 0, signal: null });
  },
);

test("the event plane over NATS: recorded events and a recorded load", { timeout: 60_000 }, async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const one = await index(t, `--block-size 4 --nats --nats-url ${server.url}`);
  await eventually("NATS is read", PATIENCE_MS, async () => ((await get(one, "/health")).status === 200 ? true : null));
  const file = path.join(process.cwd(), "test/fixtures/consolidator/derived_wire_samples.json");
  const { samples } = JSON.parse(readFileSync(file, "utf8")) as { samples: { name: string; frames_hex: string[] }[] };
  const bytes = (name: string): Buffer =>
    Buffer.from(samples.find((each) => each.name === name)?.frames_hex[0] ?? "", "hex");
  const connection = await connect({ servers: server.url });
  t.after(() => connection.close());
  const base = "namespace.dynamo.component.backend";
  const body = {
    worker_id: 43,
    event: {
      event_id: 1,
      dp_rank: 1,
      data: { stored: { parent_hash: null, blocks: [{ block_hash: 5, tokens_hash: 6 }] } },
    },
  };
  connection.publish(`${base}.endpoint.generate.kv_metrics`, bytes("event_plane_active_load"));
  connection.publish(`${base}.endpoint.generate.kv-events`, bytes("event_plane_envelope_kv_events"));
  connection.publish(`${base}.kv-events`, Buffer.from(JSON.stringify(body)));
  await taken(one, 2, "nats");
  await pairsAre(one, 1);
  const page = await scrape(one.url);
  assert.equal(page.sum("kvcast_router_index_events_total", { event_type: "cleared" }), 1);
  const { workers } = (await post(one, "/route", { ...MODEL, block_hashes: [6] })).body as {
    workers: readonly { worker_id: number; active_blocks: number; overlap_blocks: number }[];
  };
  assert.deepEqual(
    workers.map(({ worker_id: worker, active_blocks: active, overlap_blocks: overlap }) => [worker, active, overlap]),
    [
      [42, 917, 0],
      [43, 0, 1],
    ],
  );
});
