/**
 * A subscriber that knows all blocks that are live, in one file: it takes a snapshot and goes on from there. It uses nothing of
 * kvcast, only the two libraries that any Node program would take, so it can be copied as a start.
 *
 *   kvcast serve … --replay-endpoint tcp://127.0.0.1:20082 --snapshot
 *   node dist/examples/sync-subscriber.js [ENDPOINT] [REPLAY_ENDPOINT] [--count N]
 *
 * The order is what makes it right: subscribe first; then ask for the snapshot; drop each message that the snapshot contains
 * already, by its number; go on with the next. A number that is missing afterwards is a reason to take another snapshot, as is
 * one that goes back, and a new connection; `kvcast tail --sync` asks for a replay first. Prints the live blocks of each
 * rank, once per second and at the end, which comes after N messages with --count. Exit code 1: there was no snapshot.
 */
import { parseArgs } from "node:util";
import { decode } from "@msgpack/msgpack";
import { Dealer, Subscriber } from "zeromq";

type Hash = bigint | number;
type KvEvent = { readonly type: string; readonly block_hashes?: readonly Hash[] };
type Batch = readonly [timestamp: number, events: readonly (KvEvent | readonly unknown[])[], rank: number];

const END = Buffer.alloc(8, 0xff);
const SILENCE_MS = 5000;

/** Rank → hashes of its live blocks, unsigned. */
const live = new Map<number, Set<bigint>>();

function apply(batch: Batch): void {
  const [, events, rank] = batch;
  const blocks = live.get(rank) ?? new Set();
  live.set(rank, blocks);
  for (const event of events) {
    // The dialect `vllm-array` names fields by place, the others by key.
    const [type, hashes] = Array.isArray(event)
      ? [event[0], event[1]]
      : [(event as KvEvent).type, (event as KvEvent).block_hashes];
    if (type === "AllBlocksCleared") blocks.clear();
    for (const hash of (hashes ?? []) as Hash[]) {
      const unsigned = BigInt.asUintN(64, BigInt(hash));
      if (type === "BlockStored") blocks.add(unsigned);
      else if (type === "BlockRemoved") blocks.delete(unsigned);
    }
  }
}

/** Fills `live` from a snapshot. Returns the number of the last message that is in it, −1 for none. */
async function takeSnapshot(endpoint: string): Promise<number> {
  // A socket for each snapshot: nothing of a former answer can be left in it.
  const socket = new Dealer({ linger: 0, receiveTimeout: SILENCE_MS });
  try {
    socket.connect(endpoint);
    await socket.send(["", "snapshot", ""]);
    const [, , , headerFrame] = await socket.receive();
    if (headerFrame === undefined) throw new Error("the answer has no header");
    const header = decode(headerFrame) as { readonly error?: string; readonly sequence: number };
    if (header.error !== undefined) throw new Error(`there is no snapshot: ${header.error}`);
    live.clear();
    for (;;) {
      const [, , number, payload] = await socket.receive();
      if (number?.equals(END)) return header.sequence;
      if (payload === undefined) throw new Error("the answer is not a snapshot");
      apply(decode(payload, { useBigInt64: true }) as Batch);
    }
  } finally {
    socket.close();
  }
}

function report(): void {
  const ranks = [...live].map(([rank, blocks]) => `rank ${rank}: ${blocks.size}`);
  process.stdout.write(`#${next - 1} live blocks ${ranks.join(", ")}\n`);
}

const { values, positionals } = parseArgs({ options: { count: { type: "string" } }, allowPositionals: true });
const [endpoint = "tcp://127.0.0.1:20081", replayEndpoint = "tcp://127.0.0.1:20082"] = positionals;
const wanted = values.count === undefined ? Infinity : Number(values.count);

// Messages wait in the socket's queue while the snapshot comes: it must hold what is published meanwhile.
const socket = new Subscriber({ receiveHighWaterMark: 100_000, linger: 0 });
/** Whether the snapshot is one of this connection, and nothing was missed since. */
let synchronised = false;
const connected = new Promise<void>((resolve) => {
  socket.events.on("handshake", () => {
    synchronised = false; // a new connection may lead to a new run of the publisher
    resolve();
  });
});
socket.connect(endpoint);
socket.subscribe();
process.once("SIGINT", () => socket.close());
// Whoever reads the output may have enough of it, as `head` has after ten lines.
process.stdout.on("error", () => socket.close());
let next = 0;
let previous = -1;
let messages = 0;
async function synchronise(): Promise<void> {
  synchronised = true;
  next = (await takeSnapshot(replayEndpoint)) + 1;
}

try {
  await connected;
  await synchronise();
  setInterval(report, 1000).unref();
  for await (const [, number, payload] of socket) {
    if (number === undefined || payload === undefined) throw new Error("a message without its three frames");
    const sequence = Number(number.readBigUInt64BE());
    // Something is missing, or the numbers go back: what is known may be wrong, and a new snapshot is not.
    if (!synchronised || sequence > next || sequence <= previous) await synchronise();
    // A lower number is in the snapshot already.
    if (sequence === next) {
      apply(decode(payload, { useBigInt64: true }) as Batch);
      next++;
    }
    previous = sequence;
    if (++messages >= wanted) break;
  }
  report();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
socket.close();
