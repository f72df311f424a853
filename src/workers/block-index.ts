/**
 * The shadow index: which blocks the engine holds, as the published events tell it. INDEX THREAD. No thread or socket
 * in here.
 *
 * Events are taken as records, the form in which they lie in the ring (`shared/record.ts`). The index is bounded: a
 * block too many is refused and counted, and its rank is incomplete until the rank is cleared, because nobody can tell
 * afterwards which blocks are missing. Token ids and salts are kept to be handed out again, and for nothing else.
 */
import { MAX_OPEN_SNAPSHOTS, maxGraves, MIN_SIDE_BYTES, SIDE_BYTES_A_BLOCK } from "../shared/index-limits.ts";
import { MAX_RANK, RECORD_FLAG, RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD } from "../shared/record.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import { BLOCK, BLOCK_WORDS, BLOCK_FLAG } from "./block-slots.ts";
import { BlockTable, type RankBlocks } from "./block-table.ts";
import { SnapshotRefusedError } from "./index-errors.ts";
import { EventTexts } from "./event-texts.ts";
import { mmStart } from "./event-fields.ts";
import { SideTable } from "./side-table.ts";
import { type RankSummary, SnapshotScan } from "./snapshot-scan.ts";

export interface BlockIndexOptions {
  /** Most live blocks, over all ranks. */
  readonly maxBlocks: number;
  readonly kvBlockSizeTokens: number;
  /** Whether token ids are kept too, 4 bytes each. */
  readonly keepTokens: boolean;
  /** Whether cache salts are kept too. Default: true. */
  readonly keepSalts?: boolean;
}

/** No slot, no multimodal part. Slots begin at 1, and no part of a record at its first word. */
const NONE = 0;
/** All snapshots, and a save. */
const MAX_SCANS: number = MAX_OPEN_SNAPSHOTS + 1;
/** Dead blocks that may go at each event. */
const TIDY_PER_EVENT = 32;

export class BlockIndex {
  readonly options: BlockIndexOptions;
  /**
   * Blocks that were not taken in, for lack of room or because their event was malformed; their ranks are incomplete.
   */
  refusedBlocks: number = 0;
  /** Removed blocks that the index did not know. */
  unknownRemoved: number = 0;
  readonly #table: BlockTable;
  readonly #side: SideTable;
  readonly #incomplete: Set<number> = new Set();
  #unheardComplete: boolean = true;
  readonly #texts: EventTexts;

  constructor(options: BlockIndexOptions) {
    this.options = options;
    this.#side = new SideTable(Math.max(MIN_SIDE_BYTES, options.maxBlocks * SIDE_BYTES_A_BLOCK));
    this.#texts = new EventTexts(this.#side, options.keepSalts !== false);
    const tokens = options.keepTokens ? options.kvBlockSizeTokens : 0;
    this.#table = new BlockTable(options.maxBlocks, maxGraves(options.maxBlocks), tokens, this.#side);
  }

  /** Live blocks of all ranks. */
  get blocks(): number {
    return this.#table.live;
  }

  /** Dead blocks that are kept for open scans. */
  get deferredBlocks(): number {
    return this.#table.graves;
  }

  /** Scans that were given up because too many blocks changed meanwhile. */
  get overflownScans(): number {
    return this.#table.overflows;
  }

  /** Memory held, in bytes: slots, hash table, texts, multimodal lists, open scans. */
  get memoryBytes(): number {
    return this.#table.memoryBytes + this.#side.memoryBytes;
  }

  blocksOfRank(rank: number): number {
    return this.#table.ranks[rank]?.blocks ?? 0;
  }

  /** Ranks that were heard of, in ascending order. */
  ranks(): number[] {
    const heard: number[] = [];
    this.#table.ranks.forEach((_, rank) => heard.push(rank));
    return heard;
  }

  /** Whether all live blocks of the rank are known. */
  complete(rank: number): boolean {
    return this.#table.ranks[rank] === undefined ? this.#unheardComplete : !this.#incomplete.has(rank);
  }

  /** Whether a rank that was never heard of may be taken to hold no blocks. */
  get unheardComplete(): boolean {
    return this.#unheardComplete;
  }

  /**
   * Blocks of this rank, or of every rank, also those not heard of yet, may be missing; until its next cleared event.
   */
  markIncomplete(rank?: number): void {
    if (rank !== undefined) {
      this.#table.rank(rank);
      this.#incomplete.add(rank);
      return;
    }
    this.markUnheardIncomplete();
    for (const heard of this.ranks()) this.#incomplete.add(heard);
  }

  /** Ranks that were never heard of may hold blocks. */
  markUnheardIncomplete(): void {
    this.#unheardComplete = false;
  }

