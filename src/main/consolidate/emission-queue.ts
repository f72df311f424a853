/**
 * Events that wait to be taken out, in one growable array of words. MAIN THREAD. No object per event.
 *
 * What is taken out may be ordered, see EmissionOrder. What is ordered is what waits when the last such lot is through.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import { PUBLISHED_KIND, PublishedEvent, type BlockMmInfo } from "../normalise/published-event.ts";
import { EmissionOrder } from "./emission-order.ts";
import {
  kindOf,
  NO_MM,
  PARENT_BIT,
  RANK_SHIFT,
  readEmission,
  SHORT_WORDS,
  STORED_WORDS,
  TIER_SHIFT,
  WORD,
} from "./emission-record.ts";
import { TextTable } from "./text-table.ts";

const FIRST_WORDS = 4096;
/** An empty array that is larger is let go. */
const KEPT_WORDS = 0x10_0000;

/** What a stored event says; only numbers of the caller's are kept. */
export interface StoredEmission {
  readonly tokens: Uint32Array;
  readonly tokenStart: number;
  readonly tokenEnd: number;
  readonly blockSizeTokens: number;
  readonly loraName: string | null;
  readonly mm: BlockMmInfo;
}

export class EmissionQueue {
  /** Events that wait. */
  length: number = 0;
  readonly #texts: TextTable = new TextTable();
  readonly #event: PublishedEvent = new PublishedEvent();
  #words: Uint32Array = new Uint32Array(FIRST_WORDS);
  /** The records lie between these two. */
  #head: number = 0;
  #tail: number = 0;
  #waitingWords: number = 0;
  /** null: they go as they came. */
  readonly #order: EmissionOrder | null;

  constructor(isOrdered: boolean) {
    this.#order = isOrdered ? new EmissionOrder() : null;
  }

  /** Of the events that wait. */
  get bytes(): number {
    return 4 * this.#waitingWords;
  }

  get memoryBytes(): number {
    return this.#words.byteLength + (this.#order?.memoryBytes ?? 0) + this.#texts.memoryBytes;
  }

  /** Appends a stored block with its hash, and its parent if it has one. */
  stored(
    block: StoredEmission,
    rank: number,
    tier: Tier,
    lo: number,
    hi: number,
    position: number,
    hasParent: boolean,
    parentLo: number,
    parentHi: number,
    cacheSalt: string | null,
    mm: BlockMmInfo,
  ): void {
    const { tokenStart, tokenEnd } = block;
    const tokens = tokenEnd - tokenStart;
    const mmWords = mm === null ? 0 : 2 * mm.length;
    const at = this.#begin(
      STORED_WORDS + tokens + mmWords,
      PUBLISHED_KIND.stored | (hasParent ? PARENT_BIT : 0),
      rank,
      tier,
      lo,
      hi,
      position,
    );
    const words = this.#words;
    words[at + WORD.parentLo] = parentLo;
    words[at + WORD.parentHi] = parentHi;
    words[at + WORD.blockSize] = block.blockSizeTokens;
    words[at + WORD.lora] = this.#texts.take(block.loraName);
    words[at + WORD.salt] = this.#texts.take(cacheSalt);
    words[at + WORD.mmWords] = mm === null ? NO_MM : mmWords;
    let to = at + STORED_WORDS;
    for (let i = tokenStart; i < tokenEnd; i++) words[to++] = block.tokens[i] as number;
    if (mm === null) return;
    for (const hash of mm) {
      words[to++] = hash.lo;
      words[to++] = hash.hi;
    }
  }

  removed(rank: number, tier: Tier, lo: number, hi: number, position: number): void {
    this.#begin(SHORT_WORDS, PUBLISHED_KIND.removed, rank, tier, lo, hi, position);
  }

  cleared(rank: number): void {
    this.#begin(SHORT_WORDS, PUBLISHED_KIND.cleared, rank, TIER.device, 0, 0, 0);
  }

  /**
   * Hands the events out, one after the other, in the same object each time. Stops when `emit` returns false: the event that
   * it was given then stays and comes first the next time. Returns how many went.
   */
  drain(emit: (event: PublishedEvent) => boolean): number {
    let went = 0;
    while (this.length > 0) {
      const order = this.#order;
      if (order?.isThrough === true) order.arrange(this.#words, this.#head, this.length);
      const at = order === null ? this.#head : order.next;
      readEmission(this.#words, at, this.#texts, this.#event);
      if (!emit(this.#event)) break;
      went++;
      this.#drop(at);
    }
    return went;
  }

  #begin(length: number, kind: number, rank: number, tier: Tier, lo: number, hi: number, position: number): number {
    if (this.#tail + length > this.#words.length) this.#makeRoom(length);
    const at = this.#tail;
    const words = this.#words;
    words[at] = length;
    words[at + WORD.bits] = kind | (tier << TIER_SHIFT) | (rank << RANK_SHIFT);
    words[at + WORD.lo] = lo;
    words[at + WORD.hi] = hi;
    words[at + WORD.position] = position;
    this.#tail = at + length;
    this.#waitingWords += length;
    this.length++;
    return at;
  }

  #drop(at: number): void {
    const words = this.#words;
    const length = words[at] as number;
    if (kindOf(words, at) === PUBLISHED_KIND.stored) {
      this.#texts.release(words[at + WORD.lora] as number);
      this.#texts.release(words[at + WORD.salt] as number);
    }
    this.#waitingWords -= length;
    this.length--;
    if (this.#order === null) this.#head += length;
    else if (this.#order.advance()) this.#head = this.#order.end;
    if (this.length > 0) return;
    this.#head = 0;
    this.#tail = 0;
    if (words.length > KEPT_WORDS) this.#words = new Uint32Array(FIRST_WORDS);
    this.#order?.reset(KEPT_WORDS);
  }

  /** Moves what waits to the front, if that gains enough, and otherwise to an array twice as large. */
  #makeRoom(length: number): void {
    const head = this.#head;
    const needed = this.#tail - head + length;
    const old = this.#words;
    if (2 * needed > old.length) {
      this.#words = new Uint32Array(Math.max(2 * old.length, 2 * needed));
      this.#words.set(old.subarray(head, this.#tail));
    } else {
      old.copyWithin(0, head, this.#tail);
    }
    this.#order?.shift(head);
    this.#head = 0;
    this.#tail -= head;
  }
}
