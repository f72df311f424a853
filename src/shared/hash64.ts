/**
 * 64-bit hashes at the library's edge, where callers hold BigInts. Inside, a hash is two u32 halves.
 */

const U64_MASK = (1n << 64n) - 1n;
const U32_MASK = 0xffffffffn;

/**
 * The signed form of a hash as it goes over the wire: two's complement of its low 64 bits. null stays null.
 *
 * The Python class that this agrees with does not check an upper bound: it turns 2^64 + 2^63 into 2^63, which is no
 * signed 64-bit number at all. Here the result always is one.
 */
export function toSignedI64(value: bigint): bigint;
export function toSignedI64(value: null): null;
export function toSignedI64(value: bigint | null): bigint | null;
export function toSignedI64(value: bigint | null): bigint | null {
  return value === null ? null : BigInt.asIntN(64, value);
}

/** Low and high u32 of the low 64 bits. */
export function hashHalves(value: bigint): { lo: number; hi: number } {
  const unsigned = value & U64_MASK;
  return { lo: Number(unsigned & U32_MASK), hi: Number(unsigned >> 32n) };
}
