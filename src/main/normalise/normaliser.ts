/**
 * Judges the events of one engine: which of them subscribers shall hear of, and in what form. MAIN THREAD, pure logic.
 *
 * The steps, in this order, each only for what the step before let through:
 *  1. ids: every event that has one is followed per attention-DP rank, whatever is wrong with it otherwise. A rank whose
 *     number is another engine's ends here: nothing of it may go out;
 *  2. defects: what the source found wrong refuses the event;
 *  3. window and layer group: one of them is published, see `window-filter.ts`;
 *  4. blocks: null hashes are skipped, partial blocks remembered and suppressed, tokens and multimodal keys made plain.
 *
 * A refused event changes nothing in what is known of blocks: partial ones are remembered last.
 *
 * Step 1 is `follow()`, the others are `judge()`: what the ids reveal must be dealt with before the event that did so.
 *
 * Counting: an event that ends here is counted here, together with its outcome. One that is to be published may find the
 * ring full; the caller counts it with `countPublished()` in the same step in which it is really taken.
 */
import { KvcastError } from "../../shared/errors.ts";
import type { FollowedRank } from "../../shared/index-messages.ts";
import { MAX_RANK } from "../../shared/record.ts";
import { ABSENT, PARENT, RAW_KIND, type RawEvent, type RawKind } from "../engine/raw-event.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { EngineRanks } from "./engine-ranks.ts";
import { TierMoves } from "./tier-moves.ts";
import { NO_EVENT } from "./id-tracker.ts";
import type { RankWatch } from "./injections.ts";
import type { Notice } from "./notice.ts";
import { Outcomes, type Verdict } from "./outcomes.ts";
import { PUBLISHED_KIND, PublishedEvent } from "./published-event.ts";
import { partialsKey, type RankState, RankTable } from "./rank-table.ts";
import { rewrite } from "./rewrite.ts";
import { NO_SAVED_RANKS, resumed, type SavedRanks } from "./saved-ranks.ts";

export type { Verdict } from "./outcomes.ts";

export interface NormaliserOptions {
  /** Tokens of a full block. */
  readonly kvBlockSizeTokens: number;
  /** Ranks beyond the size are counted as unknown, and published where that is possible. */
  readonly ranks: EngineRanks;
  /** See `mm-runs.ts`; null refuses events that need it. */
  readonly mmTokenOffset: number | null;
  readonly counters: EngineCounters;
  /** Called within `follow()` and `judge()`. */
  readonly onNotice: (notice: Notice) => void;
  /** Told within `follow()`. Default: nobody. */
  readonly watch?: RankWatch;
  /** Where an earlier run ended. Default: there was none. */
  readonly saved?: SavedRanks;
  /** Whether moves between tiers are told of. Default: no. */
  readonly publishTierMoves?: boolean;
}

export class Normaliser {
  /** The event to publish after `judge()` said so; valid as long as the raw event and until the next call. */
  readonly out: PublishedEvent = new PublishedEvent();
  readonly #blockSize: number;
  readonly #ownRanks: EngineRanks;
  readonly #mmTokenOffset: number | null;
  readonly #counters: EngineCounters;
  readonly #outcomes: Outcomes;
  readonly #watch: RankWatch | null;
  readonly #saved: SavedRanks;
  readonly #ranks: RankTable = new RankTable();
  /** null: they are not told of. */
  readonly #moves: TierMoves | null;
  /** How many of the events before the one in hand have been taken. */
  #takenBefore: number = 0;
  /** The rank of the event that was followed last. */
  #rank: RankState | null = null;
  #adoptionAnnounced: boolean = false;
  /** Those that the log has been told of. */
  readonly #leftOutRanks: Set<number> = new Set();

  constructor(options: NormaliserOptions) {
    this.#blockSize = options.kvBlockSizeTokens;
    this.#ownRanks = options.ranks;
    this.#mmTokenOffset = options.mmTokenOffset;
    this.#counters = options.counters;
    this.#outcomes = new Outcomes(options.counters, options.onNotice);
    this.#watch = options.watch ?? null;
    this.#saved = options.saved ?? NO_SAVED_RANKS;
    this.#moves = options.publishTierMoves === true ? new TierMoves() : null;
  }

  /** Both steps at once, for whoever has nothing to do between them. Never throws for what an engine sends. */
  normalise(raw: RawEvent): Verdict {
    return this.follow(raw) ?? this.judge(raw);
  }

  /** Follows the ids. Null: `judge()` the event next; otherwise it ends here and has been counted. */
  follow(raw: RawEvent): Verdict | null {
    if (raw.eventId === ABSENT) {
      return this.#outcomes.invalid(raw, raw.defect ?? (raw.kind === RAW_KIND.empty ? "empty_entry" : "missing_field"));
    }
    if (raw.rank > this.#ownRanks.highest && raw.rank <= MAX_RANK) return this.#leaveOutRank(raw);
    const rank = this.#ranks.get(raw.rank);
    if (rank === null) return this.#outcomes.invalid(raw, raw.defect ?? "bad_type");
    this.#rank = rank;
    return this.#followIds(raw, rank) ? null : this.#outcomes.duplicate(raw);
  }

  /** Its number would be one of another engine's ranks. */
  #leaveOutRank(raw: RawEvent): Verdict {
    if (!this.#leftOutRanks.has(raw.rank)) {
      this.#leftOutRanks.add(raw.rank);
      this.#outcomes.report(raw, { code: "rank_left_out" });
    }
    return this.#outcomes.filtered(raw, "unknown_rank");
  }

