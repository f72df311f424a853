/**
 * Events to measure with: those of the built-in engine, one block or eight of 32 tokens each, nothing removed, as raw
 * events, as the JSON that an engine's server answers, and as the plain objects that a program without an encoder of its
 * own would send.
 */
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { PARENT, RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { Normaliser } from "../../src/main/normalise/normaliser.ts";
import { EventJsonWriter } from "../../src/main/sim/event-json.ts";

export const TOKENS_A_BLOCK = 32;

export function floodTraffic(blocks: number, events: number): TrafficConfig {
  return { events, ratePerSecond: Infinity, blocks, tokens: TOKENS_A_BLOCK, ranks: 1, removed: 0, seed: 1 };
}

/** A normaliser as the service sets it up, that reports nothing. */
export function makeNormaliser(): Normaliser {
  return new Normaliser({
    kvBlockSizeTokens: TOKENS_A_BLOCK,
    ranks: ranksOfOnly(1),
    mmTokenOffset: null,
    counters: new EngineCounters("engine0", "synthetic", 1),
    onNotice: () => {},
  });
}

/** The first `count` stored events. */
export function storedEvents(blocks: number, count: number): RawEvent[] {
  const traffic = new Traffic(floodTraffic(blocks, count));
  const events: RawEvent[] = [];
  while (events.length < count) {
    const raw = new RawEvent();
    traffic.next(raw);
    if (raw.kind === RAW_KIND.stored) events.push(raw);
  }
  return events;
}

/** The `created` event and the first `count` stored ones as an engine lists them, on one line. */
export function engineEventsJson(blocks: number, count: number): string {
  const traffic = new Traffic(floodTraffic(blocks, count));
  const writer = new EventJsonWriter("v1", 1);
  const raw = new RawEvent();
  while (traffic.made < count && traffic.next(raw)) writer.add(raw);
  return Buffer.concat(writer.finish()).toString("latin1");
}

/** BlockStored in the form of the dialect `vllm`. */
export interface StoredObject {
  readonly type: "BlockStored";
  readonly block_hashes: bigint[];
  readonly parent_block_hash: bigint | null;
  readonly token_ids: number[];
  readonly block_size: number;
  readonly lora_id: null;
  readonly medium: "GPU";
  readonly lora_name: null;
}

function signed(lo: number, hi: number): bigint {
  return BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo));
}

export function storedObject(raw: RawEvent): StoredObject {
  const hashes: bigint[] = [];
  for (let i = 0; i < raw.blockCount; i++) hashes.push(signed(raw.hashLo[i] ?? 0, raw.hashHi[i] ?? 0));
  return {
    type: "BlockStored",
    block_hashes: hashes,
    parent_block_hash: raw.parent === PARENT.given ? signed(raw.parentLo, raw.parentHi) : null,
    token_ids: Array.from(raw.tokens.subarray(0, raw.tokenCount)),
    block_size: TOKENS_A_BLOCK,
    lora_id: null,
    medium: "GPU",
    lora_name: null,
  };
}
