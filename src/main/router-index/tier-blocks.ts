/**
 * Blocks in slower tiers: host memory, and disks with whatever is behind a network. MAIN THREAD.
 *
 * A copy in such a tier hangs on the hash of the block before it, which lies elsewhere, or no longer does: nobody need know that
 * block for the copy to be stored. So these are no tree but single steps: owner, hash before, tokens hash → hash.
 *
 *   step   hash before lo hi | tokens hash lo hi | hash lo hi | owner
 *
 * An owner is here one tier of one rank. 28 bytes a block, and 11 to 14 for each of two entries in tables.
 *
 * Where room is needed a hand goes round as that of a clock, downwards, so that of a chain the end goes before its beginning. What a
 * prompt has passed, or a rank has stored again, since it last came by gets another round.
 */
import { randomFillSync } from "node:crypto";
import { KeyMix } from "../../shared/key-mix.ts";
import { SlotIndex } from "../consolidate/slot-index.ts";
import { Slots } from "../consolidate/slots.ts";

const STEP = { beforeLo: 0, beforeHi: 1, localLo: 2, localHi: 3, lo: 4, hi: 5, owner: 6, words: 7 } as const;
/** In the word of the owner: the block is the first of its chain. */
const ROOT_BIT: number = 1 << 30;
/** In the word of the owner: the block was asked for, or stored again, since the hand last came by. */
const USED_BIT: number = 1 << 29;
/** In place of the owner: the slot is free. */
const FREE = -1;
/** Slots that the hand passes for each block that it looks at, and besides, before it leaves the search for one that nobody used. */
const PASSED_EACH = 4;
const PASSED_MORE = 256;
/** Runs of slots whose live ones are counted, so that the hand passes over empty ones in one step. */
const RUN_BITS = 10;
const RUN_MASK: number = (1 << RUN_BITS) - 1;

export class TierBlocks {
  readonly #steps: Slots = new Slots(STEP.words);
  readonly #byStep: SlotIndex = new SlotIndex();
  readonly #byHash: SlotIndex = new SlotIndex();
  readonly #mix: KeyMix = new KeyMix();
  readonly #localMix: KeyMix = new KeyMix();
  readonly #ownerMix: Int32Array;
  readonly #counts: Int32Array;
  /** Slots are numbered below this. */
  #end: number = 1;
  readonly #runLive: number[] = [];
  #hand: number = 0;

  constructor(owners: number) {
    this.#ownerMix = randomFillSync(new Int32Array(owners));
    this.#counts = new Int32Array(owners);
  }

  get blocks(): number {
    return this.#steps.live;
  }

  get memoryBytes(): number {
    return this.#steps.memoryBytes + this.#byStep.memoryBytes + this.#byHash.memoryBytes + 2 * this.#counts.byteLength;
  }

  blocksOf(owner: number): number {
    return this.#counts[owner] as number;
  }

