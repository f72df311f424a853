/** A RouterEvent in JSON, as older durable streams hold it, into the same scratch. MAIN THREAD; pure. */
import { parseBigJson, u64Of, unsignedOf } from "./big-json.ts";
import { PLANE_KIND, type PlaneEvent, TIER_NAMES } from "./plane-event.ts";
import { type Fields, isFields } from "../../shared/json-object.ts";

const MAX_RANK = 0xffff;

/** False: it is none. */
export function readJsonEvent(text: string, event: PlaneEvent): boolean {
  let parsed: unknown;
  try {
    parsed = parseBigJson(text);
  } catch {
    return false;
  }
  return isFields(parsed) && readRouterEvent(parsed, event);
}

/** The same of what was parsed already; long integers may be texts of digits. */
export function readRouterEvent(fields: Fields, event: PlaneEvent): boolean {
  event.begin();
  const worker = unsignedOf(fields["worker_id"]);
  const name = fields["storage_tier"] ?? "device";
  const tier = typeof name === "string" ? TIER_NAMES.get(name) : undefined;
  const domain = fields["residency_domain"];
  if (worker === null || tier === undefined || !isFields(fields["event"])) return false;
  if ("residency_domain" in fields && domain !== "worker" && domain !== "cache_owner") return false;
  event.worker = worker;
  event.tier = tier;
  return readCacheEvent(fields["event"], event);
}

/** A KvCacheEvent: what is inside of a RouterEvent. */
export function readCacheEvent({ event_id: id, dp_rank: rank = 0, data }: Fields, event: PlaneEvent): boolean {
  const eventId = unsignedOf(id);
  if (eventId === null || typeof rank !== "number" || !Number.isInteger(rank) || rank < 0 || rank > MAX_RANK)
    return false;
  event.eventId = Number(eventId);
  if (!Number.isSafeInteger(event.eventId)) return false;
  event.rank = rank;
  if (data === "cleared") {
    event.kind = PLANE_KIND.cleared;
    return true;
  }
  if (!isFields(data)) return false;
  const { stored, removed } = data;
  if (isFields(stored)) return readStored(stored, event);
  return isFields(removed) && readRemoved(removed, event);
}

function readStored({ parent_hash: parentHash = null, blocks: list }: Fields, event: PlaneEvent): boolean {
  const { blocks } = event;
  event.kind = PLANE_KIND.stored;
  const parent = parentHash === null ? 0n : u64Of(parentHash);
  if (parent === null || !Array.isArray(list)) return false;
  blocks.hasParent = parentHash !== null;
  blocks.parentLo = lowOf(parent);
  blocks.parentHi = highOf(parent);
  event.reserve(list.length);
  const entries: readonly unknown[] = list;
  for (const [at, block] of entries.entries()) {
    const hash = isFields(block) ? u64Of(block["block_hash"]) : null;
    const local = isFields(block) ? u64Of(block["tokens_hash"]) : null;
    if (hash === null || local === null) return false;
    blocks.hashLo[at] = lowOf(hash);
    blocks.hashHi[at] = highOf(hash);
    blocks.localLo[at] = lowOf(local);
    blocks.localHi[at] = highOf(local);
  }
  blocks.count = list.length;
  return true;
}

function readRemoved({ block_hashes: hashes }: Fields, event: PlaneEvent): boolean {
  const { blocks } = event;
  event.kind = PLANE_KIND.removed;
  if (!Array.isArray(hashes)) return false;
  event.reserve(hashes.length);
  const values: readonly unknown[] = hashes;
  for (const [at, value] of values.entries()) {
    const hash = u64Of(value);
    if (hash === null) return false;
    blocks.hashLo[at] = lowOf(hash);
    blocks.hashHi[at] = highOf(hash);
  }
  blocks.count = hashes.length;
  return true;
}

function lowOf(hash: bigint): number {
  return Number(BigInt.asIntN(32, hash));
}

function highOf(hash: bigint): number {
  return Number(BigInt.asIntN(32, hash >> 32n));
}
