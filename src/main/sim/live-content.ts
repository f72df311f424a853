/**
 * The blocks that the stand-in engine holds: what all events so far amount to. MAIN THREAD.
 *
 * Traffic follows from its seed, so nothing is kept for this: when it is asked for, a copy of the traffic is run from its beginning.
 */
import type { TrafficConfig } from "../config/config.ts";
import { PARENT, RAW_KIND, RawEvent } from "../engine/raw-event.ts";
import { RestartingTraffic } from "./restarting-traffic.ts";

export interface LiveBlock {
  /** u64 in decimal digits. */
  readonly hash: string;
  /** null: the first of its chain. */
  readonly parent: string | null;
  readonly tokens: readonly number[];
}

export interface LiveRank {
  readonly rank: number;
  readonly blocks: readonly LiveBlock[];
}

/** After so many events, with restarts behind so many publishable ones. */
export function liveContent(config: TrafficConfig, restartsAt: readonly number[], made: number): readonly LiveRank[] {
  const traffic = new RestartingTraffic(config, restartsAt);
  const raw = new RawEvent();
  let restarts = 0;
  let ranks = new Map<number, Map<string, LiveBlock>>();
  while (traffic.made < made && traffic.next(raw)) {
    if (traffic.restarts > restarts) {
      restarts = traffic.restarts;
      ranks = new Map();
    }
    let blocks = ranks.get(raw.rank);
    if (blocks === undefined) ranks.set(raw.rank, (blocks = new Map()));
    if (raw.kind === RAW_KIND.removed) {
      for (let i = 0; i < raw.blockCount; i++) blocks.delete(hashText(raw.hashLo[i], raw.hashHi[i]));
    } else if (raw.kind === RAW_KIND.stored) {
      store(blocks, raw);
    }
  }
  return [...ranks].map(([rank, blocks]) => ({ rank, blocks: [...blocks.values()] }));
}

function store(blocks: Map<string, LiveBlock>, raw: RawEvent): void {
  let parent = raw.parent === PARENT.given ? hashText(raw.parentLo, raw.parentHi) : null;
  let start = 0;
  for (let i = 0; i < raw.blockCount; i++) {
    const hash = hashText(raw.hashLo[i], raw.hashHi[i]);
    const end = raw.tokenEnd[i] ?? start;
    blocks.set(hash, { hash, parent, tokens: [...raw.tokens.subarray(start, end)] });
    parent = hash;
    start = end;
  }
}

function hashText(lo: number = 0, hi: number = 0): string {
  return String((BigInt(hi) << 32n) | BigInt(lo >>> 0));
}
