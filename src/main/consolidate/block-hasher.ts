/**
 * Hashes that identify a block whoever names it. MAIN THREAD.
 *
 *   seed      1337 + XXH3(LoRA name, seed 0) + XXH3(cache salt, seed 1), each only if it is not empty; modulo 2^64
 *   local     XXH3-64 of the block's tokens as little-endian u32, then its multimodal hashes, ascending, as little-endian u64
 *   sequence  of a root its local hash; else XXH3-64, seed 1337, of the parent's sequence hash and the local one
 *
 * The encoders hash the same way, but from records.
 */
import type { Xxh3 } from "../../shared/xxh3.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";

const PLAIN_SEED = 1337n;
const NAME_SEED = 0n;
const SALT_SEED = 1n;
/** For the child of a block that nobody knows: such a sequence must not meet one that is known from its root. */
const ORPHAN_SEED = 1338n;
const FIRST_TOKENS = 64;
const UTF8 = new TextEncoder();

export class BlockHasher {
  /** Halves of the last hash, signed. */
  lo: number = 0;
  hi: number = 0;
  readonly #xxh3: Xxh3;
  #words: Uint32Array = new Uint32Array(FIRST_TOKENS);
  /** The first bytes of `#words`: as many as were hashed last. */
  #bytes: Uint8Array = new Uint8Array(this.#words.buffer);
  readonly #pair: Int32Array = new Int32Array(4);
  readonly #pairBytes: Uint8Array = new Uint8Array(this.#pair.buffer);
  /** To split a hash into halves without computing with BigInts. */
  readonly #whole: BigUint64Array = new BigUint64Array(1);
  readonly #halves: Int32Array = new Int32Array(this.#whole.buffer);
  #seed: bigint = PLAIN_SEED;
  #lora: string = "";
  #salt: string = "";

  constructor(xxh3: Xxh3) {
    this.#xxh3 = xxh3;
  }

  /** Local hashes from now on are those of blocks with this name and salt. null is as good as "". */
  begin(loraName: string | null, cacheSalt: string | null): void {
    const lora = loraName ?? "";
    const salt = cacheSalt ?? "";
    if (lora === this.#lora && salt === this.#salt) return;
    let seed = PLAIN_SEED;
    if (lora !== "") seed += this.#xxh3(UTF8.encode(lora), NAME_SEED);
    if (salt !== "") seed += this.#xxh3(UTF8.encode(salt), SALT_SEED);
    this.#seed = BigInt.asUintN(64, seed);
    this.#lora = lora;
    this.#salt = salt;
  }

  /** Local hash of the block with the tokens `[start … end)`. */
  local(tokens: Uint32Array, start: number, end: number, mm: BlockMmInfo): void {
    const count = end - start;
    const length = count + (mm === null ? 0 : 2 * mm.length);
    if (length > this.#words.length) this.#words = new Uint32Array(2 * length);
    if (this.#bytes.buffer !== this.#words.buffer || this.#bytes.length !== 4 * length) {
      this.#bytes = new Uint8Array(this.#words.buffer, 0, 4 * length);
    }
    const words = this.#words;
    for (let i = 0; i < count; i++) words[i] = tokens[start + i] as number;
    if (mm !== null && mm.length > 0) {
      const sorted = new BigUint64Array(mm.length);
      const halves = new Uint32Array(sorted.buffer);
      for (const [i, { lo, hi }] of mm.entries()) {
        halves[2 * i] = lo;
        halves[2 * i + 1] = hi;
      }
      sorted.sort();
      words.set(halves, count);
    }
    this.#leave(this.#xxh3(this.#bytes, this.#seed));
  }

  /** Sequence hash of the block whose local hash was just left, behind the parent's sequence hash. */
  follow(parentLo: number, parentHi: number): void {
    this.#join(parentLo, parentHi, PLAIN_SEED);
  }

  /** The same for a parent of which no more than an engine's hash is known. */
  followUnknown(parentLo: number, parentHi: number): void {
    this.#join(parentLo, parentHi, ORPHAN_SEED);
  }

  #join(parentLo: number, parentHi: number, seed: bigint): void {
    const pair = this.#pair;
    pair[0] = parentLo;
    pair[1] = parentHi;
    pair[2] = this.lo;
    pair[3] = this.hi;
    this.#leave(this.#xxh3(this.#pairBytes, seed));
  }

  #leave(hash: bigint): void {
    this.#whole[0] = hash;
    this.lo = this.#halves[0] as number;
    this.hi = this.#halves[1] as number;
  }
}
