/**
 * Upper bounds of the histograms that worker threads fill, lowest first, without +Inf. BOTH SIDES; constants only.
 *
 * A worker chooses the bucket by them, the metrics page declares the family with them; units stand at each.
 */

/** Bucket bounds in seconds, 5 µs to 100 ms. */
export const ENCODE_DURATION_BUCKETS: readonly number[] = [
  5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1,
];
/** Bucket bounds in events. */
export const BATCH_EVENT_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/** Bucket bounds in seconds, 50 µs to 10 s: hand-over to a sink, and the whole way through the pipeline. */
export const PUBLISH_DURATION_BUCKETS: readonly number[] = [
  5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** Bucket bounds in seconds, 1 ms to 30 s: a whole snapshot. */
export const SNAPSHOT_DURATION_BUCKETS: readonly number[] = [
  1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
/** Bucket bounds in seconds, 1 ms to 1 min: from a request for replay to its end marker. */
export const REPLAY_DURATION_BUCKETS: readonly number[] = [
  1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
