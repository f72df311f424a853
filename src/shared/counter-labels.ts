/**
 * The closed lists of label values that worker threads count by. BOTH SIDES; constants only.
 *
 * A worker counts into the column of a list (`counter-table.ts`), the metrics page writes the values as they stand here: the
 * order of a list is the order of its cells.
 */

/** Label values of `event_type` on the sink side, in cell order. */
export const EVENT_TYPES = ["stored", "removed", "cleared"] as const;
export const SINK_DROP_REASONS = [
  "high_water_mark",
  "buffer_full",
  "retries_exhausted",
  "rejected",
  "shutdown",
] as const;
export const SINK_ERROR_REASONS = [
  "disconnected",
  "timeout",
  "no_responders",
  "no_stream",
  "auth",
  "max_payload",
  "permission",
  "other",
] as const;
/**
 * What became of a request to the replay socket, counted at its end. `gone`: the client left before its end marker. Column.
 */
export const REPLAY_OUTCOMES = [
  "complete",
  "partial",
  "too_old",
  "bad_request",
  "limited",
  "throttled",
  "resting",
  "expired",
  "gone",
  "snapshot",
] as const;
export const ENCODE_ERROR_REASONS = ["range", "too_large", "internal"] as const;
/** How a snapshot ended, in cell order; `left` stands for an asker that went away or asked no more. */
export const SNAPSHOT_OUTCOMES = ["complete", "left", "busy", "overflow", "stopping"] as const;
