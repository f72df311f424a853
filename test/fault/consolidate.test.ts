/**
 * The consolidator between sources that fail in every way that they have. Real processes and sockets; what must come out
 * follows from what the sources hold, which they say themselves.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { contentsOfModel, StrictReader } from "../support/block-contents.ts";
import { readSnapshotBody } from "../support/block-model.ts";
import { scrape } from "../support/books.ts";
import { trafficConfig } from "../support/expected-stream.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { Gate } from "../support/gate.ts";
import { firstStores, HostTier } from "../support/host-tier.ts";
import { consolidate, type Kvcast, serve, type ServeFacts, sim } from "../support/processes.ts";
import {
  EMPTY,
  END_V2,
  numberFrame,
  replyV2,
  type Request,
  ScriptedPublisher,
  scriptedReplay,
} from "../support/scripted-publisher.ts";
import { Told } from "../support/told.ts";

const PATIENCE_MS = 30_000;

type Service = Kvcast & { readonly facts: ServeFacts };

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "kvcast-consolidate-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Contents of the blocks that a `serve` knows of. */
async function heldBy({ facts }: Service): Promise<Set<string>> {
  const response = await fetch(`${facts.url}/v1/kv/snapshot`);
  assert.equal(response.status, 200);
  return contentsOfModel(readSnapshotBody(new Uint8Array(await response.arrayBuffer())).model);
}

async function pageWhen(
  what: string,
  { facts }: Service,
  isThere: (page: MetricsPage) => boolean,
): Promise<MetricsPage> {
  return eventually(what, PATIENCE_MS, async () => {
    const page = await scrape(facts.url);
    return isThere(page) ? page : null;
  });
}

async function epochOf({ facts }: Service): Promise<string> {
  const response = await fetch(`${facts.url}/health`);
  return ((await response.json()) as { epoch: { id: string } }).epoch.id;
}

async function stopInTime(service: Kvcast): Promise<void> {
  service.child.kill("SIGTERM");
  assert.deepEqual(await within("it ends", 6000, service.exit), { code: 0, signal: null }, service.text());
}

const IDENTITIES = ["legacy", "lineage"] as const;
const SOURCE = { a: { source: "trtllm0" }, b: { source: "vllm1" }, host: { source: "kvbm2" } } as const;
const received = (page: MetricsPage, of: (typeof SOURCE)[keyof typeof SOURCE]): number =>
  page.sum("kvcast_consolidator_received_events_total", of);

/** A part of what each engine has. */
function isBegun(page: MetricsPage): boolean {
  return received(page, SOURCE.a) > 100 && received(page, SOURCE.b) > 100;
}

/** What it has counted once it has all that there is of its sources, and has sent what it made of that. */
async function atRest(service: Service, reader: StrictReader, events: number, ofHost: number): Promise<MetricsPage> {
  return pageWhen("all has come, and gone on", service, (now) => {
    const made = now.sum("kvcast_consolidator_published_events_total");
    return (
      [SOURCE.a, SOURCE.b].every((source) => received(now, source) === events) &&
      received(now, SOURCE.host) === ofHost &&
      now.sum("kvcast_sink_sent_events_total") === made &&
      reader.events === made
    );
  });
}

