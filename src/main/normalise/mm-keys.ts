/**
 * Multimodal identity of blocks, as engines without routing UUIDs give it. MAIN THREAD.
 *
 * Each key of a block names one item by a hash in hex, of which the first 16 digits are the item's u64. A name that a
 * user chose, and that is no hex, cannot be such a number: the event is refused instead of being published as text.
 */
import type { RawMmKey } from "../engine/raw-event.ts";
import type { BlockMmInfo, MmHash } from "./published-event.ts";

const HASH_DIGITS = 16;
const HEX = /^[0-9a-f]{1,16}$/i;

/** The u64 of up to 16 hex digits; null when it is not that. */
export function u64OfHex(text: string): MmHash | null {
  if (!HEX.test(text)) return null;
  const high = text.slice(0, -8);
  return { lo: Number.parseInt(text.slice(-8), 16), hi: high === "" ? 0 : Number.parseInt(high, 16) };
}

/**
 * The infos of each block, from its keys.
 * Null when no block has a usable key, "not_hex" when a usable key is not hexadecimal.
 */
export function mmInfosOfKeys(
  keysOfBlocks: readonly (readonly RawMmKey[])[],
): readonly BlockMmInfo[] | null | "not_hex" {
  let any = false;
  const infos: BlockMmInfo[] = [];
  for (const keys of keysOfBlocks) {
    const hashes: MmHash[] = [];
    for (const key of keys) {
      if (!key.usable) continue;
      const hash = u64OfHex(key.hash.slice(0, HASH_DIGITS));
      if (hash === null) return "not_hex";
      hashes.push(hash);
    }
    any ||= hashes.length > 0;
    infos.push(hashes.length > 0 ? hashes : null);
  }
  return any ? infos : null;
}
