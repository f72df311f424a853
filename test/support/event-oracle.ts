/**
 * What a scanned event should hold, worked out from a lossless parse with BigInt, and the same view of a `RawEvent`, so
 * that the two can be compared. Of a defective event only the ids, the kind and the defect count: nobody reads the rest.
 */
import {
  ABSENT,
  type InvalidReason,
  BAD_RANK,
  type OddToken,
  PARENT,
  RAW_KIND,
  type RawEvent,
  type RawKind,
  type RawMmKey,
} from "../../src/main/engine/raw-event.ts";
import { MAX_RANK } from "../../src/shared/record.ts";
import type { LosslessJson, Member } from "./lossless-json.ts";

export interface EventHead {
  readonly kind: string;
  readonly eventId: number;
  readonly rank: number;
  readonly windowSize: number;
  readonly layerGroup: number;
  readonly defect: InvalidReason | null;
}

export interface EventBody {
  readonly parent: string;
  readonly levels: readonly number[];
  /** u64 in decimal; null for null. */
  readonly hashes: readonly (string | null)[];
  /** Of each block. */
  readonly tokens: readonly (readonly number[])[];
  readonly loraName: string | null;
  readonly cacheSalt: string | null;
  readonly saltConflict: boolean;
  readonly mmKeys: readonly RawMmKey[];
  readonly oddTokens: readonly OddToken[];
}

export interface EventView {
  readonly head: EventHead;
  /** Null for an event with a defect. */
  readonly body: EventBody | null;
}

const KIND_NAMES: Readonly<Record<RawKind, string>> = {
  [RAW_KIND.empty]: "empty",
  [RAW_KIND.created]: "created",
  [RAW_KIND.stored]: "stored",
  [RAW_KIND.removed]: "removed",
  [RAW_KIND.updated]: "updated",
  [RAW_KIND.unknown]: "unknown",
};
const MAX_DEPTH = 64;
const MAX_TOKEN = 2 ** 32 - 1;
const INTEGER = /^-?\d+$/u;
const HEX = /^(?:[0-9a-fA-F]{2}){8,}$/u;

function u64(lo: number, hi: number): string {
  return ((BigInt(hi) << 32n) | BigInt(lo)).toString();
}

export function viewOf(event: RawEvent): EventView {
  const head: EventHead = {
    kind: KIND_NAMES[event.kind],
    eventId: event.eventId,
    rank: event.rank,
    windowSize: event.windowSize,
    layerGroup: event.layerGroup,
    defect: event.defect,
  };
  if (event.defect !== null) return { head, body: null };
  const hashes: (string | null)[] = [];
  const tokens: number[][] = [];
  let from = 0;
  for (let i = 0; i < event.blockCount; i++) {
    const to = event.tokenEnd[i] ?? 0;
    hashes.push(event.hashNull[i] === 1 ? null : u64(event.hashLo[i] ?? 0, event.hashHi[i] ?? 0));
    tokens.push([...event.tokens.subarray(from, to)]);
    from = to;
  }
  if (from !== event.tokenCount) throw new Error("tokens that belong to no block");
  const given = u64(event.parentLo, event.parentHi);
  const parent = event.parent === PARENT.missing ? "missing" : event.parent === PARENT.none ? "none" : given;
  const { loraName, cacheSalt, saltConflict } = event;
  // Copies: the scratch reuses a list that is still empty.
  const mmKeys = [...event.mmKeys];
  const oddTokens = [...event.oddTokens];
  const levels = [event.levelFrom, event.levelTo];
  return { head, body: { parent, levels, hashes, tokens, loraName, cacheSalt, saltConflict, mmKeys, oddTokens } };
}

/** The view of the event that this entry should become. */
export function expectedView(entry: LosslessJson): EventView {
  return new Expectation().of(entry);
}

/** Members without those whose key came before: the first of a key counts. The others are marked as nobody's. */
function firstOfEach(members: readonly Member[]): Member[] {
  const seen = new Set<string>();
  return members.map(([key, value]) => {
    const name = seen.has(key) ? "" : key;
    seen.add(key);
    return [name, value];
  });
}

function depthOf(json: LosslessJson): number {
  if (json.type === "array") return 1 + Math.max(0, ...json.items.map(depthOf));
  if (json.type === "object") return 1 + Math.max(0, ...json.members.map(([, value]) => depthOf(value)));
  return 0;
}

function countOf(json: LosslessJson): number | "null" | "bad" {
  if (json.type === "null") return "null";
  if (json.type !== "number" || !INTEGER.test(json.text)) return "bad";
  const value = BigInt(json.text);
  return value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : "bad";
}

