/**
 * Judges the events that an engine publishes itself: which of them subscribers shall hear of. MAIN THREAD, pure logic.
 *
 * Unlike raw events these are finished ones, so there is little to make of them; most of it is to see that they are the
 * worker's own blocks, on the device, of the attention that prefixes are matched by, and as large as all others. The columns
 * of the wire event are borrowed: nothing is copied.
 *
 * Counting as in the normaliser: what ends here is counted here, as received and by its outcome in one step; what is to be
 * published, by the caller with `countPublished()` in the step in which it is taken.
 */
import { MAX_BLOCKS_PER_EVENT } from "../engine/raw-event.ts";
import type { EngineCounters, FilterReason, WireInvalidReason } from "../metrics/engine-counters.ts";
import type { EngineRanks } from "../normalise/engine-ranks.ts";
import { PUBLISHED_KIND, PublishedEvent } from "../normalise/published-event.ts";
import { TIER } from "../../shared/tier.ts";
import { LOCALITY, OWNERSHIP, UNKNOWN_TIER, WIRE_KIND, type WireEvent } from "../wire/wire-event.ts";
import type { GroupTable } from "./group-table.ts";

/** `publish`: the result is in `out`, and nothing was counted yet. The others are final and counted. */
type Verdict = "publish" | "filtered" | "invalid";

export interface EventJudgeOptions {
  /** Tokens of a full block. */
  readonly kvBlockSizeTokens: number;
  /** Whether blocks of other tiers than the device's are told of. */
  readonly publishTierMoves: boolean;
  readonly ranks: EngineRanks;
  readonly counters: EngineCounters;
  /** Shared by all judges of the engine. */
  readonly groups: GroupTable;
  /** Told of each event that is refused as invalid. */
  readonly onInvalid: (reason: WireInvalidReason | "too_many_blocks", rank: number, event: WireEvent) => void;
}

export class EventJudge {
  /** The event to publish after `judge()` said so; valid as long as the wire event and until the next call. */
  readonly out: PublishedEvent = new PublishedEvent();
  readonly #options: EventJudgeOptions;

  constructor(options: EventJudgeOptions) {
    this.#options = options;
  }

  /** Never throws for what a publisher sends. `rank` is the engine's own. */
  judge(event: WireEvent, rank: number): Verdict {
    const { ranks, publishTierMoves } = this.#options;
    if (rank > ranks.highest) return this.#filtered(event, "unknown_rank");
    if (event.kind === WIRE_KIND.ignored) return this.#filtered(event, "ignored");
    if (event.ownership !== OWNERSHIP.framework) return this.#filtered(event, "ownership");
    if (event.locality !== LOCALITY.absent && event.locality !== LOCALITY.local) {
      return this.#filtered(event, "locality");
    }
    if (event.kind === WIRE_KIND.cleared) {
      this.out.begin(PUBLISHED_KIND.cleared, ranks.base + rank);
      return "publish";
    }
    const { tier } = event;
    if (tier === UNKNOWN_TIER) return this.#filtered(event, "medium");
    if (tier !== TIER.device && !publishTierMoves) return this.#filtered(event, "tier_move");
    // Disks and what is behind a network keep blocks by rules of their own, whatever layers they are of.
    const group = tier === TIER.device || tier === TIER.hostPinned ? this.#options.groups.refusal(event, rank) : null;
    if (group !== null) return this.#filtered(event, group);
    if (event.blockCount === 0) return this.#filtered(event, "no_blocks");
    if (event.blockCount > MAX_BLOCKS_PER_EVENT) return this.#invalid(event, rank, "too_many_blocks");
    if (event.kind === WIRE_KIND.stored) return this.#judgeStored(event, rank);
    const { out } = this;
    out.begin(PUBLISHED_KIND.removed, ranks.base + rank);
    out.tier = tier;
    out.borrow(event, event.blockCount, 0);
    return "publish";
  }

  /** Counts an event that was judged "publish" and has been taken by the ring. */
  countPublished(event: WireEvent, rank: number): void {
    const { counters, ranks } = this.#options;
    counters.countWireReceived(event.kind);
    counters.enqueued++;
    if (event.kind === WIRE_KIND.stored) counters.storedBlocks += this.out.blockCount;
    else if (event.kind === WIRE_KIND.removed) counters.removedBlocks += this.out.blockCount;
    if (rank >= ranks.size) counters.unknownRank++;
  }

  #judgeStored(event: WireEvent, rank: number): Verdict {
    const { kvBlockSizeTokens: size, ranks } = this.#options;
    const { blockCount, tokenCount, tier } = event;
    // Equal tokens are then not equal blocks, and nobody behind us could tell them apart.
    if (event.hasUnknownKeys) return this.#filtered(event, "extra_keys");
    if (event.isEagle) return this.#invalid(event, rank, "eagle");
    if (event.blockSizeTokens !== size) return this.#invalid(event, rank, "block_size");
    // Who moves a block to another tier often does not say its tokens again.
    const isBare = tokenCount === 0 && tier !== TIER.device && tier !== UNKNOWN_TIER;
    if (!isBare && Math.ceil(tokenCount / size) !== blockCount) return this.#invalid(event, rank, "token_count");
    // The last block of a prompt may be short: it is left out, as nobody can match half a block.
    const full = isBare ? blockCount : Math.floor(tokenCount / size);
    if (full === 0) return this.#filtered(event, "partial_block");

    const { out } = this;
    out.begin(PUBLISHED_KIND.stored, ranks.base + rank);
    out.borrow(event, full, isBare ? 0 : full * size);
    if (tier !== UNKNOWN_TIER) out.tier = tier;
    out.hasParent = event.hasParent;
    out.parentLo = event.parentLo;
    out.parentHi = event.parentHi;
    out.loraName = event.loraName;
    out.loraId = event.loraId;
    out.cacheSalt = event.cacheSalt;
    out.mmListPresent = event.mmListPresent || event.mmInfos !== null;
    out.mmInfos = full === blockCount ? event.mmInfos : (event.mmInfos?.slice(0, full) ?? null);
    return "publish";
  }

  #filtered(event: WireEvent, reason: FilterReason): Verdict {
    const { counters } = this.#options;
    counters.countWireReceived(event.kind);
    counters.filtered[reason]++;
    return "filtered";
  }

  #invalid(event: WireEvent, rank: number, reason: WireInvalidReason | "too_many_blocks"): Verdict {
    const { counters, onInvalid } = this.#options;
    counters.countWireReceived(event.kind);
    counters.invalid[reason]++;
    onInvalid(reason, rank, event);
    return "invalid";
  }
}