test(
  "two engines with the same blocks and a host tier, all of which fail: what comes out is what they hold",
  { timeout: 120_000 },
  async (t) => {
    const folder = await folderOf(t);
    const at = (name: string): string => `ipc://${path.join(folder, name)}`;
    const traffic = { events: 1500, seed: 5, removed: 0.3 };
    const flags = "--snapshot --wait-subscribers 2";
    const engine = `synthetic:?events=${traffic.events}&seed=5&removed=0.3&rate=1000`;
    const startA = (): Promise<Service> =>
      serve(t, `--engine ${engine} ${flags} --zmq-endpoint ${at("a")} --replay-endpoint ${at("a-replay")}`);
    const startB = async (): Promise<Service> => {
      const { url } = await sim(t, `--events ${traffic.events} --seed 5 --removed 0.3 --rate 100`);
      return serve(t, `--engine ${url} ${flags} --zmq-endpoint ${at("b")} --replay-endpoint ${at("b-replay")}`);
    };
    const host = await HostTier.bind(t);
    const sources = [
      `--engine-endpoint trtllm=${at("a")}?replay=${at("a-replay")}`,
      `--engine-endpoint vllm=${at("b")}?replay=${at("b-replay")}`,
      `--engine-endpoint ${host.source}`,
    ].join(" ");
    // One for each way to call a block, each with a reader.
    const readers = IDENTITIES.map((identity) => new StrictReader(t, at(identity)));
    const startAll = async (): Promise<readonly Service[]> => {
      const subscribed = host.subscribed(IDENTITIES.length);
      const services = IDENTITIES.map((identity) =>
        consolidate(t, `${sources} --identity ${identity} --output-endpoint ${at(identity)} --wait-subscribers 1`),
      );
      const [started] = await within("they subscribe", PATIENCE_MS, Promise.all([Promise.all(services), subscribed]));
      return started;
    };
    // Before there is an engine.
    const first = await startAll();
    const [firstA, b] = await Promise.all([startA(), startB()]);

    await Promise.all(first.map((service) => pageWhen("some of each has come", service, isBegun)));
    b.child.kill("SIGSTOP");

    // A copy of each block on the host, some on disk as well; some of it is told of by replay only.
    const stores = firstStores(trafficConfig(traffic), 200);
    for (const [i, store] of stores.entries()) {
      await host.store(store, "CPU_TIER1", i % 10 === 5);
      if (i % 3 === 0) await host.store(store, "CPU_TIER2");
      if (i % 50 === 7) await host.garbage();
    }
    // What the host drops, the disk still has.
    for (const [i, { hashes }] of stores.entries())
      if (i % 3 === 0) await host.remove(hashes, "CPU_TIER1", i % 9 === 6);
    const hostEvents = host.events;

    firstA.child.kill("SIGKILL");
    const a = await startA();
    const isMet = (now: MetricsPage): boolean =>
      now.sum("kvcast_consolidator_source_restarts_total", SOURCE.a) === 1 &&
      received(now, SOURCE.a) > 300 &&
      received(now, SOURCE.host) === hostEvents;
    const epochs = new Set<string>();
    for (const service of first) {
      const page = await pageWhen("the new run of the first engine is met", service, isMet);
      assert.ok(received(page, SOURCE.b) < traffic.events, "the other engine is stopped meanwhile");
      assert.equal(page.sum("kvcast_consolidator_source_lost_messages_total"), 0);
      assert.ok(page.sum("kvcast_consolidator_source_healed_messages_total", SOURCE.host) >= 20);
      assert.equal(page.sum("kvcast_consolidator_refused_messages_total", SOURCE.host), 4);
      epochs.add(await epochOf(service));
      service.child.kill("SIGKILL");
    }
    b.child.kill("SIGCONT");

    const second = await startAll();
    for (const service of second) {
      epochs.add(await epochOf(service));
      const hasAll = (now: MetricsPage): boolean => received(now, SOURCE.host) === hostEvents;
      await pageWhen("it has read what the host tier kept", service, hasAll);
    }
    assert.equal(epochs.size, 4, "each run has its own");

    // The host tier begins anew, with less.
    host.restart();
    for (const store of stores.slice(0, 60)) await host.store(store, "CPU_TIER2");
    const pages = await Promise.all(
      second.map((service, i) => {
        const reader = readers[i];
        assert.ok(reader);
        return atRest(service, reader, traffic.events + 1, hostEvents + 60);
      }),
    );
    const [ofA, ofB] = await Promise.all([heldBy(a), heldBy(b)]);
    const ofHost = host.contents();
    assert.deepEqual(ofA, ofB, "the same traffic");
    const union = new Set([...ofA, ...ofB, ...ofHost]);
    assert.ok(union.size > ofA.size, "the host tier has something that the engines have dropped");
    for (const [i, page] of pages.entries()) {
      assert.deepEqual(readers[i]?.contents(), union, IDENTITIES[i]);
      assert.equal(readers[i]?.restarts, 1, "that of the consolidator, and no other");
      assert.equal(page.sum("kvcast_consolidator_live_blocks"), union.size);
      assert.equal(page.sum("kvcast_consolidator_source_lost_messages_total"), 0);
      assert.equal(page.sum("kvcast_consolidator_source_restarts_total"), 1, "of the host tier");
      assert.equal(page.sum("kvcast_consolidator_orphan_blocks_total"), 0);
      assert.equal(page.sum("kvcast_consolidator_withheld_blocks_total"), 0);
    }
    await Promise.all(second.map(stopInTime));
  },
);

