/**
 * The events of one batch, decoded and not yet handed on. MAIN THREAD.
 *
 * A batch is taken whole or refused whole, so its events have to wait somewhere until the last one is known to be good. They
 * wait in three growing arenas, whose memory stays from batch to batch; what they need is bounded by the payload's size.
 *
 *   rows     CELL.count numbers for each event
 *   hashes   hashLo[i] hashHi[i]     of all events, one behind the other
 *   tokens   tokens[i]               likewise
 *
 * Beginning an event clears two cells of its row: a bit of the flags says whether any other cell means something. Texts and
 * multimodal keys are rare and wait where they are: a row holds their place in the payload, checked already.
 */

/** Cells of a row. All are 32 bits; those of u32 values read as negative above 2^31. */
export const CELL = {
  /** Bits of FLAG. */
  flags: 0,
  /** Four codes of eight bits each, shifted by CODE. */
  codes: 1,
  kind: 2,
  hashStart: 3,
  hashCount: 4,
  parentLo: 5,
  parentHi: 6,
  tokenStart: 7,
  tokenCount: 8,
  blockSize: 9,
  loraId: 10,
  groupIdx: 11,
  slidingWindow: 12,
  /** Byte offsets in the payload, and lengths in bytes. */
  loraNameAt: 13,
  loraNameBytes: 14,
  saltAt: 15,
  saltBytes: 16,
  extraKeysAt: 17,
  mmInfosAt: 18,
  count: 19,
} as const;

export const FLAG = {
  kind: 0x1,
  hashes: 0x2,
  parent: 0x4,
  tokens: 0x8,
  /** The tokens were pairs. */
  eagle: 0x10,
  blockSize: 0x20,
  loraId: 0x40,
  groupIdx: 0x80,
  slidingWindow: 0x100,
  loraName: 0x200,
  salt: 0x400,
  extraKeys: 0x800,
  mmInfos: 0x1000,
} as const;

/** Where in CELL.codes the code of a text stands. 0 always means that the field was absent. */
export const CODE = { medium: 0, specKind: 8, locality: 16, ownership: 24 } as const;
export const CODE_MASK = 0xff;

const FIRST_EVENTS = 64;
const FIRST_HASHES = 1024;
const FIRST_TOKENS = 32 * 1024;

export class BatchColumns {
  rows: Int32Array = new Int32Array(FIRST_EVENTS * CELL.count);
  /** First cell of the event at work. */
  row: number = 0;
  hashLo: Uint32Array = new Uint32Array(FIRST_HASHES);
  hashHi: Uint32Array = new Uint32Array(FIRST_HASHES);
  hashCount: number = 0;
  tokens: Uint32Array = new Uint32Array(FIRST_TOKENS);
  tokenCount: number = 0;

  /** Forgets all events. */
  clear(): void {
    this.hashCount = 0;
    this.tokenCount = 0;
  }

  /** Begins the row of the event with this index. */
  begin(event: number): void {
    const row = event * CELL.count;
    if (row + CELL.count > this.rows.length) {
      const longer = new Int32Array(this.rows.length * 2);
      longer.set(this.rows);
      this.rows = longer;
    }
    this.rows[row + CELL.flags] = 0;
    this.rows[row + CELL.codes] = 0;
    this.row = row;
  }

  /** Sets a cell of the event at work, and the flag that says so. */
  put(flag: number, cell: number, value: number): void {
    const { rows, row } = this;
    rows[row + CELL.flags] = (rows[row + CELL.flags] as number) | flag;
    rows[row + cell] = value;
  }

  /** The same for two cells that follow each other. */
  putPair(flag: number, cell: number, first: number, second: number): void {
    const { rows, row } = this;
    rows[row + CELL.flags] = (rows[row + CELL.flags] as number) | flag;
    rows[row + cell] = first;
    rows[row + cell + 1] = second;
  }

  /** The field is absent after all. */
  drop(flag: number): void {
    const { rows, row } = this;
    rows[row + CELL.flags] = (rows[row + CELL.flags] as number) & ~flag;
  }

  putCode(shift: number, code: number): void {
    const { rows, row } = this;
    const others = (rows[row + CELL.codes] as number) & ~(CODE_MASK << shift);
    rows[row + CELL.codes] = others | (code << shift);
  }

  /** Whether the event at work has all of these flags. */
  has(flags: number): boolean {
    return ((this.rows[this.row + CELL.flags] as number) & flags) === flags;
  }

  reserveHashes(more: number): void {
    const needed = this.hashCount + more;
    if (needed <= this.hashLo.length) return;
    this.hashLo = grown(this.hashLo, needed);
    this.hashHi = grown(this.hashHi, needed);
  }

  reserveTokens(more: number): void {
    const needed = this.tokenCount + more;
    if (needed > this.tokens.length) this.tokens = grown(this.tokens, needed);
  }
}

function grown(old: Uint32Array, needed: number): Uint32Array {
  const array = new Uint32Array(Math.max(needed, old.length * 2));
  array.set(old);
  return array;
}
