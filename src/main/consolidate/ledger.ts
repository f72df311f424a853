/**
 * What both kinds of books have in common: how a block is identified, under which hash it goes out, and what is told of it. MAIN
 * THREAD.
 *
 * A block's identity is its sequence hash: its tokens and all tokens before it, with the LoRA name, the cache salt and the
 * multimodal hashes mixed in. The block in hand is identified first, by one of the `identify` calls; its facts stay here until
 * the next one.
 */
import { TIER } from "../../shared/tier.ts";
import type { Xxh3 } from "../../shared/xxh3.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";
import { BLOCK, BLOCK_BITS } from "./block-layout.ts";
import { BlockHasher } from "./block-hasher.ts";
import type { Blocks } from "./blocks.ts";
import type { BlockStore, ConsolidatorCounters, Identity, Outcome } from "./consolidator-types.ts";
import type { EmissionQueue } from "./emission-queue.ts";
import { fragmentMask, type Lineage } from "./lineage.ts";

export class Ledger {
  readonly isLineage: boolean;
  readonly counters: ConsolidatorCounters;
  /** Of the block in hand: sequence hash, local hash, place. */
  keyLo: number = 0;
  keyHi: number = 0;
  localLo: number = 0;
  localHi: number = 0;
  position: number = 0;
  /** What it would be published with. */
  #hasParent: boolean = false;
  #parentLo: number = 0;
  #parentHi: number = 0;
  #salt: string | null = null;
  readonly #queue: EmissionQueue;
  readonly #hasher: BlockHasher;

  constructor(identity: Identity, queue: EmissionQueue, counters: ConsolidatorCounters, xxh3: Xxh3) {
    this.isLineage = identity === "lineage";
    this.counters = counters;
    this.#queue = queue;
    this.#hasher = new BlockHasher(xxh3);
  }

  /** Identifies a block as the child of `parent`, or as a root if that is 0. With lineage the salt is inherited. */
  identify(
    blocks: Blocks,
    b: BlockStore,
    parent: number,
    lora: string | null,
    salt: string | null,
    mm: BlockMmInfo,
  ): void {
    const hasher = this.#hasher;
    const slots = blocks.blocks;
    this.position = 0;
    this.#hasParent = parent !== 0;
    this.#salt = this.isLineage && salt === "" ? null : salt;
    if (parent !== 0) {
      this.#parentLo = slots.get(parent, BLOCK.nameLo);
      this.#parentHi = slots.get(parent, BLOCK.nameHi);
      if (this.isLineage) {
        this.position = slots.get(parent, BLOCK.position) + 1;
        this.#salt ??= blocks.salts.text(slots.get(parent, BLOCK.salt));
      }
    }
    hasher.begin(lora, this.#salt);
    hasher.local(b.tokens, b.tokenStart, b.tokenEnd, mm);
    this.localLo = hasher.lo;
    this.localHi = hasher.hi;
    if (parent !== 0) hasher.follow(slots.get(parent, BLOCK.keyLo), slots.get(parent, BLOCK.keyHi));
    this.#keepKey();
  }

  /** The same for a block whose parent nobody here knows: of it there is no more than the hash that the source has for it. */
  identifyOrphan(blocks: Blocks, b: BlockStore): void {
    this.identify(blocks, b, 0, b.loraName, b.cacheSalt, b.mm);
    this.#hasher.followUnknown(b.parentLo, b.parentHi);
    this.#keepKey();
    this.#hasParent = true;
    this.#parentLo = b.parentLo;
    this.#parentHi = b.parentHi;
  }

  /** Takes what the source says of a block's place. */
  identifyByLineage(at: Lineage, salt: string | null): void {
    this.keyLo = at.sequenceLo | 0;
    this.keyHi = at.sequenceHi | 0;
    this.position = at.position;
    this.#hasParent = at.position > 0;
    this.#parentLo = at.parentLo;
    this.#parentHi = at.parentHi;
    this.#salt = salt === "" ? null : salt;
  }

  /** A new block for the one in hand. `lo` and `hi` are the source's hash of it; `isFiled`: it can be found by it. */
  create(blocks: Blocks, lo: number, hi: number, isFiled: boolean): number {
    const block = blocks.create(this.keyLo, this.keyHi, this.position);
    const slots = blocks.blocks;
    if (this.isLineage) {
      blocks.name(block, this.keyLo, this.keyHi & fragmentMask(this.position + 1), false);
      slots.set(block, BLOCK.salt, blocks.salts.take(this.#salt));
    } else {
      blocks.name(block, lo, hi, isFiled);
      slots.set(block, BLOCK.localLo, this.localLo);
      slots.set(block, BLOCK.localHi, this.localHi);
    }
    return block;
  }

  /** Publishes the block, unless it is published already. `mm` as it is to go out. */
  publishOnce(blocks: Blocks, block: number, rank: number, b: BlockStore, mm: BlockMmInfo): Outcome {
    const slots = blocks.blocks;
    const { counters } = this;
    const bits = slots.get(block, BLOCK.bits);
    if ((bits & BLOCK_BITS.published) !== 0) {
      counters.duplicates++;
      return "known";
    }
    slots.set(block, BLOCK.bits, bits | BLOCK_BITS.published);
    this.#queue.stored(
      b,
      rank,
      TIER.device,
      slots.get(block, BLOCK.nameLo),
      slots.get(block, BLOCK.nameHi),
      slots.get(block, BLOCK.position),
      this.#hasParent,
      this.#parentLo,
      this.#parentHi,
      this.#salt,
      mm,
    );
    counters.storedOut++;
    return "published";
  }

  /** Nobody holds the block any more: it is forgotten, and removed if it was published. */
  end(blocks: Blocks, block: number, rank: number): Outcome {
    const slots = blocks.blocks;
    const isPublished = (slots.get(block, BLOCK.bits) & BLOCK_BITS.published) !== 0;
    if (isPublished) {
      const position = slots.get(block, BLOCK.position);
      this.#queue.removed(rank, TIER.device, slots.get(block, BLOCK.nameLo), slots.get(block, BLOCK.nameHi), position);
      this.counters.removedOut++;
    }
    blocks.drop(block);
    return isPublished ? "published" : "known";
  }

  cleared(rank: number): void {
    this.#queue.cleared(rank);
    this.counters.clearedOut++;
  }

  withhold(): Outcome {
    this.counters.withheld++;
    return "withheld";
  }

  refuse(): Outcome {
    this.counters.refused++;
    return "refused";
  }

  unknown(): Outcome {
    this.counters.unknownRemoves++;
    return "unknown";
  }

  #keepKey(): void {
    this.keyLo = this.#hasher.lo;
    this.keyHi = this.#hasher.hi;
  }
}
