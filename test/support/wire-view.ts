/** Wire events as plain objects, which tests can write down and compare. */
import { ABSENT } from "../../src/main/engine/raw-event.ts";
import { WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import {
  LOCALITY,
  OWNERSHIP,
  SPEC_KIND,
  UNKNOWN_TIER,
  WIRE_KIND,
  WireEvent,
  type WireTier,
} from "../../src/main/wire/wire-event.ts";
import type { WireRefusal } from "../../src/main/wire/wire-refusal.ts";
import { TIER } from "../../src/shared/tier.ts";

export type TierName = keyof typeof TIER | "unknown";

export interface StoredView {
  readonly kind: "stored";
  readonly hashes: readonly bigint[];
  readonly parent: bigint | null;
  readonly tokens: readonly number[];
  readonly isEagle: boolean;
  readonly blockSize: number;
  readonly loraName: string | null;
  readonly loraId: number;
  readonly cacheSalt: string | null;
  readonly mmListPresent: boolean;
  readonly mm: readonly (readonly bigint[] | null)[] | null;
  readonly hasUnknownKeys: boolean;
}

/** What events of all kinds have. */
export interface CommonView {
  readonly tier: TierName;
  readonly mediumAbsent: boolean;
  readonly groupIdx: number | null;
  readonly specKind: keyof typeof SPEC_KIND;
  readonly slidingWindow: number | null;
  readonly locality: keyof typeof LOCALITY;
  readonly ownership: keyof typeof OWNERSHIP;
}

export interface RemovedView {
  readonly kind: "removed";
  readonly hashes: readonly bigint[];
}
export interface EmptyView {
  readonly kind: "cleared" | "ignored";
}
export type WireView = (StoredView | RemovedView | EmptyView) & CommonView;

export interface BatchView {
  readonly timestamp: number;
  readonly rank: number | null;
  readonly events: readonly WireView[];
}

const u64 = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo);
const orNull = (value: number): number | null => (value === ABSENT ? null : value);

function nameOf<Name extends string>(names: Readonly<Record<Name, number>>, value: number): Name {
  for (const name of Object.keys(names) as Name[]) if (names[name] === value) return name;
  throw new RangeError(`${value} is none of ${Object.keys(names).join(", ")}`);
}

function tierName(tier: WireTier): TierName {
  return tier === UNKNOWN_TIER ? "unknown" : nameOf(TIER, tier);
}

export function viewOf(event: WireEvent): WireView {
  const common: CommonView = {
    tier: tierName(event.tier),
    mediumAbsent: event.mediumAbsent,
    groupIdx: orNull(event.groupIdx),
    specKind: nameOf(SPEC_KIND, event.specKind),
    slidingWindow: orNull(event.slidingWindow),
    locality: nameOf(LOCALITY, event.locality),
    ownership: nameOf(OWNERSHIP, event.ownership),
  };
  const kind = nameOf(WIRE_KIND, event.kind);
  if (kind === "cleared" || kind === "ignored") return { kind, ...common };
  const lows = [...event.hashLo.subarray(0, event.blockCount)];
  const hashes = lows.map((lo, i) => u64(lo, event.hashHi[i] ?? Number.NaN));
  if (kind === "removed") return { kind, hashes, ...common };
  return {
    kind,
    hashes,
    parent: event.hasParent ? u64(event.parentLo, event.parentHi) : null,
    tokens: [...event.tokens.subarray(0, event.tokenCount)],
    isEagle: event.isEagle,
    blockSize: event.blockSizeTokens,
    loraName: event.loraName,
    loraId: event.loraId,
    cacheSalt: event.cacheSalt,
    mmListPresent: event.mmListPresent,
    mm: event.mmInfos?.map((info) => info?.map(({ lo, hi }) => u64(lo, hi)) ?? null) ?? null,
    hasUnknownKeys: event.hasUnknownKeys,
    ...common,
  };
}

/** All of a payload: the batch, or why it was refused. */
export function readAll(payload: Uint8Array, reader: WireBatchReader = new WireBatchReader()): BatchView | WireRefusal {
  const refusal = reader.open(payload);
  if (refusal !== null) return refusal;
  const event = new WireEvent();
  const events: WireView[] = [];
  while (reader.next(event)) events.push(viewOf(event));
  return { timestamp: reader.timestampSeconds, rank: orNull(reader.rank), events };
}
