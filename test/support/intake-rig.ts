/** An intake before an outlet that is full whenever the test says so, and what went through it in short words. */
import assert from "node:assert/strict";
import { clearRanks } from "../../src/main/clear-ranks.ts";
import type { RawEvent } from "../../src/main/engine/raw-event.ts";
import { type EventOutlet, Intake } from "../../src/main/intake.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { type EngineRanks, ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { type ClearPolicy, Injections } from "../../src/main/normalise/injections.ts";
import { Normaliser } from "../../src/main/normalise/normaliser.ts";
import type { Notice } from "../../src/main/normalise/notice.ts";
import { NO_SAVED_RANKS, type SavedRanks } from "../../src/main/normalise/saved-ranks.ts";
import { PUBLISHED_KIND, type PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { TIER } from "../../src/shared/tier.ts";
import { rawEventOf, type Json } from "./raw-events.ts";

const LETTERS = { [PUBLISHED_KIND.stored]: "S", [PUBLISHED_KIND.removed]: "R", [PUBLISHED_KIND.cleared]: "C" };
const NEVER: ClearPolicy = { onStart: false, onRestart: false, onGap: false };

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);

export interface IntakeRigOptions {
  readonly policy?: Partial<ClearPolicy>;
  readonly ranks?: number;
  /** The engine's ranks among those of others. Default: it is alone, with `ranks`. */
  readonly place?: EngineRanks;
  /** Where an earlier run ended. */
  readonly saved?: SavedRanks;
  readonly publishTierMoves?: boolean;
  /** One answer an offer: true is full. Afterwards there is always room. */
  readonly full?: readonly boolean[];
}

export class IntakeRig implements EventOutlet {
  readonly counters: EngineCounters;
  readonly intake: Intake;
  readonly #injections: Injections;
  /** Ranks of which a clear by command was told. */
  readonly told: number[] = [];
  /** `C1` is a clear of rank 1; `S1:7,8` stored blocks 7 and 8, `R1:7` removed ones, `R1/2:7` one from tier 2. */
  readonly out: string[] = [];
  readonly notices: Notice[] = [];
  /** Offers that found it full. */
  refusals: number = 0;
  flushes: number = 0;
  #full: boolean[];

  constructor({ policy = {}, ranks = 2, place, saved = NO_SAVED_RANKS, full = [], ...rest }: IntakeRigOptions = {}) {
    this.#full = [...full];
    const own = place ?? ranksOfOnly(ranks);
    this.counters = new EngineCounters("engine0", "http", own.size);
    const injections = (this.#injections = new Injections({
      policy: { ...NEVER, ...policy },
      ranks: own,
      saved,
      counters: this.counters,
      offer: (event) => this.offer(event),
    }));
    const normaliser = new Normaliser({
      kvBlockSizeTokens: 4,
      ranks: own,
      mmTokenOffset: null,
      counters: this.counters,
      onNotice: (notice) => this.notices.push(notice),
      watch: injections,
      saved,
      ...rest,
    });
    this.intake = new Intake(normaliser, injections, this);
  }

  offer(event: PublishedEvent): boolean {
    if (this.#full.shift() === true) {
      this.refusals++;
      return false;
    }
    const hashes = [...event.hashLo.subarray(0, event.blockCount)].join(",");
    const tier = event.tier === TIER.device ? "" : `/${event.tier}`;
    this.out.push(`${LETTERS[event.kind]}${event.rank}${tier}${hashes === "" ? "" : `:${hashes}`}`);
    return true;
  }

  writable(): Promise<void> {
    return Promise.resolve();
  }

  flush(): void {
    this.flushes++;
  }

  /** All ranks, by command. */
  clear(isOver: () => boolean = () => false): Promise<number | null> {
    const onCleared = (rank: number): void => void this.told.push(rank);
    return clearRanks({ injections: this.#injections, outlet: this, onCleared }, isOver);
  }

  /** The next offers find it full so often. */
  fill(offers: number): void {
    this.#full = Array.from({ length: offers }, () => true);
  }

  /** One event, again and again until it is done with. The books balance at every step. */
  accept(raw: RawEvent): void {
    let done = this.intake.accept(raw);
    for (this.assertBalanced(); !done; this.assertBalanced()) done = this.intake.retry();
  }

  feed(...entries: readonly Json[]): void {
    for (const entry of entries) this.accept(rawEventOf(entry));
  }

  async begin(): Promise<void> {
    await this.intake.begin(() => false);
    this.assertBalanced();
  }

  assertBalanced(): void {
    const { received, injected, duplicates, filtered, invalid, enqueued, droppedAtShutdown } = this.counters;
    assert.equal(
      sum(received) + sum(injected),
      duplicates + sum(filtered) + sum(invalid) + droppedAtShutdown + enqueued,
    );
    assert.equal(enqueued, this.out.length, "counted when it is taken, not before and not after");
  }
}
