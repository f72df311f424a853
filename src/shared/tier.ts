/**
 * Where a block lies, by the names that routers use. A block may lie in more than one at a time. Any thread; values only.
 *
 * Publishers name media, `GPU`, `CPU_PINNED`, `NVME`, many for one tier; a medium that nobody knows is no tier, so a reader
 * has to hold a value of its own for it, and must not take it for one of these.
 */

export const TIER = {
  /** Memory of the accelerator: what the engine itself computes with. */
  device: 0,
  /** Host memory that a device reads directly. */
  hostPinned: 1,
  /** Local disks. */
  disk: 2,
  /** Storage behind a network, perhaps shared between machines. */
  external: 3,
} as const;
export type Tier = (typeof TIER)[keyof typeof TIER];

/** Each at the place that its number says. */
export const TIERS: readonly Tier[] = Object.values(TIER);
