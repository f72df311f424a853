/**
 * Hashes of the tokens of blocks, as routers compute them from a prompt and find in events. ENCODER THREAD, and the publisher
 * thread where it encodes anew.
 *
 *   seed  1337 + XXH3(LoRA name, seed 0) + XXH3(cache salt, seed 1), each only if it is not empty; modulo 2^64
 *   hash  XXH3-64 of the block's tokens as little-endian u32, and behind them its multimodal hashes, in ascending order, as
 *         little-endian u64
 *
 * The native hash takes and returns BigInts, which costs more than the hashing itself; so a seed is computed once for as
 * long as name and salt stay the same.
 */
import { RECORD_WORD, textWords } from "../shared/record.ts";
import { loadXxh3, type Xxh3 } from "../shared/xxh3.ts";
import { textStart } from "./event-fields.ts";

const PLAIN_SEED = 1337n;
const NAME_SEED = 0n;
const SALT_SEED = 1n;
/** Up to here a loop is faster than a view and a native copy. */
const COPY_AT_ONCE_TOKENS = 64;
const NO_WORDS: Uint32Array = new Uint32Array(0);

export class TokenHasher {
  /** Halves of the last hash. */
  lo: number = 0;
  hi: number = 0;
  readonly #xxh3: Xxh3;
  readonly #blockSize: number;
  /** Tokens of a block, in memory that is not shared and always the same. Little-endian, as all machines with a binary are. */
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  /** To split a hash into halves without computing with BigInts. */
  readonly #whole: BigUint64Array = new BigUint64Array(1);
  readonly #halves: Uint32Array = new Uint32Array(this.#whole.buffer);
  #seed: bigint = PLAIN_SEED;
  /** What the last seed but the plain one was made of: bytes of name and salt, and their words. */
  #nameBytes: number = 0;
  #saltBytes: number = 0;
  #texts: Uint32Array = NO_WORDS;
  #textsSeed: bigint = PLAIN_SEED;

  constructor(blockSize: number, xxh3: Xxh3 = loadXxh3()) {
    this.#xxh3 = xxh3;
    this.#blockSize = blockSize;
    this.#words = new Uint32Array(blockSize);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  /** Turns to the event whose record starts at `r`: its LoRA name and salt count for what is hashed from now on. */
  begin(records: Uint32Array, r: number): void {
    const nameBytes = records[r + RECORD_WORD.loraNameBytes] as number;
    const saltBytes = records[r + RECORD_WORD.cacheSaltBytes] as number;
    if ((nameBytes | saltBytes) === 0) {
      this.#seed = PLAIN_SEED;
      return;
    }
    const first = textStart(records, r);
    if (!this.#isLast(records, first, nameBytes, saltBytes)) this.#remember(records, first, nameBytes, saltBytes);
    this.#seed = this.#textsSeed;
  }

  /**
   * Hashes a block: its tokens, as many as a block has, from word `t` on, and its multimodal hashes, of which `mmHashes` lie
   * from word `m` on. Leaves the hash in `lo` and `hi`.
   */
  hash(records: Uint32Array, t: number, m: number, mmHashes: number): void {
    const words = this.#words;
    const tokens = this.#blockSize;
    if (tokens > COPY_AT_ONCE_TOKENS) words.set(records.subarray(t, t + tokens));
    else for (let i = 0; i < tokens; i++) words[i] = records[t + i] as number;
    const bytes = mmHashes === 0 ? this.#bytes : this.#withMm(records, m, mmHashes);
    this.#whole[0] = this.#xxh3(bytes, this.#seed);
    this.lo = this.#halves[0] as number;
    this.hi = this.#halves[1] as number;
  }

  /** The tokens at hand with multimodal hashes behind them. */
  #withMm(records: Uint32Array, m: number, mmHashes: number): Uint8Array {
    const sorted = new BigUint64Array(mmHashes);
    new Uint32Array(sorted.buffer).set(records.subarray(m, m + 2 * mmHashes));
    sorted.sort();
    const joined = new Uint8Array(this.#bytes.length + sorted.byteLength);
    joined.set(this.#bytes);
    joined.set(new Uint8Array(sorted.buffer), this.#bytes.length);
    return joined;
  }

  #isLast(records: Uint32Array, first: number, nameBytes: number, saltBytes: number): boolean {
    const texts = this.#texts;
    if (nameBytes !== this.#nameBytes || saltBytes !== this.#saltBytes) return false;
    for (let i = 0; i < texts.length; i++) if (texts[i] !== records[first + i]) return false;
    return true;
  }

  #remember(records: Uint32Array, first: number, nameBytes: number, saltBytes: number): void {
    const nameWords = textWords(nameBytes);
    const texts = records.slice(first, first + nameWords + textWords(saltBytes));
    const bytes = new Uint8Array(texts.buffer, texts.byteOffset, texts.byteLength);
    let seed = PLAIN_SEED;
    if (nameBytes > 0) seed += this.#xxh3(bytes.subarray(0, nameBytes), NAME_SEED);
    if (saltBytes > 0) seed += this.#xxh3(bytes.subarray(4 * nameWords, 4 * nameWords + saltBytes), SALT_SEED);
    this.#textsSeed = BigInt.asUintN(64, seed);
    this.#nameBytes = nameBytes;
    this.#saltBytes = saltBytes;
    this.#texts = texts;
  }
}
