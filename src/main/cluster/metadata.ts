/**
 * What the handshake carries: the blocks of each worker to the leader, the sizes of the common caches back. MAIN THREAD; pure.
 */
import { decodeVarints, encodeVarints } from "./bincode.ts";
import { ClusterPayloadError } from "./cluster-error.ts";

const BYTES_PER_GB = 1e9;

/** What a worker answers to `worker_metadata`. */
export interface WorkerMetadata {
  /** Blocks in the memory of its device. */
  readonly numDeviceBlocks: number;
  /** Of its share of each block. */
  readonly bytesPerBlock: number;
}

/** What `leader_metadata` tells the workers. */
export interface LeaderMetadata {
  readonly numHostBlocks: number;
  readonly numDiskBlocks: number;
}

/** How large the common caches are to be. A number of blocks above 0 goes before a size. */
export interface CacheSizes {
  readonly cpuCacheGb: number;
  readonly cpuCacheOverrideBlocks: number;
  readonly diskCacheGb: number;
  readonly diskCacheOverrideBlocks: number;
}

/** All that the leader makes of the answers of its workers. */
export interface CachePlan extends LeaderMetadata {
  /** What the smallest of the workers has. */
  readonly numDeviceBlocks: number;
  /** Of one block, over all workers. */
  readonly bytesPerBlock: number;
}

export function encodeWorkerMetadata({ numDeviceBlocks, bytesPerBlock }: WorkerMetadata): Buffer {
  return encodeVarints([BigInt(numDeviceBlocks), BigInt(bytesPerBlock)]);
}

/** Throws ClusterPayloadError. */
export function decodeWorkerMetadata(payload: Buffer): WorkerMetadata {
  const [numDeviceBlocks = 0n, bytesPerBlock = 0n] = decodeVarints(payload, 2);
  return {
    numDeviceBlocks: whole(numDeviceBlocks, "num_device_blocks"),
    bytesPerBlock: whole(bytesPerBlock, "bytes_per_block"),
  };
}

export function encodeLeaderMetadata({ numHostBlocks, numDiskBlocks }: LeaderMetadata): Buffer {
  return encodeVarints([BigInt(numHostBlocks), BigInt(numDiskBlocks)]);
}

/** Throws ClusterPayloadError. */
export function decodeLeaderMetadata(payload: Buffer): LeaderMetadata {
  const [numHostBlocks = 0n, numDiskBlocks = 0n] = decodeVarints(payload, 2);
  return {
    numHostBlocks: whole(numHostBlocks, "num_host_blocks"),
    numDiskBlocks: whole(numDiskBlocks, "num_disk_blocks"),
  };
}

/**
 * The plan that Dynamo's leader makes of the same answers. Throws ClusterPayloadError when no cache is wanted, or when a size
 * cannot be turned into blocks because the workers' blocks have no bytes.
 */
export function planCaches(workers: readonly WorkerMetadata[], sizes: CacheSizes): CachePlan {
  const { cpuCacheGb, cpuCacheOverrideBlocks, diskCacheGb, diskCacheOverrideBlocks } = sizes;
  if (![cpuCacheGb, cpuCacheOverrideBlocks, diskCacheGb, diskCacheOverrideBlocks].some((size) => size > 0)) {
    throw new ClusterPayloadError(
      "neither a CPU cache nor a disk cache is configured; set DYN_KVBM_CPU_CACHE_GB or DYN_KVBM_DISK_CACHE_GB",
    );
  }
  const bytesPerBlock = workers.reduce((sum, worker) => sum + worker.bytesPerBlock, 0);
  const blocks = (gb: number, override: number): number => {
    if (override > 0) return override;
    if (gb <= 0) return 0;
    if (bytesPerBlock === 0) throw new ClusterPayloadError(`a cache of ${gb} GB has no blocks: bytes_per_block is 0`);
    return Math.floor((gb * BYTES_PER_GB) / bytesPerBlock);
  };
  return {
    numDeviceBlocks: workers.reduce((least, worker) => Math.min(least, worker.numDeviceBlocks), Infinity),
    bytesPerBlock,
    numHostBlocks: blocks(cpuCacheGb, cpuCacheOverrideBlocks),
    numDiskBlocks: blocks(diskCacheGb, diskCacheOverrideBlocks),
  };
}

function whole(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ClusterPayloadError(`${field} is ${value}; at most ${Number.MAX_SAFE_INTEGER} is believed`);
  }
  return Number(value);
}