class Expectation {
  #defect: InvalidReason | null = null;
  #parent: string = "missing";
  readonly #levels: [from: number, to: number] = [ABSENT, ABSENT];
  readonly #hashes: (string | null)[] = [];
  readonly #tokens: number[][] = [];
  #tokenCount: number = 0;
  #loraName: string | null = null;
  readonly #salts: string[] = [];
  readonly #mmKeys: RawMmKey[] = [];
  readonly #oddTokens: OddToken[] = [];

  of(entry: LosslessJson): EventView {
    const ids = { eventId: ABSENT, rank: 0, windowSize: ABSENT, layerGroup: ABSENT };
    let kind = "unknown";
    if (entry.type === "null" || (entry.type === "object" && entry.members.length === 0)) {
      kind = "empty";
      this.#fail("empty_entry");
    } else if (entry.type === "object") {
      for (const [key, value] of firstOfEach(entry.members)) {
        if (key === "data") kind = this.#data(value);
        else if (key === "event_id") ids.eventId = this.#count(value, { ifNull: "bad" });
        else if (key === "attention_dp_rank") ids.rank = this.#rank(value);
        else if (key === "window_size") ids.windowSize = this.#count(value, { ifNull: ABSENT });
        else if (key === "layer_group_id") ids.layerGroup = this.#count(value, { ifNull: ABSENT });
        else this.#unknown(value);
      }
      this.#require(entry.members, ["event_id", "data"]);
    } else {
      this.#fail("bad_type");
    }
    const head: EventHead = { kind, ...ids, defect: this.#defect };
    return { head, body: this.#defect === null ? this.#body() : null };
  }

  #body(): EventBody {
    return {
      parent: this.#parent,
      levels: this.#levels,
      hashes: this.#hashes,
      tokens: this.#tokens,
      loraName: this.#loraName,
      cacheSalt: this.#salts[0] ?? null,
      saltConflict: new Set(this.#salts).size > 1,
      mmKeys: this.#mmKeys,
      oddTokens: this.#oddTokens,
    };
  }

  #fail(reason: InvalidReason): void {
    this.#defect ??= reason;
  }

  #require(members: readonly Member[], keys: readonly string[]): void {
    const there = new Set(members.map(([key]) => key));
    if (!keys.every((key) => there.has(key))) this.#fail("missing_field");
  }

