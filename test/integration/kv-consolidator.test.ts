/** The consolidator within a program: an engine and a host tier over real sockets, and the program's own tiers by calls. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import { ConfigError, InvalidEventError, KvConsolidator, type KvConsolidatorSettings } from "../../src/main/lib.ts";
import { WIRE_FORMATS } from "../../src/shared/wire-format.ts";
import { scrape } from "../support/books.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { ScriptedPublisher } from "../support/scripted-publisher.ts";
import { Told } from "../support/told.ts";

const PATIENCE_MS = 20_000;
const SIZE = 2;

/** One chain: each block hangs on the one before. */
const CHAIN = [11n, 12n, 13n, 14n] as const;
const tokensOf = (hashes: readonly bigint[]): number[] => hashes.flatMap((hash) => [Number(hash), 1000]);

type Word = Readonly<Record<string, unknown>>;

const stored = (hashes: readonly bigint[], medium?: string): Word => ({
  type: "BlockStored",
  block_hashes: hashes,
  parent_block_hash: null,
  token_ids: tokensOf(hashes),
  block_size: SIZE,
  ...(medium === undefined ? {} : { medium }),
});
const removed = (hashes: readonly bigint[], medium?: string): Word => ({
  type: "BlockRemoved",
  block_hashes: hashes,
  ...(medium === undefined ? {} : { medium }),
});

/** A source over the wire. */
class Source {
  readonly publisher: ScriptedPublisher;
  #sequence: number = 0;

  constructor(publisher: ScriptedPublisher) {
    this.publisher = publisher;
  }

