/** Batches of events that other publishers send: the decoder, and who judges the events of an engine and of a source. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { MAX_RANK } from "../../../src/shared/record.ts";
import { SourceCounters } from "../../../src/main/consolidate/source-counters.ts";
import { WireFeed } from "../../../src/main/consolidate/wire-feed.ts";
import { EngineCounters } from "../../../src/main/metrics/engine-counters.ts";
import { ranksOfOnly } from "../../../src/main/normalise/engine-ranks.ts";
import { WireBatchReader } from "../../../src/main/wire/wire-batch.ts";
import { WireEvent } from "../../../src/main/wire/wire-event.ts";
import { WIRE_REFUSALS } from "../../../src/main/wire/wire-refusal.ts";
import { EventJudge } from "../../../src/main/zmq-engine/event-judge.ts";
import { GroupTable } from "../../../src/main/zmq-engine/group-table.ts";
import { ConsolidatorRig } from "../../support/consolidator-rig.ts";
import { bytesOf } from "../../support/spelled-msgpack.ts";
import { goodBatch, oddBatch } from "../../support/wire-arbitrary.ts";
import { modelBatch } from "../../support/wire-model.ts";
import { readAll } from "../../support/wire-view.ts";
import { numberOf } from "../chunks.ts";
import { fixture, textsNamed } from "../fixtures.ts";
import { seriesOf, sum } from "../page-series.ts";
import { MSGPACK_SYNTAX } from "../syntax.ts";
import type { FuzzTarget, Session } from "../target.ts";

const RANKS = 4;
const BLOCK_TOKENS = 4;
/** One input in so many is read by the second reader too, which takes ten times as long. */
const MODEL_EVERY = 16;
const LONGEST_MESSAGE = 400;

function seeds(): Buffer[] {
  const hex = [
    ...textsNamed(fixture("dynamo/golden_zmq_messages.json"), "payload_hex"),
    ...textsNamed(fixture("trtllm/trtllm_kv_zmq_frames.json"), "frames_hex"),
    ...textsNamed(fixture("consolidator/derived_wire_samples.json"), "frames_hex"),
  ];
  return [
    ...hex.map((text) => Buffer.from(text, "hex")),
    fixture("consolidator/trtllm_capture.msgpack"),
    fixture("consolidator/vllm_capture.msgpack"),
  ].filter((payload) => payload[0] === 0x93);
}

export const BATCH: FuzzTarget = {
  name: "batch",
  about: "batches of other publishers: decoder, judge, consolidator",
  syntax: MSGPACK_SYNTAX,
  seeds,
  made: (seed) => fc.sample(fc.oneof(goodBatch, oddBatch), { seed, numRuns: 40 }).map(bytesOf),
  open,
};

async function open(): Promise<Session> {
  const counters = new EngineCounters("engine0", "zmq", RANKS);
  const judge = new EventJudge({
    kvBlockSizeTokens: BLOCK_TOKENS,
    publishTierMoves: true,
    ranks: ranksOfOnly(RANKS),
    counters,
    groups: new GroupTable(),
    onInvalid: () => {},
  });
  const source = new SourceCounters("x", "vllm");
  const rig = new ConsolidatorRig({ sources: ["vllm"] });
  const feed = new WireFeed({
    source: 0,
    kind: "vllm",
    consolidator: rig.consolidator,
    counters: source,
    onlyBlockSizeTokens: null,
    compat: false,
    identity: "lineage",
  });
  const series = await seriesOf(counters);
  const reader = new WireBatchReader();
  const event = new WireEvent();

  const run = (input: Uint8Array): void => {
    const before = sum(counters.received);
    const refusal = reader.open(input);
    let events = 0;
    while (reader.next(event)) {
      events++;
      assert.ok(event.blockCount <= event.hashLo.length && event.tokenCount <= event.tokens.length);
      assert.ok(event.tokenCount <= input.length, "no more tokens than bytes");
      assert.ok(Number.isInteger(reader.rank) && reader.rank >= -1 && reader.rank <= MAX_RANK);
      const rank = Math.max(0, reader.rank);
      if (judge.judge(event, rank) === "publish") judge.countPublished(event, rank);
    }
    assert.equal(events, reader.eventCount);
    if (refusal !== null) {
      assert.ok(WIRE_REFUSALS.includes(refusal.reason));
      assert.ok(events === 0 && refusal.message.length < LONGEST_MESSAGE);
    }
    assert.equal(sum(counters.received) - before, events, "each event is received once");
    const { received, filtered, invalid, enqueued } = counters;
    assert.equal(sum(received), sum(filtered) + sum(invalid) + enqueued, "received = filtered + invalid + enqueued");

    const taken = sum(source.received);
    const refused = sum(source.refused);
    feed.take(input, 1);
    assert.equal(sum(source.received) - taken, events, "the consolidator has the same events");
    assert.equal(sum(source.refused) - refused, refusal === null ? 0 : 1);
    assert.equal(sum(source.received), sum(source.skipped) + source.applied, "received = skipped + applied");
    rig.drain();

    if (numberOf(input) % MODEL_EVERY === 0) compareModel(input);
  };

  const compareModel = (input: Uint8Array): void => {
    const read = readAll(input, reader);
    if ("reason" in read) return;
    let model: unknown;
    try {
      model = modelBatch(input);
    } catch {
      // Where the other decoder gives up there is nothing to compare.
      return;
    }
    assert.deepEqual(read, model, "a second reader sees the same");
  };

  return {
    run,
    check: async () => assert.equal(await seriesOf(counters), series, "as many series as before"),
  };
}
