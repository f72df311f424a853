/** A worker that puts messages into a replay window for as long as it lives: payloads that tell their number and length. */
import { isMainThread, workerData } from "node:worker_threads";
import { ReplayWindow } from "../../src/workers/replay-window.ts";

export interface AppendingWorkerData {
  readonly buffer: SharedArrayBuffer;
  readonly maxBytes: number;
  readonly maxBatches: number;
}

/** Some are larger than the window. */
export function appendedPayload(sequence: number, maxBytes: number): Buffer {
  const length = 8 + ((sequence * 7919) % (sequence % 50 === 49 ? 2 * maxBytes : maxBytes / 4));
  const payload = Buffer.alloc(length, sequence & 0xff);
  payload.writeDoubleLE(sequence);
  return payload;
}

if (!isMainThread) {
  const { buffer, maxBytes, maxBatches } = workerData as AppendingWorkerData;
  const window = new ReplayWindow(buffer, maxBytes, maxBatches);
  for (let sequence = window.next; ; sequence++) window.append(sequence, appendedPayload(sequence, maxBytes));
}
