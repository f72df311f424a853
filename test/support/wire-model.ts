/**
 * A second reader of batches, slow and plain: what `@msgpack/msgpack` makes of the bytes, judged value by value. It shares
 * nothing with the reader of the service but what its results look like.
 *
 * It cannot tell a float that is whole from an integer, nor bytes that are no UTF-8 from others: there it takes more.
 */
import { decode } from "@msgpack/msgpack";
import {
  countOrNull,
  extraKeysOf,
  type Fields,
  hashList,
  hashOf,
  isMap,
  isMmList,
  isU32,
  isUnsigned,
  mmHashesOf,
  need,
  textOrNull,
  tokensOf,
  u32,
} from "./wire-model-values.ts";
import type { BatchView, CommonView, StoredView, TierName, WireView } from "./wire-view.ts";

const TIERS: ReadonlyMap<string, TierName> = new Map<string, TierName>(
  Object.entries({
    GPU: "device",
    DEVICE: "device",
    CPU: "hostPinned",
    CPU_PINNED: "hostPinned",
    CPU_TIER1: "hostPinned",
    CPU_TIER2: "disk",
    DISK: "disk",
    NVME: "disk",
    STORAGE: "disk",
    EXTERNAL: "external",
    NETWORK: "external",
    REMOTE: "external",
    SHARED: "external",
  } as const),
);
const MAIN_KINDS: readonly string[] = ["full_attention", "mla_attention", "sink_full_attention"];

/** Throws ModelRefusal, or whatever the decoder throws. */
export function modelBatch(payload: Uint8Array): BatchView {
  return modelOf(decode(payload, { useBigInt64: true }));
}

/** The same of values that are decoded already. */
export function modelOf(batch: unknown): BatchView {
  need(Array.isArray(batch) && batch.length === 3, "shape");
  const [ts, events, rank]: readonly unknown[] = batch;
  need((typeof ts === "number" && Number.isFinite(ts)) || typeof ts === "bigint", "timestamp");
  need(Array.isArray(events), "events");
  const number = rank === null ? null : u32(rank);
  need(number === null || number <= 1023, "rank");
  return { timestamp: Number(ts), rank: number, events: events.map(modelEvent) };
}

function modelEvent(event: unknown): WireView {
  if (Array.isArray(event)) return arrayEvent(event);
  need(isMap(event), "event");
  const { type } = event;
  need(typeof type === "string", "type");
  const common = commonOf(event);
  const stored = fieldsOf(event);
  // Numbers of adapters do no harm in maps, whatever they are.
  const loraId = isU32(event["lora_id"]) ? Number(event["lora_id"]) : 0;
  switch (type) {
    case "BlockStored":
      need("block_hashes" in event && "token_ids" in event && "block_size" in event, "missing");
      return { ...stored, loraId, ...common };
    case "BlockRemoved":
      need("block_hashes" in event, "missing");
      return { kind: "removed", hashes: stored.hashes, ...common };
    case "AllBlocksCleared":
      return { kind: "cleared", ...common };
    default:
      need(type === "Ignored", "type");
      return { kind: "ignored", ...common };
  }
}

function arrayEvent(event: readonly unknown[]): WireView {
  const [type, ...values] = event;
  switch (type) {
    case "BlockStored": {
      need(values.length >= 4, "too short");
      const [hashes, parent, tokens, size, loraId = null, medium, seventh, extraKeys, ...tail] = values;
      need(loraId === null || isUnsigned(loraId), "lora_id");
      const adapter = isMap(seventh) ? { cache_salt: seventh["cache_salt"] } : { lora_name: seventh };
      const named = {
        block_hashes: hashes,
        parent_block_hash: parent,
        token_ids: tokens,
        block_size: size,
        medium,
        extra_keys: extraKeys,
        ...adapter,
        ...tailOf(tail, true),
      };
      return { ...fieldsOf(named), loraId: isU32(loraId) ? Number(loraId) : 0, ...commonOf(named) };
    }
    case "BlockRemoved": {
      need(values.length > 0, "too short");
      const [hashes, medium, ...tail] = values;
      const named = { block_hashes: hashes, medium, ...tailOf(tail, false) };
      return { kind: "removed", hashes: hashList(hashes), ...commonOf(named) };
    }
    case "AllBlocksCleared":
      return { kind: "cleared", ...commonOf({ ownership: values[0] }) };
    default:
      need(type === "Ignored", "type");
      return { kind: "ignored", ...commonOf({}) };
  }
}

