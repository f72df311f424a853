/**
 * What a subscriber must see of made-up traffic: the generator's own events, through nothing but this digest, and a clear
 * wherever a rank begins.
 */
import { ABSENT, PARENT, RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { RestartingTraffic } from "../../src/main/sim/restarting-traffic.ts";
import { EventDigest } from "./event-digest.ts";

export function trafficConfig(changes: Partial<TrafficConfig>): TrafficConfig {
  return { events: 1000, ratePerSecond: Infinity, blocks: 2, tokens: 32, ranks: 1, removed: 0.2, seed: 1, ...changes };
}

export interface ExpectedClears {
  /** Of each rank before anything else. Default true. */
  readonly atStart?: boolean;
  /** Publishable events before each restart of the engine, which clears each rank. */
  readonly restartsAt?: readonly number[];
}

export function expectedStream(
  config: TrafficConfig,
  { atStart = true, restartsAt = [] }: ExpectedClears = {},
): Record<string, { events: number; digest: string }> {
  const traffic = new RestartingTraffic(config, restartsAt);
  const raw = new RawEvent();
  const digest = new EventDigest();
  const clear = (rank: number): void => digest.add(rank, "AllBlocksCleared", [], null, []);
  if (atStart) for (let rank = 0; rank < config.ranks; rank++) clear(rank);
  const last = new Map<number, number>();
  while (traffic.next(raw)) {
    if (raw.eventId < (last.get(raw.rank) ?? -1)) clear(raw.rank);
    last.set(raw.rank, raw.eventId);
    if (raw.kind !== RAW_KIND.stored && raw.kind !== RAW_KIND.removed) continue;
    if (raw.eventId === ABSENT) throw new Error("made-up traffic without an id");
    const hashes = Array.from(
      { length: raw.blockCount },
      (_, i) => (BigInt(raw.hashHi[i] ?? 0) << 32n) | BigInt(raw.hashLo[i] ?? 0),
    );
    const stored = raw.kind === RAW_KIND.stored;
    const parent = stored && raw.parent === PARENT.given ? (BigInt(raw.parentHi) << 32n) | BigInt(raw.parentLo) : null;
    digest.add(
      raw.rank,
      stored ? "BlockStored" : "BlockRemoved",
      hashes,
      parent,
      stored ? raw.tokens.subarray(0, raw.tokenCount) : [],
    );
  }
  return digest.result();
}
