/**
 * Multimodal content of newer engines: runs of stand-in tokens become one routing value. MAIN THREAD.
 *
 * There an item (an image, say) occupies a run of tokens: its digest as text, then `offset + 1`, `offset + 2`, … where
 * `offset` is the size of the vocabulary. A block's keys name the item of each of its runs, in order:
 *
 *   tokens    17 | digest  offset+1  offset+2 | 9 | offset+3          position 0 of the item = its digest
 *   keys           {start_offset: 0}                {start_offset: 3}
 *
 * A run ends at a text token, at another digest and at the end of the block. Two different items have equal stand-in
 * tokens, so a router would see equal prefixes where there are none; each run is therefore overwritten with a value made
 * from the item's routing UUID. The rule fails closed: whatever does not fit refuses the whole event.
 */
import type { OddToken, RawMmKey } from "../engine/raw-event.ts";
import { u64OfHex } from "./mm-keys.ts";
import type { MmKeyReason } from "./notice.ts";
import type { PublishedEvent } from "./published-event.ts";

const DIGEST = /^[0-9a-f]{64}$/i;
const UUID = /^[0-9a-f]{16}$/i;
/** Routing values lie above every vocabulary and below 2^31. */
const FIRST_PAD_VALUE = 1_000_000;
const PAD_MASK = 0x3fff_ffff;

/** An odd token and its place among the tokens of the event that goes out. */
export interface PlacedToken {
  readonly at: number;
  readonly token: OddToken;
}

interface Run {
  readonly start: number;
  end: number;
  /** Position of the run's first token within the item. */
  readonly position: number;
  /** Lower case; null when the run continues an item. */
  readonly digest: string | null;
}

/**
 * Rewrites the runs of `event`, whose tokens must be its own.
 * `keysOfBlocks[i]` are the keys of its block i. Null, or why the event must be refused; it is then half written.
 */
export function rewriteRuns(
  event: PublishedEvent,
  odd: readonly PlacedToken[],
  keysOfBlocks: readonly (readonly RawMmKey[])[],
  blockSize: number,
  offset: number | null,
): MmKeyReason | null {
  const digests = new Map<number, string>();
  for (const { at, token } of odd) {
    if (token.type !== "string") return "invalid token ID type";
    if (!DIGEST.test(token.text)) return "invalid digest encoding";
    digests.set(at, token.text.toLowerCase());
  }
  if (offset === null || offset < 0) return "multimodal continuation-token offset is unavailable";

  for (const [block, keys] of keysOfBlocks.entries()) {
    const runs = runsOfBlock(event.tokens, block * blockSize, (block + 1) * blockSize, digests, offset);
    if (runs === null) return "non-consecutive continuation tokens";
    if (runs.length !== keys.length) return "multimodal run/key count mismatch";
    for (const [i, run] of runs.entries()) {
      const value = padValue(run, keys[i]);
      if (typeof value === "string") return value;
      for (let at = run.start; at < run.end; at++) event.setToken(at, value);
    }
  }
  return null;
}

/** The runs within one block; null when a run skips a position. */
function runsOfBlock(
  tokens: Uint32Array,
  start: number,
  end: number,
  digests: ReadonlyMap<number, string>,
  offset: number,
): Run[] | null {
  const runs: Run[] = [];
  let open: Run | null = null;
  for (let at = start; at < end; at++) {
    const digest = digests.get(at);
    const position = digest === undefined ? (tokens[at] as number) - offset : 0;
    if (digest === undefined && position <= 0) {
      open = null;
    } else if (digest === undefined && open !== null) {
      if (position !== open.position + at - open.start) return null;
      open.end = at + 1;
    } else {
      open = { start: at, end: at + 1, position, digest: digest ?? null };
      runs.push(open);
    }
  }
  return runs;
}

/** What the tokens of a run become, or why its key does not fit. */
function padValue(run: Run, key: RawMmKey | undefined): number | MmKeyReason {
  if (key === undefined) return "multimodal run/key count mismatch";
  if (!key.usable || !DIGEST.test(key.hash)) return "invalid digest encoding";
  const uuid = key.uuid !== null && UUID.test(key.uuid) ? u64OfHex(key.uuid) : null;
  if (uuid === null) return "invalid multimodal routing UUID";
  if (key.startOffset !== run.position) return "multimodal key offset does not match token run";
  if (run.digest !== null && run.digest !== key.hash.toLowerCase()) return "digest token does not match multimodal key";
  return FIRST_PAD_VALUE + (uuid.lo & PAD_MASK);
}
