/**
 * What programs hand to the library's classes, checked. Any thread; pure. All throw InvalidEventError, whose words name no token
 * and no hash: these are prompts.
 */
import { InvalidEventError } from "../shared/errors.ts";
import { hashHalves } from "../shared/hash64.ts";

export const MAX_U32 = 0xffffffff;
const MIN_HASH = -(1n << 63n);
const MAX_HASH = (1n << 64n) - 1n;

/** A 64-bit block hash, signed or unsigned: -2^63 to 2^64 - 1. A number must be a safe integer. */
export type BlockHash = bigint | number;

/** Multimodal items of one block: their u64 hashes. null when it holds none. */
export type BlockMmInfo = { readonly mmHashes: readonly bigint[] } | null;

export function halves(hash: BlockHash): { lo: number; hi: number } {
  if (typeof hash !== "bigint" && !Number.isSafeInteger(hash)) {
    throw new InvalidEventError("a block hash must be a BigInt, or a number that is a safe integer");
  }
  const value = BigInt(hash);
  if (value < MIN_HASH || value > MAX_HASH) throw new InvalidEventError("a block hash must fit into 64 bits");
  return hashHalves(value);
}

/** Checks without naming a token: token ids are prompts. */
export function u32Tokens(tokens: ArrayLike<number>): Uint32Array {
  const checked = new Uint32Array(tokens.length);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as number;
    if (!Number.isInteger(token) || token < 0 || token > MAX_U32) {
      throw new InvalidEventError(`token ${i} is no integer from 0 to ${MAX_U32}`);
    }
    checked[i] = token;
  }
  return checked;
}

export function requireInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidEventError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
}
