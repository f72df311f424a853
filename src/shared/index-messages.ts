/**
 * What main and the index thread tell each other: types, and the functions that check what arrives. No behaviour.
 *
 *   main → index     IndexData once, as workerData; IndexRequest as messages; OversizeMessage over its port
 *   index → main     IndexMessage
 *
 * Requests are taken between two slots, before the next one is looked at. So a request that main posts before it commits a
 * slot is there in any case when that slot's turn comes.
 */
import type { MessagePort } from "node:worker_threads";
import { LayoutError } from "./errors.ts";
import { isRecord, type OversizeMessage, requireShared } from "./messages.ts";
import type { RingShape } from "./ring-layout.ts";
import type { WireFormat } from "./wire-format.ts";

/** The identity of one run of sequence numbers: a subscriber that meets another one starts over. */
export interface Epoch {
  readonly uuid: string;
  /** Seconds since 1970 at which its first number could be given out. */
  readonly startedSeconds: number;
}

/** What is known of a rank's attention windows and layer groups; -1 stands for none. See `normalise/window-filter.ts`. */
export interface WindowState {
  readonly windowSize: number;
  readonly layerGroup: number;
  /** It comes from the traffic instead of an announcement. */
  readonly adopted: boolean;
  /** Windows are being announced. */
  readonly learning: boolean;
  /** The next one that is announced replaces what was known. */
  readonly replaceNext: boolean;
}

/** How far the events of a rank have been followed, and what the next ones need to be judged. */
export interface FollowedRank {
  /** Id of the last one. */
  readonly lastEventId: number;
  readonly window: WindowState;
}

/**
 * What an earlier run left in the state directory, besides the blocks, which stay with the index thread. It fits the engine if
 * nothing happened in between: of each rank, the first event that comes now must bear the id after the saved one. Whether
 * it does is found out rank by rank, when that event is there.
 */
export interface SavedState {
  readonly epoch: Epoch;
  /** The number after the last one that was published; counts only if `clean`. */
  readonly nextSequence: number;
  /**
   * Saved at an orderly end, when everything taken was published. Otherwise numbers may have been given out that nobody
   * wrote down, and the next run needs an epoch of its own.
   */
  readonly clean: boolean;
  /** Of each rank that had been heard of, the state behind the last event that is contained. */
  readonly ranks: ReadonlyMap<number, FollowedRank>;
}

/** How a stream is called in snapshots, and where its numbers begin. */
export interface IndexStream {
  readonly epoch: Epoch;
  /** Number of the message before the first that the thread will see. */
  readonly lastSequence: number;
}

export interface IndexData {
  readonly ring: SharedArrayBuffer;
  readonly shape: RingShape;
  readonly counters: SharedArrayBuffer;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  /** Engines stand one behind the other, each with `attentionDpSize` ranks. */
  readonly engines: number;
  /** Ranks 0 … engines × size - 1 are expected; others may turn up. */
  readonly attentionDpSize: number;
  readonly maxBlocks: number;
  readonly keepTokens: boolean;
  readonly keepSalts: boolean;
  /** Where the index is kept over restarts of the process; null for nowhere. */
  readonly stateDir: string | null;
  /** Names the engines in the state directory: a state of other ones, or in another order, is not used. */
  readonly engine: string;
  /** Null: the state directory is to be read first, then `begin` will come. Otherwise this thread follows one that died. */
  readonly stream: IndexStream | null;
  readonly oversize: OversizeMessage | null;
  readonly oversizePort: MessagePort;
}

export type IndexRequest =
  | { readonly type: "begin"; readonly stream: IndexStream }
  /** Serves snapshots on this port too; see SnapshotRequest. */
  | { readonly type: "port"; readonly port: MessagePort }
  /** Ranks whose engine may hold blocks that it did not tell us of; replaces those named before. */
  | { readonly type: "unknown"; readonly ranks: readonly number[] }
  /** Writes the index as it is when all slots before `position`, and no others, are in it. */
  | { readonly type: "save"; readonly position: number; readonly state: SavedState }
  /**
   * Takes in what is published, writes it if there is a `state`, then ends. `isUnused`: no number has been given out, so what
   * an earlier run left is as good as before.
   */
  | { readonly type: "stop"; readonly state: SavedState | null; readonly isUnused: boolean };

export type IndexMessage =
  /** The thread runs. `refusal` says why a state that was there is not used. */
  | { readonly type: "ready"; readonly saved: SavedState | null; readonly refusal: string | null }
  /** Another process, which lives, uses the state directory; the thread ends. */
  | { readonly type: "taken"; readonly pid: number }
  /** A state was written, or not; `reason` is null if it was. */
  | { readonly type: "saved"; readonly clean: boolean; readonly blocks: number; readonly reason: string | null }
  | { readonly type: "stopped" };

/** Checks the index thread's workerData. Throws LayoutError. */
export function parseIndexData(value: unknown): IndexData {
  if (!isRecord(value)) throw new LayoutError("the indexer was started without data");
  requireShared(value["ring"], "the ring of the indexer");
  requireShared(value["counters"], "the counter block of the indexer");
  return value as unknown as IndexData;
}

/** Checks what main posts to the index thread. Throws LayoutError. */
export function parseIndexRequest(value: unknown): IndexRequest {
  if (!isRecord(value) || typeof value["type"] !== "string")
    throw new LayoutError("a malformed request to the indexer");
  return value as IndexRequest;
}
