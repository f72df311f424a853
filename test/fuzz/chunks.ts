/** Where an input is cut on its way in. It follows from the bytes, so that a kept input is cut as it was. */
import { crc32 } from "node:zlib";

/** A number for the input, the same each time. */
export function numberOf(input: Uint8Array): number {
  return crc32(input);
}

/** Pieces of all sizes; most inputs come in a few, some byte by byte. */
export function chunksOf(input: Uint8Array): Uint8Array[] {
  let state = numberOf(input) | 1;
  const most = [1, 7, 64, 1024, input.length][(state >>> 8) % 5] ?? 1;
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < input.length;) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9;
    const size = 1 + ((state >>> 4) % Math.max(1, most));
    chunks.push(input.subarray(at, at + size));
    at += size;
  }
  return chunks;
}
