/** Published events for tests, from plain descriptions; and the same as fast-check arbitraries. */
import * as fc from "fast-check";
import { PUBLISHED_KIND, PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { hashHalves } from "../../src/shared/hash64.ts";
import { TIER, type Tier } from "../../src/shared/tier.ts";

export interface StoredSpec {
  readonly type: "stored";
  readonly hashes: readonly bigint[];
  readonly tokens: readonly number[];
  readonly parent: bigint | null;
  readonly loraName: string | null;
  readonly loraId: number;
  readonly salt: string | null;
  /** undefined: no list; otherwise one entry a block. */
  readonly mm: readonly (readonly bigint[] | null)[] | undefined;
  /** Absent: on the device. */
  readonly tier?: Tier;
  /** Absent: as configured. */
  readonly blockSize?: number;
}
export interface RemovedSpec {
  readonly type: "removed";
  readonly hashes: readonly bigint[];
  readonly tier?: Tier;
}
export interface ClearedSpec {
  readonly type: "cleared";
}
export type EventSpec = StoredSpec | RemovedSpec | ClearedSpec;

export function publishedEvent(spec: EventSpec, rank: number = 0): PublishedEvent {
  const event = new PublishedEvent();
  event.begin(PUBLISHED_KIND[spec.type], rank);
  if (spec.type === "cleared") return event;
  event.tier = spec.tier ?? TIER.device;
  for (const hash of spec.hashes) {
    const { lo, hi } = hashHalves(hash);
    event.addHash(lo, hi);
  }
  if (spec.type === "removed") return event;
  event.addTokens(Uint32Array.from(spec.tokens), 0, spec.tokens.length);
  if (spec.parent !== null) {
    const { lo, hi } = hashHalves(spec.parent);
    event.hasParent = true;
    event.parentLo = lo;
    event.parentHi = hi;
  }
  event.blockSizeTokens = spec.blockSize ?? 0;
  event.loraName = spec.loraName;
  event.loraId = spec.loraId;
  event.cacheSalt = spec.salt;
  if (spec.mm !== undefined) {
    event.mmListPresent = true;
    if (spec.mm.some((entry) => entry !== null)) {
      event.mmInfos = spec.mm.map((entry) => entry?.map((hash) => hashHalves(hash)) ?? null);
    }
  }
  return event;
}

/** Hashes with the edges of each msgpack form in them. */
export const hash64: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: -40n, max: 300n }).map((value) => BigInt.asUintN(64, value)),
  fc
    .tuple(fc.constantFrom(7n, 8n, 15n, 16n, 31n, 32n, 63n), fc.bigInt({ min: -2n, max: 2n }), fc.boolean())
    .map(([bits, delta, negative]) => BigInt.asUintN(64, (negative ? -1n : 1n) * (1n << bits) + delta)),
);
const token = fc.oneof(fc.nat({ max: 0xffffffff }), fc.constantFrom(0, 127, 128, 255, 256, 65535, 65536, 0xffffffff));
const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 40 }), fc.string({ minLength: 250, maxLength: 300 }));

export const storedSpec: fc.Arbitrary<StoredSpec> = fc.array(hash64, { minLength: 1, maxLength: 20 }).chain((hashes) =>
  fc.record({
    type: fc.constant("stored" as const),
    hashes: fc.constant(hashes),
    tokens: fc.array(token, { maxLength: 70 }),
    parent: fc.option(hash64),
    loraName: fc.option(text),
    loraId: fc.oneof(fc.constant(0), fc.nat({ max: 0xffffffff })),
    salt: fc.option(text),
    mm: fc.option(
      fc.array(fc.option(fc.array(hash64, { minLength: 1, maxLength: 3 })), {
        minLength: hashes.length,
        maxLength: hashes.length,
      }),
      { nil: undefined },
    ),
  }),
);
export const eventSpec: fc.Arbitrary<EventSpec> = fc.oneof(
  { weight: 4, arbitrary: storedSpec },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("removed" as const),
      hashes: fc.array(hash64, { minLength: 1, maxLength: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("cleared" as const) }) },
);
