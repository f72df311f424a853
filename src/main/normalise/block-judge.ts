/**
 * The last step of the normaliser: which blocks of an event are published. MAIN THREAD, pure logic.
 *
 * Null hashes are skipped. A partial block is remembered and left out, so that its removal is left out too; it ends the walk, for
 * nothing can hang behind it. Tokens and multimodal keys are made plain, where they are not. A refused event changes nothing in what
 * is known of blocks: partial ones are remembered last.
 */
import { PARENT, type RawEvent } from "../engine/raw-event.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { Outcomes, Verdict } from "./outcomes.ts";
import { PUBLISHED_KIND, type PublishedEvent } from "./published-event.ts";
import { partialsKey, type RankState, type RankTable } from "./rank-table.ts";
import { rewrite } from "./rewrite.ts";

export interface BlockJudgeOptions {
  /** Tokens of a full block. */
  readonly blockSize: number;
  /** What is added to a rank of this engine where ranks of all engines have one number each. */
  readonly rankBase: number;
  /** See `mm-runs.ts`; null refuses events that need it. */
  readonly mmTokenOffset: number | null;
  readonly ranks: RankTable;
  readonly counters: EngineCounters;
  readonly outcomes: Outcomes;
}

export class BlockJudge {
  readonly #blockSize: number;
  readonly #rankBase: number;
  readonly #mmTokenOffset: number | null;
  readonly #ranks: RankTable;
  readonly #counters: EngineCounters;
  readonly #outcomes: Outcomes;

  constructor(options: BlockJudgeOptions) {
    this.#blockSize = options.blockSize;
    this.#rankBase = options.rankBase;
    this.#mmTokenOffset = options.mmTokenOffset;
    this.#ranks = options.ranks;
    this.#counters = options.counters;
    this.#outcomes = options.outcomes;
  }

  /** `out` holds the full blocks after "publish"; any other outcome has been counted. */
  stored(raw: RawEvent, rank: RankState, out: PublishedEvent): Verdict {
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

    out.begin(PUBLISHED_KIND.stored, this.#rankBase + raw.rank);
    if (skipped === 0 && raw.oddTokens.length === 0 && raw.mmKeys.length === 0) {
      out.borrow(raw, full, full * size);
    } else {
      const refusal = rewrite(raw, full + skipped, out, size, this.#mmTokenOffset);
      if (refusal !== null) return this.#outcomes.invalid(raw, refusal.reason, refusal.notice);
    }
    if (partial >= 0 || this.#ranks.usage.hashes > 0) this.#rememberPartials(raw, rank, out, partial);
    if (full === 0) return this.#outcomes.filtered(raw, partial < 0 ? "no_blocks" : "partial_block");

    out.mmListPresent = true;
    out.hasParent = raw.parent === PARENT.given;
    out.parentLo = raw.parentLo;
    out.parentHi = raw.parentHi;
    out.loraName = raw.loraName;
    out.cacheSalt = raw.cacheSalt;
    return "publish";
  }

  /** Forgets hashes that are full blocks now, and remembers the partial block that ended the walk (-1 for none). */
  #rememberPartials(raw: RawEvent, rank: RankState, out: PublishedEvent, partial: number): void {
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

  /** `out` holds the blocks that were published as full ones after "publish"; any other outcome has been counted. */
  removed(raw: RawEvent, rank: RankState, out: PublishedEvent): Verdict {
    out.begin(PUBLISHED_KIND.removed, this.#rankBase + raw.rank);
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
    return "publish";
  }
}
