/**
 * Options of the pipeline inside: encoder threads and the ring between the threads. MAIN THREAD, at start only.
 */
import type { Defaulted } from "./option-spec.ts";
import { bytes, integer, KIB, MIB } from "./value-types.ts";

/** Slots start on a boundary of two cache lines, so that neighbours do not slow each other down. */
const SLOT_ALIGNMENT_BYTES = 128;

export const PIPELINE_OPTIONS: {
  readonly encoders: Defaulted<number>;
  readonly ringSlots: Defaulted<number>;
  readonly slotBytes: Defaulted<number>;
} = {
  encoders: {
    name: "encoders",
    type: integer({ min: 1, max: 16, unit: "threads" }),
    env: [{ name: "KVCAST_ENCODERS" }],
    default: "1", // one keeps up with a main thread that parses at full speed
    group: "Pipeline",
    help: "Threads that encode messages.",
  },
  ringSlots: {
    name: "ring-slots",
    type: integer({ min: 2, max: 4096, unit: "slots" }),
    env: [{ name: "KVCAST_RING_SLOTS" }],
    default: "16",
    group: "Pipeline",
    help: "Batches between the reader and the publisher; when all are in use, reading waits. Rounded up to a power of two.",
  },
  slotBytes: {
    name: "slot-bytes",
    type: bytes(4 * KIB, 16 * MIB, SLOT_ALIGNMENT_BYTES),
    env: [{ name: "KVCAST_SLOT_BYTES" }],
    default: "96KiB", // batches of 64 to 90 KB gave the best rate; larger ones fall out of the cache
    group: "Pipeline",
    help: `Memory of one slot, rounded up to a multiple of ${SLOT_ALIGNMENT_BYTES}. One event larger than a slot still goes through, by a slower path.`,
  },
};
