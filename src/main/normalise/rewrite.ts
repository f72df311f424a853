/**
 * Stored events that cannot be passed on as they came: blocks were left out in the middle, tokens are not plain numbers,
 * or there is multimodal content. MAIN THREAD, off the common path, so clarity goes before speed here.
 */
import type { InvalidReason, RawEvent, RawMmKey } from "../engine/raw-event.ts";
import { mmInfosOfKeys } from "./mm-keys.ts";
import { type PlacedToken, rewriteRuns } from "./mm-runs.ts";
import type { MmKeyReason, NoticeDetail } from "./notice.ts";
import type { PublishedEvent } from "./published-event.ts";
import { OUT_OF_RANGE, tokenOfText } from "./token-text.ts";

export interface Refusal {
  readonly reason: InvalidReason;
  readonly notice: NoticeDetail;
}

/**
 * Copies the first `walked` blocks of `raw`, each of them full or without a hash, into `event`, leaves out those without
 * a hash and applies the token and multimodal rules to the others. Null when all went well. After a refusal `event` is
 * half written and must not be used.
 */
export function rewrite(
  raw: RawEvent,
  walked: number,
  event: PublishedEvent,
  blockSize: number,
  mmTokenOffset: number | null,
): Refusal | null {
  const kept: number[] = [];
  for (let block = 0; block < walked; block++) {
    if (raw.hashNull[block] !== 0) continue;
    kept.push(block);
    event.addHash(raw.hashLo[block] as number, raw.hashHi[block] as number);
    const end = raw.tokenEnd[block] as number;
    event.addTokens(raw.tokens, end - blockSize, end);
  }
  const odd = placeOddTokens(raw, kept, blockSize);
  const keys = keysOfBlocks(raw, kept);

  const hasText = odd.some(({ token }) => token.type === "string" && tokenOfText(token.text) === null);
  if (hasText || keys.some((list) => list.some((key) => key.uuid !== null))) {
    const reason = rewriteRuns(event, odd, keys, blockSize, mmTokenOffset);
    return reason === null ? null : refusedKey(reason);
  }

  const reason = convertOddTokens(event, odd);
  if (reason !== null) return { reason, notice: { code: "invalid", reason } };
  const infos = mmInfosOfKeys(keys);
  if (infos === "not_hex") return refusedKey("multimodal hash is not hexadecimal");
  event.mmInfos = infos;
  return null;
}

function refusedKey(reason: MmKeyReason): Refusal {
  return { reason: "mm_key", notice: { code: "mm_key", reason } };
}

/** The odd tokens within the kept blocks. A source lists odd tokens in the order of their index. */
function placeOddTokens(raw: RawEvent, kept: readonly number[], blockSize: number): PlacedToken[] {
  const placed: PlacedToken[] = [];
  let next = 0;
  for (const [k, block] of kept.entries()) {
    const end = raw.tokenEnd[block] as number;
    for (let token = raw.oddTokens[next]; token !== undefined && token.index < end; token = raw.oddTokens[++next]) {
      const within = token.index - (end - blockSize);
      if (within >= 0) placed.push({ at: k * blockSize + within, token });
    }
  }
  return placed;
}

function keysOfBlocks(raw: RawEvent, kept: readonly number[]): RawMmKey[][] {
  const byBlock = new Map<number, RawMmKey[]>();
  for (const block of kept) byBlock.set(block, []);
  for (const key of raw.mmKeys) byBlock.get(key.block)?.push(key);
  return [...byBlock.values()];
}

/** Floats and bools stand in the columns as numbers already; a float that is no u32 was refused by the source. */
function convertOddTokens(event: PublishedEvent, odd: readonly PlacedToken[]): InvalidReason | null {
  for (const { at, token } of odd) {
    if (token.type === "null") return "bad_type";
    if (token.type !== "string") continue;
    const value = tokenOfText(token.text);
    if (value === null) return "bad_type";
    if (value === OUT_OF_RANGE) return "token_range";
    event.setToken(at, value);
  }
  return null;
}
