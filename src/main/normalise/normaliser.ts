/**
 * Judges the events of one engine: which of them subscribers shall hear of, and in what form. MAIN THREAD, pure logic.
 *
 * The steps, in this order, each only for what the step before let through:
 *  1. ids (`id-follower.ts`): every event that has one is followed per attention-DP rank, whatever is wrong with it otherwise. A rank whose
 *     number is another engine's ends here: nothing of it may go out;
 *  2. defects: what the source found wrong refuses the event;
 *  3. window and layer group: one of them is published, see `window-filter.ts`;
 *  4. blocks (`block-judge.ts`): null hashes are skipped, partial blocks remembered and suppressed, tokens and multimodal keys made plain.
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
import { RAW_KIND, type RawEvent, type RawKind } from "../engine/raw-event.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import { BlockJudge } from "./block-judge.ts";
import type { EngineRanks } from "./engine-ranks.ts";
import { IdFollower } from "./id-follower.ts";
import type { RankWatch } from "./injections.ts";
import type { Notice } from "./notice.ts";
import { Outcomes, type Verdict } from "./outcomes.ts";
import { PUBLISHED_KIND, PublishedEvent } from "./published-event.ts";
import { type RankState, RankTable } from "./rank-table.ts";
import { NO_SAVED_RANKS, type SavedRanks } from "./saved-ranks.ts";
import { TierMoves } from "./tier-moves.ts";

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
  readonly #ownRanks: EngineRanks;
  readonly #counters: EngineCounters;
  readonly #outcomes: Outcomes;
  readonly #follower: IdFollower;
  readonly #blocks: BlockJudge;
  /** null: they are not told of. */
  readonly #moves: TierMoves | null;
  /** How many of the events before the one in hand have been taken. */
  #takenBefore: number = 0;
  /** The rank of the event that was followed last. */
  #rank: RankState | null = null;
  #adoptionAnnounced: boolean = false;

  constructor(options: NormaliserOptions) {
    this.#ownRanks = options.ranks;
    this.#counters = options.counters;
    this.#outcomes = new Outcomes(options.counters, options.onNotice);
    this.#moves = options.publishTierMoves === true ? new TierMoves() : null;
    const ranks = new RankTable();
    const { counters } = options;
    this.#follower = new IdFollower({
      ownRanks: options.ranks,
      ranks,
      counters,
      outcomes: this.#outcomes,
      watch: options.watch ?? null,
      saved: options.saved ?? NO_SAVED_RANKS,
      moves: this.#moves,
    });
    this.#blocks = new BlockJudge({
      blockSize: options.kvBlockSizeTokens,
      rankBase: options.ranks.base,
      mmTokenOffset: options.mmTokenOffset,
      ranks,
      counters,
      outcomes: this.#outcomes,
    });
  }

  /** Both steps at once, for whoever has nothing to do between them. Never throws for what an engine sends. */
  normalise(raw: RawEvent): Verdict {
    return this.follow(raw) ?? this.judge(raw);
  }

  /** Follows the ids. Null: `judge()` the event next; otherwise it ends here and has been counted. */
  follow(raw: RawEvent): Verdict | null {
    const followed = this.#follower.follow(raw);
    if (typeof followed === "string") return followed;
    this.#rank = followed;
    return null;
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

  /** Of each rank, how far its events have been followed. */
  followed(): Map<number, FollowedRank> {
    return this.#follower.followed();
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
    const verdict = this.#blocks.stored(raw, rank, this.out);
    return verdict === "publish" ? this.#publish(raw, rank) : verdict;
  }

  #judgeRemoved(raw: RawEvent, rank: RankState): Verdict {
    const verdict = this.#blocks.removed(raw, rank, this.out);
    if (verdict !== "publish") return verdict;
    this.#moves?.removed(raw, raw.rank, this.out.rank);
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