  /**
   * Takes in the record that starts at `word`. The records may lie in shared memory; what is kept of them is copied.
   */
  apply(records: Uint32Array, word: number): void {
    const table = this.#table;
    if (table.graves > 0) table.tidy(TIDY_PER_EVENT);
    const kind = (records[word + RECORD_WORD.kind] as number) & RECORD_KIND_MASK;
    const number = records[word + RECORD_WORD.rank] as number;
    if (number > MAX_RANK) {
      if (kind === RECORD_KIND.stored) this.refusedBlocks += records[word + RECORD_WORD.blocks] as number;
      return;
    }
    if (table.ranks[number] === undefined && !this.#unheardComplete) this.#incomplete.add(number);
    const rank = table.rank(number);
    if (kind === RECORD_KIND.stored) this.#store(records, word, rank);
    else if (kind === RECORD_KIND.removed) this.#remove(records, word, rank);
    else this.#clear(rank);
  }

  /**
   * Begins a scan of the state as it is now, for payloads in that format; `apply` may go on meanwhile. At most five may
   * be open: throws SnapshotRefusedError("busy").
   */
  beginScan(format: WireFormat): SnapshotScan {
    if (this.#table.openViews >= MAX_SCANS) throw new SnapshotRefusedError("busy", "enough snapshots are open already");
    const ranks: RankSummary[] = this.ranks().map((rank) => {
      return { rank, blocks: this.blocksOfRank(rank), complete: this.complete(rank) };
    });
    return new SnapshotScan({
      table: this.#table,
      side: this.#side,
      ranks,
      blocks: this.blocks,
      kvBlockSizeTokens: this.options.kvBlockSizeTokens,
      keepTokens: this.options.keepTokens,
      format,
    });
  }

  #store(records: Uint32Array, word: number, rank: RankBlocks): void {
    const { kvBlockSizeTokens, keepTokens } = this.options;
    const blocks = records[word + RECORD_WORD.blocks] as number;
    const kindWord = records[word + RECORD_WORD.kind] as number;
    const wrongTokens = keepTokens && records[word + RECORD_WORD.tokens] !== blocks * kvBlockSizeTokens;
    const hasTexts = this.#texts.has(records, word);
    const texts = hasTexts && !wrongTokens ? this.#texts.acquire(records, word) : 0;
    const refused = wrongTokens || (hasTexts && texts === 0);
    let flags =
      ((kindWord & RECORD_FLAG.mmList) === 0 ? 0 : BLOCK_FLAG.mmList) |
      ((kindWord & RECORD_FLAG.parent) === 0 ? 0 : BLOCK_FLAG.parent);
    let parentLo = (records[word + RECORD_WORD.parentLo] as number) | 0;
    let parentHi = (records[word + RECORD_WORD.parentHi] as number) | 0;
    let hash = word + RECORD_WORD.header;
    let token = hash + 2 * blocks;
    let mm = (kindWord & RECORD_FLAG.mmAny) === 0 ? NONE : mmStart(records, word);
    for (let i = 0; i < blocks; i++, hash += 2, token += kvBlockSizeTokens) {
      const lo = (records[hash] as number) | 0;
      const hi = (records[hash + 1] as number) | 0;
      const mmHashes = mm === NONE ? 0 : (records[mm] as number);
      const mmId = mmHashes === 0 || refused ? 0 : this.#side.acquire(records, mm + 1, mm + 1 + 2 * mmHashes);
      const slot = refused || (mmHashes > 0 && mmId === 0) ? this.#refuse(rank, lo, hi) : this.#slotFor(rank, lo, hi);
      if (slot === NONE) {
        this.#side.release(mmId);
      } else {
        this.#setInfos(slot, rank.rank | flags, parentLo, parentHi, texts, mmId);
        if (keepTokens) this.#setTokens(slot, records, token);
      }
      if (mm !== NONE) mm += 1 + 2 * mmHashes;
      parentLo = lo;
      parentHi = hi;
      flags |= BLOCK_FLAG.parent;
    }
    this.#side.release(texts);
  }

  /** Where a stored block goes: its own slot if nobody else looks at that, else a new one; NONE if there is no room. */
  #slotFor(rank: RankBlocks, lo: number, hi: number): number {
    const table = this.#table;
    const known = table.find(rank.rank, lo, hi);
    if (known !== NONE) {
      if (!table.needed(known)) return known;
      table.kill(rank, known);
    } else if (table.live >= this.options.maxBlocks) {
      return this.#refuse(rank, lo, hi);
    }
    return table.insert(rank, lo, hi);
  }

  /** Counts a block that is not taken in. What was known of it is wrong now, and goes. */
  #refuse(rank: RankBlocks, lo: number, hi: number): number {
    const known = this.#table.find(rank.rank, lo, hi);
    if (known !== NONE) this.#table.kill(rank, known);
    this.refusedBlocks++;
    this.#incomplete.add(rank.rank);
    return NONE;
  }

  #setInfos(slot: number, rankWord: number, parentLo: number, parentHi: number, texts: number, mmId: number): void {
    const { slots } = this.#table;
    const page = slots.page(slot);
    const at = slots.at(slot);
    page[at + BLOCK.parentLo] = parentLo;
    page[at + BLOCK.parentHi] = parentHi;
    page[at + BLOCK.rank] = rankWord;
    this.#side.retain(texts);
    this.#side.release(page[at + BLOCK.texts] as number);
    this.#side.release(page[at + BLOCK.mm] as number);
    page[at + BLOCK.texts] = texts;
    page[at + BLOCK.mm] = mmId;
  }

  #setTokens(slot: number, records: Uint32Array, token: number): void {
    const { slots } = this.#table;
    const page = slots.page(slot);
    const to = slots.at(slot) + BLOCK_WORDS;
    const count = this.options.kvBlockSizeTokens;
    for (let i = 0; i < count; i++) page[to + i] = records[token + i] as number;
  }

  #remove(records: Uint32Array, word: number, rank: RankBlocks): void {
    const table = this.#table;
    const first = word + RECORD_WORD.header;
    const end = first + 2 * (records[word + RECORD_WORD.blocks] as number);
    for (let hash = first; hash < end; hash += 2) {
      const slot = table.find(rank.rank, (records[hash] as number) | 0, (records[hash + 1] as number) | 0);
      if (slot === NONE) this.unknownRemoved++;
      else table.kill(rank, slot);
    }
  }

  #clear(rank: RankBlocks): void {
    while (rank.live.head !== NONE) this.#table.kill(rank, rank.live.head);
    this.#incomplete.delete(rank.rank);
  }
}
