/** What a list is asked to be about: a model, a routing group, a worker, a rank. MAIN THREAD. */
import { unsignedOf } from "../router-feed/big-json.ts";
import type { Model, ModelName } from "../router-feed/models.ts";
import { NO_OWNER } from "../router-index/rank-owners.ts";
import { RequestError } from "./request-fields.ts";

export function nameFilter(query: URLSearchParams): Partial<ModelName> {
  const model = query.get("model_name");
  const group = query.get("routing_group");
  return { ...(model === null ? {} : { model }), ...(group === null ? {} : { group }) };
}

export function idOf(query: URLSearchParams, name: string): bigint | null {
  const text = query.get(name);
  const value = text === null ? null : unsignedOf(text);
  if (text !== null && value === null) throw new RequestError(`${name} must be a whole number of 64 bits`);
  return value;
}

export function rankOf(query: URLSearchParams): number | null {
  const rank = idOf(query, "dp_rank");
  return rank === null ? null : Number(rank);
}

export function pairsOf(
  { feed: { index } }: Model,
  { worker, rank }: { readonly worker: bigint | null; readonly rank: number | null },
): number {
  if (worker === null) return index.pairs;
  const owners = rank === null ? index.owners.of(worker) : [index.owners.find(worker, rank)];
  return owners.reduce((sum, owner) => sum + (owner === NO_OWNER ? 0 : index.pairsOf(owner)), 0);
}
