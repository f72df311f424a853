/**
 * Which stored and removed blocks are worth an event, when many sources name the same ones. MAIN THREAD.
 *
 * A block is live while somebody holds it. Its identity is its sequence hash: its tokens and all tokens before it, with the
 * LoRA name and the cache salt mixed in. What holds it are mappings, (source, tier, rank, engine's hash) → block: the first
 * publishes it, and with the last one it goes.
 *
 * Compatible mode keeps the books that Dynamo's consolidator keeps: a block has a set of kinds of sources; mappings do not
 * hold anything, they only lead from a hash to its block.
 */
import { MAX_RANK } from "../../shared/record.ts";
import { TIER } from "../../shared/tier.ts";
import type { Xxh3 } from "../../shared/xxh3.ts";
import { BLOCK, BLOCK_BITS, HOLD, ownerOf } from "./block-layout.ts";
import { Blocks } from "./blocks.ts";
import { BlockHasher } from "./block-hasher.ts";
import type { BlockStore, ConsolidatorCounters, ConsolidatorOptions, Outcome } from "./consolidator-types.ts";
import type { EmissionQueue } from "./emission-queue.ts";
import { fragmentMask, POSITIONS, type Lineage } from "./lineage.ts";
import { TextTable } from "./text-table.ts";

/** Kinds of sources, in the order of their bits. */
const KINDS = ["trtllm", "vllm", "kvbm"] as const;
const TIERS = 4;
const MAPPINGS_A_BLOCK = 4;
/** Mappings from which on it is quicker to begin new tables than to take all of them out. */
const WORTH_NEW_TABLES = 4096;

export class Dedup {
  readonly #queue: EmissionQueue;
  readonly #counters: ConsolidatorCounters;
  readonly #isLineage: boolean;
  readonly #isCompat: boolean;
  readonly #maxBlocks: number;
  readonly #sources: number;
  /** By id of the source. */
  readonly #kinds: readonly number[];
  readonly #hasher: BlockHasher;
  #blocks: Blocks;
  /** Of live blocks, by identity: children inherit the salt of their parent. */
  #salts: TextTable = new TextTable();
  /** What the block in hand would be published with. */
  #hasParent: boolean = false;
  #parentLo: number = 0;
  #parentHi: number = 0;
  #position: number = 0;
  #salt: string | null = null;

  constructor(options: ConsolidatorOptions, queue: EmissionQueue, counters: ConsolidatorCounters, xxh3: Xxh3) {
    this.#queue = queue;
    this.#counters = counters;
    this.#isLineage = options.identity === "lineage";
    this.#isCompat = options.compat;
    this.#maxBlocks = options.maxBlocks;
    this.#kinds = options.sources.map((kind) => KINDS.indexOf(kind));
    this.#sources = Math.max(options.sources.length, KINDS.length);
    this.#hasher = new BlockHasher(xxh3);
    this.#blocks = new Blocks(this.#sources);
  }

  get memoryBytes(): number {
    return this.#blocks.memoryBytes + this.#salts.memoryBytes;
  }

