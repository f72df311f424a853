/**
 * The index of a router, for programs that have their events from elsewhere. MAIN THREAD, or any program that uses the library.
 *
 * The same as in `kvcast index`, with BigInts at its edge. Everything is synchronous, and nothing is kept of what is handed in.
 */
import { ConfigError } from "../../shared/errors.ts";
import { TIER, type Tier } from "../../shared/tier.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";
import type { BlockColumns } from "./block-columns.ts";
import { type DumpedBlock, dumpIndex } from "./dump.ts";
import { PromptHasher } from "./prompt-hasher.ts";
import { NO_OWNER } from "./rank-owners.ts";
import { type FullPolicy, type RankOverlap, RouterIndex } from "./router-index.ts";

export type StorageTier = "device" | "host_pinned" | "disk" | "external";

export interface KvIndexerOptions {
  /** Tokens of a full block. */
  readonly blockSizeTokens: number;
  /** Most pairs of a block and a rank that holds it; each takes some 60 bytes. Default: 10,000,000. */
  readonly maxPairs?: number;
  /** Beyond that: refuse new blocks, or give up others for them. Default: refuse. */
  readonly onFull?: FullPolicy;
}

export interface IndexedBlock {
  /** As the worker calls it, u64 or signed. */
  readonly hash: bigint;
  /** Of the block's own tokens, as `hashTokens` makes it. */
  readonly tokensHash: bigint;
}

/** What else of a prompt goes into its hashes. */
export interface PromptOptions {
  readonly loraName?: string | null;
  readonly cacheSalt?: string | null;
  /** Multimodal hashes by block. */
  readonly mmHashes?: readonly (readonly bigint[] | null)[];
}

const DEFAULT_MAX_PAIRS = 10_000_000;
const TIERS: Readonly<Record<StorageTier, Tier>> = {
  device: TIER.device,
  host_pinned: TIER.hostPinned,
  disk: TIER.disk,
  external: TIER.external,
};

export class KvIndexer {
  readonly blockSizeTokens: number;
  readonly #index: RouterIndex;
  readonly #hasher: PromptHasher = new PromptHasher();

  /** Throws ConfigError for a size that is no whole number above 0, HashUnavailableError where the native hash does not load. */
  constructor({ blockSizeTokens, maxPairs = DEFAULT_MAX_PAIRS, onFull = "refuse" }: KvIndexerOptions) {
    for (const [name, value] of Object.entries({ blockSizeTokens, maxPairs })) {
      if (!Number.isSafeInteger(value) || value < 1)
        throw new ConfigError(name, `${name} must be a whole number above 0`);
    }
    this.blockSizeTokens = blockSizeTokens;
    this.#index = new RouterIndex({ maxPairs, onFull });
  }

  /** Pairs of a block and a rank that holds it. */
  get pairs(): number {
    return this.#index.pairs;
  }

  get memoryBytes(): number {
    return this.#index.memoryBytes;
  }

  /** What became of all blocks so far, by outcome. */
  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.entries(this.#index.counters));
  }

  /**
   * Blocks that a rank holds now; the first follows `parent`, each other one the one before it. `parent` is null at the root; on the
   * device the rank must hold it, or nothing is stored and `unknownParents` counts it.
   */
  stored(
    workerId: bigint,
    rank: number,
    parent: bigint | null,
    blocks: readonly IndexedBlock[],
    tier: StorageTier = "device",
  ): void {
    const owner = this.#index.owner(BigInt.asUintN(64, workerId), rank);
    if (owner === NO_OWNER) return;
    const hashes = halvesOf(blocks.map(({ hash }) => hash));
    const locals = halvesOf(blocks.map(({ tokensHash }) => tokensHash));
    const before = halvesOf([parent ?? 0n]);
    const columns: BlockColumns = {
      count: blocks.length,
      hasParent: parent !== null,
      parentLo: before.lo[0] as number,
      parentHi: before.hi[0] as number,
      hashLo: hashes.lo,
      hashHi: hashes.hi,
      localLo: locals.lo,
      localHi: locals.hi,
    };
    this.#index.store(owner, TIERS[tier], columns);
  }

