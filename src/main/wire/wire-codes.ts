/** The texts that fields of events may hold, and the numbers that stand for them. MAIN THREAD. */
import { TIER } from "../../shared/tier.ts";
import { KnownTexts, OTHER_TEXT } from "./known-texts.ts";
import type { MsgpackCursor } from "./msgpack-cursor.ts";
import { LOCALITY, OWNERSHIP, SPEC_KIND, UNKNOWN_TIER, WIRE_KIND } from "./wire-event.ts";

/** Result of `take` for what is no text, or none that is allowed. */
export const NO_CODE = -1;

export class WireCodes {
  readonly #texts: KnownTexts;
  readonly #codes: readonly number[];
  readonly #other: number;

  /** `other` stands for every text that is not listed. */
  constructor(codes: Readonly<Record<string, number>>, other: number) {
    this.#texts = new KnownTexts(Object.keys(codes));
    this.#codes = Object.values(codes);
    this.#other = other;
  }

  /** Takes a text. `last[slot]` remembers which it was, as a guess for the next time. */
  take(cursor: MsgpackCursor, last: Uint8Array, slot: number): number {
    const i = this.#texts.take(cursor, last[slot] as number);
    if (i >= 0) {
      last[slot] = i;
      return this.#codes[i] as number;
    }
    return i === OTHER_TEXT ? this.#other : NO_CODE;
  }
}

export const KINDS: WireCodes = new WireCodes(
  {
    BlockStored: WIRE_KIND.stored,
    BlockRemoved: WIRE_KIND.removed,
    AllBlocksCleared: WIRE_KIND.cleared,
    Ignored: WIRE_KIND.ignored,
  },
  NO_CODE,
);

/** 0 for no medium, which an empty text is too; else the tier and one. */
export const MEDIA: WireCodes = new WireCodes(
  {
    "": 0,
    GPU: TIER.device + 1,
    DEVICE: TIER.device + 1,
    CPU: TIER.hostPinned + 1,
    CPU_PINNED: TIER.hostPinned + 1,
    CPU_TIER1: TIER.hostPinned + 1,
    CPU_TIER2: TIER.disk + 1,
    DISK: TIER.disk + 1,
    NVME: TIER.disk + 1,
    STORAGE: TIER.disk + 1,
    EXTERNAL: TIER.external + 1,
    NETWORK: TIER.external + 1,
    REMOTE: TIER.external + 1,
    SHARED: TIER.external + 1,
  },
  UNKNOWN_TIER + 1,
);

export const SPEC_KINDS: WireCodes = new WireCodes(
  { full_attention: SPEC_KIND.main, mla_attention: SPEC_KIND.main, sink_full_attention: SPEC_KIND.main },
  SPEC_KIND.other,
);

export const LOCALITIES: WireCodes = new WireCodes(
  { LOCAL: LOCALITY.local, REMOTE: LOCALITY.remote },
  LOCALITY.unknown,
);

export const OWNERS: WireCodes = new WireCodes({ kvcr: OWNERSHIP.kvcr }, OWNERSHIP.unknown);
