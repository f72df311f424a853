/**
 * The payload of a heartbeat: a batch without events, of rank 0. PUBLISHER THREAD; pure.
 */
const TEMPLATE: Buffer = Buffer.from("93cb00000000000000009000", "hex");
const TIMESTAMP_BYTE = 2;

/** `[timestamp, [], 0]`, the timestamp as float64, in a fresh buffer. */
export function heartbeatPayload(wallSeconds: number): Buffer {
  const payload = Buffer.from(TEMPLATE);
  payload.writeDoubleBE(wallSeconds, TIMESTAMP_BYTE);
  return payload;
}
