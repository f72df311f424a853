/** A consolidator as tests use it: blocks as plain objects, hashes as numbers or BigInts, events as plain objects. */
import { Consolidator, type BlockStore, type ConsolidatorOptions } from "../../src/main/consolidate/consolidator.ts";
import { PUBLISHED_KIND, type MmHash, type PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { TIER, type Tier } from "../../src/shared/tier.ts";
import { hashHalves } from "../../src/shared/hash64.ts";

export interface StoreSpec {
  readonly hash: bigint | number;
  readonly tokens: readonly number[];
  readonly source?: number;
  readonly tier?: Tier;
  readonly rank?: number;
  readonly parent?: bigint | number | null;
  readonly blockSize?: number;
  readonly lora?: string | null;
  readonly salt?: string | null;
  readonly mm?: readonly bigint[] | null;
}

export interface EventView {
  readonly kind: "stored" | "removed" | "cleared";
  readonly rank: number;
  readonly tier: Tier;
  readonly hash: bigint | null;
  readonly parent: bigint | null;
  readonly tokens: readonly number[];
  readonly blockSize: number;
  readonly lora: string | null;
  readonly salt: string | null;
  readonly mm: readonly bigint[] | null;
}

const KIND_NAMES = {
  [PUBLISHED_KIND.stored]: "stored",
  [PUBLISHED_KIND.removed]: "removed",
  [PUBLISHED_KIND.cleared]: "cleared",
} as const;

export function whole(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

export function blockStore(spec: StoreSpec): BlockStore {
  const hash = hashHalves(BigInt(spec.hash));
  const parent = hashHalves(BigInt(spec.parent ?? 0));
  // Between other tokens, as in an event of several blocks.
  return {
    source: spec.source ?? 0,
    tier: spec.tier ?? TIER.device,
    rank: spec.rank ?? 0,
    hashLo: hash.lo,
    hashHi: hash.hi,
    hasParent: spec.parent !== undefined && spec.parent !== null,
    parentLo: parent.lo,
    parentHi: parent.hi,
    tokens: Uint32Array.from([7, ...spec.tokens, 8]),
    tokenStart: 1,
    tokenEnd: 1 + spec.tokens.length,
    blockSizeTokens: spec.blockSize ?? spec.tokens.length,
    loraName: spec.lora ?? null,
    cacheSalt: spec.salt ?? null,
    mm: spec.mm === undefined || spec.mm === null ? null : spec.mm.map((mm): MmHash => hashHalves(mm)),
  };
}

export function eventView(event: PublishedEvent): EventView {
  const mm = event.mmInfos?.[0] ?? null;
  return {
    kind: KIND_NAMES[event.kind],
    rank: event.rank,
    tier: event.tier,
    hash: event.blockCount === 0 ? null : whole(event.hashLo[0] as number, event.hashHi[0] as number),
    parent: event.hasParent ? whole(event.parentLo, event.parentHi) : null,
    tokens: [...event.tokens.subarray(0, event.tokenCount)],
    blockSize: event.blockSizeTokens,
    lora: event.loraName,
    salt: event.cacheSalt,
    mm: mm === null ? null : mm.map(({ lo, hi }) => whole(lo, hi)),
  };
}

export class ConsolidatorRig {
  readonly consolidator: Consolidator;

  constructor(options: Partial<ConsolidatorOptions> = {}) {
    this.consolidator = new Consolidator({
      mode: "dedup",
      identity: "legacy",
      compat: false,
      sources: ["trtllm", "vllm", "kvbm"],
      maxBlocks: 1000,
      ...options,
    });
  }

  store(spec: StoreSpec): string {
    return this.consolidator.store(blockStore(spec));
  }

  remove(hash: bigint | number, source: number = 0, tier: Tier = TIER.device, rank: number = 0): string {
    const { lo, hi } = hashHalves(BigInt(hash));
    return this.consolidator.remove(source, tier, rank, lo, hi);
  }

  drain(): EventView[] {
    const events: EventView[] = [];
    this.consolidator.drain((event) => events.push(eventView(event)) > 0);
    return events;
  }

  /** Events in short: "+hash<parent", "-hash", "clear", with "@rank" if that is not 0. */
  short(): string {
    return this.drain()
      .map(({ kind, rank, hash, parent }) => {
        const at = rank === 0 ? "" : `@${rank}`;
        if (kind === "cleared") return `clear${at}`;
        return kind === "removed" ? `-${hash}${at}` : `+${hash}${parent === null ? "" : `<${parent}`}${at}`;
      })
      .join(" ");
  }
}