  /** The block that the owner has by this hash; 0 = none. Halves are signed here and below. */
  find(owner: number, lo: number, hi: number): number {
    const steps = this.#steps;
    const table = this.#byHash;
    let step = table.first(this.#mix.place(0, lo, hi, -1) ^ (this.#ownerMix[owner] as number));
    for (; step !== 0; step = table.next()) {
      if (
        steps.get(step, STEP.lo) === lo &&
        steps.get(step, STEP.hi) === hi &&
        ownerIn(steps.get(step, STEP.owner)) === owner
      ) {
        break;
      }
    }
    return step;
  }

  /** The block behind the one with that hash (`isRoot`: the first one) that has this tokens hash; 0 = none. */
  follow(owner: number, isRoot: boolean, lo: number, hi: number, localLo: number, localHi: number): number {
    const steps = this.#steps;
    const table = this.#byStep;
    const word = isRoot ? owner | ROOT_BIT : owner;
    let step = table.first(this.#stepTag(owner, lo, hi, localLo, localHi));
    for (; step !== 0; step = table.next()) {
      if (
        steps.get(step, STEP.localLo) === localLo &&
        steps.get(step, STEP.localHi) === localHi &&
        steps.get(step, STEP.beforeLo) === lo &&
        steps.get(step, STEP.beforeHi) === hi &&
        (steps.get(step, STEP.owner) & ~USED_BIT) === word
      ) {
        break;
      }
    }
    return step;
  }

  lo(step: number): number {
    return this.#steps.get(step, STEP.lo);
  }

  hi(step: number): number {
    return this.#steps.get(step, STEP.hi);
  }

  /** Has the hand spare a block when it comes by. */
  use(step: number): void {
    this.#steps.set(step, STEP.owner, this.#steps.get(step, STEP.owner) | USED_BIT);
  }

  /** Stores one block. False: the owner has it already, at this place. */
  store(
    owner: number,
    isRoot: boolean,
    beforeLo: number,
    beforeHi: number,
    localLo: number,
    localHi: number,
    lo: number,
    hi: number,
  ): boolean {
    const there = this.follow(owner, isRoot, beforeLo, beforeHi, localLo, localHi);
    if (there !== 0 && this.lo(there) === lo && this.hi(there) === hi) {
      this.use(there);
      return false;
    }
    if (there !== 0) this.remove(there);
    const other = this.find(owner, lo, hi);
    if (other !== 0) this.remove(other);
    const steps = this.#steps;
    const step = steps.take();
    if (step >= this.#end) this.#end = step + 1;
    this.#runLive[step >>> RUN_BITS] = (this.#runLive[step >>> RUN_BITS] ?? 0) + 1;
    steps.set(step, STEP.beforeLo, beforeLo);
    steps.set(step, STEP.beforeHi, beforeHi);
    steps.set(step, STEP.localLo, localLo);
    steps.set(step, STEP.localHi, localHi);
    steps.set(step, STEP.lo, lo);
    steps.set(step, STEP.hi, hi);
    steps.set(step, STEP.owner, isRoot ? owner | ROOT_BIT : owner);
    this.#byStep.add(this.#stepTag(owner, beforeLo, beforeHi, localLo, localHi), step);
    this.#byHash.add(this.#mix.place(0, lo, hi, -1) ^ (this.#ownerMix[owner] as number), step);
    this.#counts[owner] = (this.#counts[owner] as number) + 1;
    return true;
  }

  remove(step: number): void {
    const steps = this.#steps;
    const owner = ownerIn(steps.get(step, STEP.owner));
    const stepTag = this.#stepTag(
      owner,
      steps.get(step, STEP.beforeLo),
      steps.get(step, STEP.beforeHi),
      steps.get(step, STEP.localLo),
      steps.get(step, STEP.localHi),
    );
    this.#byStep.remove(stepTag, step);
    const hashTag = this.#mix.place(0, this.lo(step), this.hi(step), -1) ^ (this.#ownerMix[owner] as number);
    this.#byHash.remove(hashTag, step);
    steps.set(step, STEP.owner, FREE);
    steps.give(step);
    this.#runLive[step >>> RUN_BITS] = (this.#runLive[step >>> RUN_BITS] ?? 0) - 1;
    this.#counts[owner] = (this.#counts[owner] as number) - 1;
  }

  /**
   * Gives up so many blocks, or all there are. `onlyCold`: looks at no more than that, and gives up those that were not used of late, so
   * that a round takes as many calls for a block as there are blocks. Returns how many it gave up.
   */
  giveUp(count: number, onlyCold: boolean): number {
    const steps = this.#steps;
    let given = 0;
    let looks = onlyCold ? count : Infinity;
    // In two rounds the first takes all marks away.
    let left = onlyCold ? PASSED_EACH * count + PASSED_MORE : 2 * this.#end;
    for (; given < count && steps.live > 0 && looks > 0 && left > 0; left--) {
      if (--this.#hand < 1) this.#hand = this.#end - 1;
      const step = this.#hand;
      if (this.#runLive[step >>> RUN_BITS] === 0) {
        this.#hand = step & ~RUN_MASK;
        continue;
      }
      const word = steps.get(step, STEP.owner);
      if (word === FREE) continue;
      looks--;
      if ((word & USED_BIT) !== 0) {
        steps.set(step, STEP.owner, word & ~USED_BIT);
      } else {
        this.remove(step);
        given++;
      }
    }
    return given;
  }

  /** Goes through all blocks of all owners: tiers are rarely cleared, and rarely large. Returns how many the owner had. */
  clear(owner: number): number {
    const count = this.blocksOf(owner);
    if (count > 0) this.forEach(owner, (step) => this.remove(step));
    return count;
  }

  /** Calls back for each block of the owner, which may be removed meanwhile. */
  forEach(owner: number, visit: (step: number) => void): void {
    for (let step = 1; step < this.#end; step++) {
      const word = this.#steps.get(step, STEP.owner);
      if (word !== FREE && ownerIn(word) === owner) visit(step);
    }
  }

  /** What a block was stored as; the hash before it is null for the first of its chain. */
  describe(step: number): TierStep {
    const steps = this.#steps;
    const isRoot = (steps.get(step, STEP.owner) & ROOT_BIT) !== 0;
    return {
      isRoot,
      beforeLo: steps.get(step, STEP.beforeLo),
      beforeHi: steps.get(step, STEP.beforeHi),
      localLo: steps.get(step, STEP.localLo),
      localHi: steps.get(step, STEP.localHi),
      lo: this.lo(step),
      hi: this.hi(step),
    };
  }

  #stepTag(owner: number, lo: number, hi: number, localLo: number, localHi: number): number {
    const before = this.#mix.place(0, lo, hi, -1);
    return before ^ this.#localMix.place(0, localLo, localHi, -1) ^ (this.#ownerMix[owner] as number);
  }
}

function ownerIn(word: number): number {
  return word & ~(ROOT_BIT | USED_BIT);
}

export interface TierStep {
  readonly isRoot: boolean;
  readonly beforeLo: number;
  readonly beforeHi: number;
  readonly localLo: number;
  readonly localHi: number;
  readonly lo: number;
  readonly hi: number;
}
