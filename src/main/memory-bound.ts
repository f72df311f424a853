/**
 * The most memory that events can take up, computed from the configuration. MAIN THREAD; pure.
 */
import type { ServeConfig } from "./config/config.ts";

/** Of the index: what a block takes beside its tokens, and what lies beside the blocks. Its files say of what that consists. */
const BLOCK_BYTES = 48;
const SIDE_BYTES_A_BLOCK = 64;
const PLACE_BYTES_A_BLOCK = 16;
const GRAVES_SHARE = 1 / 4;
const MIN_GRAVES = 4096;
const MIB: number = 1 << 20;
/** Four snapshots: a piece and some more asked for ahead, for each. */
const SNAPSHOT_BYTES: number = 8 * MIB;

/**
 * Bytes: most that the index of live blocks takes up, with all its snapshots open. About 150 bytes a block, and 5 more for each of
 * its tokens.
 */
export function indexBoundBytes(maxBlocks: number, kvBlockSizeTokens: number, keepTokens: boolean): number {
  const slots = maxBlocks + Math.max(MIN_GRAVES, Math.ceil(maxBlocks * GRAVES_SHARE));
  const slotBytes = BLOCK_BYTES + (keepTokens ? 4 * kvBlockSizeTokens : 0);
  // Each of four scans has two bits a slot.
  const perBlock = SIDE_BYTES_A_BLOCK + PLACE_BYTES_A_BLOCK;
  return slots * (slotBytes + 1) + MIB + Math.max(MIB, maxBlocks * perBlock) + SNAPSHOT_BYTES;
}

/**
 * Bytes: the pipeline's own buffers; the index, if there is one; one drained answer (its text, and at most as much again in records of an oversize
 * event); and what libzmq may hold for one subscriber that does not read. A further such subscriber costs
 * `zmqQueueBytes` more. The program itself (code, heap at rest) is not in it.
 */
export function memoryBoundBytes(config: ServeConfig, pipelineBytes: number): number {
  const answer = config.engine.kind === "http" ? 2 * config.engine.maxResponseBytes : 0;
  const queue = config.zmqEndpoint === null ? 0 : config.zmqQueueBytes;
  const index = config.snapshot
    ? indexBoundBytes(config.snapshotMaxBlocks, config.kvBlockSizeTokens, config.snapshotTokens)
    : 0;
  return pipelineBytes + index + answer + queue;
}
