/** One slot, as those see it who write into it: frames for subscribers, messages for the event plane. ENCODER THREADS. */
import type { Output } from "./msgpack-writer.ts";

/** Where a slot's records are and where its frame goes. */
export interface FrameJob {
  /** Words that hold the slot's header, with the poison bits and the event at work; the first one at `slot`. */
  readonly header: Int32Array;
  readonly slot: number;
  /** Words that hold the records; the first one at `recordsWord`. */
  readonly records: Uint32Array;
  readonly recordsWord: number;
  readonly recordWords: number;
  readonly events: number;
  /** Rank of a batching dialect's one message; single events bring their own. */
  readonly rank: number;
  readonly wallSeconds: number;
  /** The same memory, from its first byte on, to write into; the frame begins at byte `frameOffset`, a multiple of four. */
  readonly out: Output;
  readonly frameOffset: number;
}
