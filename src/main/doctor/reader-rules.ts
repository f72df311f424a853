/**
 * Which way of writing KV events hurts which reader: known from the readers' own decoders. Pure.
 *
 * A publisher that does none of this is understood by everyone. What only concerns readers of the other event form is told as a
 * remark, because a publisher has to choose one of the two.
 */
import type { Finding } from "./finding.ts";
import type { Manner } from "./wire-manners.ts";

interface Rule {
  readonly status: Extract<Finding["status"], "warn" | "fail">;
  readonly says: string;
  readonly why: string;
  readonly fix: string;
}

/** Manners that are nobody's trouble: a choice between two forms, or no fault. */
export const HARMLESS: ReadonlySet<Manner> = new Set<Manner>([
  "array_events",
  "map_events",
  "unsigned_hash",
  "empty_batch",
]);

export const RULES: Readonly<Partial<Record<Manner, Rule>>> = {
  unreadable: {
    status: "fail",
    says: "a payload is no batch of KV events",
    why: "every reader drops it, some with all that follows until they reconnect",
    fix: "check that the address is that of the KV events; load and metrics have sockets of their own",
  },
  batch_map: {
    status: "fail",
    says: "a batch is a map",
    why: "Dynamo, llm-d and AIBrix want the array [timestamp, events, rank]",
    fix: "publish batches as arrays",
  },
  batch_short: {
    status: "warn",
    says: "a batch has fewer than three entries",
    why: "llm-d and Dynamo's consolidator refuse the whole message",
    fix: "write the attention-DP rank as the third entry",
  },
  batch_long: {
    status: "warn",
    says: "a batch has more than three entries",
    why: "readers with typed batches refuse it",
    fix: "write [timestamp, events, rank] and nothing behind it",
  },
  integer_timestamp: {
    status: "warn",
    says: "a timestamp is written as an integer",
    why: "AIBrix refuses the message and reconnects; generic encoders do this whenever the second is whole",
    fix: "always encode the timestamp as float64",
  },
  nil_rank: {
    status: "warn",
    says: "the rank is nil",
    why: "AIBrix refuses the message",
    fix: "write rank 0 where there is only one",
  },
  unknown_event: {
    status: "warn",
    says: "there is an event type other than BlockStored, BlockRemoved and AllBlocksCleared",
    why: "llm-d and AIBrix lose the whole batch it stands in",
    fix: "do not publish new event types on this socket",
  },
  compact_hash: {
    status: "warn",
    says: "a block hash is written in fewer than 64 bits",
    why: "llm-d refuses small integers as hashes, and with them the batch",
    fix: "write every hash in nine bytes; kvcast does in --wire-format vllm and vllm-array",
  },
  byte_hash: {
    status: "fail",
    says: "block hashes are bytes, not integers",
    why: "AIBrix takes the first eight of them, llm-d the last eight, Dynamo none",
    fix: "let the engine publish 64-bit integers (vLLM: VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES=1)",
  },
  missing_keys: {
    status: "warn",
    says: "a BlockStored map lacks lora_id, medium or lora_name",
    why: "subscribers with vLLM's typed events refuse it",
    fix: "always write the three keys; kvcast does in --wire-format vllm",
  },
  uneven_tokens: {
    status: "warn",
    says: "the tokens of a stored event are no multiple of its block size",
    why: "AIBrix refuses it, Dynamo's consolidator drops it",
    fix: "publish whole blocks only",
  },
  no_tokens: {
    status: "warn",
    says: "a stored event has no token ids",
    why: "readers that hash the tokens themselves cannot place such blocks: Dynamo over ZMQ, its consolidators, llm-d, AIBrix, kvcast index",
    fix: "let it be if that is meant (kvcast's --redact-tokens), or send Dynamo the hashes over NATS; otherwise have the tokens published",
  },
  zero_hash: {
    status: "warn",
    says: "a block hash is 0",
    why: "llm-d takes 0 for the root of a chain",
    fix: "look at what the engine hashes; by chance it happens once in 2^64",
  },
};

/** Whom a form of events leaves out. */
export function formRemark(manners: ReadonlySet<Manner>): string {
  const map = manners.has("map_events");
  const array = manners.has("array_events");
  if (map && array) return "events are maps and arrays by turns";
  if (map) return "events are maps: vLLM 0.24 and later, Dynamo, llm-d read them; AIBrix does not";
  if (array) return "events are arrays: Dynamo, llm-d and AIBrix read them; subscribers with vLLM's typed maps do not";
  return "there was no event to see the form of";
}
