/**
 * Events of publishers, into the index of one model. MAIN THREAD; no sockets.
 *
 * What is no block of the worker's own, of the attention that prefixes are matched by and of the model's block size, is left out,
 * and counted. A last block that is not full is left out of its event: nobody can match half a block.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import type { BlockColumns } from "../router-index/block-columns.ts";
import type { RouterIndex } from "../router-index/router-index.ts";
import { PromptHasher } from "../router-index/prompt-hasher.ts";
import { knownTier, LOCALITY, OWNERSHIP, UNKNOWN_TIER, WIRE_KIND, type WireEvent } from "../wire/wire-event.ts";
import type { GroupTable } from "../zmq-engine/group-table.ts";
import type { DropReason, FeedCounters, FeedSkip } from "./feed-counters.ts";
import { SaltTable } from "./salt-table.ts";

const NO_COLUMN: Int32Array = new Int32Array(0);

export class BlockFeed {
  readonly index: RouterIndex;
  readonly counters: FeedCounters;
  readonly blockSizeTokens: number;
  readonly #hasher: PromptHasher = new PromptHasher();
  readonly #salts: SaltTable;
  readonly #columns: BlockColumns = {
    count: 0,
    hasParent: false,
    parentLo: 0,
    parentHi: 0,
    hashLo: NO_COLUMN,
    hashHi: NO_COLUMN,
    localLo: NO_COLUMN,
    localHi: NO_COLUMN,
  };

  constructor(index: RouterIndex, counters: FeedCounters, blockSizeTokens: number) {
    this.index = index;
    this.#salts = new SaltTable((owner, lo, hi) => index.has(owner, lo, hi));
    this.counters = counters;
    this.blockSizeTokens = blockSizeTokens;
  }

  /** Takes an event that a publisher put on the wire. Never throws for what it holds. `groups`: of that publisher. */
  takeWire(event: WireEvent, owner: number, rank: number, groups: GroupTable): void {
    const { counters } = this;
    const reason = this.#skipReason(event, rank, groups);
    if (reason !== null) {
      counters.skipped[reason]++;
      return;
    }
    if (event.kind === WIRE_KIND.cleared) {
      this.clear(owner);
      return;
    }
    const hashLo = signed(event.hashLo);
    const hashHi = signed(event.hashHi);
    const tier = knownTier(event);
    if (event.kind === WIRE_KIND.removed) this.remove(owner, tier, hashLo, hashHi, event.blockCount);
    else this.#storeWire(event, owner, tier, hashLo, hashHi);
  }

  /** Takes blocks whose tokens hashes are known. */
  store(owner: number, tier: Tier, blocks: BlockColumns): void {
    this.counters.events.stored++;
    this.index.store(owner, tier, blocks);
  }

  remove(owner: number, tier: Tier, lo: Int32Array, hi: Int32Array, count: number): void {
    this.counters.events.removed++;
    this.index.remove(owner, tier, lo, hi, count);
    if (this.#salts.isEmpty || tier !== TIER.device) return;
    for (let i = 0; i < count; i++) this.#salts.set(owner, lo[i] as number, hi[i] as number, null);
  }

  /** The rank said that it holds nothing any more. */
  clear(owner: number): void {
    this.counters.events.cleared++;
    this.drop(owner, "cleared");
  }

  /** What is known of a rank cannot be trusted, or is over. Returns how many blocks were forgotten. */
  drop(owner: number, reason: DropReason): number {
    this.counters.drops[reason]++;
    this.#salts.clear(owner);
    return this.index.clear(owner);
  }

  #skipReason(event: WireEvent, rank: number, groups: GroupTable): FeedSkip | null {
    if (event.kind === WIRE_KIND.ignored) return "ignored";
    if (event.ownership !== OWNERSHIP.framework) return "ownership";
    if (event.kind === WIRE_KIND.cleared) return null;
    if (event.locality === LOCALITY.remote || event.locality === LOCALITY.unknown) return "locality";
    const { tier } = event;
    if (tier === UNKNOWN_TIER) return "medium";
    const group = tier === TIER.device || tier === TIER.hostPinned ? groups.refusal(event, rank) : null;
    if (group !== null || event.kind === WIRE_KIND.removed) return group;
    if (event.hasUnknownKeys) return "extra_keys";
    if (event.blockSizeTokens !== this.blockSizeTokens) return "block_size";
    return event.tokenCount < this.blockSizeTokens + (event.isEagle ? 1 : 0) ? "token_count" : null;
  }

  #storeWire(event: WireEvent, owner: number, tier: Tier, hashLo: Int32Array, hashHi: Int32Array): void {
    const hasher = this.#hasher;
    const salts = this.#salts;
    const parentLo = event.parentLo | 0;
    const parentHi = event.parentHi | 0;
    let cacheSalt = event.cacheSalt;
    if (cacheSalt === null && event.hasParent && !salts.isEmpty) cacheSalt = salts.find(owner, parentLo, parentHi);
    const { tokens, tokenCount, loraName, mmInfos, isEagle } = event;
    const prompt = { tokens, tokenCount, loraName, cacheSalt, mmInfos, isEagle };
    hasher.hash(prompt, this.blockSizeTokens, event.blockCount);
    const columns = this.#columns;
    columns.count = hasher.count;
    columns.hasParent = event.hasParent;
    columns.parentLo = parentLo;
    columns.parentHi = parentHi;
    columns.hashLo = hashLo;
    columns.hashHi = hashHi;
    columns.localLo = hasher.lo;
    columns.localHi = hasher.hi;
    this.store(owner, tier, columns);
    if (cacheSalt === null || cacheSalt === "") return;
    for (let i = 0; i < hasher.count; i++) salts.set(owner, hashLo[i] as number, hashHi[i] as number, cacheSalt);
  }
}

/** The same numbers, read as signed ones. */
function signed(column: Uint32Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length);
}
