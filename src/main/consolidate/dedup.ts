/**
 * Which stored and removed blocks are worth an event, when many sources name the same ones. MAIN THREAD.
 *
 * A block is live while somebody holds it. What holds it are mappings, (source, tier, engine's hash) → block: the first one
 * publishes it, and with the last one it goes. Each rank has tables of its own.
 *
 * A clear of all that a rank has lets go of its tables. One that leaves others what they hold goes in steps: the source has
 * nothing from that moment on, while `sweep` takes out what it had, so many at a time. Until then such a block is live
 * downstream, and whoever stores it meanwhile holds it, as if it had been stored before the clear.
 */
import { KeyMix } from "../../shared/key-mix.ts";
import { MAX_RANK } from "../../shared/record.ts";
import { HOLD, BLOCK, ownerOf } from "./block-layout.ts";
import { Blocks } from "./blocks.ts";
import type { Books } from "./books.ts";
import type { BlockStore, ConsolidatorOptions, Outcome } from "./consolidator-types.ts";
import type { Ledger } from "./ledger.ts";
import { POSITIONS, type Lineage } from "./lineage.ts";

const TIERS = 4;
export const MAPPINGS_A_BLOCK = 4;
/** Holds that a clear takes out at once: about a millisecond. */
const CLEARED_AT_ONCE = 1024;

export class Dedup implements Books {
  readonly #ledger: Ledger;
  readonly #maxBlocks: number;
  readonly #sources: number;
  readonly #clearedAtOnce: number;
  readonly #mix: KeyMix = new KeyMix();
  readonly #ranks: (Blocks | null)[] = Array.from({ length: MAX_RANK + 1 }, () => null);
  /** Ranks that have something to be swept. */
  readonly #sweeping: number[] = [];

  constructor(options: ConsolidatorOptions, ledger: Ledger) {
    this.#ledger = ledger;
    this.#maxBlocks = options.maxBlocks;
    this.#sources = options.sources.length;
    this.#clearedAtOnce = options.clearedAtOnce ?? CLEARED_AT_ONCE;
  }

  get memoryBytes(): number {
    return this.#ranks.reduce((bytes, blocks) => bytes + (blocks?.memoryBytes ?? 0), 0);
  }

  get isSweeping(): boolean {
    return this.#sweeping.length > 0;
  }