  /** `rank` is the one that is published; source and rank have been checked. */
  store(b: BlockStore, rank: number): Outcome {
    const tokens = b.tokenEnd - b.tokenStart;
    const isPartial = this.#isLineage && b.blockSizeTokens !== 0 && tokens !== b.blockSizeTokens;
    if (isPartial || (tokens === 0 && (this.#isLineage || !this.#isCompat))) return this.#withhold();
    if (!this.#placeOf(b, rank)) return this.#withhold();
    if (this.#position >= POSITIONS) return this.#refuse();
    const lo = b.hashLo | 0;
    const hi = b.hashHi | 0;
    const owner = this.#owner(b.source, b.tier, rank, false);
    const hasher = this.#hasher;
    const keyLo = hasher.lo;
    const keyHi = hasher.hi;
    const blocks = this.#blocks;
    let block = blocks.find(rank, keyLo, keyHi, this.#position);
    let hold = blocks.findHold(owner, lo, hi);
    if (hold !== 0) {
      const held = blocks.holds.get(hold, HOLD.block);
      if (held === block || this.#isSameContent(held)) return this.#known(held, b);
      // What the hash named before is no longer there under it. (Compatible: it stays for ever.)
      if (!this.#isCompat) {
        this.#release(hold);
        hold = 0;
      }
    }
    if (block === 0 && this.#isFiled) {
      // Downstream the hash is all there is: it must not name two blocks at a time.
      block = blocks.findName(rank, lo, hi);
      if (block !== 0 && !this.#isSameContent(block)) return this.#withhold();
    }
    if (hold === 0 && blocks.holds.live >= MAPPINGS_A_BLOCK * this.#maxBlocks) return this.#refuse();
    if (block === 0) {
      if (blocks.blocks.live >= this.#maxBlocks) return this.#refuse();
      block = blocks.create(rank, keyLo, keyHi, this.#position);
      this.#describe(block, lo, hi, keyLo, keyHi);
    }
    if (hold === 0) blocks.hold(owner, lo, hi, block);
    else blocks.move(hold, block);
    this.#join(block, b.source);
    return this.#publishOnce(block, b);
  }

  remove(source: number, tier: number, rank: number, lo: number, hi: number): Outcome {
    const blocks = this.#blocks;
    const hold = blocks.findHold(this.#owner(source, tier, rank, false), lo | 0, hi | 0);
    if (hold === 0) return this.#unknown();
    if (!this.#isCompat) return this.#release(hold);
    const block = blocks.holds.get(hold, HOLD.block);
    if (this.#isLineage) blocks.release(hold);
    return this.#leave(block, source);
  }

  /** A block by its place in its sequence; published only if it comes with tokens. */
  createLineage(at: Lineage, b: BlockStore, rank: number): Outcome {
    if (!this.#isLineage || at.position >= POSITIONS) return this.#refuse();
    const keyLo = at.sequenceLo | 0;
    const keyHi = at.sequenceHi | 0;
    const blocks = this.#blocks;
    let block = blocks.find(rank, keyLo, keyHi, at.position);
    const owner = this.#owner(b.source, b.tier, rank, true);
    const isHeld = blocks.findHold(owner, keyLo, keyHi) !== 0;
    if (!this.#isCompat && !isHeld && blocks.holds.live >= MAPPINGS_A_BLOCK * this.#maxBlocks) return this.#refuse();
    this.#hasParent = at.position > 0;
    this.#parentLo = at.parentLo;
    this.#parentHi = at.parentHi;
    this.#position = at.position;
    this.#salt = b.cacheSalt === "" ? null : b.cacheSalt;
    if (block === 0) {
      if (blocks.blocks.live >= this.#maxBlocks) return this.#refuse();
      block = blocks.create(rank, keyLo, keyHi, at.position);
      this.#describe(block, keyLo, keyHi, keyLo, keyHi);
    }
    if (!this.#isCompat && !isHeld) blocks.hold(owner, keyLo, keyHi, block);
    this.#join(block, b.source);
    return b.tokenEnd > b.tokenStart ? this.#publishOnce(block, b) : "known";
  }

  removeLineage(source: number, tier: number, rank: number, at: Lineage): Outcome {
    const blocks = this.#blocks;
    const lo = at.sequenceLo | 0;
    const hi = at.sequenceHi | 0;
    if (!this.#isCompat) {
      const hold = blocks.findHold(this.#owner(source, tier, rank, true), lo, hi);
      return hold === 0 ? this.#unknown() : this.#release(hold);
    }
    const block = blocks.find(rank, lo, hi, at.position);
    return block === 0 ? this.#unknown() : this.#leave(block, source);
  }

  /** Everything that a source holds in one rank is gone. (Compatible: everything is gone.) */
  clear(source: number, rank: number): void {
    const blocks = this.#blocks;
    const isShared = !this.#isCompat && blocks.isSharedRank(source, rank);
    const isAll = this.#isCompat || (!isShared && blocks.holds.live > WORTH_NEW_TABLES && blocks.isOnlyRank(rank));
    if (isAll) {
      this.#blocks = new Blocks(this.#sources);
      this.#salts = new TextTable();
    } else {
      // The newest first, so that children go before their parents.
      for (let hold = blocks.newestHold(source, rank); hold !== 0; hold = blocks.newestHold(source, rank)) {
        const block = blocks.holds.get(hold, HOLD.block);
        blocks.release(hold);
        if (blocks.blocks.get(block, BLOCK.firstHold) === 0) this.#end(block, isShared);
      }
    }
    this.#count();
    if (isShared) return;
    this.#queue.cleared(rank);
    this.#counters.clearedOut++;
  }

  /** Whether no two live blocks of a rank may be published under the same hash. */
  get #isFiled(): boolean {
    return !this.#isLineage && !this.#isCompat;
  }

  #owner(source: number, tier: number, rank: number, isLineage: boolean): number {
    if (!this.#isCompat) return ownerOf(source, tier, rank, isLineage);
    return this.#isLineage ? ownerOf(this.#kinds[source] as number, 0, 0, false) : 0;
  }

  /** Sequence hash and place of a block, left in the hasher and here. Returns false if they cannot be known. */
  #placeOf(b: BlockStore, rank: number): boolean {
    const isLineage = this.#isLineage;
    const hasher = this.#hasher;
    const { blocks } = this.#blocks;
    const parent = b.hasParent ? this.#parentOf(b, rank) : 0;
    const isOrphan = b.hasParent && parent === 0;
    if (isOrphan) {
      this.#counters.orphans++;
      if (isLineage && !this.#isCompat) return false;
    }
    this.#hasParent = parent !== 0;
    this.#position = 0;
    this.#salt = isLineage || !this.#isCompat ? b.cacheSalt : null;
    if (isLineage && this.#salt === "") this.#salt = null;
    if (parent !== 0) {
      this.#parentLo = blocks.get(parent, BLOCK.nameLo);
      this.#parentHi = blocks.get(parent, BLOCK.nameHi);
      if (isLineage) {
        this.#position = blocks.get(parent, BLOCK.position) + 1;
        this.#salt ??= this.#salts.text(blocks.get(parent, BLOCK.salt));
      }
    }
    hasher.begin(isLineage || !this.#isCompat ? b.loraName : null, this.#salt);
    hasher.local(b.tokens, b.tokenStart, b.tokenEnd, this.#isCompat ? null : b.mm);
    this.#localLo = hasher.lo;
    this.#localHi = hasher.hi;
    if (parent !== 0) hasher.follow(blocks.get(parent, BLOCK.keyLo), blocks.get(parent, BLOCK.keyHi));
    else if (isOrphan && !this.#isCompat) {
      hasher.followUnknown(b.parentLo, b.parentHi);
      this.#hasParent = true;
      this.#parentLo = b.parentLo;
      this.#parentHi = b.parentHi;
    }
    return true;
  }
  #localLo: number = 0;
  #localHi: number = 0;

  /** The parent that the source itself holds, in whatever tier; 0 = none. */
  #parentOf(b: BlockStore, rank: number): number {
    const blocks = this.#blocks;
    const lo = b.parentLo | 0;
    const hi = b.parentHi | 0;
    let hold = blocks.findHold(this.#owner(b.source, b.tier, rank, false), lo, hi);
    for (let tier = 0; hold === 0 && tier < TIERS && !this.#isCompat; tier++) {
      if (tier !== b.tier) hold = blocks.findHold(this.#owner(b.source, tier, rank, false), lo, hi);
    }
    return hold === 0 ? 0 : blocks.holds.get(hold, HOLD.block);
  }

  /** Whether a block that goes by the hash in hand is the one in hand, though perhaps one of the two did not know its parent. */
  #isSameContent(block: number): boolean {
    const { blocks } = this.#blocks;
    return (
      this.#isFiled &&
      blocks.get(block, BLOCK.localLo) === this.#localLo &&
      blocks.get(block, BLOCK.localHi) === this.#localHi
    );
  }

  #describe(block: number, hashLo: number, hashHi: number, keyLo: number, keyHi: number): void {
    const { blocks } = this.#blocks;
    if (this.#isLineage) {
      this.#blocks.name(block, keyLo, keyHi & fragmentMask(this.#position + 1), false);
      blocks.set(block, BLOCK.salt, this.#salts.take(this.#salt));
      return;
    }
    this.#blocks.name(block, hashLo, hashHi, this.#isFiled);
    blocks.set(block, BLOCK.localLo, this.#localLo);
    blocks.set(block, BLOCK.localHi, this.#localHi);
  }

  #known(block: number, b: BlockStore): Outcome {
    if (!this.#isLineage) this.#join(block, b.source);
    return this.#publishOnce(block, b);
  }

  /** Compatible mode: one more kind of source has it. */
  #join(block: number, source: number): void {
    if (!this.#isCompat) return;
    const { blocks } = this.#blocks;
    const kind = 1 << (BLOCK_BITS.kindShift + (this.#kinds[source] as number));
    blocks.set(block, BLOCK.bits, blocks.get(block, BLOCK.bits) | kind);
  }

  /** Compatible mode: a kind of source no longer has it. */
  #leave(block: number, source: number): Outcome {
    const { blocks } = this.#blocks;
    const kind = 1 << (BLOCK_BITS.kindShift + (this.#kinds[source] as number));
    const bits = blocks.get(block, BLOCK.bits);
    if ((bits & kind) === 0) return this.#unknown();
    blocks.set(block, BLOCK.bits, bits & ~kind);
    return (bits & ~kind & BLOCK_BITS.kinds) === 0 ? this.#end(block, true) : "known";
  }

  #release(hold: number): Outcome {
    const blocks = this.#blocks;
    const block = blocks.holds.get(hold, HOLD.block);
    blocks.release(hold);
    if (blocks.blocks.get(block, BLOCK.firstHold) === 0) return this.#end(block, true);
    this.#count();
    return "known";
  }

  /** Nobody holds the block any more. */
  #end(block: number, isTold: boolean): Outcome {
    const { blocks } = this.#blocks;
    const bits = blocks.get(block, BLOCK.bits);
    const isPublished = (bits & BLOCK_BITS.published) !== 0;
    if (isPublished && isTold) {
      const lo = blocks.get(block, BLOCK.nameLo);
      const hi = blocks.get(block, BLOCK.nameHi);
      this.#queue.removed(bits & MAX_RANK, TIER.device, lo, hi, blocks.get(block, BLOCK.position));
      this.#counters.removedOut++;
    }
    this.#salts.release(blocks.get(block, BLOCK.salt));
    this.#blocks.drop(block);
    this.#count();
    return isPublished ? "published" : "known";
  }

  #publishOnce(block: number, b: BlockStore): Outcome {
    const { blocks } = this.#blocks;
    const counters = this.#counters;
    const bits = blocks.get(block, BLOCK.bits);
    this.#count();
    if ((bits & BLOCK_BITS.published) !== 0) {
      counters.duplicates++;
      return "known";
    }
    blocks.set(block, BLOCK.bits, bits | BLOCK_BITS.published);
    this.#queue.stored(
      b,
      bits & MAX_RANK,
      TIER.device,
      blocks.get(block, BLOCK.nameLo),
      blocks.get(block, BLOCK.nameHi),
      blocks.get(block, BLOCK.position),
      this.#hasParent,
      this.#parentLo,
      this.#parentHi,
      this.#salt,
      this.#isCompat ? null : b.mm,
    );
    counters.storedOut++;
    return "published";
  }

  #count(): void {
    this.#counters.blocks = this.#blocks.blocks.live;
    this.#counters.mappings = this.#blocks.holds.live;
  }

  #withhold(): Outcome {
    this.#counters.withheld++;
    return "withheld";
  }

  #refuse(): Outcome {
    this.#counters.refused++;
    return "refused";
  }

  #unknown(): Outcome {
    this.#counters.unknownRemoves++;
    return "unknown";
  }
}
