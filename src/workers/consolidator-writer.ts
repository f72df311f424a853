/**
 * One event, from its record to its msgpack form, as Dynamo's two consolidators write it. ENCODER THREAD.
 *
 * Maps with the keys in their order, and hashes unsigned. The newer one names salts and no medium, the older one the other way
 * round; here a salt is never left out, because without it the blocks of two tenants look the same.
 */
import { blockSizeOf, RECORD_FLAG, RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD } from "../shared/record.ts";
import { putLoraName, putMmInfos, putSalt, putTokens, putUnsignedHashes, putUnsignedParent } from "./event-fields.ts";
import {
  BLOCK_SIZE,
  byTier,
  CACHE_SALT,
  CLEARED,
  type EventWriter,
  LORA_NAME,
  MEDIUMS,
  MM_INFOS,
  PARENT,
  REMOVED,
  STORED,
  TOKENS,
} from "./event-keys.ts";
import { putConstant, putMapHeader, putUint } from "./msgpack-writer.ts";

/** `blockSize`: tokens of a block where the record says nothing. */
export function consolidatorWriter(isLineage: boolean, blockSize: number): EventWriter {
  return (records, r, out, p) => {
    const kindWord = records[r + RECORD_WORD.kind] as number;
    const kind = kindWord & RECORD_KIND_MASK;
    if (kind === RECORD_KIND.cleared) return putConstant(out, putMapHeader(out, p, 1), CLEARED);
    const media = isLineage ? 0 : 1;
    const blocks = records[r + RECORD_WORD.blocks] as number;
    if (kind === RECORD_KIND.removed) {
      p = putConstant(out, putMapHeader(out, p, 2 + media), REMOVED);
      p = putUnsignedHashes(records, r + RECORD_WORD.header, blocks, out, p);
      return isLineage ? p : putConstant(out, p, byTier(MEDIUMS, kindWord));
    }
    const hasName = (kindWord & RECORD_FLAG.loraName) !== 0;
    const hasSalt = (kindWord & RECORD_FLAG.cacheSalt) !== 0;
    const hasMm = (kindWord & RECORD_FLAG.mmAny) !== 0;
    p = putMapHeader(out, p, 5 + media + (hasName ? 1 : 0) + (hasSalt ? 1 : 0) + (hasMm ? 1 : 0));
    p = putConstant(out, p, STORED);
    p = putUnsignedHashes(records, r + RECORD_WORD.header, blocks, out, p);
    p = putConstant(out, p, PARENT);
    p = putUnsignedParent(records, r, kindWord, out, p);
    p = putTokens(records, r, out, putConstant(out, p, TOKENS));
    p = putUint(out, putConstant(out, p, BLOCK_SIZE), blockSizeOf(kindWord) || blockSize);
    if (hasName) p = putLoraName(records, r, kindWord, out, putConstant(out, p, LORA_NAME));
    if (hasSalt) p = putSalt(records, r, out, putConstant(out, p, CACHE_SALT));
    if (hasMm) p = putMmInfos(records, r, kindWord, out, putConstant(out, p, MM_INFOS));
    return isLineage ? p : putConstant(out, p, byTier(MEDIUMS, kindWord));
  };
}