  /** Judges the event that was followed last. */
  judge(raw: RawEvent): Verdict {
    const rank = this.#rank;
    if (rank === null) throw new KvcastError("KVCAST_NOT_FOLLOWED", "judged before it was followed: this is a bug");
    this.#moves?.reset();
    this.#takenBefore = 0;
    if (raw.defect !== null) return this.#outcomes.invalid(raw, raw.defect);

    switch (raw.kind) {
      case RAW_KIND.stored:
        return this.#admits(raw, rank) ? this.#judgeStored(raw, rank) : this.#outcomes.filtered(raw, "window_size");
      case RAW_KIND.removed:
        return this.#admits(raw, rank) ? this.#judgeRemoved(raw, rank) : this.#outcomes.filtered(raw, "window_size");
      case RAW_KIND.created:
        rank.window.learn(raw.windowSize, raw.layerGroup);
        return this.#outcomes.filtered(raw, "created");
      case RAW_KIND.updated:
        return this.#judgeUpdated(raw, rank);
      case RAW_KIND.empty:
      case RAW_KIND.unknown:
        break;
    }
    return this.#outcomes.invalid(raw, raw.kind === RAW_KIND.empty ? "empty_entry" : "unknown_type");
  }

  /** What must be taken before `out`, after `judge()` said "publish"; null when there is nothing, or no more. */
  get before(): PublishedEvent | null {
    return this.#moves?.before[this.#takenBefore] ?? null;
  }

  /** Counts `before` as taken. */
  countBefore(): void {
    const counters = this.#counters;
    counters.injected.tier_move++;
    counters.enqueued++;
    counters.removedBlocks += this.before?.blockCount ?? 0;
    this.#takenBefore++;
  }

  /** Counts an event that was judged "publish" as received; where it went is counted by the caller. */
  countReceived(kind: RawKind): void {
    this.#outcomes.received(kind);
  }

  /** Counts an event that was judged "publish" and has been taken by the ring. */
  countPublished(raw: RawEvent): void {
    this.#outcomes.received(raw.kind);
    this.#counters.enqueued++;
    if (this.out.kind === PUBLISHED_KIND.stored) this.#counters.storedBlocks += this.out.blockCount;
    else this.#counters.removedBlocks += this.out.blockCount;
  }

  /** False for a duplicate. Everything else goes on, whatever its id. */
  #followIds(raw: RawEvent, rank: RankState): boolean {
    const counters = this.#counters;
    const last = rank.ids.last;
    const step = rank.ids.observe(raw.eventId, raw.kind === RAW_KIND.created);
    const cell = counters.rankCell(raw.rank);
    counters.lastEventId[cell] = rank.ids.last;
    switch (step) {
      case "next":
        if (last === NO_EVENT) this.#meet(raw, rank);
        break;
      case "duplicate":
        return false;
      case "gap": {
        const missing = rank.ids.missing;
        counters.missingIds[cell] = (counters.missingIds[cell] as number) + missing;
        this.#outcomes.report(raw, { code: "id_gap", expected: last + 1, got: raw.eventId, missing });
        if (this.#watch?.gap(raw.rank, missing) === true) this.#forgetBlocks(rank, raw.rank);
        break;
      }
      case "restart":
        counters.resets++;
        rank.window.reset();
        this.#forgetBlocks(rank, raw.rank);
        this.#outcomes.report(raw, { code: "restart", last });
        this.#watch?.restart(raw.rank);
        break;
      case "out_of_order":
        counters.outOfOrder++;
        this.#outcomes.report(raw, { code: "out_of_order", last });
        break;
    }
    return true;
  }

  /** The first event of a rank. One that goes on where it was left has told its windows long ago. */
  #meet(raw: RawEvent, rank: RankState): void {
    const saved = resumed(this.#saved, raw.rank, raw.eventId);
    if (saved !== null) rank.window.restore(saved.window);
    this.#watch?.first?.(raw.rank, raw.eventId, raw.kind === RAW_KIND.created);
  }

  /** Of each rank, how far its events have been followed. */
  followed(): Map<number, FollowedRank> {
    return this.#ranks.followed();
  }