  #unknown(value: LosslessJson): void {
    if (depthOf(value) > MAX_DEPTH) this.#fail("depth");
  }

  #count(value: LosslessJson, { ifNull }: { ifNull: number | "bad" }): number {
    const count = countOf(value);
    const result = count === "null" ? ifNull : count;
    if (result !== "bad") return result;
    this.#fail("bad_type");
    return ABSENT;
  }

  #rank(value: LosslessJson): number {
    const rank = this.#count(value, { ifNull: 0 });
    if (rank > MAX_RANK) this.#fail("bad_type");
    return rank > MAX_RANK || rank === ABSENT ? BAD_RANK : rank;
  }

  #data(data: LosslessJson): string {
    if (data.type !== "object") {
      this.#fail("bad_type");
      return "unknown";
    }
    const type = data.members.find(([key]) => key === "type")?.[1];
    let kind = "unknown";
    if (type === undefined) this.#fail("missing_field");
    else if (type.type !== "string") this.#fail("bad_type");
    else if (!["created", "stored", "removed", "updated"].includes(type.text)) this.#fail("unknown_type");
    else kind = type.text;
    for (const [key, value] of firstOfEach(data.members)) {
      if (kind === "stored" && key === "parent_hash") this.#parent = this.#hash(value) ?? "none";
      else if (kind === "stored" && key === "blocks") this.#each(value, (block) => this.#block(block));
      else if (kind === "stored" && key === "lora_name") this.#loraName = this.#text(value);
      else if (kind === "stored" && key === "cache_salt") this.#salt(value);
      else if (kind === "removed" && key === "block_hashes") this.#each(value, (hash) => this.#removed(hash));
      else if (kind === "updated" && key === "block_hash") this.#moved(value);
      else if (kind === "updated" && key === "cache_level") this.#levelsOf(value);
      else this.#unknown(value);
    }
    if (kind === "stored") this.#require(data.members, ["blocks"]);
    if (kind === "removed") this.#require(data.members, ["block_hashes"]);
    return kind;
  }

  /** What is no hash says nothing. */
  #moved(value: LosslessJson): void {
    this.#unknown(value);
    if (value.type !== "number" && value.type !== "string") return;
    const other = new Expectation();
    other.#removed(value);
    if (other.#defect !== null) return;
    this.#hashes.push(...other.#hashes);
    this.#tokens.push(...other.#tokens);
  }

  #levelsOf(value: LosslessJson): void {
    if (value.type !== "object") return this.#unknown(value);
    for (const [key, level] of firstOfEach(value.members)) {
      this.#unknown(level);
      const place = ["old_value", "new_value"].indexOf(key);
      const count = countOf(level);
      if (place >= 0 && typeof count === "number") this.#levels[place] = count;
    }
  }

  #each(list: LosslessJson, item: (json: LosslessJson) => void): void {
    if (list.type !== "array") return this.#fail("bad_type");
    for (const json of list.items) item(json);
  }

  #text(value: LosslessJson): string | null {
    if (value.type === "string") return value.text;
    if (value.type !== "null") this.#fail("bad_type");
    return null;
  }

  #salt(value: LosslessJson): void {
    const salt = this.#text(value);
    if (salt !== null) this.#salts.push(salt);
  }

  #hash(value: LosslessJson): string | null {
    if (value.type === "null") return null;
    if (value.type === "string" && HEX.test(value.text)) return BigInt(`0x${value.text.slice(0, 16)}`).toString();
    if (value.type === "number" && INTEGER.test(value.text)) {
      const hash = BigInt(value.text);
      if (hash < -(2n ** 63n) || hash >= 2n ** 64n) this.#fail("hash_range");
      return BigInt.asUintN(64, hash).toString();
    }
    this.#fail("bad_type");
    return "0";
  }

  #removed(value: LosslessJson): void {
    this.#hashes.push(this.#hash(value));
    this.#tokens.push([]);
  }

  #block(block: LosslessJson): void {
    if (block.type !== "object") return this.#fail("bad_type");
    const tokens: number[] = [];
    let hash: string | null = null;
    for (const [key, value] of firstOfEach(block.members)) {
      if (key === "block_hash") hash = this.#hash(value);
      else if (key === "tokens") this.#each(value, (token) => this.#token(token, tokens));
      else if (key === "cache_salt") this.#salt(value);
      else if (key === "mm_keys" && value.type !== "null") this.#each(value, (mmKey) => this.#mmKey(mmKey));
      else if (key !== "mm_keys") this.#unknown(value);
    }
    this.#require(block.members, ["block_hash", "tokens"]);
    this.#hashes.push(hash);
    this.#tokens.push(tokens);
  }

  #token(token: LosslessJson, tokens: number[]): void {
    if (token.type !== "object") return this.#fail("bad_type");
    for (const [key, value] of firstOfEach(token.members)) {
      if (key === "token_id") this.#tokenId(value, tokens);
      else this.#unknown(value);
    }
    this.#require(token.members, ["token_id"]);
  }

  #tokenId(value: LosslessJson, tokens: number[]): void {
    const index = this.#tokenCount;
    let token = 0;
    if (value.type === "array" || value.type === "object") return this.#fail("bad_type");
    if (value.type === "number") {
      token = Math.trunc(Number(value.text));
      if (!(token >= 0 && token <= MAX_TOKEN)) return this.#fail("token_range");
      if (!INTEGER.test(value.text)) this.#oddTokens.push({ index, type: "float", text: "" });
    } else {
      if (value.type === "bool" && value.value) token = 1;
      this.#oddTokens.push({ index, type: value.type, text: value.type === "string" ? value.text : "" });
    }
    tokens.push(Math.abs(token));
    this.#tokenCount++;
  }

  #mmKey(mmKey: LosslessJson): void {
    if (mmKey.type !== "object") return this.#fail("bad_type");
    const fields = new Map(firstOfEach(mmKey.members));
    const textOf = (key: string): string | null | undefined => {
      const value = fields.get(key);
      if (value === undefined || value.type === "null") return null;
      return value.type === "string" ? value.text : undefined;
    };
    for (const [key, value] of firstOfEach(mmKey.members)) {
      if (!["type", "hash", "uuid", "start_offset"].includes(key)) this.#unknown(value);
    }
    const offset = countOf(fields.get("start_offset") ?? { type: "null" });
    const hash = textOf("hash") ?? "";
    const uuid = textOf("uuid");
    this.#mmKeys.push({
      block: this.#hashes.length,
      usable: textOf("type") === "mm_key" && hash !== "",
      hash,
      uuid: uuid === undefined ? "" : uuid,
      startOffset: typeof offset === "number" ? offset : ABSENT,
    });
  }
}
