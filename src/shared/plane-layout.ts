/**
 * How messages for Dynamo's event plane lie in a slot, behind the ZMQ frame in the same frame area. No behaviour beyond
 * arithmetic. Encoders write them, the publisher fills in what only it knows.
 *
 *   list of entries, each
 *     word  0  payload bytes            1  attention-DP rank       2  RouterEvents in it
 *           3  stored events            4  removed events          5  cleared events   (engine events, for the books)
 *           6  offset of publisher_id   7  offset of sequence      8  offset of published_at
 *           9  blocks               10  offset of each RouterEvent's event_id, one word each
 *           …  payload, padded to a word
 *
 * Offsets are bytes from the payload's start to the eight value bytes of a msgpack uint64 (behind its 0xcf).
 */
export const PLANE_ENTRY = {
  bytes: 0,
  rank: 1,
  routerEvents: 2,
  stored: 3,
  removed: 4,
  cleared: 5,
  publisherIdAt: 6,
  sequenceAt: 7,
  publishedAtAt: 8,
  blocks: 9,
  eventIdsAt: 10,
} as const;

/** Bytes of an entry in front of its payload. */
export function planeHeaderBytes(routerEvents: number): number {
  return 4 * (PLANE_ENTRY.eventIdsAt + routerEvents);
}

/** Most RouterEvents, and most blocks, of one message; a single event with more blocks goes alone. */
export const PLANE_MAX_EVENTS = 128;
export const PLANE_MAX_BLOCKS = 8192;
/** A RouterEvent is not grown further by merging once it has so many blocks. */
export const PLANE_MERGE_BLOCKS = 128;

export const KV_EVENTS_TOPIC = "kv-events";
