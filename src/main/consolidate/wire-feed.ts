/**
 * The events of one source, into the tracker block by block. MAIN THREAD; no sockets.
 *
 * What an engine says of other places than its own device is not its to say here: copies in slower tiers are told of by a source
 * for tiers (`kvbm`), and by that one only.
 */
import { TIER } from "../../shared/tier.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";
import { WireBatchReader } from "../wire/wire-batch.ts";
import { knownTier, LOCALITY, OWNERSHIP, UNKNOWN_TIER, WIRE_KIND, WireEvent } from "../wire/wire-event.ts";
import { GroupTable } from "../zmq-engine/group-table.ts";
import type { BlockStore, Consolidator, SourceKind } from "./consolidator.ts";
import { emptyBlock } from "./consolidator-types.ts";
import type { SkipReason, SourceCounters } from "./source-counters.ts";

export interface WireFeedOptions {
  /** Number of the source. */
  readonly source: number;
  readonly kind: SourceKind;
  readonly consolidator: Consolidator;
  readonly counters: SourceCounters;
  /** Blocks of other sizes are refused; null takes any. */
  readonly onlyBlockSizeTokens: number | null;
  /** Dynamo's rules: a short last block is one like the others, with the older identity; multimodal ones are left out, with the newer. */
  readonly compat: boolean;
  readonly identity: "legacy" | "lineage";
}

const NO_MM: BlockMmInfo = null;

export class WireFeed {
  readonly #options: WireFeedOptions;
  readonly #reader: WireBatchReader = new WireBatchReader();
  readonly #event: WireEvent = new WireEvent();
  readonly #block: BlockStore;
  #groups: GroupTable = new GroupTable();

  constructor(options: WireFeedOptions) {
    this.#options = options;
    this.#block = emptyBlock(options.source, this.#event.tokens);
  }

  /** Takes one message, in one synchronous step. Never throws for what it holds. */
  take(payload: Uint8Array, wallSeconds: number): void {
    const { counters } = this.#options;
    const reader = this.#reader;
    counters.receivedBytes += payload.length;
    const refusal = reader.open(payload);
    if (refusal !== null) {
      counters.refused[refusal.reason]++;
      return;
    }
    if (reader.eventCount > 0) counters.lastEventTimestampSeconds = wallSeconds;
    const rank = Math.max(0, reader.rank);
    while (reader.next(this.#event)) this.#takeEvent(rank);
  }

  /** The source began anew, perhaps with another model. */
  restart(): void {
    this.#groups = new GroupTable();
  }

  #takeEvent(rank: number): void {
    const { counters, consolidator, source } = this.#options;
    const event = this.#event;
    const { received } = counters;
    if (event.kind === WIRE_KIND.stored) received.stored++;
    else if (event.kind === WIRE_KIND.removed) received.removed++;
    else if (event.kind === WIRE_KIND.cleared) received.cleared++;
    else received.other++;
    const reason = this.#skipReason(rank);
    if (reason !== null) {
      counters.skipped[reason]++;
      return;
    }
    counters.applied++;
    if (event.kind === WIRE_KIND.cleared) consolidator.clear(source, rank);
    else if (event.kind === WIRE_KIND.removed) this.#remove(rank);
    else this.#store(rank);
  }

  #skipReason(rank: number): SkipReason | null {
    const { kind, compat } = this.#options;
    const event = this.#event;
    if (event.kind === WIRE_KIND.ignored) return "ignored";
    if (event.ownership !== OWNERSHIP.framework) return "ownership";
    if (event.kind === WIRE_KIND.cleared) return null;
    if (event.locality === LOCALITY.remote || event.locality === LOCALITY.unknown) return "locality";
    if (event.tier === UNKNOWN_TIER) return "medium";
    if (kind !== "kvbm" && event.tier !== TIER.device) return "medium";
    // Dynamo's consolidator knows nothing of groups: there, blocks by which no prefix is matched are told of too. Disks and
    // what is behind a network keep blocks by rules of their own, whatever layers they are of.
    const isOfLayers = event.tier === TIER.device || event.tier === TIER.hostPinned;
    const group = compat || !isOfLayers ? null : this.#groups.refusal(event, rank);
    if (group !== null) return group;
    return event.kind === WIRE_KIND.stored ? this.#storeSkipReason() : null;
  }

  #storeSkipReason(): SkipReason | null {
    const { onlyBlockSizeTokens, compat, identity } = this.#options;
    const event = this.#event;
    const size = event.blockSizeTokens;
    if (!compat && event.hasUnknownKeys) return "extra_keys";
    if (event.isEagle && !(compat && identity === "legacy")) return "bigram";
    if (compat && identity === "lineage" && event.mmInfos !== null) return "medium";
    if (size <= 0 || (onlyBlockSizeTokens !== null && size !== onlyBlockSizeTokens)) return "block_size";
    const blocks = Math.ceil(event.tokenCount / size);
    const isShort = event.tokenCount % size !== 0;
    return blocks !== event.blockCount || (isShort && !(compat && identity === "legacy")) ? "token_count" : null;
  }

  #remove(rank: number): void {
    const { consolidator, source } = this.#options;
    const event = this.#event;
    const tier = knownTier(event);
    for (let i = 0; i < event.blockCount; i++) {
      consolidator.remove(source, tier, rank, event.hashLo[i] as number, event.hashHi[i] as number);
    }
  }

  #store(rank: number): void {
    const { consolidator } = this.#options;
    const event = this.#event;
    const block = this.#block;
    block.tier = knownTier(event);
    block.rank = rank;
    block.hasParent = event.hasParent;
    block.parentLo = event.parentLo;
    block.parentHi = event.parentHi;
    block.tokens = event.tokens;
    block.blockSizeTokens = event.blockSizeTokens;
    block.loraName = event.loraName;
    block.cacheSalt = event.cacheSalt;
    for (let i = 0; i < event.blockCount; i++) {
      block.hashLo = event.hashLo[i] as number;
      block.hashHi = event.hashHi[i] as number;
      block.tokenStart = i * event.blockSizeTokens;
      block.tokenEnd = Math.min(event.tokenCount, block.tokenStart + event.blockSizeTokens);
      block.mm = event.mmInfos === null ? NO_MM : (event.mmInfos[i] ?? NO_MM);
      consolidator.store(block);
      block.hasParent = true;
      block.parentLo = block.hashLo;
      block.parentHi = block.hashHi;
    }
  }
}
