/**
 * A subscriber in one file: connects to kvcast, prints each event, and watches the sequence numbers. It uses nothing of
 * kvcast, only the two libraries that any Node program would take, so it can be copied as a start.
 *
 *   node dist/examples/subscriber.js [ENDPOINT] [--topic T] [--count N]
 *
 * ENDPOINT is tcp://127.0.0.1:20081 if left out. With --count it ends with the message that completes N events. Exit code
 * 0: no message was missed since the first; 1: some were. Token ids and salts are people's prompts and are not printed.
 */
import { parseArgs } from "node:util";
import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";

/** A 64-bit hash comes signed; as a number where its form on the wire is short. */
type Hash = bigint | number;

interface KvEvent {
  readonly type: string;
  readonly block_hashes?: readonly Hash[];
  readonly parent_block_hash?: Hash | null;
  readonly token_ids?: readonly number[];
}

/** One message: seconds since 1970, the events, the attention-DP rank. */
type Batch = readonly [timestamp: number, events: readonly (KvEvent | readonly unknown[])[], rank: number];

/** The dialect `vllm-array` names fields by place, the others by key. */
function asMap(event: KvEvent | readonly unknown[]): KvEvent {
  if (!Array.isArray(event)) return event as KvEvent;
  const [type, hashes, parent, tokens] = event;
  if (type === "BlockStored") return { type, block_hashes: hashes, parent_block_hash: parent, token_ids: tokens };
  return type === "BlockRemoved" ? { type, block_hashes: hashes } : { type };
}

/** The hash as engines show it: unsigned. */
function hex(hash: Hash): string {
  return BigInt.asUintN(64, BigInt(hash)).toString(16).padStart(16, "0");
}

function describe(event: KvEvent): string {
  const hashes = (event.block_hashes ?? []).map(hex).join(",");
  switch (event.type) {
    case "BlockStored": {
      const parent = event.parent_block_hash ?? null;
      const from = parent === null ? "the root" : hex(parent);
      return `stored   ${hashes} (${event.token_ids?.length ?? 0} tokens, after ${from})`;
    }
    case "BlockRemoved":
      return `removed  ${hashes}`;
    case "AllBlocksCleared":
      return "cleared  all blocks of the rank";
    default:
      // A later version may know more types; a reader that stops here would stop for good.
      return `unknown  ${event.type}`;
  }
}

const { values, positionals } = parseArgs({
  options: { topic: { type: "string", default: "" }, count: { type: "string" } },
  allowPositionals: true,
});
const endpoint = positionals[0] ?? "tcp://127.0.0.1:20081";
const wanted = values.count === undefined ? Infinity : Number(values.count);

const socket = new Subscriber();
socket.connect(endpoint);
socket.subscribe(values.topic);
// Closing the socket ends the loop below, which lets the program say what it has seen.
process.once("SIGINT", () => socket.close());
// Whoever reads the output may have enough of it, as `head` has after ten lines.
process.stdout.on("error", () => socket.close());

let next: bigint | null = null;
let missed = 0n;
let messages = 0;
let events = 0;
for await (const [, sequenceFrame, payload] of socket) {
  if (sequenceFrame === undefined || payload === undefined) throw new Error("a message without its three frames");
  const sequence = sequenceFrame.readBigUInt64BE();
  if (next === null && sequence > 0n) {
    process.stdout.write(`#${sequence} is the first: what was sent before it is not known here\n`);
  } else if (next !== null && sequence > next) {
    missed += sequence - next;
    process.stdout.write(`#${sequence} comes after a gap: ${sequence - next} messages are missing\n`);
  } else if (next !== null && sequence < next) {
    process.stdout.write(`#${sequence} comes after #${next - 1n}: kvcast was started anew, forget all blocks\n`);
  }
  next = sequence + 1n;
  messages++;
  const [, batch, rank] = decode(payload, { useBigInt64: true }) as Batch;
  for (const event of batch) process.stdout.write(`#${sequence} rank ${rank} ${describe(asMap(event))}\n`);
  events += batch.length;
  if (events >= wanted) break;
}
socket.close();
process.stdout.write(`${events} events in ${messages} messages, ${missed} messages missed\n`);
process.exitCode = missed > 0n ? 1 : 0;
