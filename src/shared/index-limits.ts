/**
 * What the index of live blocks may take up: the index keeps to it, and main computes from it the bound that is printed at the
 * start. ANY THREAD; pure.
 */

/** Bytes of a block beside its tokens; `workers/block-slots.ts` says of what they consist. */
export const BLOCK_BYTES = 48;
/** For texts and multimodal lists, each block allowed. */
export const SIDE_BYTES_A_BLOCK = 64;
export const MIN_SIDE_BYTES: number = 1 << 20;
/** Snapshots that may be open at once, for all askers together. A save holds one more scan. */
export const MAX_OPEN_SNAPSHOTS = 4;
/** Of these, most that the replay socket takes, so that some are left for HTTP whatever its clients do. */
export const MAX_RELAYED_SNAPSHOTS = 2;
/** Bytes of a piece of a snapshot, as a rule. */
export const SNAPSHOT_PIECE_BYTES: number = 96 * 1024;

/** Of the live blocks allowed, the share that may be kept beyond their death for open scans. */
const GRAVES_SHARE = 1 / 4;
const MIN_GRAVES = 4096;

/** Dead blocks that may be kept for open scans. */
export function maxGraves(maxBlocks: number): number {
  return Math.max(MIN_GRAVES, Math.ceil(maxBlocks * GRAVES_SHARE));
}
