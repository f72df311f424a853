/** The load that a worker tells of over the event plane. MAIN THREAD; pure. */
import { MsgpackCursor } from "../wire/msgpack-cursor.ts";

export interface PlaneLoad {
  readonly worker: bigint;
  readonly rank: number;
  readonly activeBlocks: number;
}

/** Of an ActiveLoad: the blocks of requests that decode, or if the worker does not say those in use. null: it is none. */
export function readLoad(payload: Uint8Array): PlaneLoad | null {
  const cursor = new MsgpackCursor();
  cursor.open(payload);
  const keys = cursor.takeMap();
  const numbers: Record<string, bigint> = {};
  for (let i = 0; i < keys; i++) {
    const length = cursor.takeText();
    if (length < 0) return null;
    const key = Buffer.from(payload.buffer, payload.byteOffset + cursor.textAt, length).toString("latin1");
    if (cursor.takeInt()) {
      if (!cursor.isNegative) numbers[key] = (BigInt(cursor.hi >>> 0) << 32n) | BigInt(cursor.lo >>> 0);
    } else if (!cursor.skip()) return null;
  }
  if (cursor.broken) return null;
  const { worker_id: worker, dp_rank: rank = 0n } = numbers;
  const active = numbers["active_decode_blocks"] ?? numbers["kv_used_blocks"];
  if (worker === undefined || active === undefined || rank > 0xffffn) return null;
  return { worker, rank: Number(rank), activeBlocks: Number(active) };
}