  async tell(...events: readonly Word[]): Promise<void> {
    const payload = Buffer.from(encode([1_700_000_000.5, events, 0], { useBigInt64: true }));
    await this.publisher.send(this.#sequence++, payload);
  }
}

interface Rig {
  readonly engine: Source;
  readonly host: Source;
  readonly consolidator: KvConsolidator;
  readonly told: Told;
  /** Resolves when the sources on the wire have been heard so far. */
  readonly heard: (engineEvents: number, hostEvents: number) => Promise<void>;
}

async function start(t: TestContext, settings: KvConsolidatorSettings = {}): Promise<Rig> {
  const engine = new Source(await ScriptedPublisher.bind(t));
  const host = new Source(await ScriptedPublisher.bind(t));
  const consolidator = await KvConsolidator.start({
    "engine-endpoint": [`trtllm=${engine.publisher.endpoint}`, `kvbm=${host.publisher.endpoint}`],
    "output-endpoint": "tcp://127.0.0.1:0",
    "drain-interval": "0",
    "wait-subscribers": "1",
    "system-port": "0",
    "log-level": "error",
    ...settings,
  });
  t.after(() => consolidator.shutdown());
  const both = Promise.all([engine.publisher.subscribed(), host.publisher.subscribed()]);
  await within("it subscribes", PATIENCE_MS, both);
  const told = new Told(t, consolidator.outputEndpoint ?? "");
  const heard = async (engineEvents: number, hostEvents: number): Promise<void> => {
    await eventually("the sources are heard", PATIENCE_MS, async () => {
      const page = await scrape(consolidator.httpUrl ?? "");
      const of = (source: string): number => page.sum("kvcast_consolidator_applied_events_total", { source });
      return of("trtllm0") === engineEvents && of("kvbm1") === hostEvents ? page : null;
    });
  };
  return { engine, host, consolidator, told, heard };
}

test("an engine, a host tier on the wire, and tiers by calls: a block goes with the last that has it", async (t) => {
  const { engine, host, consolidator, told, heard } = await start(t);
  const { tiers } = consolidator;
  const blocks = { blockHashes: CHAIN, tokenIds: tokensOf(CHAIN), blockSize: SIZE };
  await engine.tell(stored(CHAIN));
  const words = CHAIN.map((hash) => `r0 +${hash}`);
  assert.deepEqual(await told.first(4), words);
  await host.tell(stored(CHAIN.slice(0, 2), "CPU_TIER1"));
  await heard(1, 1);
  // Both tiers of the program have all of them.
  assert.ok(tiers.store("hostPinned", blocks) && tiers.store("disk", blocks));
  await engine.tell(removed(CHAIN));
  await heard(2, 1);
  assert.ok(tiers.remove("hostPinned", CHAIN), "the disk still has them");
  // 13 and 14 have nobody but the disk, 11 and 12 the host tier on the wire as well.
  assert.ok(tiers.remove("disk", [14n, 13n, 12n]));
  words.push("r0 -14", "r0 -13");
  assert.deepEqual(await told.first(6), words);
  await host.tell(removed(CHAIN.slice(0, 2), "CPU_TIER1"));
  words.push("r0 -12");
  assert.deepEqual(await told.first(7), words);
  // An engine's clear leaves the tiers what they have; that of the last holder empties the rank.
  await engine.tell(stored([21n]), { type: "AllBlocksCleared" });
  words.push("r0 +21", "r0 -21");
  assert.deepEqual(await told.first(9), words);
  assert.ok(tiers.clear());
  words.push("r0 clear");
  assert.deepEqual(await told.first(10), words);

  const own = { source: "kvbm2" };
  const page = await eventually("all calls are counted", PATIENCE_MS, async () => {
    const now = await scrape(consolidator.httpUrl ?? "");
    return now.sum("kvcast_consolidator_applied_events_total", own) === 5 ? now : null;
  });
  assert.equal(page.value("kvcast_consolidator_block_operations_total", { ...own, operation: "store" }), 8);
  assert.equal(page.value("kvcast_consolidator_source_up", own), 1);
  assert.equal(page.value("kvcast_consolidator_live_blocks"), 0);
  await consolidator.shutdown();
  assert.deepEqual(told.words, words, "and nothing else");
});

test("blocks that the program's tiers alone have are told of, with salt and adapter, rank by rank", async (t) => {
  const { consolidator, told } = await start(t);
  const { tiers } = consolidator;
  const block = { blockHashes: [-1n], tokenIds: [1, 2], blockSize: SIZE };
  tiers.store("disk", { ...block, attentionDpRank: 3 });
  tiers.store("disk", { ...block, blockHashes: [7], loraName: "a" });
  tiers.store("external", { ...block, blockHashes: [8], cacheSalt: "s", blockMmInfos: [{ mmHashes: [5n] }] });
  tiers.store("hostPinned", { ...block, blockHashes: [9n], tokenIds: [3, 4], parentHash: 8n });
  tiers.clear(3);
  const words = await told.first(5);
  const ofRank = (rank: string): string[] => words.filter((word) => word.startsWith(rank));
  assert.deepEqual(ofRank("r3"), ["r3 +18446744073709551615", "r3 clear"]);
  assert.deepEqual(ofRank("r0"), ["r0 +7", "r0 +8", "r0 +9"]);
});

/** Of the tokens 1, 2, 3, 4 at the root. */
const ROOT_LINEAGE = 0x0032ce3935fecb729700000000000000n;

test("a block that is known by its lineage only is told of when an engine stores it, and goes after both", async (t) => {
  const { engine, consolidator, told, heard } = await start(t, { identity: "lineage" });
  const { tiers } = consolidator;
  assert.ok(tiers.storeLineage("hostPinned", ROOT_LINEAGE));
  const event = { ...stored([5n]), token_ids: [1, 2, 3, 4], block_size: 4 };
  await engine.tell(event);
  const hash = 14643705804678351452n & ((1n << 54n) - 1n);
  assert.deepEqual(await told.first(1), [`r0 +${hash}`]);
  await engine.tell(removed([5n]));
  await heard(2, 0);
  assert.ok(tiers.removeLineage("disk", ROOT_LINEAGE), "it never was there, which changes nothing");
  assert.ok(tiers.removeLineage("hostPinned", ROOT_LINEAGE));
  assert.deepEqual(await told.first(2), [`r0 +${hash}`, `r0 -${hash}`]);
});

test("while too much waits nothing is taken, and then all of it arrives, in order", async (t) => {
  const { consolidator, told } = await start(t, { "ring-slots": "2", "slot-bytes": "16384", "drain-interval": "10" });
  const { tiers } = consolidator;
  const blockSize = 1024;
  const tokenIds = new Uint32Array(blockSize);
  const blocks = 1500;
  let refused = 0;
  for (let hash = 1; hash <= blocks; hash++) {
    tokenIds[0] = hash;
    while (!tiers.store("hostPinned", { blockHashes: [hash], tokenIds, blockSize })) {
      refused++;
      await within("there is room again", PATIENCE_MS, tiers.writable());
    }
  }
  // The queue holds 4 MiB, and nothing else has had its turn before it is full.
  assert.ok(refused > 0);
  await consolidator.shutdown();
  assert.deepEqual(
    await told.first(blocks),
    Array.from({ length: blocks }, (_, i) => `r0 +${i + 1}`),
  );
});

test("what cannot be is refused by name, and nothing of it is taken", async (t) => {
  const { consolidator, told } = await start(t, { "kv-block-size": "2" });
  const { tiers } = consolidator;
  const block = { blockHashes: [1n], tokenIds: [71, 72], blockSize: SIZE };
  for (const [call, words] of [
    [() => tiers.store("disk", { ...block, tokenIds: [71] }), /^1 token ids for 1 blocks of 2$/],
    [() => tiers.store("disk", { ...block, tokenIds: [71, -1] }), /^token 1 is no integer/],
    [() => tiers.store("disk", { ...block, blockSize: 1 }), /^blockSize must be 2, not 1$/],
    [() => tiers.store("disk", { ...block, blockHashes: [1n << 64n] }), /64 bits/],
    [() => tiers.store("disk", { ...block, blockMmInfos: [] }), /^1 blocks, but multimodal infos of 0$/],
    [() => tiers.store("disk", { ...block, attentionDpRank: 1024 }), /^attentionDpRank must be/],
    [() => tiers.store(JSON.parse('"tape"'), block), /^the tier must be one of device, hostPinned, disk, external$/],
    [() => tiers.remove("disk", [1.5]), /safe integer/],
    [() => tiers.storeLineage("disk", ROOT_LINEAGE), /only with the identity lineage/],
  ] as const) {
    assert.throws(call, (error) => error instanceof InvalidEventError && words.test(error.message), String(words));
  }
  assert.ok(tiers.store("disk", block));
  assert.deepEqual(await told.first(1), ["r0 +1"]);
  await consolidator.shutdown();
  assert.throws(() => tiers.clear(), /has been shut down/);
});

test("settings that cannot be are refused by name", async () => {
  const endpoint = "trtllm=tcp://127.0.0.1:20081";
  for (const [settings, words] of [
    [{}, /--engine-endpoint/],
    [{ "engine-endpoint": endpoint, identiti: "lineage" }, /there is no setting "identiti".*identity/],
    [{ "engine-endpoint": endpoint, identity: "line" }, /--identity/],
    [{ "engine-endpoint": "tcp://127.0.0.1:56001" }, /port of the leader/],
  ] as const) {
    await assert.rejects(
      KvConsolidator.start(settings),
      (error) => error instanceof ConfigError && words.test(error.message),
    );
  }
});

test("tail's reader understands what goes out in every dialect", async (t) => {
  const engine = await ScriptedPublisher.bind(t);
  const started = WIRE_FORMATS.map(async (format) => {
    const consolidator = await KvConsolidator.start({
      "engine-endpoint": `trtllm=${engine.endpoint}`,
      "output-endpoint": "tcp://127.0.0.1:0",
      "wait-subscribers": "1",
      "wire-format": format,
      "kv-block-size": String(SIZE),
      "log-level": "error",
    });
    t.after(() => consolidator.shutdown());
    return { format, consolidator, told: new Told(t, consolidator.outputEndpoint ?? "") };
  });
  for (const { format, consolidator, told } of await Promise.all(started)) {
    const { tiers } = consolidator;
    const block = { blockHashes: [-7n], tokenIds: [1, 2], blockSize: SIZE };
    tiers.store("hostPinned", { ...block, loraName: "a" });
    tiers.store("disk", { ...block, blockHashes: [8n], tokenIds: [3, 4], parentHash: -7n });
    tiers.remove("disk", [8n]);
    tiers.clear();
    assert.deepEqual(await told.first(4), ["r0 +18446744073709551609", "r0 +8", "r0 -8", "r0 clear"], format);
  }
});
