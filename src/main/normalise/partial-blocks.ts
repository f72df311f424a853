/**
 * Remembers the partial blocks of an engine, so that their removal can be suppressed. MAIN THREAD.
 *
 * An engine announces a block that is not full yet and later its removal; no subscriber has ever heard of it. Nothing
 * guarantees that the removal comes, so the memory must be bounded: each state (an attention-DP rank and layer group or
 * window) holds two generations of hashes. When the young one is full it becomes the old one, and what was old is
 * forgotten. A forgotten hash does no harm: its removal goes out, and subscribers ignore hashes that they do not know.
 *
 * Over all states the slots are bounded as well: when there are too many, every state must age.
 */
import { HashSet } from "./hash-set.ts";

/** Hashes in one generation of one state. */
const GENERATION_HASHES = 65_536;
const FIRST_SLOTS = 32;
/** Slots of all states together: 8 bytes each, 64 MiB. */
const MAX_SLOTS: number = 1 << 23;
/** States of one rank. Only one lives at a time as a rule: other layer groups are filtered out before. */
const MAX_STATES_PER_RANK = 16;

/** What all states of one engine use together. */
export interface PartialUsage {
  hashes: number;
  slots: number;
}

/**
 * The partial blocks of one (rank, layer group or window).
 * The halves of a hash may be given signed or unsigned; for the price of the latter see `hash-set.ts`.
 */
export class PartialBlocks {
  readonly #usage: PartialUsage;
  readonly #generationHashes: number;
  #young: HashSet;
  #old: HashSet | null = null;

  constructor(usage: PartialUsage, generationHashes: number = GENERATION_HASHES) {
    this.#usage = usage;
    this.#generationHashes = generationHashes;
    this.#young = new HashSet(FIRST_SLOTS);
    usage.slots += FIRST_SLOTS;
  }

  get size(): number {
    return this.#young.size + (this.#old?.size ?? 0);
  }

  /** Remembers a hash; one that was remembered already is young again. */
  add(lo: number, hi: number): void {
    const before = this.#young.capacity;
    if (!this.#young.add(lo | 0, hi | 0)) return;
    if (this.#old === null || !this.#old.delete(lo | 0, hi | 0)) this.#usage.hashes++;
    this.#usage.slots += this.#young.capacity - before;
    if (this.#young.size >= this.#generationHashes) this.age();
  }

  /** Forgets a hash. True when it was remembered. */
  take(lo: number, hi: number): boolean {
    if (!this.#young.delete(lo | 0, hi | 0) && (this.#old === null || !this.#old.delete(lo | 0, hi | 0))) return false;
    this.#usage.hashes--;
    return true;
  }

  /** Forgets the old generation; the young one becomes old, and the new one is small again. */
  age(): void {
    this.#forget(this.#old);
    this.#old = this.#young;
    this.#young = new HashSet(FIRST_SLOTS);
    this.#usage.slots += FIRST_SLOTS;
  }

  /** Takes everything out of the common usage. The object must not be used afterwards. */
  release(): void {
    this.#forget(this.#old);
    this.#forget(this.#young);
  }

  #forget(generation: HashSet | null): void {
    if (generation === null) return;
    this.#usage.hashes -= generation.size;
    this.#usage.slots -= generation.capacity;
  }
}

/** The states of one rank, found by a key that tells layer groups and windows apart. */
export class PartialBlockStore {
  readonly #usage: PartialUsage;
  /** Oldest first. */
  #states: { readonly key: number; readonly blocks: PartialBlocks }[] = [];

  constructor(usage: PartialUsage) {
    this.#usage = usage;
  }

  /** The state of `key`, or null when nothing is remembered for it. */
  find(key: number): PartialBlocks | null {
    for (let i = this.#states.length - 1; i >= 0; i--) {
      const state = this.#states[i];
      if (state?.key === key) return state.blocks;
    }
    return null;
  }

  /** A new state for a key that has none; the oldest one makes room when there are many. */
  make(key: number): PartialBlocks {
    if (this.#states.length === MAX_STATES_PER_RANK) this.#states.shift()?.blocks.release();
    const blocks = new PartialBlocks(this.#usage);
    this.#states.push({ key, blocks });
    return blocks;
  }

  clear(): void {
    for (const state of this.#states) state.blocks.release();
    this.#states = [];
  }

  age(): void {
    for (const state of this.#states) state.blocks.age();
  }
}

/** Whether the states of an engine hold more memory than they may; then all of them must age. */
export function holdsTooMuch(usage: PartialUsage): boolean {
  return usage.slots > MAX_SLOTS;
}
