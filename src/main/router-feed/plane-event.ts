/**
 * One RouterEvent of the event plane, from either of its forms. MAIN THREAD; a reused scratch, pure.
 *
 * Hashes are signed halves in columns, as the index takes them. The tokens hashes are finished: LoRA names, salts and images are
 * in them already.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import type { BlockColumns } from "../router-index/block-columns.ts";

const FIRST_BLOCKS = 128;

export const PLANE_KIND = { stored: 1, removed: 2, cleared: 3 } as const;
export type PlaneKind = (typeof PLANE_KIND)[keyof typeof PLANE_KIND];

export const TIER_NAMES: Readonly<Record<string, Tier>> = {
  device: TIER.device,
  host_pinned: TIER.hostPinned,
  disk: TIER.disk,
  external: TIER.external,
};

export class PlaneEvent {
  /** u64. */
  worker: bigint = 0n;
  rank: number = 0;
  eventId: number = 0;
  tier: Tier = TIER.device;
  kind: PlaneKind = PLANE_KIND.cleared;
  /** Of removed ones the hashes only. */
  readonly blocks: BlockColumns = {
    count: 0,
    hasParent: false,
    parentLo: 0,
    parentHi: 0,
    hashLo: new Int32Array(FIRST_BLOCKS),
    hashHi: new Int32Array(FIRST_BLOCKS),
    localLo: new Int32Array(FIRST_BLOCKS),
    localHi: new Int32Array(FIRST_BLOCKS),
  };

  begin(): void {
    this.worker = 0n;
    this.rank = 0;
    this.eventId = 0;
    this.tier = TIER.device;
    this.blocks.count = 0;
    this.blocks.hasParent = false;
    this.blocks.parentLo = 0;
    this.blocks.parentHi = 0;
  }

  /** Makes room for so many blocks. What the columns held is lost. */
  reserve(count: number): void {
    const { blocks } = this;
    if (count <= blocks.hashLo.length) return;
    const size = Math.max(count, 2 * blocks.hashLo.length);
    blocks.hashLo = new Int32Array(size);
    blocks.hashHi = new Int32Array(size);
    blocks.localLo = new Int32Array(size);
    blocks.localHi = new Int32Array(size);
  }
}
