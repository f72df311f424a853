/**
 * What a stream consists of, for those who read it: batches, and all that happens to their sequence. MAIN THREAD, or any
 * program that uses the library.
 */
import type { EventFault, KvBatch, MessageFault } from "./kv-event.ts";

/** How a batch came: as it was published, as a replay of one that was missed, or as a part of a snapshot. */
export type BatchSource = "live" | "replay" | "snapshot";

export interface BatchItem {
  readonly kind: "batch";
  readonly source: BatchSource;
  /** null in a snapshot, whose batches have no numbers of their own. */
  readonly sequence: number | null;
  readonly batch: KvBatch;
  /** Size of the payload. */
  readonly bytes: number;
  /** The payload itself, for readers with a decoder of their own; only of batches that came as parts of a snapshot. */
  readonly payload?: Uint8Array;
}

/** Why missing messages could not be had. */
export type LossReason =
  /** No replay address was given. */
  | "no-replay"
  /** The publisher does not keep them any more. */
  | "evicted"
  /** The replay did not come, or stopped coming, in time. */
  | "timeout"
  /** A replay failed a moment ago; it is not tried for each gap, so that live messages keep flowing. */
  | "cooling-down"
  /** The answer has other frames than `replayFraming` says. */
  | "framing";

/**
 * Messages `from` to `to` were missed. Healed: the replay had them, and they came as batches before this item. Not healed:
 * they are lost, and what is known of the blocks may be wrong.
 */
export interface GapItem {
  readonly kind: "gap";
  readonly from: number;
  readonly to: number;
  readonly healed: boolean;
  /** Only when lost. */
  readonly reason: LossReason | null;
}

/** The publisher began anew: forget all blocks. */
export interface RestartItem {
  readonly kind: "restart";
  /** Number of the first message that was seen of the new run. */
  readonly sequence: number;
  /** Number that would have come next. */
  readonly expected: number;
}

/** Forget all blocks: what follows, until the end of the snapshot, is all there is. */
export interface SnapshotStartItem {
  readonly kind: "snapshot-start";
  readonly header: SnapshotHeader;
}

/** The snapshot is complete; live batches go on with the number after `sequence`. */
export interface SnapshotEndItem {
  readonly kind: "snapshot-end";
  readonly sequence: number;
  /** Blocks that came. */
  readonly blocks: number;
}

/** Why there is no snapshot: what the publisher says of itself, or that it said nothing (`timeout`) or nonsense (`malformed`). */
export type SnapshotFailure = "off" | "busy" | "overflow" | "stopping" | "expired" | "timeout" | "malformed";

/** The snapshot could not be had; the stream goes on without. It is asked for again later, unless it is `off`. */
export interface SnapshotFailedItem {
  readonly kind: "snapshot-failed";
  readonly reason: SnapshotFailure;
}

/** A message that was of no use. Its number, when it had one, was used up. */
export interface MalformedItem {
  readonly kind: "malformed";
  readonly reason: MessageFault;
  readonly sequence: number | null;
}

export type StreamItem =
  | BatchItem
  | GapItem
  | RestartItem
  | SnapshotStartItem
  | SnapshotEndItem
  | SnapshotFailedItem
  | MalformedItem;

/** First message of a snapshot. */
export interface SnapshotHeader {
  /** UUID of the publisher's run. */
  readonly epoch: string;
  /** Start of that run, in seconds since 1970. */
  readonly started: number;
  /** Last message that the snapshot contains; −1 when there was none yet. */
  readonly sequence: number;
  readonly blocks: number;
  /** False when the publisher knows that there are blocks which it does not know. */
  readonly complete: boolean;
  /** False when blocks come without their tokens. */
  readonly tokens: boolean;
}

/** Running totals of one client. */
export interface StreamCounters {
  messages: number;
  /** Of payloads, as they came. */
  bytes: number;
  events: number;
  /** Number of the newest message; −1 before the first. */
  lastSequence: number;
  gaps: number;
  /** Messages that were missed and came by replay. */
  healed: number;
  /** Messages that were missed for good. */
  lost: number;
  restarts: number;
  /** Messages that came a second time, and were dropped. */
  duplicates: number;
  /** Live messages that the snapshot already contained. */
  covered: number;
  snapshots: number;
  malformed: Record<MessageFault, number>;
  malformedEvents: Record<EventFault, number>;
}
