/**
 * The second rival in Node: the first one with batches, cut as the service cuts its own by default: what a slot holds, by
 * the same bound of bytes and of events, while there is more; and what there is when there is no more at the moment.
 */
import { Encoder } from "@msgpack/msgpack";
import { PIPELINE_OPTIONS } from "../../src/main/config/pipeline-options.ts";
import { BATCH_ENVELOPE_BYTES } from "../../src/main/pipeline/batch.ts";
import { MAX_BATCH_EVENTS } from "../../src/main/pipeline/batcher.ts";
import { frameBoundBytes } from "../../src/shared/record.ts";
import { type StoredObject, storedObject } from "../support/made-up-events.ts";
import { publishAll, readOrder, RivalSocket } from "./rival.ts";

const { slotBytes } = PIPELINE_OPTIONS;
const maxBytes = slotBytes.type.parse(slotBytes.default, { label: "the default", option: slotBytes.name });

const order = readOrder();
const socket = await RivalSocket.open();
const encoder = new Encoder({ useBigInt64: true });
/** All made-up events of one order are of one rank. */
let rank = 0;
let batch: StoredObject[] = [];
let bytes = BATCH_ENVELOPE_BYTES;
/** When the first event of the batch came. */
let batchSeconds = 0;

function flush(): Promise<void> | undefined {
  if (batch.length === 0) return undefined;
  const sent = socket.send(encoder.encode([batchSeconds, batch, rank]), batch.length);
  batch = [];
  bytes = BATCH_ENVELOPE_BYTES;
  return sent;
}

await publishAll(
  order,
  (raw, seconds) => {
    const eventBytes = frameBoundBytes(raw.blockCount, raw.tokenCount, 0, 0, 0);
    const full = batch.length === MAX_BATCH_EVENTS || bytes + eventBytes > maxBytes;
    const sent = full ? flush() : undefined;
    if (batch.length === 0) batchSeconds = seconds;
    rank = raw.rank;
    batch.push(storedObject(raw));
    bytes += eventBytes;
    return sent;
  },
  flush,
);
