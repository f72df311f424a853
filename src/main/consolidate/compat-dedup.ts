/**
 * The books that Dynamo's consolidator keeps, with all that is wrong with them: see docs/consolidator.md. MAIN THREAD.
 *
 * A block has a set of kinds of sources, and goes with the last of them. Mappings hold nothing, they only lead from a hash to its
 * block: one map for all sources, or with lineage one for each kind. All ranks are rank 0, and a clear of any source is one of
 * all. What it scans for at a block's last removal is found by lists here.
 */
import { KeyMix } from "../../shared/key-mix.ts";
import { BLOCK, BLOCK_BITS, HOLD, ownerOf } from "./block-layout.ts";
import { Blocks } from "./blocks.ts";
import type { Books } from "./books.ts";
import type { BlockStore, ConsolidatorOptions, Outcome, SourceKind } from "./consolidator-types.ts";
import { MAPPINGS_A_BLOCK } from "./dedup.ts";
import type { Ledger } from "./ledger.ts";
import { POSITIONS, type Lineage } from "./lineage.ts";

/** Kinds of sources, in the order of their bits. */
const KINDS: readonly SourceKind[] = ["trtllm", "vllm", "kvbm"];

export class CompatDedup implements Books {
  readonly isSweeping = false;
  readonly #ledger: Ledger;
  readonly #maxBlocks: number;
  /** By id of the source. */
  readonly #kinds: readonly number[];
  readonly #mix: KeyMix = new KeyMix();
  #blocks: Blocks;

  constructor(options: ConsolidatorOptions, ledger: Ledger) {
    this.#ledger = ledger;
    this.#maxBlocks = options.maxBlocks;
    this.#kinds = options.sources.map((kind) => KINDS.indexOf(kind));
    this.#blocks = this.#newBlocks();
  }

  get memoryBytes(): number {
    return this.#blocks.memoryBytes;
  }

  store(b: BlockStore, rank: number): Outcome {
    const ledger = this.#ledger;
    const { isLineage } = ledger;
    const blocks = this.#blocks;
    const tokens = b.tokenEnd - b.tokenStart;
    const isPartial = b.blockSizeTokens !== 0 && tokens !== b.blockSizeTokens;
    if (isLineage && (isPartial || tokens === 0)) return ledger.withhold();
    const owner = this.#owner(b.source);
    const parentHold = b.hasParent ? blocks.findHold(owner, b.parentLo | 0, b.parentHi | 0) : 0;
    const parent = parentHold === 0 ? 0 : blocks.holds.get(parentHold, HOLD.block);
    if (b.hasParent && parent === 0) ledger.counters.orphans++;
    ledger.identify(blocks, b, parent, isLineage ? b.loraName : null, isLineage ? b.cacheSalt : null, null);
    if (ledger.position >= POSITIONS) return ledger.refuse();
    const lo = b.hashLo | 0;
    const hi = b.hashHi | 0;
    let block = blocks.find(ledger.keyLo, ledger.keyHi, ledger.position);
    const hold = blocks.findHold(owner, lo, hi);
    if (hold !== 0 && blocks.holds.get(hold, HOLD.block) === block) {
      if (!isLineage) this.#join(block, b.source);
      return ledger.publishOnce(blocks, block, rank, b, null);
    }
    if (hold === 0 && ledger.counters.mappings >= MAPPINGS_A_BLOCK * this.#maxBlocks) return ledger.refuse();
    if (block === 0) {
      if (ledger.counters.blocks >= this.#maxBlocks) return ledger.refuse();
      block = ledger.create(blocks, lo, hi, false);
    }
    // What the hash named before stays for ever.
    if (hold === 0) blocks.hold(owner, lo, hi, block);
    else blocks.move(hold, block);
    this.#join(block, b.source);
    return ledger.publishOnce(blocks, block, rank, b, null);
  }

  remove(source: number, _tier: number, rank: number, lo: number, hi: number): Outcome {
    const blocks = this.#blocks;
    const hold = blocks.findHold(this.#owner(source), lo | 0, hi | 0);
    if (hold === 0) return this.#ledger.unknown();
    const block = blocks.holds.get(hold, HOLD.block);
    if (this.#ledger.isLineage) blocks.release(hold);
    return this.#leave(block, source, rank);
  }

  createLineage(at: Lineage, b: BlockStore, rank: number): Outcome {
    const ledger = this.#ledger;
    const blocks = this.#blocks;
    if (!ledger.isLineage || at.position >= POSITIONS) return ledger.refuse();
    ledger.identifyByLineage(at, b.cacheSalt);
    let block = blocks.find(ledger.keyLo, ledger.keyHi, at.position);
    if (block === 0) {
      if (ledger.counters.blocks >= this.#maxBlocks) return ledger.refuse();
      block = ledger.create(blocks, ledger.keyLo, ledger.keyHi, false);
    }
    this.#join(block, b.source);
    return b.tokenEnd > b.tokenStart ? ledger.publishOnce(blocks, block, rank, b, null) : "known";
  }

  removeLineage(source: number, _tier: number, rank: number, at: Lineage): Outcome {
    const block = this.#blocks.find(at.sequenceLo | 0, at.sequenceHi | 0, at.position);
    return block === 0 ? this.#ledger.unknown() : this.#leave(block, source, rank);
  }

  clear(_source: number, rank: number): void {
    this.#blocks.retire();
    this.#blocks = this.#newBlocks();
    this.#ledger.cleared(rank);
  }

  sweep(): boolean {
    return false;
  }

  #newBlocks(): Blocks {
    return new Blocks(KINDS.length, this.#mix, this.#ledger.counters);
  }

  #owner(source: number): number {
    return this.#ledger.isLineage ? ownerOf(this.#kinds[source] as number, 0, false) : 0;
  }

  /** One more kind of source has the block. */
  #join(block: number, source: number): void {
    const { blocks } = this.#blocks;
    blocks.set(block, BLOCK.bits, blocks.get(block, BLOCK.bits) | (1 << (this.#kinds[source] as number)));
  }

  /** A kind of source no longer has it. */
  #leave(block: number, source: number, rank: number): Outcome {
    const { blocks } = this.#blocks;
    const kind = 1 << (this.#kinds[source] as number);
    const bits = blocks.get(block, BLOCK.bits);
    if ((bits & kind) === 0) return this.#ledger.unknown();
    blocks.set(block, BLOCK.bits, bits & ~kind);
    return (bits & ~kind & BLOCK_BITS.kinds) === 0 ? this.#ledger.end(this.#blocks, block, rank) : "known";
  }
}