/** A message of stored blocks, each with tokens of its own, all without a parent. */
function storedBlocks(...hashes: readonly number[]): Buffer {
  const events = hashes.map((hash) => ({
    type: "BlockStored",
    block_hashes: [hash],
    parent_block_hash: null,
    token_ids: [hash, 1000],
    block_size: 2,
  }));
  return Buffer.from(encode([performance.timeOrigin + performance.now(), events, 0]));
}

interface Scripted {
  /** As a label. */
  readonly source: string;
  readonly hasReplay: boolean;
  readonly publisher: ScriptedPublisher;
  /** What its replay has. */
  readonly kept: Map<number, Buffer>;
  readonly endpoint: string;
}

async function scripted(t: TestContext, kind: string, number: number, hasReplay: boolean): Promise<Scripted> {
  const publisher = await ScriptedPublisher.bind(t);
  const kept = new Map<number, Buffer>();
  const answerAll = ({ from, answer }: Request): Promise<void> => answerFrom(kept, from ?? 0, answer);
  const replay = hasReplay ? `?replay=${await scriptedReplay(t, answerAll)}` : "";
  const endpoint = `--engine-endpoint ${kind}=${publisher.endpoint}${replay}`;
  return { source: `${kind}${number}`, hasReplay, publisher, kept, endpoint };
}

async function answerFrom(kept: ReadonlyMap<number, Buffer>, from: number, answer: Request["answer"]): Promise<void> {
  for (const [sequence, payload] of kept) if (sequence >= from) await answer(replyV2(sequence, payload));
  await answer(END_V2);
}

/** A consolidator that has subscribed to all of them. */
async function reading(
  t: TestContext,
  sources: readonly Scripted[],
  flags: string = "",
): Promise<readonly [Service, Told]> {
  const endpoints = sources.map(({ endpoint }) => endpoint).join(" ");
  const service = await consolidate(t, `${endpoints} --drain-interval 0 --wait-subscribers 1 ${flags}`.trim());
  const told = new Told(t, service.facts.zmqEndpoint);
  const all = Promise.all(sources.map(({ publisher }) => publisher.subscribed()));
  await within("it subscribes to all", PATIENCE_MS, all);
  return [service, told];
}

const SHARED = 5;

test("a gap and a restart of each kind of source, with a replay and without: it alone is taken back", async (t) => {
  const kinds = ["trtllm", "vllm", "kvbm"].flatMap((kind) => [true, false].map((hasReplay) => ({ kind, hasReplay })));
  const sources = await Promise.all(kinds.map(({ kind, hasReplay }, i) => scripted(t, kind, i, hasReplay)));
  const [service, told] = await reading(t, sources, "--on-gap clear");
  const words: string[] = [];
  const expect = async (...more: readonly string[]): Promise<void> => {
    words.push(...more.map((word) => `r0 ${word}`));
    assert.deepEqual(await told.first(words.length), words);
  };
  for (const [i, { publisher }] of sources.entries()) {
    // All of them hold the one, and each something else.
    await publisher.send(0, storedBlocks(SHARED, 100 * i + 101));
    await expect(...(i === 0 ? [`+${SHARED}`] : []), `+${100 * i + 101}`);
  }
  for (const [i, { publisher, kept, hasReplay }] of sources.entries()) {
    const own = (n: number): number => 100 * i + 100 + n;
    kept.set(1, storedBlocks(own(2)));
    await publisher.send(2, storedBlocks(own(3)));
    if (hasReplay) await expect(`+${own(2)}`, `+${own(3)}`);
    else await expect(`-${own(1)}`, `+${own(3)}`);
  }
  for (const [i, { publisher, kept, hasReplay }] of sources.entries()) {
    const own = (n: number): number => 100 * i + 100 + n;
    // The new run is met at its third message.
    kept.clear();
    kept.set(0, storedBlocks(own(4)));
    kept.set(1, storedBlocks(own(5)));
    await publisher.send(2, storedBlocks(own(6)));
    // The shared one goes with the last that holds it: the first five sources have let go of it by then.
    const heldBefore = hasReplay ? [own(3), own(2), own(1), ...sharedIf(i === 4)] : [own(3)];
    const fetched = hasReplay ? [own(4), own(5)] : [];
    await expect(...heldBefore.map((hash) => `-${hash}`), ...[...fetched, own(6)].map((hash) => `+${hash}`));
  }
  const page = await scrape(service.facts.url);
  for (const { source, hasReplay } of sources) {
    const value = (name: string): number => page.value(`kvcast_consolidator_source_${name}_total`, { source });
    assert.equal(value("restarts"), 1);
    assert.equal(value("healed_messages"), hasReplay ? 3 : 0);
    assert.equal(value("lost_messages"), hasReplay ? 0 : 3);
  }
  assert.equal(page.sum("kvcast_consolidator_live_blocks"), 3 * 3 + 3);
  await stopInTime(service);
});

