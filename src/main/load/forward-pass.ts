/**
 * The message of one forward pass, as the planner reads it. MAIN THREAD, pure.
 */
import { SmallWriter } from "../../shared/small-msgpack.ts";
import type { ForwardPassFigures } from "./iteration-stat.ts";

const VERSION = 1;

/** Nothing is scheduled and nothing waits. */
export const IDLE: ForwardPassFigures = {
  scheduledPrefillRequests: 0,
  scheduledPrefillTokens: 0,
  scheduledPrefillKvTokens: 0,
  scheduledDecodeRequests: 0,
  scheduledDecodeKvTokens: 0,
  queuedPrefillRequests: 0,
  queuedPrefillTokens: 0,
  queuedDecodeRequests: 0,
  queuedDecodeKvTokens: 0,
};

export interface ForwardPassMessage {
  /** A decimal u64; a text in this message, unlike in others. */
  readonly workerId: string;
  readonly rank: number;
  /** Number of the message, from 1 for each rank. */
  readonly counterId: number;
  readonly wallTimeSeconds: number;
  readonly figures: ForwardPassFigures;
}

/** The msgpack map. The engine tells no variances: those are 0. */
export function encodeForwardPass(message: ForwardPassMessage): Uint8Array {
  const { figures } = message;
  return new SmallWriter()
    .map(7)
    .str("version")
    .uint(VERSION)
    .str("worker_id")
    .str(message.workerId)
    .str("dp_rank")
    .uint(message.rank)
    .str("counter_id")
    .uint(message.counterId)
    .str("wall_time")
    .float(message.wallTimeSeconds)
    .str("scheduled_requests")
    .map(7)
    .str("num_prefill_requests")
    .uint(figures.scheduledPrefillRequests)
    .str("sum_prefill_tokens")
    .uint(figures.scheduledPrefillTokens)
    .str("var_prefill_length")
    .float(0)
    .str("sum_prefill_kv_tokens")
    .uint(figures.scheduledPrefillKvTokens)
    .str("num_decode_requests")
    .uint(figures.scheduledDecodeRequests)
    .str("sum_decode_kv_tokens")
    .uint(figures.scheduledDecodeKvTokens)
    .str("var_decode_kv_tokens")
    .float(0)
    .str("queued_requests")
    .map(6)
    .str("num_prefill_requests")
    .uint(figures.queuedPrefillRequests)
    .str("sum_prefill_tokens")
    .uint(figures.queuedPrefillTokens)
    .str("var_prefill_length")
    .float(0)
    .str("num_decode_requests")
    .uint(figures.queuedDecodeRequests)
    .str("sum_decode_kv_tokens")
    .uint(figures.queuedDecodeKvTokens)
    .str("var_decode_kv_tokens")
    .float(0)
    .finish();
}
