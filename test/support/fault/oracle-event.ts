/**
 * What the events of the oracle's engine say: a pure function of seed, life of the engine, rank and id. So a checker that
 * knows the seed can tell for any event whether it is the right one, and nobody has to keep a copy.
 *
 * Of each rank: id 0 is `created`; every fourth event removes the blocks of the one before it; the others store one to
 * three blocks, as children of the event before if that stored some.
 */
import { scramble } from "../../../src/main/engine/random.ts";

/** Tokens of a block: `--kv-block-size` of every run. */
export const BLOCK_TOKENS = 4;
const WINDOW = 4096;
const VOCABULARY = 100_000;

export interface EventKey {
  /** 0 for the first process of the engine, one more for each restart. */
  readonly life: number;
  readonly rank: number;
  readonly id: number;
}

export interface OracleEvent extends EventKey {
  readonly kind: "created" | "stored" | "removed";
  /** u64. */
  readonly hashes: readonly bigint[];
  readonly parent: bigint | null;
  readonly tokens: readonly number[];
}

/** 32 bits out of any number of integers. */
function mix(...values: readonly number[]): number {
  let state = 0x51ed270b;
  for (const value of values) state = scramble((state ^ (value | 0)) + 0x9e3779b9);
  return state >>> 0;
}

export function kindOf(seed: number, { id }: EventKey): OracleEvent["kind"] {
  if (id === 0) return "created";
  return id > 1 && (id + seed) % 4 === 0 ? "removed" : "stored";
}

function hashesOf(seed: number, { life, rank, id }: EventKey, blocks?: number): bigint[] {
  const at = [seed, life, rank, id] as const;
  return Array.from(
    { length: blocks ?? 1 + (mix(...at, -1) % 3) },
    // Two chains that differ from their first link on: one alone holds no more than 32 bits.
    (_, block) => (BigInt(mix(1, ...at, block)) << 32n) | BigInt(mix(2, ...at, block)),
  );
}

/** `blocks` is for an event of unusual size. */
export function oracleEvent(seed: number, key: EventKey, blocks?: number): OracleEvent {
  const kind = kindOf(seed, key);
  const event = { ...key, kind, hashes: [], parent: null, tokens: [] };
  if (kind === "created") return event;
  const before = { ...key, id: key.id - 1 };
  if (kind === "removed") return { ...event, hashes: hashesOf(seed, before, blocks).toReversed() };
  const hashes = hashesOf(seed, key, blocks);
  const tokens = Array.from(
    { length: hashes.length * BLOCK_TOKENS },
    (_, i) => mix(seed, key.life, key.rank, key.id, i, 3) % VOCABULARY,
  );
  const parent = kindOf(seed, before) === "stored" ? (hashesOf(seed, before).at(-1) ?? null) : null;
  return { ...event, hashes, parent, tokens };
}

/** The event as an engine sends it. `eventId` is for ids that no engine should give. */
export function engineJson(event: OracleEvent, eventId: string = String(event.id)): string {
  return `{"event_id":${eventId},"data":${dataJson(event)},"window_size":${WINDOW},"attention_dp_rank":${event.rank}}`;
}

export function dataJson(event: OracleEvent): string {
  // Written by hand: a hash is an integer of 64 bits, which JSON.stringify cannot write.
  if (event.kind === "created") return `{"type":"created","num_blocks_per_cache_level":[4096,0]}`;
  if (event.kind === "removed") return `{"type":"removed","block_hashes":[${event.hashes.join(",")}]}`;
  const blocks = event.hashes.map((hash, i) => {
    const tokens = event.tokens
      .slice(i * BLOCK_TOKENS, (i + 1) * BLOCK_TOKENS)
      .map((token) => `{"type":"unique_token","token_id":${token},"token_extra_id":0}`);
    return (
      `{"type":"stored_block","block_hash":${hash},"tokens":[${tokens.join(",")}],` +
      `"cache_level":0,"priority":35,"mm_keys":[],"cache_salt":null}`
    );
  });
  return `{"type":"stored","parent_hash":${event.parent},"blocks":[${blocks.join(",")}]}`;
}
