/**
 * The records of `/perf_metrics`: one per finished request, each given out once. MAIN THREAD.
 *
 * Times are seconds of the engine's own steady clock, which has nothing to do with the wall clock.
 */
import { ITERATION_MS, LATENCY, OUTPUT_TOKENS, type EngineView } from "./engine-view.ts";

/** Every so many requests one is slow, so that there is something to find: it waits, and finds nothing in the cache. */
const SLOW_EVERY = 20;
const SLOW_QUEUE_SECONDS = 2;
const SLOW_PREFILL_SECONDS = 1;
/** What a decode server has besides. */
const TRANSFER = { seconds: 0.04, bytes: 52_428_800 } as const;
const DRAFTS = { drafted: 300, accepted: 120 } as const;

/** Records that wait at most, as with the engine's usual setting; older ones are lost. */
const MAX_RECORDS = 1000;
const ARRIVAL_TO_SERVER_SECONDS = 0.0011;

export class RequestRecords {
  #lastFinished = 0;
  #lastReused = 0;
  #lastStored = 0;

  /** The records since the last call, oldest first; `steadySeconds` is the engine's clock now. */
  take(view: EngineView, steadySeconds: number, ofDecodeServer: boolean = false): object[] {
    const { requestsFinished, reusedBlocks, storedBlocks } = view.counts;
    const finished = requestsFinished - this.#lastFinished;
    if (finished === 0) return [];
    const reused = Math.round((reusedBlocks - this.#lastReused) / finished);
    const stored = Math.round((storedBlocks - this.#lastStored) / finished);
    this.#lastFinished = requestsFinished;
    this.#lastReused = reusedBlocks;
    this.#lastStored = storedBlocks;

    const records: object[] = [];
    for (let id = requestsFinished - Math.min(finished, MAX_RECORDS) + 1; id <= requestsFinished; id++) {
      const age = ((requestsFinished - id) * ITERATION_MS) / 1000;
      const blocks = id % SLOW_EVERY === 0 ? { reused: 0, stored: reused + stored } : { reused, stored };
      records.push(record(id, steadySeconds - age, blocks, ofDecodeServer));
    }
    return records;
  }
}

interface Blocks {
  readonly reused: number;
  readonly stored: number;
}

function record(id: number, lastTokenTime: number, { reused, stored }: Blocks, ofDecodeServer: boolean): object {
  const isSlow = id % SLOW_EVERY === 0;
  const firstTokenTime = lastTokenTime - LATENCY.decode;
  const scheduledTime = firstTokenTime - (isSlow ? SLOW_PREFILL_SECONDS : LATENCY.prefill);
  const arrivalTime = scheduledTime - (isSlow ? SLOW_QUEUE_SECONDS : LATENCY.queue);
  return {
    request_id: id,
    perf_metrics: {
      first_iter: id,
      last_iter: id + OUTPUT_TOKENS - 1,
      timing_metrics: {
        server_arrival_time: arrivalTime - ARRIVAL_TO_SERVER_SECONDS,
        arrival_time: arrivalTime,
        first_scheduled_time: scheduledTime,
        first_token_time: firstTokenTime,
        server_first_token_time: firstTokenTime + ARRIVAL_TO_SERVER_SECONDS,
        last_token_time: lastTokenTime,
        ...(ofDecodeServer
          ? {
              kv_cache_size: TRANSFER.bytes,
              kv_cache_transfer_start: scheduledTime + 0.01,
              kv_cache_transfer_end: scheduledTime + 0.01 + TRANSFER.seconds,
            }
          : {}),
      },
      kv_cache_metrics: {
        num_total_allocated_blocks: reused + stored,
        num_new_allocated_blocks: stored,
        num_reused_blocks: reused,
        num_missed_blocks: stored,
      },
      ...(ofDecodeServer
        ? {
            speculative_decoding: {
              acceptance_rate: DRAFTS.accepted / DRAFTS.drafted,
              total_accepted_draft_tokens: DRAFTS.accepted,
              total_draft_tokens: DRAFTS.drafted,
            },
          }
        : {}),
    },
    ...(ofDecodeServer ? { ctx_request_id: id } : {}),
  };
}