  store(b: BlockStore, rank: number): Outcome {
    const ledger = this.#ledger;
    const { isLineage } = ledger;
    const tokens = b.tokenEnd - b.tokenStart;
    if (tokens === 0 || (isLineage && b.blockSizeTokens !== 0 && tokens !== b.blockSizeTokens))
      return ledger.withhold();
    this.#makeRoom();
    const blocks = this.#of(rank);
    if (!this.#identify(blocks, b)) return ledger.withhold();
    if (ledger.position >= POSITIONS) return ledger.refuse();
    const lo = b.hashLo | 0;
    const hi = b.hashHi | 0;
    const owner = ownerOf(b.source, b.tier, false);
    let block = blocks.find(ledger.keyLo, ledger.keyHi, ledger.position);
    const hold = blocks.findHold(owner, lo, hi);
    if (hold !== 0) {
      const held = blocks.holds.get(hold, HOLD.block);
      if (held === block || this.#isSameContent(blocks, held)) return ledger.publishOnce(blocks, held, rank, b, b.mm);
      // What the hash named before is no longer there under it.
      this.#release(blocks, hold, rank);
    }
    if (block === 0 && !isLineage) {
      // Downstream the hash is all there is: it must not name two blocks at a time.
      block = blocks.findName(lo, hi);
      if (block !== 0 && blocks.isForsaken(block)) {
        ledger.end(blocks, block, rank);
        block = 0;
      }
      if (block !== 0 && !this.#isSameContent(blocks, block)) return ledger.withhold();
    }
    if (this.#isFull || (block === 0 && this.#hasAllBlocks)) return ledger.refuse();
    if (block === 0) block = ledger.create(blocks, lo, hi, !isLineage);
    blocks.hold(owner, lo, hi, block);
    return ledger.publishOnce(blocks, block, rank, b, b.mm);
  }

  remove(source: number, tier: number, rank: number, lo: number, hi: number): Outcome {
    return this.#removeHold(ownerOf(source, tier, false), rank, lo | 0, hi | 0);
  }

  createLineage(at: Lineage, b: BlockStore, rank: number): Outcome {
    const ledger = this.#ledger;
    if (!ledger.isLineage || at.position >= POSITIONS) return ledger.refuse();
    this.#makeRoom();
    const blocks = this.#of(rank);
    ledger.identifyByLineage(at, b.cacheSalt);
    const { keyLo, keyHi } = ledger;
    const owner = ownerOf(b.source, b.tier, true);
    let block = blocks.find(keyLo, keyHi, at.position);
    const isHeld = blocks.findHold(owner, keyLo, keyHi) !== 0;
    if (!isHeld && this.#isFull) return ledger.refuse();
    if (block === 0) {
      if (this.#hasAllBlocks) return ledger.refuse();
      block = ledger.create(blocks, keyLo, keyHi, false);
    }
    if (!isHeld) blocks.hold(owner, keyLo, keyHi, block);
    return b.tokenEnd > b.tokenStart ? ledger.publishOnce(blocks, block, rank, b, b.mm) : "known";
  }

  removeLineage(source: number, tier: number, rank: number, at: Lineage): Outcome {
    return this.#removeHold(ownerOf(source, tier, true), rank, at.sequenceLo | 0, at.sequenceHi | 0);
  }

  clear(source: number, rank: number): void {
    const blocks = this.#ranks[rank] ?? null;
    if (blocks !== null && blocks.holders.hasOthers(source)) {
      blocks.holders.doom(source);
      if (!this.#sweeping.includes(rank)) this.#sweeping.push(rank);
      this.sweep(this.#clearedAtOnce);
      return;
    }
    blocks?.retire();
    this.#ranks[rank] = null;
    this.#ledger.cleared(rank);
  }

  sweep(most: number): boolean {
    const ranks = this.#sweeping;
    for (let left = most; left > 0 && ranks.length > 0; left--) {
      const rank = ranks[0] as number;
      const blocks = this.#ranks[rank] ?? null;
      const hold = blocks === null ? 0 : blocks.holders.nextDoomed();
      if (blocks === null || hold === 0) ranks.shift();
      else this.#release(blocks, hold, rank);
    }
    return ranks.length > 0;
  }

  get #isFull(): boolean {
    return this.#ledger.counters.mappings >= MAPPINGS_A_BLOCK * this.#maxBlocks;
  }

  get #hasAllBlocks(): boolean {
    return this.#ledger.counters.blocks >= this.#maxBlocks;
  }

  /** What has been cleared takes no room from what is live. */
  #makeRoom(): void {
    while (this.#sweeping.length > 0 && (this.#isFull || this.#hasAllBlocks)) this.sweep(CLEARED_AT_ONCE);
  }

  #of(rank: number): Blocks {
    return (this.#ranks[rank] ??= new Blocks(this.#sources, this.#mix, this.#ledger.counters));
  }

  /** Leaves the identity in the ledger. False: it cannot be known, or contradicts itself. */
  #identify(blocks: Blocks, b: BlockStore): boolean {
    const ledger = this.#ledger;
    const { isLineage } = ledger;
    // One that goes by the same hash as its parent would be its own parent downstream.
    if (!isLineage && b.hasParent && ((b.parentLo ^ b.hashLo) | (b.parentHi ^ b.hashHi)) === 0) return false;
    const parent = b.hasParent ? this.#parentOf(blocks, b) : 0;
    if (b.hasParent && parent === 0) {
      ledger.counters.orphans++;
      if (isLineage) return false;
      ledger.identifyOrphan(blocks, b);
    } else ledger.identify(blocks, b, parent, b.loraName, b.cacheSalt, b.mm);
    return true;
  }

  /** The parent that the source itself holds, in whatever tier; 0 = none. */
  #parentOf(blocks: Blocks, b: BlockStore): number {
    const lo = b.parentLo | 0;
    const hi = b.parentHi | 0;
    let hold = blocks.findHold(ownerOf(b.source, b.tier, false), lo, hi);
    for (let tier = 0; hold === 0 && tier < TIERS; tier++) {
      if (tier !== b.tier) hold = blocks.findHold(ownerOf(b.source, tier, false), lo, hi);
    }
    return hold === 0 ? 0 : blocks.holds.get(hold, HOLD.block);
  }

  /** Whether a block that goes by the hash in hand is the one in hand, though perhaps one of the two did not know its parent. */
  #isSameContent({ blocks }: Blocks, block: number): boolean {
    const { isLineage, localLo, localHi } = this.#ledger;
    return !isLineage && blocks.get(block, BLOCK.localLo) === localLo && blocks.get(block, BLOCK.localHi) === localHi;
  }

  #removeHold(owner: number, rank: number, lo: number, hi: number): Outcome {
    const blocks = this.#ranks[rank] ?? null;
    const hold = blocks === null ? 0 : blocks.findHold(owner, lo, hi);
    return blocks === null || hold === 0 ? this.#ledger.unknown() : this.#release(blocks, hold, rank);
  }

  #release(blocks: Blocks, hold: number, rank: number): Outcome {
    const block = blocks.holds.get(hold, HOLD.block);
    blocks.release(hold);
    return blocks.blocks.get(block, BLOCK.firstHold) === 0 ? this.#ledger.end(blocks, block, rank) : "known";
  }
}
