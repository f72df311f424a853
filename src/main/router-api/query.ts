/**
 * Queries: how much of a prompt each worker has, in the JSON of Dynamo's indexer. MAIN THREAD.
 *
 * Figures are in tokens, and those of slower tiers hold what is before them in faster ones.
 */
import { type Json } from "../router-feed/big-json.ts";
import type { Model } from "../router-feed/models.ts";
import { PromptHasher } from "../router-index/prompt-hasher.ts";
import type { RankOverlap } from "../router-index/router-index.ts";
import { RequestError, type RequestFields } from "./request-fields.ts";

/** A prompt, or its hashes, found in the index. */
export interface Found {
  /** Full blocks that were asked for. */
  readonly blocks: number;
  readonly overlaps: readonly RankOverlap[];
}

export class Queries {
  readonly #hasher: PromptHasher = new PromptHasher();

  /** By `token_ids`, or where there are none by `block_hashes`, which are tokens hashes. Throws RequestError. */
  find(model: Model, fields: RequestFields): Found {
    return fields.has("token_ids") ? this.byTokens(model, fields) : this.byHashes(model, fields);
  }

  byTokens(model: Model, fields: RequestFields): Found {
    const { feed } = model;
    const tokens = fields.tokens("token_ids");
    const prompt = {
      tokens,
      tokenCount: tokens.length,
      loraName: fields.text("lora_name"),
      cacheSalt: fields.text("cache_salt"),
      mmInfos: fields.mmInfos("block_mm_infos"),
      isEagle: fields.flag("is_eagle"),
    };
    this.#hasher.hash(prompt, feed.blockSizeTokens, Infinity);
    const { lo, hi, count } = this.#hasher;
    return { blocks: count, overlaps: feed.index.match(lo, hi, count) };
  }

  byHashes({ feed }: Model, fields: RequestFields): Found {
    if (fields.has("cache_salt")) {
      throw new RequestError("cache_salt goes into the hashes themselves: leave it out, or ask by token_ids");
    }
    const { lo, hi } = fields.hashes("block_hashes");
    return { blocks: lo.length, overlaps: feed.index.match(lo, hi, lo.length) };
  }
}

/** The answer of both queries. */
export function answerOf({ overlaps }: Found, blockSizeTokens: number): Json {
  const scores: Record<string, Record<string, number>> = {};
  const instances: Record<
    string,
    { longest_matched: number; gpu: number; dp: Record<string, number>; cpu: number; disk: number }
  > = {};
  for (const { worker, rank, device, host, disk } of overlaps) {
    const id = String(worker);
    const gpu = device * blockSizeTokens;
    if (device > 0) (scores[id] ??= {})[rank] = gpu;
    const instance = (instances[id] ??= { longest_matched: 0, gpu: 0, dp: {}, cpu: 0, disk: 0 });
    instance.dp[rank] = gpu;
    instance.gpu = Math.max(instance.gpu, gpu);
    instance.cpu = Math.max(instance.cpu, host * blockSizeTokens);
    instance.disk = Math.max(instance.disk, disk * blockSizeTokens);
    instance.longest_matched = Math.max(instance.longest_matched, instance.disk);
  }
  return { scores, frequencies: [], instances };
}
