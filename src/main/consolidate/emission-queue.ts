/**
 * Events that wait to be taken out, in one growable array of words. MAIN THREAD. No object per event.
 *
 *   word  0  length of the record in words
 *         1  kind (bits 0-1) | tier (bits 2-3) | parent (bit 4) | rank (bits 8-…)
 *         2  hash, low half            3  hash, high half
 *         4  position in the sequence
 *   stored, besides
 *         5  parent, low half          6  parent, high half
 *         7  tokens of a full block    8  LoRA name, a number in the table      9  cache salt, likewise
 *        10  words of multimodal hashes; 0xffffffff: no list                   11  tokens …, then multimodal hashes (low, high) …
 *
 * What is taken out may be ordered: of neighbours of one kind the stored ones by ascending position, the removed ones by
 * descending, so that a parent is stored before its children and removed after them. What is ordered is what waits when the
 * last such lot is through; a cleared event is passed by none.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import { PUBLISHED_KIND, PublishedEvent, type BlockMmInfo, type PublishedKind } from "../normalise/published-event.ts";
import { TextTable } from "./text-table.ts";

const SHORT_WORDS = 5;
const STORED_WORDS = 11;
const NO_MM = 0xffff_ffff;
const PARENT_BIT = 0x10;
const TIER_SHIFT = 2;
const RANK_SHIFT = 8;
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
  readonly #isOrdered: boolean;
  readonly #texts: TextTable = new TextTable();
  readonly #event: PublishedEvent = new PublishedEvent();
  #words: Uint32Array = new Uint32Array(FIRST_WORDS);
  /** The records lie between these two. */
  #head: number = 0;
  #tail: number = 0;
  #waitingWords: number = 0;
  /** Where the records of the lot in hand begin, in the order in which they go; `#next` goes next. */
  #order: Uint32Array = new Uint32Array(0);
  #next: number = 0;
  #lot: number = 0;
  #lotEnd: number = 0;

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  /** Of the events that wait. */
  get bytes(): number {
    return 4 * this.#waitingWords;
  }

  get memoryBytes(): number {
    return this.#words.byteLength + this.#order.byteLength + this.#texts.memoryBytes;
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
    words[at + 5] = parentLo;
    words[at + 6] = parentHi;
    words[at + 7] = block.blockSizeTokens;
    words[at + 8] = this.#texts.take(block.loraName);
    words[at + 9] = this.#texts.take(cacheSalt);
    words[at + 10] = mm === null ? NO_MM : mmWords;
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
      if (this.#isOrdered && this.#next === this.#lot) this.#putInOrder();
      const at = this.#isOrdered ? (this.#order[this.#next] as number) : this.#head;
      this.#read(at);
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
    words[at + 1] = kind | (tier << TIER_SHIFT) | (rank << RANK_SHIFT);
    words[at + 2] = lo;
    words[at + 3] = hi;
    words[at + 4] = position;
    this.#tail = at + length;
    this.#waitingWords += length;
    this.length++;
    return at;
  }

  #read(at: number): void {
    const words = this.#words;
    const event = this.#event;
    const bits = words[at + 1] as number;
    const kind = (bits & 3) as PublishedKind;
    event.begin(kind, bits >>> RANK_SHIFT);
    if (kind === PUBLISHED_KIND.cleared) return;
    event.tier = ((bits >>> TIER_SHIFT) & 3) as Tier;
    event.addHash(words[at + 2] as number, words[at + 3] as number);
    if (kind === PUBLISHED_KIND.removed) return;
    event.hasParent = (bits & PARENT_BIT) !== 0;
    event.parentLo = words[at + 5] as number;
    event.parentHi = words[at + 6] as number;
    event.blockSizeTokens = words[at + 7] as number;
    event.loraName = this.#texts.text(words[at + 8] as number);
    event.cacheSalt = this.#texts.text(words[at + 9] as number);
    const mmWords = words[at + 10] as number;
    const end = at + (words[at] as number);
    const mmStart = mmWords === NO_MM ? end : end - mmWords;
    event.addTokens(words, at + STORED_WORDS, mmStart);
    if (mmWords === NO_MM) return;
    const infos: { lo: number; hi: number }[] = [];
    for (let i = mmStart; i < end; i += 2) infos.push({ lo: words[i] as number, hi: words[i + 1] as number });
    event.mmListPresent = true;
    event.mmInfos = [infos];
  }

  #drop(at: number): void {
    const words = this.#words;
    const length = words[at] as number;
    if (((words[at + 1] as number) & 3) === PUBLISHED_KIND.stored) {
      this.#texts.release(words[at + 8] as number);
      this.#texts.release(words[at + 9] as number);
    }
    this.#waitingWords -= length;
    this.length--;
    if (!this.#isOrdered) this.#head += length;
    else if (++this.#next === this.#lot) this.#head = this.#lotEnd;
    if (this.length > 0) return;
    this.#head = 0;
    this.#tail = 0;
    if (words.length > KEPT_WORDS) this.#words = new Uint32Array(FIRST_WORDS);
    if (this.#order.length > KEPT_WORDS) this.#order = new Uint32Array(0);
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
    for (let i = this.#next; i < this.#lot; i++) this.#order[i] = (this.#order[i] as number) - head;
    this.#head = 0;
    this.#tail -= head;
    this.#lotEnd -= head;
  }

  /** Everything that waits is one lot: between neighbours of one kind the position decides, otherwise who came first. */
  #putInOrder(): void {
    const words = this.#words;
    const count = this.length;
    if (count > this.#order.length) this.#order = new Uint32Array(Math.max(2 * this.#order.length, count));
    const order = this.#order;
    let run = 0;
    let isSorted = true;
    let at = this.#head;
    let before = 0;
    for (let i = 0; i < count; i++) {
      const kind = (words[at + 1] as number) & 3;
      if (i > 0 && kind === ((words[before + 1] as number) & 3)) {
        const step = (words[at + 4] as number) - (words[before + 4] as number);
        if (kind === PUBLISHED_KIND.stored ? step < 0 : step > 0) isSorted = false;
      } else {
        if (!isSorted) this.#sort(run, i);
        run = i;
        isSorted = true;
      }
      order[i] = at;
      before = at;
      at += words[at] as number;
    }
    if (!isSorted) this.#sort(run, count);
    this.#next = 0;
    this.#lot = count;
    this.#lotEnd = at;
  }

  /** The sort is stable, as that of all arrays is. */
  #sort(from: number, to: number): void {
    const words = this.#words;
    const first = this.#order[from] as number;
    const direction = ((words[first + 1] as number) & 3) === PUBLISHED_KIND.stored ? 1 : -1;
    this.#order.subarray(from, to).sort((a, b) => direction * ((words[a + 4] as number) - (words[b + 4] as number)));
  }
}