const isCount = (value: unknown): boolean => value === null || value === undefined || isU32(value);

const isText = (value: unknown): boolean => value === null || value === undefined || typeof value === "string";

/** Names for the values at the end of an array: by their places if they fit there, else by what they are. */
function tailOf(values: readonly unknown[], isStored: boolean): Fields {
  const [group, kind, window, locality, ownership] = values;
  const five = values.slice(0, 5);
  const fits = isCount(group) && isText(kind) && isCount(window) && isText(locality) && isText(ownership);
  if (five.length >= 4 && fits) {
    return {
      group_idx: group,
      kv_cache_spec_kind: kind,
      kv_cache_spec_sliding_window: window,
      locality,
      ownership,
    };
  }
  const numbers = five.filter(isU32);
  const texts = five.filter((value) => typeof value === "string");
  const lists = isStored ? five.filter((value) => Array.isArray(value) && isMmList(value)) : [];
  return {
    group_idx: numbers[0],
    kv_cache_spec_sliding_window: numbers[1],
    kv_cache_spec_kind: texts.at(-1),
    block_mm_infos: lists.at(-1),
  };
}

/** Checks every field, whether the event's kind has it or not. */
function fieldsOf(fields: Fields): StoredView {
  const pairs = fields["token_ids"];
  const isEagle = Array.isArray(pairs) && Array.isArray(pairs[0]);
  const loraName = textOrNull(fields["lora_name"]);
  const extra = extraKeysOf(fields["extra_keys"], loraName);
  const hashes = "block_hashes" in fields ? hashList(fields["block_hashes"]) : [];
  const parent = fields["parent_block_hash"] ?? null;
  const listed = fields["block_mm_infos"] ?? null;
  if (listed !== null) need(isMmList(listed), "block_mm_infos");
  const mmHashes = listed === null ? extra.mm : listed.map(mmHashesOf);
  const perBlock = hashes.map((_, i) => (mmHashes[i]?.length ? mmHashes[i] : null));
  return {
    kind: "stored",
    hashes,
    parent: parent === null ? null : hashOf(parent),
    tokens: "token_ids" in fields ? tokensOf(pairs, isEagle) : [],
    isEagle,
    blockSize: "block_size" in fields ? u32(fields["block_size"]) : 0,
    loraName,
    loraId: 0,
    cacheSalt: textOrNull(fields["cache_salt"]) ?? extra.salt,
    mmListPresent: listed !== null,
    mm: perBlock.some((each) => each !== null) ? perBlock : null,
    hasUnknownKeys: extra.hasUnknown,
  };
}

function commonOf(fields: Fields): CommonView {
  const medium = textOrNull(fields["medium"]) ?? "";
  const kind = textOrNull(fields["kv_cache_spec_kind"]);
  const locality = textOrNull(fields["locality"]);
  const ownership = textOrNull(fields["ownership"]);
  return {
    tier: medium === "" ? "device" : (TIERS.get(medium) ?? "unknown"),
    mediumAbsent: medium === "",
    groupIdx: countOrNull(fields["group_idx"]),
    specKind: kind === null ? "absent" : MAIN_KINDS.includes(kind) ? "main" : "other",
    slidingWindow: countOrNull(fields["kv_cache_spec_sliding_window"]),
    locality:
      locality === null ? "absent" : locality === "LOCAL" ? "local" : locality === "REMOTE" ? "remote" : "unknown",
    ownership: ownership === null ? "framework" : ownership === "kvcr" ? "kvcr" : "unknown",
  };
}
