/**
 * Raw events for tests: from the JSON that engines send, and from short descriptions.
 *
 * This reader is made for clarity and shares nothing with the scanner of the service. Integers beyond 2^53 come as
 * decimal strings, either from the fixture itself or because `parseLossless` made them so; hex strings of 64 digits are
 * hashes of newer engines. A string token id stays a string.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { ABSENT, PARENT, RAW_KIND, RawEvent, type RawKind } from "../../src/main/engine/raw-event.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** `JSON.parse`, except that integers of 16 digits and more become decimal strings. */
export function parseLossless(text: string): Json {
  return JSON.parse(text.replace(/([:[,]\s*)(-?\d{16,})(?=\s*[,\]}])/g, '$1"$2"')) as Json;
}

/** A file below `test/fixtures`; tests run in the root of the repository. */
export function readFixture(name: string): Json {
  return parseLossless(readFileSync(path.join(process.cwd(), "test/fixtures", name), "utf8"));
}

export function asObject(value: Json | undefined): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("not an object");
  return value as JsonObject;
}

export function asList(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value as readonly Json[];
}

export function asText(value: Json | undefined): string {
  if (typeof value !== "string") throw new TypeError("not a string");
  return value;
}

/** u64 of a hash: a number, a decimal string (negative ones are taken as two's complement) or 64 hex digits. */
export function hashOf(value: Json | bigint | undefined): bigint {
  if (typeof value === "string" && value.length === 64) return BigInt(`0x${value.slice(0, 16)}`);
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") {
    return BigInt.asUintN(64, BigInt(value));
  }
  throw new TypeError("not a hash");
}

const low = (hash: bigint): number => Number(hash & 0xffff_ffffn);
const high = (hash: bigint): number => Number(hash >> 32n);

/** The raw event of one entry of an engine's answer. */
export function rawEventOf(entry: Json): RawEvent {
  const raw = new RawEvent();
  if (entry === null) return raw;
  const event = asObject(entry);
  if (Object.keys(event).length === 0) return raw;
  raw.eventId = numberOr(event["event_id"], ABSENT);
  raw.rank = numberOr(event["attention_dp_rank"], 0);
  raw.windowSize = numberOr(event["window_size"], ABSENT);
  raw.layerGroup = numberOr(event["layer_group_id"], ABSENT);
  const data = asObject(event["data"]);
  raw.kind = kindOf(data["type"]);
  if (raw.kind === RAW_KIND.unknown) raw.fail("unknown_type");
  if (raw.kind === RAW_KIND.stored) fillStored(raw, data);
  if (raw.kind === RAW_KIND.removed) {
    for (const hash of asList(data["block_hashes"])) addHash(raw, hash);
  }
  if (raw.kind === RAW_KIND.updated) fillUpdated(raw, data);
  return raw;
}

function fillUpdated(raw: RawEvent, { block_hash: hash, cache_level: level }: JsonObject): void {
  // What is no hash says nothing here: nobody needs it. Large numbers are texts.
  const isText = typeof hash === "string" && /^(?:-?\d+|[0-9a-f]{64})$/.test(hash);
  if (typeof hash === "number" || isText) addHash(raw, hash);
  if (typeof level !== "object" || level === null) return;
  const { old_value: from, new_value: to } = asObject(level);
  raw.levelFrom = Math.max(ABSENT, numberOr(from, ABSENT));
  raw.levelTo = Math.max(ABSENT, numberOr(to, ABSENT));
}

function numberOr(value: Json | undefined, absent: number): number {
  return typeof value === "number" ? value : absent;
}

const KINDS: Readonly<Record<string, RawKind>> = {
  created: RAW_KIND.created,
  stored: RAW_KIND.stored,
  removed: RAW_KIND.removed,
  updated: RAW_KIND.updated,
};

function kindOf(type: Json | undefined): RawKind {
  return (typeof type === "string" ? KINDS[type] : undefined) ?? RAW_KIND.unknown;
}

function addHash(raw: RawEvent, value: Json | undefined): void {
  const hash = value === null ? 0n : hashOf(value);
  raw.addBlock(low(hash), high(hash), value === null);
}

