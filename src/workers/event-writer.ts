/**
 * One event, from its record to its msgpack form, in each dialect. ENCODER THREAD.
 *
 * The record's layout is in `shared/record.ts`; what the dialects look like and who reads them in `docs/wire-format.md`.
 */
import { RECORD_FLAG, RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD, tierOf } from "../shared/record.ts";
import { TIER } from "../shared/tier.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import { consolidatorWriter } from "./consolidator-writer.ts";
import {
  putExtraKeys,
  putLoraId,
  putLoraName,
  putMmInfos,
  putSalt,
  putShortHashes,
  putTokens,
  putWideHashes,
  putWideParent,
} from "./event-fields.ts";
import {
  BLOCK_SIZE,
  byTier,
  CACHE_SALT,
  CLEARED,
  type EventWriter,
  LORA_ID,
  LORA_NAME,
  MEDIA,
  MEDIUM_NAMES,
  MEDIUMS,
  MM_INFOS,
  PARENT,
  REMOVED,
  STORED,
  TOKENS,
} from "./event-keys.ts";
import {
  constantOf,
  type Output,
  putArrayHeader,
  putConstant,
  putInt64,
  putMapHeader,
  putNil,
  putUint,
} from "./msgpack-writer.ts";

const TAG_STORED = constantOf("BlockStored");
const TAG_REMOVED = constantOf("BlockRemoved");
const TAG_CLEARED = constantOf("AllBlocksCleared");

export type { EventWriter } from "./event-keys.ts";

/** The writer of a dialect, for blocks of that many tokens. */
export function eventWriter(format: WireFormat, blockSize: number): EventWriter {
  switch (format) {
    case "vllm":
      return vllmWriter(blockSize);
    case "vllm-array":
      return vllmArrayWriter(blockSize);
    case "dynamo":
      return (records, r, out, p) => writeDynamo(records, r, out, p, blockSize);
    case "dynamo-2026-01":
      return (records, r, out, p) => writeDynamoJanuary(records, r, out, p, blockSize);
    case "consolidator":
    case "consolidator-lineage":
      return consolidatorWriter(format === "consolidator-lineage", blockSize);
  }
}

function vllmWriter(blockSize: number): EventWriter {
  // What stands behind the tokens of nearly every event: no LoRA.
  const plainTails = MEDIA.map((medium) =>
    constantOf("block_size", blockSize, "lora_id", null, "medium", medium, "lora_name", null),
  );
  return (records, r, out, p) => {
    const kindWord = records[r + RECORD_WORD.kind] as number;
    const kind = kindWord & RECORD_KIND_MASK;
    const blocks = records[r + RECORD_WORD.blocks] as number;
    if (kind === RECORD_KIND.stored) {
      const hasSalt = (kindWord & RECORD_FLAG.cacheSalt) !== 0;
      const hasMm = (kindWord & RECORD_FLAG.mmAny) !== 0;
      p = putMapHeader(out, p, 8 + (hasSalt ? 1 : 0) + (hasMm ? 1 : 0));
      p = putConstant(out, p, STORED);
      p = putWideHashes(records, r + RECORD_WORD.header, blocks, out, p);
      p = putConstant(out, p, PARENT);
      p = putWideParent(records, r, kindWord, out, p);
      p = putConstant(out, p, TOKENS);
      p = putTokens(records, r, out, p);
      if (hasNoLora(records, r, kindWord)) {
        p = putConstant(out, p, byTier(plainTails, kindWord));
      } else {
        p = putUint(out, putConstant(out, p, BLOCK_SIZE), blockSize);
        p = putLoraId(records, r, out, putConstant(out, p, LORA_ID));
        p = putConstant(out, p, byTier(MEDIUMS, kindWord));
        p = putLoraName(records, r, kindWord, out, putConstant(out, p, LORA_NAME));
      }
      if (hasSalt) p = putSalt(records, r, out, putConstant(out, p, CACHE_SALT));
      if (hasMm) p = putMmInfos(records, r, kindWord, out, putConstant(out, p, MM_INFOS));
      return p;
    }
    if (kind === RECORD_KIND.removed) {
      p = putConstant(out, putMapHeader(out, p, 3), REMOVED);
      p = putWideHashes(records, r + RECORD_WORD.header, blocks, out, p);
      return putConstant(out, p, byTier(MEDIUMS, kindWord));
    }
    return putConstant(out, putMapHeader(out, p, 1), CLEARED);
  };
}

