/** `GET /dump`: what is in the indices, as the events of Dynamo's event plane that would make it again. MAIN THREAD. */
import { TIER } from "../../shared/tier.ts";
import { TIER_NAMES } from "../router-feed/plane-event.ts";
import type { Model } from "../router-feed/models.ts";
import { dumpIndex, type DumpedBlock } from "../router-index/dump.ts";

/** A block takes some 250 bytes of an answer, which is made at once. */
export const MAX_DUMPED_PAIRS = 500_000;

const NAMES: ReadonlyMap<number, string> = new Map(Array.from(TIER_NAMES, ([name, tier]) => [tier, name]));

export interface DumpFilter {
  readonly worker: bigint | null;
  readonly rank: number | null;
}

/** Text of `{"model:group": {block_size, events}}`. */
export function dumpBody(models: readonly Model[], filter: DumpFilter): string {
  const parts = models.map((model) => {
    const { feed } = model;
    const events: string[] = [];
    dumpIndex(feed.index, (block) => {
      if (filter.worker !== null && block.worker !== filter.worker) return;
      if (filter.rank === null || block.rank === filter.rank) events.push(eventOf(block, events.length));
    });
    const name = JSON.stringify(`${model.model}:${model.group}`);
    return `${name}:{"block_size":${feed.blockSizeTokens},"events":[${events.join(",")}]}`;
  });
  return `{${parts.join(",")}}\n`;
}

function eventOf({ worker, rank, tier, parent, hash, local }: DumpedBlock, id: number): string {
  const block = `{"block_hash":${hash},"tokens_hash":${local},"mm_extra_info":null}`;
  const stored = `{"parent_hash":${parent ?? "null"},"start_position":null,"blocks":[${block}]}`;
  const name = NAMES.get(tier) ?? NAMES.get(TIER.device);
  return `{"worker_id":${worker},"storage_tier":"${name}","event":{"event_id":${id},"data":{"stored":${stored}},"dp_rank":${rank}}}`;
}
