/**
 * The records of `/perf_metrics`: one per finished request, each given out once. MAIN THREAD.
 *
 * Times are seconds of the engine's own steady clock, which has nothing to do with the wall clock.
 */
import { ITERATION_MS, LATENCY, OUTPUT_TOKENS, type EngineView } from "./engine-view.ts";

/** Records that wait at most, as with the engine's usual setting; older ones are lost. */
const MAX_RECORDS = 1000;
const ARRIVAL_TO_SERVER_SECONDS = 0.0011;

export class RequestRecords {
  #lastFinished = 0;
  #lastReused = 0;
  #lastStored = 0;

  /** The records since the last call, oldest first; `steadySeconds` is the engine's clock now. */
  take(view: EngineView, steadySeconds: number): object[] {
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
      records.push(record(id, steadySeconds - age, reused, stored));
    }
    return records;
  }
}

function record(id: number, lastTokenTime: number, reused: number, stored: number): object {
  const firstTokenTime = lastTokenTime - LATENCY.decode;
  const scheduledTime = firstTokenTime - LATENCY.prefill;
  const arrivalTime = scheduledTime - LATENCY.queue;
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
      },
      kv_cache_metrics: {
        num_total_allocated_blocks: reused + stored,
        num_new_allocated_blocks: stored,
        num_reused_blocks: reused,
        num_missed_blocks: stored,
      },
    },
  };
}
