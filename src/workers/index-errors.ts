/**
 * What can be wrong with the shadow index, its snapshots and its file. INDEX THREAD.
 */
import { KvcastError } from "../shared/errors.ts";

export type SnapshotRefusal = "busy" | "overflow";

/** A snapshot cannot be begun, or not be finished. */
export class SnapshotRefusedError extends KvcastError {
  /** `busy`: as many scans as allowed are open. `overflow`: too many blocks changed while this one was read. */
  readonly reason: SnapshotRefusal;

  constructor(reason: SnapshotRefusal, message: string) {
    super("KVCAST_SNAPSHOT_REFUSED", message);
    this.reason = reason;
  }
}

/**
 * `absent`: there is no file. `version`, `engine`, `wire_format`, `block_size`, `tokens`, `salts`: it is whole, but not for this index.
 * `truncated`, `checksum`, `malformed`, `counts`: it is damaged, or nobody's honest work.
 */
export type IndexFileReason =
  | "absent"
  | "version"
  | "engine"
  | "wire_format"
  | "block_size"
  | "tokens"
  | "salts"
  | "truncated"
  | "checksum"
  | "malformed"
  | "counts";

/** A saved index cannot be used. */
export class IndexFileError extends KvcastError {
  readonly reason: IndexFileReason;

  constructor(reason: IndexFileReason, message: string, cause?: unknown) {
    super("KVCAST_INDEX_FILE", message, undefined, cause);
    this.reason = reason;
  }
}