function vllmArrayWriter(blockSize: number): EventWriter {
  const plainTails = MEDIA.map((medium) => constantOf(blockSize, null, medium, null));
  return (records, r, out, p) => {
    const kindWord = records[r + RECORD_WORD.kind] as number;
    const kind = kindWord & RECORD_KIND_MASK;
    const blocks = records[r + RECORD_WORD.blocks] as number;
    if (kind === RECORD_KIND.stored) {
      // As vLLM itself does it, a salt is a key of the chain's first block only: the parent carries it from there on.
      const saltTravels = (kindWord & RECORD_FLAG.cacheSalt) !== 0 && (kindWord & RECORD_FLAG.parent) === 0;
      const hasExtraKeys = saltTravels || (kindWord & RECORD_FLAG.mmAny) !== 0;
      p = putConstant(out, putArrayHeader(out, p, hasExtraKeys ? 9 : 8), TAG_STORED);
      p = putWideHashes(records, r + RECORD_WORD.header, blocks, out, p);
      p = putWideParent(records, r, kindWord, out, p);
      p = putTokens(records, r, out, p);
      if (hasNoLora(records, r, kindWord)) {
        p = putConstant(out, p, byTier(plainTails, kindWord));
      } else {
        p = putUint(out, p, blockSize);
        p = putLoraId(records, r, out, p);
        p = putConstant(out, p, byTier(MEDIUM_NAMES, kindWord));
        p = putLoraName(records, r, kindWord, out, p);
      }
      return hasExtraKeys ? putExtraKeys(records, r, kindWord, saltTravels, out, p) : p;
    }
    if (kind === RECORD_KIND.removed) {
      p = putConstant(out, putArrayHeader(out, p, 3), TAG_REMOVED);
      p = putWideHashes(records, r + RECORD_WORD.header, blocks, out, p);
      return putConstant(out, p, byTier(MEDIUM_NAMES, kindWord));
    }
    return putConstant(out, putArrayHeader(out, p, 1), TAG_CLEARED);
  };
}

function writeDynamo(records: Uint32Array, r: number, out: Output, p: number, blockSize: number): number {
  const kindWord = records[r + RECORD_WORD.kind] as number;
  if ((kindWord & RECORD_KIND_MASK) !== RECORD_KIND.stored) return writeDynamoOther(records, r, out, p);
  const hasName = (kindWord & RECORD_FLAG.loraName) !== 0;
  const hasSalt = (kindWord & RECORD_FLAG.cacheSalt) !== 0;
  const hasMm = (kindWord & RECORD_FLAG.mmList) !== 0;
  const isOnDevice = tierOf(kindWord) === TIER.device;
  p = putMapHeader(out, p, 5 + (hasName ? 1 : 0) + (hasSalt ? 1 : 0) + (hasMm ? 1 : 0) + (isOnDevice ? 0 : 1));
  p = putDynamoStored(records, r, kindWord, out, p, blockSize);
  if (hasName) p = putLoraName(records, r, kindWord, out, putConstant(out, p, LORA_NAME));
  if (hasSalt) p = putSalt(records, r, out, putConstant(out, p, CACHE_SALT));
  if (hasMm) p = putMmInfos(records, r, kindWord, out, putConstant(out, p, MM_INFOS));
  // The class knows no tiers, and sends no such event.
  return isOnDevice ? p : putConstant(out, p, byTier(MEDIUMS, kindWord));
}

function writeDynamoJanuary(records: Uint32Array, r: number, out: Output, p: number, blockSize: number): number {
  const kindWord = records[r + RECORD_WORD.kind] as number;
  if ((kindWord & RECORD_KIND_MASK) !== RECORD_KIND.stored) return writeDynamoOther(records, r, out, p);
  p = putDynamoStored(records, r, kindWord, out, putMapHeader(out, p, 6), blockSize);
  return putLoraId(records, r, out, putConstant(out, p, LORA_ID));
}

function hasNoLora(records: Uint32Array, r: number, kindWord: number): boolean {
  return (kindWord & RECORD_FLAG.loraName) === 0 && records[r + RECORD_WORD.loraId] === 0;
}

/** The five keys that both versions of the Python class begin with. */
function putDynamoStored(
  records: Uint32Array,
  r: number,
  kindWord: number,
  out: Output,
  p: number,
  blockSize: number,
): number {
  p = putConstant(out, p, STORED);
  p = putShortHashes(records, r + RECORD_WORD.header, records[r + RECORD_WORD.blocks] as number, out, p);
  p = putConstant(out, p, PARENT);
  p =
    (kindWord & RECORD_FLAG.parent) === 0
      ? putNil(out, p)
      : putInt64(out, p, records[r + RECORD_WORD.parentLo] as number, records[r + RECORD_WORD.parentHi] as number);
  p = putConstant(out, p, TOKENS);
  p = putTokens(records, r, out, p);
  return putUint(out, putConstant(out, p, BLOCK_SIZE), blockSize);
}

function writeDynamoOther(records: Uint32Array, r: number, out: Output, p: number): number {
  const kindWord = records[r + RECORD_WORD.kind] as number;
  if ((kindWord & RECORD_KIND_MASK) !== RECORD_KIND.removed) {
    return putConstant(out, putMapHeader(out, p, 1), CLEARED);
  }
  const isOnDevice = tierOf(kindWord) === TIER.device;
  p = putConstant(out, putMapHeader(out, p, isOnDevice ? 2 : 3), REMOVED);
  p = putShortHashes(records, r + RECORD_WORD.header, records[r + RECORD_WORD.blocks] as number, out, p);
  return isOnDevice ? p : putConstant(out, p, byTier(MEDIUMS, kindWord));
}
