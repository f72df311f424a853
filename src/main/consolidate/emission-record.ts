/**
 * The words of an event that waits. MAIN THREAD; values, and how to read them.
 *
 *   word  0  length of the record in words
 *         1  kind (bits 0-1) | tier (bits 2-3) | parent (bit 4) | rank (bits 8-…)
 *         2  hash, low half            3  hash, high half
 *         4  position in the sequence
 *   stored, besides
 *         5  parent, low half          6  parent, high half
 *         7  tokens of a full block    8  LoRA name, a number in the table      9  cache salt, likewise
 *        10  words of multimodal hashes; 0xffffffff: no list                   11  tokens …, then multimodal hashes (low, high) …
 */
import { elementAt } from "../../shared/element.ts";
import { TIERS } from "../../shared/tier.ts";
import {
  PUBLISHED_KIND,
  PUBLISHED_KINDS,
  type PublishedEvent,
  type PublishedKind,
} from "../normalise/published-event.ts";
import type { TextTable } from "./text-table.ts";

export const WORD = {
  bits: 1,
  lo: 2,
  hi: 3,
  position: 4,
  parentLo: 5,
  parentHi: 6,
  blockSize: 7,
  lora: 8,
  salt: 9,
  mmWords: 10,
} as const;
export const SHORT_WORDS = 5;
export const STORED_WORDS = 11;
export const NO_MM = 0xffff_ffff;
export const PARENT_BIT = 0x10;
export const TIER_SHIFT = 2;
export const RANK_SHIFT = 8;

export function kindOf(words: Uint32Array, at: number): PublishedKind {
  return elementAt(PUBLISHED_KINDS, ((words[at + WORD.bits] as number) & 3) - 1);
}

/** Fills `event` with the record at `at`. */
export function readEmission(words: Uint32Array, at: number, texts: TextTable, event: PublishedEvent): void {
  const bits = words[at + WORD.bits] as number;
  const kind = kindOf(words, at);
  event.begin(kind, bits >>> RANK_SHIFT);
  if (kind === PUBLISHED_KIND.cleared) return;
  event.tier = elementAt(TIERS, (bits >>> TIER_SHIFT) & 3);
  event.addHash(words[at + WORD.lo] as number, words[at + WORD.hi] as number);
  if (kind === PUBLISHED_KIND.removed) return;
  event.hasParent = (bits & PARENT_BIT) !== 0;
  event.parentLo = words[at + WORD.parentLo] as number;
  event.parentHi = words[at + WORD.parentHi] as number;
  event.blockSizeTokens = words[at + WORD.blockSize] as number;
  event.loraName = texts.text(words[at + WORD.lora] as number);
  event.cacheSalt = texts.text(words[at + WORD.salt] as number);
  const mmWords = words[at + WORD.mmWords] as number;
  const end = at + (words[at] as number);
  const mmStart = mmWords === NO_MM ? end : end - mmWords;
  event.addTokens(words, at + STORED_WORDS, mmStart);
  if (mmWords === NO_MM) return;
  const infos: { lo: number; hi: number }[] = [];
  for (let i = mmStart; i < end; i += 2) infos.push({ lo: words[i] as number, hi: words[i + 1] as number });
  event.mmListPresent = true;
  event.mmInfos = [infos];
}