function fillStored(raw: RawEvent, data: JsonObject): void {
  const parent = data["parent_hash"];
  if (parent === null) raw.parent = PARENT.none;
  else if (parent !== undefined) {
    raw.parent = PARENT.given;
    raw.parentLo = low(hashOf(parent));
    raw.parentHi = high(hashOf(parent));
  }
  if (typeof data["lora_name"] === "string") raw.loraName = data["lora_name"];
  if (typeof data["cache_salt"] === "string") raw.addSalt(data["cache_salt"]);
  for (const [index, item] of asList(data["blocks"]).entries()) {
    const fields = asObject(item);
    for (const token of asList(fields["tokens"])) addToken(raw, asObject(token)["token_id"]);
    if (typeof fields["cache_salt"] === "string") raw.addSalt(fields["cache_salt"]);
    for (const entry of asList(fields["mm_keys"] ?? [])) {
      const key = asObject(entry);
      const hash = typeof key["hash"] === "string" ? key["hash"] : "";
      raw.mmKeys.push({
        block: index,
        usable: key["type"] === "mm_key" && hash !== "",
        hash,
        uuid: typeof key["uuid"] === "string" ? key["uuid"] : null,
        startOffset: numberOr(key["start_offset"], ABSENT),
      });
    }
    addHash(raw, fields["block_hash"]);
  }
}

function addToken(raw: RawEvent, token: Json | undefined): void {
  const index = raw.tokenCount;
  const number = Math.trunc(Number(typeof token === "string" ? 0 : token));
  const inRange = number >= 0 && number <= 0xffff_ffff;
  if (!inRange) raw.fail("token_range");
  if (typeof token === "string") raw.oddTokens.push({ index, type: "string", text: token });
  else if (token === null) raw.oddTokens.push({ index, type: "null", text: "" });
  else if (typeof token === "boolean") raw.oddTokens.push({ index, type: "bool", text: "" });
  else if (!Number.isInteger(token)) raw.oddTokens.push({ index, type: "float", text: "" });
  raw.addToken(inRange ? number : 0);
}

/** What `storedEvent` and friends may add to the event around `data`. */
export interface EventFields {
  readonly rank?: number;
  readonly window?: number;
  readonly group?: number;
}

function envelope(id: number, fields: EventFields, data: JsonObject): JsonObject {
  return {
    event_id: id,
    ...(fields.rank === undefined ? {} : { attention_dp_rank: fields.rank }),
    ...(fields.window === undefined ? {} : { window_size: fields.window }),
    ...(fields.group === undefined ? {} : { layer_group_id: fields.group }),
    data,
  };
}

/** A block with tokens 1, 2, …; a hash of null is the engine's null. */
export function block(hash: number | string | null, tokens: number, extra: JsonObject = {}): JsonObject {
  const list = Array.from({ length: tokens }, (_, i) => ({ token_id: i + 1 }));
  return { block_hash: hash, tokens: list, ...extra };
}

export function storedJson(
  id: number,
  blocks: readonly Json[],
  fields: EventFields = {},
  extra: JsonObject = {},
): JsonObject {
  return envelope(id, fields, { type: "stored", parent_hash: null, blocks, ...extra });
}

export function removedJson(
  id: number,
  hashes: readonly (number | string | null)[],
  fields: EventFields = {},
): JsonObject {
  return envelope(id, fields, { type: "removed", block_hashes: hashes });
}

export function createdJson(id: number, fields: EventFields = {}): JsonObject {
  return envelope(id, fields, { type: "created", num_blocks_per_cache_level: [1, 0] });
}

export function updatedJson(id: number, fields: EventFields = {}): JsonObject {
  return envelope(id, fields, { type: "updated", block_hash: 5, cache_level: null, priority: null });
}

/** A block moves between cache levels. */
export function movedJson(id: number, hash: Json, from: Json, to: Json, fields: EventFields = {}): JsonObject {
  const level = { type: "event_diff", new_value: to, old_value: from };
  return envelope(id, fields, { type: "updated", block_hash: hash, cache_level: level, priority: null });
}
