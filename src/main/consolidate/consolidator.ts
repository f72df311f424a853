/**
 * Makes one stream of events out of those of many sources. MAIN THREAD. No sockets, no timers: blocks go in, events wait until
 * they are taken out.
 *
 *   store, remove, clear ──► books (or straight through) ──► EmissionQueue ──► drain
 *
 * Nothing that comes in makes it throw. Live blocks are bounded; what waits is not: who feeds it watches `queuedBytes`, and
 * calls `sweep` after clears.
 */
import { KvcastError } from "../../shared/errors.ts";
import { MAX_RANK } from "../../shared/record.ts";
import type { Tier } from "../../shared/tier.ts";
import { loadXxh3, type Xxh3 } from "../../shared/xxh3.ts";
import type { PublishedEvent } from "../normalise/published-event.ts";
import type { Books } from "./books.ts";
import { CompatDedup } from "./compat-dedup.ts";
import {
  zeroCounters,
  type BlockStore,
  type ConsolidatorCounters,
  type ConsolidatorOptions,
  type Outcome,
} from "./consolidator-types.ts";
import { Dedup } from "./dedup.ts";
import { EmissionQueue } from "./emission-queue.ts";
import { Ledger } from "./ledger.ts";
import type { Lineage } from "./lineage.ts";

export type {
  BlockStore,
  ConsolidateMode,
  ConsolidatorCounters,
  ConsolidatorOptions,
  Identity,
  Outcome,
  SourceKind,
} from "./consolidator-types.ts";

/** So many fit in the key of a mapping. */
export const MAX_SOURCES = 32;

/** The consolidator cannot be made with these options. */
export class ConsolidatorOptionsError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_CONSOLIDATOR_OPTIONS", message);
  }
}

export class Consolidator {
  readonly counters: ConsolidatorCounters;
  readonly #queue: EmissionQueue;
  /** null: everything passes. */
  readonly #books: Books | null;
  readonly #isCompat: boolean;
  readonly #sources: number;
  /** By source and rank: whether the rank has ever been named. */
  readonly #seen: Uint8Array;

  /** Throws ConsolidatorOptionsError, and HashUnavailableError if blocks are to be compared and no hash loads. */
  constructor(options: ConsolidatorOptions, xxh3?: Xxh3) {
    const sources = options.sources.length;
    if (sources > MAX_SOURCES) {
      throw new ConsolidatorOptionsError(`${sources} sources are too many to consolidate; at most ${MAX_SOURCES} fit`);
    }
    this.#sources = sources;
    this.#isCompat = options.compat;
    this.#seen = new Uint8Array(sources * (MAX_RANK + 1));
    this.counters = zeroCounters(sources);
    const isDedup = options.mode === "dedup";
    this.#queue = new EmissionQueue(isDedup && options.identity === "lineage");
    this.#books = isDedup ? makeBooks(options, this.#queue, this.counters, xxh3 ?? loadXxh3()) : null;
  }

  /** Events that wait, and the bytes that they take. */
  get queued(): number {
    return this.#queue.length;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Whether something that was cleared is still to be taken out: `sweep`. */
  get isSweeping(): boolean {
    return this.#books?.isSweeping === true;
  }

  /** Tables and queue, with what they hold in reserve. */
  get memoryBytes(): number {
    return this.#queue.memoryBytes + this.#seen.byteLength + (this.#books === null ? 0 : this.#books.memoryBytes);
  }

  /** A source has a block; `block` may be reused at once. */
  store(block: BlockStore): Outcome {
    const { source } = block;
    const rank = this.#rank(source, block.rank);
    if (rank < 0) return this.#refuse();
    bump(this.counters.storesIn, source);
    if (this.#books !== null) return this.#books.store(block, rank);
    const { tier, hashLo, hashHi, hasParent, parentLo, parentHi } = block;
    const salt = this.#isCompat ? null : block.cacheSalt;
    const mm = this.#isCompat ? null : block.mm;
    this.#queue.stored(block, rank, tier, hashLo, hashHi, 0, hasParent, parentLo, parentHi, salt, mm);
    this.counters.storedOut++;
    return "published";
  }

  /** A source no longer has a block in this tier. */
  remove(source: number, tier: Tier, rank: number, lo: number, hi: number): Outcome {
    const outRank = this.#rank(source, rank);
    if (outRank < 0) return this.#refuse();
    bump(this.counters.removesIn, source);
    if (this.#books !== null) return this.#books.remove(source, tier, outRank, lo, hi);
    this.#queue.removed(outRank, tier, lo, hi, 0);
    this.counters.removedOut++;
    return "published";
  }

  /**
   * A source has a block that it knows by its lineage. Without tokens it is not published before somebody stores it with them.
   * Refused unless the identity is `lineage`. Of `block` the hash and the parent do not matter.
   */
  createLineage(lineage: Lineage, block: BlockStore): Outcome {
    const rank = this.#rank(block.source, block.rank);
    if (rank < 0 || this.#books === null) return this.#refuse();
    bump(this.counters.storesIn, block.source);
    return this.#books.createLineage(lineage, block, rank);
  }

  removeLineage(source: number, tier: Tier, rank: number, lineage: Lineage): Outcome {
    const outRank = this.#rank(source, rank);
    if (outRank < 0 || this.#books === null) return this.#refuse();
    bump(this.counters.removesIn, source);
    return this.#books.removeLineage(source, tier, outRank, lineage);
  }

  /** A source has nothing any more, in this rank, or for null in any in which it ever had something. */
  clear(source: number, rank: number | null): void {
    const outRank = this.#rank(source, rank ?? 0, rank !== null);
    if (outRank < 0) {
      this.#refuse();
      return;
    }
    bump(this.counters.clearsIn, source);
    if (rank !== null || this.#isCompat) {
      this.#clear(source, outRank);
      return;
    }
    const first = source * (MAX_RANK + 1);
    for (let r = 0; r <= MAX_RANK; r++) if (this.#seen[first + r] === 1) this.#clear(source, r);
  }

  /**
   * Goes on with the clears that leave others what they hold: takes out at most so many holds, and makes events of those that
   * were the last of their blocks. Returns whether some are left.
   */
  sweep(most: number): boolean {
    return this.#books?.sweep(most) === true;
  }

  /**
   * Hands out what waits, in order, each event in the same scratch. Stops when `emit` returns false; that event stays. Returns
   * how many went. `emit` must not call this object.
   */
  drain(emit: (event: PublishedEvent) => boolean): number {
    return this.#queue.drain(emit);
  }

  #clear(source: number, rank: number): void {
    if (this.#books !== null) {
      this.#books.clear(source, rank);
      return;
    }
    this.#queue.cleared(rank);
    this.counters.clearedOut++;
  }

  /** The rank that is published; -1 if source or rank is none. */
  #rank(source: number, rank: number, isSeen: boolean = true): number {
    if (!(source >= 0 && source < this.#sources && rank >= 0 && rank <= MAX_RANK)) return -1;
    if (isSeen) this.#seen[source * (MAX_RANK + 1) + rank] = 1;
    return this.#isCompat ? 0 : rank;
  }

  #refuse(): Outcome {
    this.counters.refused++;
    return "refused";
  }
}

function makeBooks(
  options: ConsolidatorOptions,
  queue: EmissionQueue,
  counters: ConsolidatorCounters,
  xxh3: Xxh3,
): Books {
  const ledger = new Ledger(options.identity, queue, counters, xxh3);
  return options.compat ? new CompatDedup(options, ledger) : new Dedup(options, ledger);
}

function bump(counts: number[], source: number): void {
  counts[source] = (counts[source] as number) + 1;
}
