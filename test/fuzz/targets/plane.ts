/** Messages of the event plane, in msgpack and in JSON, into the index of a router. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { encode } from "@msgpack/msgpack";
import { BlockFeed } from "../../../src/main/router-feed/block-feed.ts";
import { FeedCounters } from "../../../src/main/router-feed/feed-counters.ts";
import { PlaneDecoder, readEnvelope } from "../../../src/main/router-feed/plane-decoder.ts";
import { PLANE_KIND, PlaneEvent } from "../../../src/main/router-feed/plane-event.ts";
import { isJsonBody, PlaneFeed } from "../../../src/main/router-feed/plane-feed.ts";
import { readJsonEvent } from "../../../src/main/router-feed/plane-json.ts";
import { readLoad } from "../../../src/main/router-feed/plane-load.ts";
import { dumpIndex } from "../../../src/main/router-index/dump.ts";
import { RouterIndex } from "../../../src/main/router-index/router-index.ts";
import { TIER } from "../../../src/shared/tier.ts";
import { fixture, textsNamed } from "../fixtures.ts";
import { sum } from "../page-series.ts";
import { JSON_SYNTAX, MSGPACK_SYNTAX, type Syntax } from "../syntax.ts";
import type { FuzzTarget, Session } from "../target.ts";

const MAX_PAIRS = 1000;
const MAX_RANK = 0xffff;
const U64 = 2n ** 64n;
const SAMPLES = fixture("consolidator/derived_wire_samples.json");

const TIERS: ReadonlySet<unknown> = new Set(Object.values(TIER));
const KINDS: ReadonlySet<unknown> = new Set(Object.values(PLANE_KIND));

/** JSON and msgpack in one: which it is shows in the first byte. */
const SYNTAX: Syntax = {
  spans: (input) => (isJsonBody(input) ? JSON_SYNTAX : MSGPACK_SYNTAX).spans(input),
  words: [...MSGPACK_SYNTAX.words, ...JSON_SYNTAX.words],
  glue: Buffer.alloc(0),
  nests: [...MSGPACK_SYNTAX.nests, ...JSON_SYNTAX.nests],
};

function seeds(): Uint8Array[] {
  const recorded = textsNamed(SAMPLES, "frames_hex").map((hex) => Buffer.from(hex, "hex"));
  const envelopes = recorded.filter((message) => (message[0] ?? 0) >> 4 === 8 && readEnvelope(message) !== null);
  const payloads = envelopes.flatMap((message) => readEnvelope(message)?.payload ?? []);
  return [...envelopes, ...payloads, ...textsNamed(SAMPLES, "body").map((body) => Buffer.from(body))];
}

const hash = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const block = fc.record(
  { block_hash: hash, tokens_hash: hash, mm_extra_info: fc.constant(null) },
  { noNullPrototype: true },
);
const data = fc.oneof(
  fc
    .record({ parent_hash: fc.option(hash), blocks: fc.array(block, { maxLength: 4 }) }, { noNullPrototype: true })
    .map((stored) => ({ stored })),
  fc.array(hash, { maxLength: 4 }).map((hashes) => ({ removed: { block_hashes: hashes } })),
  fc.constant("cleared"),
);
const event = fc.record(
  {
    worker_id: fc.nat(3),
    storage_tier: fc.constantFrom("device", "host_pinned", "disk", "external"),
    event: fc.record({ event_id: fc.nat(9), data, dp_rank: fc.nat(3) }, { noNullPrototype: true }),
  },
  { noNullPrototype: true },
);

export const PLANE: FuzzTarget = {
  name: "plane",
  about: "messages of the event plane (NATS) into a router's index",
  syntax: SYNTAX,
  seeds,
  made: (seed) =>
    fc
      .sample(fc.array(event, { maxLength: 4 }), { seed, numRuns: 40 })
      .map((events) => encode(events, { useBigInt64: true })),
  open,
};

function assertSound({ worker, rank, eventId, tier, kind, blocks }: PlaneEvent): void {
  assert.ok(worker >= 0n && worker < U64);
  assert.ok(Number.isInteger(rank) && rank >= 0 && rank <= MAX_RANK);
  assert.ok(Number.isSafeInteger(eventId) && eventId >= 0, "the id of an event is a whole number");
  assert.ok(TIERS.has(tier), "the tier is one of those there are");
  assert.ok(KINDS.has(kind));
  assert.ok(blocks.count >= 0 && blocks.count <= blocks.hashLo.length);
}

function open(): Session {
  const index = new RouterIndex({ maxPairs: MAX_PAIRS, onFull: "evict" });
  const counters = new FeedCounters();
  const feed = new PlaneFeed(new BlockFeed(index, counters, 4), () => {});
  const decoder = new PlaneDecoder();
  const scratch = new PlaneEvent();
  const outcomes = (): number => sum(counters.events) + sum(counters.skipped);
  const keys = (): number =>
    [counters.events, counters.skipped, counters.refused, counters.drops, index.counters].reduce<number>(
      (all, each) => all + Object.keys(each).length,
      0,
    );
  const series = keys();

  /** Events of a payload that can be read, and whether all of it can. */
  const count = (payload: Uint8Array): readonly [events: number, whole: boolean] => {
    if (!decoder.open(payload)) return [0, false];
    for (let events = 0; ; events++) {
      const found = decoder.next(scratch);
      if (found !== true) return [events, found === null];
      assertSound(scratch);
    }
  };

  const take = (payload: Uint8Array): void => {
    const before = outcomes();
    const refused = sum(counters.refused);
    const [events, whole] = count(payload);
    feed.takePayload(1n, payload);
    assert.equal(outcomes() - before, events, "each event has one outcome");
    assert.equal(sum(counters.refused) - refused, whole ? 0 : 1, "and a payload that breaks off is refused");
  };

  const takeJson = (text: string): void => {
    const before = outcomes();
    const refused = sum(counters.refused);
    const isGood = readJsonEvent(text, scratch);
    if (isGood) assertSound(scratch);
    feed.takeJson(text);
    assert.equal(outcomes() - before, isGood ? 1 : 0);
    assert.equal(sum(counters.refused) - refused, isGood ? 0 : 1);
  };

  const run = (input: Uint8Array): void => {
    if (isJsonBody(input)) takeJson(Buffer.from(input).toString("utf8"));
    const envelope = readEnvelope(input);
    if (envelope !== null) {
      assert.ok(envelope.publisher >= 0n && envelope.publisher < U64);
      assert.ok(envelope.payload.length <= input.length);
    }
    for (const payload of [input, envelope?.payload]) {
      if (payload === undefined) continue;
      take(payload);
      const load = readLoad(payload);
      if (load === null) continue;
      assert.ok(load.worker >= 0n && load.worker < U64 && load.rank >= 0 && load.rank <= MAX_RANK);
      assert.ok(load.activeBlocks >= 0 && Number.isFinite(load.activeBlocks));
    }
    assert.equal(keys(), series, "no count has come to be");
  };

  const check = (): void => {
    let pairs = 0;
    dumpIndex(index, () => pairs++);
    assert.ok(pairs <= MAX_PAIRS, `${pairs} pairs, more than ${MAX_PAIRS}`);
  };
  return { run, check };
}