  /** Blocks that are gone. Those that the rank does not hold are counted in `unknownRemoves`. */
  removed(workerId: bigint, rank: number, hashes: readonly bigint[], tier: StorageTier = "device"): void {
    const owner = this.#index.owner(BigInt.asUintN(64, workerId), rank);
    if (owner === NO_OWNER) return;
    const { lo, hi } = halvesOf(hashes);
    this.#index.remove(owner, TIERS[tier], lo, hi, hashes.length);
  }

  /** The rank holds nothing any more, in no tier. */
  cleared(workerId: bigint, rank: number): void {
    const owner = this.#index.owners.find(BigInt.asUintN(64, workerId), rank);
    if (owner !== NO_OWNER) this.#index.clear(owner);
  }

  /** Forgets a worker with all its ranks. */
  removeWorker(workerId: bigint): void {
    for (const owner of this.#index.owners.of(BigInt.asUintN(64, workerId))) this.#index.forget(owner);
  }

  /** Hashes of the full blocks of a prompt, u64; what does not fill a block has none. */
  hashTokens(tokens: readonly number[] | Uint32Array, options: PromptOptions = {}): bigint[] {
    this.#hash(tokens, options);
    const { lo, hi, count } = this.#hasher;
    return Array.from(
      { length: count },
      (_, i) => (BigInt((hi[i] as number) >>> 0) << 32n) | BigInt((lo[i] as number) >>> 0),
    );
  }

  /** How much of a chain of tokens hashes each rank has, in blocks and in no order; ranks that have nothing are left out. */
  findMatches(
    tokensHashes: readonly bigint[],
    { earlyExit = false }: { readonly earlyExit?: boolean } = {},
  ): readonly RankOverlap[] {
    const { lo, hi } = halvesOf(tokensHashes);
    return this.#index.match(lo, hi, tokensHashes.length, earlyExit);
  }

  /** The same for a prompt. */
  findPrompt(tokens: readonly number[] | Uint32Array, options: PromptOptions = {}): readonly RankOverlap[] {
    this.#hash(tokens, options);
    return this.#index.match(this.#hasher.lo, this.#hasher.hi, this.#hasher.count);
  }

  /** All blocks, parents first. */
  dump(): readonly DumpedBlock[] {
    const blocks: DumpedBlock[] = [];
    dumpIndex(this.#index, (block) => blocks.push(block));
    return blocks;
  }

  #hash(tokens: readonly number[] | Uint32Array, { loraName = null, cacheSalt = null, mmHashes }: PromptOptions): void {
    const mmInfos = mmHashes?.map((hashes): BlockMmInfo => {
      if (hashes === null) return null;
      return hashes.map((hash) => ({ lo: Number(hash & 0xffff_ffffn), hi: Number(BigInt.asUintN(32, hash >> 32n)) }));
    });
    const prompt = {
      tokens: tokens instanceof Uint32Array ? tokens : Uint32Array.from(tokens),
      tokenCount: tokens.length,
      loraName,
      cacheSalt,
      mmInfos: mmInfos ?? null,
      isEagle: false,
    };
    this.#hasher.hash(prompt, this.blockSizeTokens, Infinity);
  }
}

function halvesOf(hashes: readonly bigint[]): { readonly lo: Int32Array; readonly hi: Int32Array } {
  const words = new BigUint64Array(hashes.length);
  for (const [i, hash] of hashes.entries()) words[i] = BigInt.asUintN(64, hash);
  const halves = new Int32Array(words.buffer);
  const lo = new Int32Array(hashes.length);
  const hi = new Int32Array(hashes.length);
  for (let i = 0; i < hashes.length; i++) {
    lo[i] = halves[2 * i] as number;
    hi[i] = halves[2 * i + 1] as number;
  }
  return { lo, hi };
}
