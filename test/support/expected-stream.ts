/** What a subscriber must see of made-up traffic: the generator's own events, through nothing but this digest. */
import { ABSENT, PARENT, RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { EventDigest } from "./event-digest.ts";

export function trafficConfig(changes: Partial<TrafficConfig>): TrafficConfig {
  return { events: 1000, ratePerSecond: Infinity, blocks: 2, tokens: 32, ranks: 1, removed: 0.2, seed: 1, ...changes };
}

export function expectedStream(config: TrafficConfig): Record<string, { events: number; digest: string }> {
  const traffic = new Traffic(config);
  const raw = new RawEvent();
  const digest = new EventDigest();
  while (traffic.next(raw)) {
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
