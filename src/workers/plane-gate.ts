/**
 * Holds back removals that would be premature: an engine may store a block more than once, and routers are to hear of its
 * removal when the last of them is gone. PUBLISHER THREAD, which alone sees the events of all ranks in order.
 *
 * Stored blocks always pass and count one; removed ones pass at zero, and those that nobody has counted; a clear forgets all
 * of its rank. A publisher that takes over from one that died begins with empty counts, so that at worst a removal passes
 * too early.
 */
import { PLANE_GATE_HASHES } from "../shared/nats-limits.ts";
import { isPlanePoisoned } from "../shared/poison.ts";
import { MAX_RANK, RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD, tierOf } from "../shared/record.ts";
import { TIER } from "../shared/tier.ts";
import type { SlotRecords, Withheld } from "./plane-plan.ts";
import { RefCounts } from "./ref-counts.ts";
import { StoreCheck } from "./store-check.ts";

export class PlaneGate {
  readonly #counts: RefCounts;
  readonly #check: StoreCheck;

  /** Blocks beyond `maxHashes` are not counted: their removals pass. */
  constructor(blockSize: number, maxHashes: number = PLANE_GATE_HASHES) {
    this.#counts = new RefCounts(maxHashes);
    this.#check = new StoreCheck(blockSize);
  }

  get memoryBytes(): number {
    return this.#counts.memoryBytes;
  }

  /**
   * Takes note of a slot's events, once and in order. Returns the removed hashes that are to be held back, or null if there
   * are none: then the messages that the encoder wrote are right as they are.
   */
  admit(slot: SlotRecords): Withheld | null {
    const { records, header } = slot;
    let withheld: Set<number> | null = null;
    let r = slot.recordsWord;
    for (let i = 0; i < slot.events; i++) {
      if (!isPlanePoisoned(header, slot.slot, i)) withheld = this.#admit(records, r, withheld);
      r += records[r + RECORD_WORD.length] as number;
    }
    return withheld;
  }

  #admit(records: Uint32Array, r: number, withheld: Set<number> | null): Set<number> | null {
    const rank = records[r + RECORD_WORD.rank] as number;
    if (rank > MAX_RANK) return withheld;
    const kindWord = records[r + RECORD_WORD.kind] as number;
    const kind = kindWord & RECORD_KIND_MASK;
    // Copies in slower tiers are counted by whoever makes them; here they would be taken for those on the device.
    if (tierOf(kindWord) !== TIER.device) return withheld;
    if (kind === RECORD_KIND.cleared) {
      this.#counts.clear(rank);
      return withheld;
    }
    const isStored = kind === RECORD_KIND.stored;
    const blocks = isStored ? this.#check.keptBlocks(records, r) : (records[r + RECORD_WORD.blocks] as number);
    const end = r + RECORD_WORD.header + 2 * blocks;
    for (let h = r + RECORD_WORD.header; h < end; h += 2) {
      const lo = records[h] as number;
      const hi = records[h + 1] as number;
      if (isStored) this.#counts.add(rank, lo, hi);
      else if (this.#counts.remove(rank, lo, hi) > 0) (withheld ??= new Set()).add(h);
    }
    return withheld;
  }
}