  #forgetBlocks(rank: RankState, number: number): void {
    this.#moves?.forget(number);
    rank.partials.clear();
    this.#counters.partialBlocksTracked = this.#ranks.usage.hashes;
  }

  #admits(raw: RawEvent, rank: RankState): boolean {
    const window = rank.window;
    const kept = window.admits(raw.windowSize, raw.layerGroup);
    if (window.adopted && !this.#adoptionAnnounced) {
      this.#adoptionAnnounced = true;
      this.#outcomes.report(raw, { code: "window_adopted", windowSize: window.windowSize });
    }
    return kept;
  }

  #judgeStored(raw: RawEvent, rank: RankState): Verdict {
    if (raw.parent === PARENT.missing) return this.#outcomes.invalid(raw, "missing_field");
    const size = this.#blockSize;
    const blockCount = raw.blockCount;
    let full = 0;
    let skipped = 0;
    let partial = -1;
    for (let i = 0, start = 0; i < blockCount; i++) {
      const end = raw.tokenEnd[i] as number;
      const tokens = end - start;
      start = end;
      if (tokens > size) {
        return this.#outcomes.invalid(raw, "block_too_large", { code: "block_too_large", tokens, blockSize: size });
      }
      if (raw.hashNull[i] !== 0) {
        skipped++;
      } else if (tokens < size) {
        partial = i;
        break;
      } else {
        full++;
      }
    }
    if (raw.saltConflict) return this.#outcomes.invalid(raw, "salt_conflict", { code: "salt_conflict" });

    const out = this.out;
    out.begin(PUBLISHED_KIND.stored, this.#ownRanks.base + raw.rank);
    if (skipped === 0 && raw.oddTokens.length === 0 && raw.mmKeys.length === 0) {
      out.borrow(raw, full, full * size);
    } else {
      const refusal = rewrite(raw, full + skipped, out, size, this.#mmTokenOffset);
      if (refusal !== null) return this.#outcomes.invalid(raw, refusal.reason, refusal.notice);
    }
    if (partial >= 0 || this.#ranks.usage.hashes > 0) this.#rememberPartials(raw, rank, partial);
    if (full === 0) return this.#outcomes.filtered(raw, partial < 0 ? "no_blocks" : "partial_block");

    out.mmListPresent = true;
    out.hasParent = raw.parent === PARENT.given;
    out.parentLo = raw.parentLo;
    out.parentHi = raw.parentHi;
    out.loraName = raw.loraName;
    out.cacheSalt = raw.cacheSalt;
    return this.#publish(raw, rank);
  }

  /** Forgets hashes that are full blocks now, and remembers the partial block that ended the walk (-1 for none). */
  #rememberPartials(raw: RawEvent, rank: RankState, partial: number): void {
    const out = this.out;
    const key = partialsKey(raw);
    const known = rank.partials.find(key);
    if (known !== null) {
      for (let i = 0; i < out.blockCount; i++) {
        known.take((out.hashLo[i] as number) | 0, (out.hashHi[i] as number) | 0);
      }
    }
    if (partial >= 0) {
      const partials = known ?? rank.partials.make(key);
      partials.add((raw.hashLo[partial] as number) | 0, (raw.hashHi[partial] as number) | 0);
      this.#ranks.trim();
    }
    this.#counters.partialBlocksTracked = this.#ranks.usage.hashes;
  }

  #judgeRemoved(raw: RawEvent, rank: RankState): Verdict {
    const out = this.out;
    out.begin(PUBLISHED_KIND.removed, this.#ownRanks.base + raw.rank);
    const partials = this.#ranks.usage.hashes === 0 ? null : rank.partials.find(partialsKey(raw));
    let suppressed = 0;
    // Hashes are borrowed as long as none is left out; the first one that is makes the others be copied.
    let borrowed = true;
    for (let i = 0; i < raw.blockCount; i++) {
      const lo = raw.hashLo[i] as number;
      const hi = raw.hashHi[i] as number;
      const isNull = raw.hashNull[i] !== 0;
      const isPartial = !isNull && partials !== null && partials.take(lo | 0, hi | 0);
      if (isPartial) suppressed++;
      if (!isNull && !isPartial) {
        if (!borrowed) out.addHash(lo, hi);
      } else if (borrowed) {
        borrowed = false;
        for (let k = 0; k < i; k++) out.addHash(raw.hashLo[k] as number, raw.hashHi[k] as number);
      }
    }
    if (borrowed) out.borrow(raw, raw.blockCount, 0);
    if (suppressed > 0) this.#counters.partialBlocksTracked = this.#ranks.usage.hashes;
    if (out.blockCount === 0) return this.#outcomes.filtered(raw, suppressed > 0 ? "partial_block" : "no_blocks");
    this.#moves?.removed(raw, raw.rank, out.rank);
    return this.#publish(raw, rank);
  }

  /** Only the priority, as a rule; or the block has moved to another tier. */
  #judgeUpdated(raw: RawEvent, rank: RankState): Verdict {
    const { out } = this;
    out.begin(PUBLISHED_KIND.removed, this.#ownRanks.base + raw.rank);
    const isMove = this.#moves !== null && this.#admits(raw, rank) && this.#moves.moved(raw, raw.rank, out);
    return isMove ? this.#publish(raw, rank) : this.#outcomes.filtered(raw, "updated");
  }

  #publish(raw: RawEvent, rank: RankState): Verdict {
    if (raw.rank >= this.#ownRanks.size) {
      this.#counters.unknownRank++;
      if (!rank.announced) {
        rank.announced = true;
        this.#outcomes.report(raw, { code: "unknown_rank" });
      }
    }
    return "publish";
  }
}
