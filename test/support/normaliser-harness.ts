/** Drives a normaliser as the service does, and shows what came out in the words of the recorded vectors. */
import assert from "node:assert/strict";
import type { RawEvent } from "../../src/main/engine/raw-event.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { type EngineRanks, ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { Normaliser, type Verdict } from "../../src/main/normalise/normaliser.ts";
import type { Notice } from "../../src/main/normalise/notice.ts";
import { PUBLISHED_KIND, type PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { type Json, rawEventOf } from "./raw-events.ts";

export interface Stored {
  readonly type: "stored";
  readonly rank: number;
  readonly hashes: readonly bigint[];
  readonly parent: bigint | null;
  readonly tokens: readonly number[];
  readonly loraName: string | null;
  readonly cacheSalt: string | null;
  /** One entry a block, as on the wire. */
  readonly mm: readonly (readonly bigint[] | null)[];
}

export interface Removed {
  readonly type: "removed";
  readonly rank: number;
  readonly hashes: readonly bigint[];
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
const u64 = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo);

export function snapshot(event: PublishedEvent): Stored | Removed {
  const { rank, blockCount } = event;
  const hashes = Array.from({ length: blockCount }, (_, i) => u64(event.hashLo[i] ?? 0, event.hashHi[i] ?? 0));
  if (event.kind === PUBLISHED_KIND.removed) {
    assert.equal(event.tokenCount, 0);
    assert.equal(event.mmListPresent, false);
    return { type: "removed", rank, hashes };
  }
  assert.equal(event.kind, PUBLISHED_KIND.stored);
  assert.equal(event.mmListPresent, true);
  assert.equal(event.loraId, 0);
  if (event.mmInfos !== null) {
    assert.equal(event.mmInfos.length, blockCount);
    assert.ok(
      event.mmInfos.some((info) => info !== null),
      "a list of nulls only is given as null",
    );
  }
  return {
    type: "stored",
    rank,
    hashes,
    parent: event.hasParent ? u64(event.parentLo, event.parentHi) : null,
    tokens: [...event.tokens.subarray(0, event.tokenCount)],
    loraName: event.loraName,
    cacheSalt: event.cacheSalt,
    mm: (event.mmInfos ?? Array.from({ length: blockCount }, () => null)).map(
      (info) => info?.map(({ lo, hi }) => u64(lo, hi)) ?? null,
    ),
  };
}

/** The event, which must be a stored one. */
export function storedOf(event: Stored | Removed | undefined): Stored {
  if (event?.type !== "stored") throw new TypeError("not a stored event");
  return event;
}

export interface HarnessOptions {
  readonly blockSize?: number;
  readonly ranks?: number;
  /** The engine's ranks among those of others. Default: it is alone, with `ranks`. */
  readonly place?: EngineRanks;
  readonly mmTokenOffset?: number | null;
}

export class Harness {
  readonly counters: EngineCounters;
  readonly notices: Notice[] = [];
  readonly published: (Stored | Removed)[] = [];
  readonly normaliser: Normaliser;

  constructor({ blockSize = 4, ranks = 2, place, mmTokenOffset = null }: HarnessOptions = {}) {
    const own = place ?? ranksOfOnly(ranks);
    this.counters = new EngineCounters("engine0", "synthetic", own.size);
    this.normaliser = new Normaliser({
      kvBlockSizeTokens: blockSize,
      ranks: own,
      mmTokenOffset,
      counters: this.counters,
      onNotice: (notice) => this.notices.push(notice),
    });
  }

  /** Judges one event and takes it when it is to be published. */
  offer(raw: RawEvent): Verdict {
    const verdict = this.normaliser.normalise(raw);
    if (verdict === "publish") {
      this.published.push(snapshot(this.normaliser.out));
      this.normaliser.countPublished(raw);
    }
    this.assertBalanced();
    return verdict;
  }

  feed(...entries: readonly Json[]): Verdict[] {
    return entries.map((entry) => this.offer(rawEventOf(entry)));
  }

  /** The hashes of what was published, as `S` and `R` in order: `["S1,2", "R1"]`. */
  summary(): string[] {
    return this.published.map(({ type, hashes }) => `${type === "stored" ? "S" : "R"}${hashes.join(",")}`);
  }

  /** The reasons that were counted, those at 0 left out. */
  reasons(): Record<string, number> {
    const all = Object.entries({ ...this.counters.filtered, ...this.counters.invalid });
    return Object.fromEntries(all.filter(([, count]) => count > 0));
  }

  noticeCodes(): string[] {
    return this.notices.map(({ code }) => code);
  }

  assertBalanced(): void {
    const { received, injected, duplicates, filtered, invalid, enqueued } = this.counters;
    assert.equal(sum(received) + sum(injected), duplicates + sum(filtered) + sum(invalid) + enqueued);
  }
}
