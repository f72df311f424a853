/** How answers are written: JSON, whose whole numbers of 64 bits stay numbers. MAIN THREAD. */
import type { Response } from "../http/response.ts";
import { bigJson, type Json } from "../router-feed/big-json.ts";
import type { WorkerStatus } from "../router-feed/workers.ts";
import { RequestError } from "./request-fields.ts";
import type { Weighed } from "./route-choice.ts";

export const JSON_TYPE = "application/json";

export function json(status: number, value: Json): Response {
  return { status, contentType: JSON_TYPE, body: `${bigJson(value)}\n` };
}

export async function guarded(work: () => Response | Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return json(error.status, { error: error.message });
  }
}

export function termsOf({ worker, rank, isOverLimit, ...candidate }: Weighed): Json {
  return {
    worker_id: worker,
    dp_rank: rank,
    overlap_blocks: candidate.overlapBlocks,
    active_blocks: candidate.activeBlocks,
    active_requests: candidate.activeRequests,
    cost: candidate.cost,
    probability: candidate.probability,
    over_limit: isOverLimit,
  };
}

export function statusOf({ registration, state, ranks }: WorkerStatus): Json {
  const { worker, rank, model, group, source, blockSizeTokens } = registration;
  return {
    instance_id: worker,
    dp_rank: rank,
    model_name: model,
    routing_group: group,
    block_size: blockSizeTokens,
    endpoint: source.endpoint,
    replay_endpoint: source.replayEndpoint,
    status: state,
    dp_ranks: ranks,
  };
}