/** Removed last, with the last hold. */
function sharedIf(isLast: boolean): number[] {
  return isLast ? [SHARED] : [];
}

test("garbage from each kind of source costs itself, and is counted for that source", async (t) => {
  const sources = await Promise.all(["trtllm", "vllm", "kvbm"].map((kind, i) => scripted(t, kind, i, false)));
  const [service, told] = await reading(t, sources);
  const topic = Buffer.from("kv");
  const stored = { type: "BlockStored", block_hashes: [9], token_ids: [7, 8], block_size: 2 };
  const malformed: readonly (readonly Buffer[])[] = [
    [EMPTY],
    [topic, numberFrame(1), storedBlocks(1), EMPTY],
    [topic, Buffer.alloc(7), storedBlocks(1)],
    [topic, numberFrame(2n ** 63n), storedBlocks(1)],
  ];
  const refused: readonly Buffer[] = [
    EMPTY,
    Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from("no msgpack at all"),
    Buffer.from(encode({ ts: 1, events: [], rank: 0 })),
    Buffer.from(encode([1.5, [stored]])),
    Buffer.from(encode([1.5, [stored, { ...stored, type: "BlockMoved" }], 0])),
    Buffer.from(encode([1.5, [{ ...stored, block_hashes: [new Uint8Array(32)] }], 0])),
    storedBlocks(1).subarray(0, 30),
  ];
  const expected: string[] = [];
  for (const [i, { publisher }] of sources.entries()) {
    let sequence = 0;
    let hash = 100 * (i + 1);
    const sound = async (): Promise<void> => {
      expected.push(`r0 +${hash}`);
      await publisher.send(sequence++, storedBlocks(hash++));
    };
    for (const frames of malformed) {
      await sound();
      await publisher.frames(frames);
    }
    for (const payload of refused) {
      await sound();
      await publisher.send(sequence++, payload);
    }
    await sound();
    assert.deepEqual(await told.first(expected.length), expected);
  }
  const page = await scrape(service.facts.url);
  for (const { source } of sources) {
    const value = (name: string): number => page.sum(`kvcast_consolidator_${name}`, { source });
    assert.equal(value("source_malformed_messages_total"), malformed.length);
    assert.equal(value("refused_messages_total"), refused.length);
    assert.equal(value("source_lost_messages_total"), 0);
    assert.equal(value("received_events_total"), malformed.length + refused.length + 1);
  }
  for (const record of service.logs) assert.ok(!/BlockMoved|1000/.test(JSON.stringify(record)), "nothing is quoted");
  await stopInTime(service);
});

test("a source whose replay hangs holds up itself, and no longer than its time-out", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const asked = new Gate();
  let requests = 0;
  const replay = await scriptedReplay(t, async ({ answer }) => {
    if (requests++ === 0) await answer(END_V2);
    else asked.open();
  });
  const endpoint = `--engine-endpoint kvbm=${publisher.endpoint}?replay=${replay}`;
  const hanging: Scripted = { source: "kvbm0", hasReplay: true, publisher, kept: new Map(), endpoint };
  const other = await scripted(t, "trtllm", 1, false);
  const [service, told] = await reading(t, [hanging, other]);
  await publisher.send(0, storedBlocks(1));
  await told.first(1);
  await publisher.send(2, storedBlocks(3));
  await within("the replay is asked for", PATIENCE_MS, asked.opened);
  const hashes = Array.from({ length: 50 }, (_, i) => 100 + i);
  for (const [sequence, hash] of hashes.entries()) await other.publisher.send(sequence, storedBlocks(hash));
  const expected = ["r0 +1", ...hashes.map((hash) => `r0 +${hash}`), "r0 +3"];
  assert.deepEqual(await told.first(expected.length), expected);
  const page = await scrape(service.facts.url);
  assert.equal(page.value("kvcast_consolidator_source_lost_messages_total", { source: "kvbm0" }), 1);
  await stopInTime(service);
});
