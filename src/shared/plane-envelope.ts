/**
 * The envelope of a message of Dynamo's event plane, for messages that are not written into a slot: the load. Any
 * thread.
 */
import { randomInt } from "node:crypto";
import { SmallWriter } from "./small-msgpack.ts";

/** How much of its cache each rank uses: what routers choose workers by. */
export const KV_METRICS_TOPIC = "kv_metrics";
/** What each forward pass worked on: what the planner scales by. */
export const FORWARD_PASS_TOPIC = "forward-pass-metrics";

/** `randomInt` goes no further; routers take any number up to 2^53 - 1. */
const MAX_PUBLISHER_ID: number = 2 ** 48 - 1;

/** A number that tells this publisher of messages from all others: drawn anew for each, at least 1. */
export function newPublisherId(): number {
  return randomInt(1, MAX_PUBLISHER_ID);
}

/**
 * Puts a msgpack body into its envelope.
 *
 * @param publisherId at most 2^53 - 1
 * @param sequence number of the message, from 0 for each publisher
 * @param publishedAtMs milliseconds since 1970; a fraction is cut off
 * @throws RangeError when a number is negative
 */
export function encodeEnvelope(
  publisherId: number,
  sequence: number,
  publishedAtMs: number,
  topic: string,
  payload: Uint8Array,
): Uint8Array {
  return new SmallWriter()
    .map(5)
    .str("publisher_id")
    .uint(publisherId)
    .str("sequence")
    .uint(sequence)
    .str("published_at")
    .uint(Math.trunc(publishedAtMs))
    .str("topic")
    .str(topic)
    .str("payload")
    .bin(payload)
    .finish();
}
