/** Keys and names of events that never change, prepared once and copied in one piece. ENCODER THREAD; values only. */
import { elementAt } from "../shared/element.ts";
import { tierOf } from "../shared/record.ts";
import { type Constant, constantOf, type Output } from "./msgpack-writer.ts";

export const STORED: Constant = constantOf("type", "BlockStored", "block_hashes");
export const REMOVED: Constant = constantOf("type", "BlockRemoved", "block_hashes");
export const CLEARED: Constant = constantOf("type", "AllBlocksCleared");
export const PARENT: Constant = constantOf("parent_block_hash");
export const TOKENS: Constant = constantOf("token_ids");
export const BLOCK_SIZE: Constant = constantOf("block_size");
export const LORA_ID: Constant = constantOf("lora_id");
export const LORA_NAME: Constant = constantOf("lora_name");
export const CACHE_SALT: Constant = constantOf("cache_salt");
export const MM_INFOS: Constant = constantOf("block_mm_infos");
/** How a medium is called, by tier. */
export const MEDIA: readonly string[] = ["GPU", "CPU_TIER1", "CPU_TIER2", "EXTERNAL"];
export const MEDIUM_NAMES: readonly Constant[] = MEDIA.map((medium) => constantOf(medium));
export const MEDIUMS: readonly Constant[] = MEDIA.map((medium) => constantOf("medium", medium));

/** The one of four that goes with the event's tier. */
export function byTier(constants: readonly Constant[], kindWord: number): Constant {
  return elementAt(constants, tierOf(kindWord));
}

/** Writes the event whose record starts at `r`; returns the position behind it. */
export type EventWriter = (records: Uint32Array, r: number, out: Output, p: number) => number;
