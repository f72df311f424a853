/**
 * Blocks in slower tiers: host memory, and disks with whatever is behind a network. MAIN THREAD.
 *
 * A copy in such a tier hangs on the hash of the block before it, which lies elsewhere, or no longer does: nobody need know that
 * block for the copy to be stored. So these are no tree but single steps: owner, hash before, tokens hash → hash.
 *
 *   step   hash before lo hi | tokens hash lo hi | hash lo hi | owner
 *
 * An owner is here one tier of one rank. 28 bytes a block, and 11 to 14 for each of two entries in tables.
 */
import { randomFillSync } from "node:crypto";
import { KeyMix } from "../../shared/key-mix.ts";
import { SlotIndex } from "../consolidate/slot-index.ts";
import { Slots } from "../consolidate/slots.ts";

const STEP = { beforeLo: 0, beforeHi: 1, localLo: 2, localHi: 3, lo: 4, hi: 5, owner: 6, words: 7 } as const;
/** In the word of the owner: the block is the first of its chain. */
const ROOT_BIT: number = 1 << 30;

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
        (steps.get(step, STEP.owner) & ~ROOT_BIT) === owner
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
        steps.get(step, STEP.owner) === word
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
    if (there !== 0 && this.lo(there) === lo && this.hi(there) === hi) return false;
    if (there !== 0) this.remove(there);
    const other = this.find(owner, lo, hi);
    if (other !== 0) this.remove(other);
    const steps = this.#steps;
    const step = steps.take();
    if (step >= this.#end) this.#end = step + 1;
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
    const owner = steps.get(step, STEP.owner) & ~ROOT_BIT;
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
    steps.set(step, STEP.owner, -1);
    steps.give(step);
    this.#counts[owner] = (this.#counts[owner] as number) - 1;
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
      if (word !== -1 && (word & ~ROOT_BIT) === owner) visit(step);
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

export interface TierStep {
  readonly isRoot: boolean;
  readonly beforeLo: number;
  readonly beforeHi: number;
  readonly localLo: number;
  readonly localHi: number;
  readonly lo: number;
  readonly hi: number;
}
