/**
 * How many events a message holds, from its first dozen bytes: `[timestamp, [events…], rank]` begins with an array of
 * three, a float64 and the header of the list. A subscriber that only counts can therefore do without decoding, and
 * the figure is the publisher's, not that of a decoder.
 */
const ARRAY_OF_THREE = 0x93;
const FLOAT64 = 0xcb;
/** Where the header of the list stands: behind the array's byte and nine of timestamp. */
const LIST = 10;

/** Throws for bytes that are no such message. */
export function eventsInBatch(payload: Uint8Array): number {
  if (payload[0] !== ARRAY_OF_THREE || payload[1] !== FLOAT64)
    throw new Error("not an array of three with a timestamp");
  const head = payload[LIST] ?? 0;
  if (head >= 0x90 && head <= 0x9f) return head & 0x0f;
  if (head === 0xdc && payload.length > LIST + 2) {
    return ((payload[LIST + 1] as number) << 8) | (payload[LIST + 2] as number);
  }
  if (head === 0xdd && payload.length > LIST + 4) {
    return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(LIST + 1);
  }
  throw new Error(`no list of events behind the timestamp, but byte 0x${head.toString(16)}`);
}

/** Seconds since 1970 that the batch bears. The payload must be one that `eventsInBatch` has taken. */
export function batchSeconds(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getFloat64(2);
}
