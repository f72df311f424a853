/**
 * From tokens to tokens hashes, block by block, into columns. MAIN THREAD.
 *
 * A prompt is hashed as its blocks are in events: the same seed from LoRA name and cache salt, multimodal hashes behind the tokens of
 * the block that they belong to, and no hash for what does not fill a block.
 */
import { loadXxh3 } from "../../shared/xxh3.ts";
import { BlockHasher } from "../consolidate/block-hasher.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";

const FIRST_BLOCKS = 1024;

/** What of a prompt goes into its hashes. */
export interface Prompt {
  readonly tokens: Uint32Array;
  /** The first so many count. */
  readonly tokenCount: number;
  readonly loraName: string | null;
  readonly cacheSalt: string | null;
  /** By block; null where there are none. */
  readonly mmInfos: readonly BlockMmInfo[] | null;
  /** A block has one token more, which is the first of the next one. */
  readonly isEagle: boolean;
}

export class PromptHasher {
  /** Halves of the hashes, signed; the first `count` of each. */
  count: number = 0;
  lo: Int32Array = new Int32Array(FIRST_BLOCKS);
  hi: Int32Array = new Int32Array(FIRST_BLOCKS);
  readonly #hasher: BlockHasher = new BlockHasher(loadXxh3());

  /** Hashes all full blocks, `maxBlocks` at most. Throws HashUnavailableError when it is made, not here. */
  hash(prompt: Prompt, blockSizeTokens: number, maxBlocks: number): void {
    const { tokens, tokenCount, mmInfos } = prompt;
    const overhang = prompt.isEagle ? 1 : 0;
    const full = Math.max(0, Math.floor((tokenCount - overhang) / blockSizeTokens));
    const count = Math.min(full, maxBlocks);
    if (count > this.lo.length) {
      this.lo = new Int32Array(2 * count);
      this.hi = new Int32Array(2 * count);
    }
    const hasher = this.#hasher;
    hasher.begin(prompt.loraName, prompt.cacheSalt);
    for (let i = 0; i < count; i++) {
      const start = i * blockSizeTokens;
      hasher.local(tokens, start, start + blockSizeTokens + overhang, mmInfos?.[i] ?? null);
      this.lo[i] = hasher.lo;
      this.hi[i] = hasher.hi;
    }
    this.count = count;
  }
}
