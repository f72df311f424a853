/**
 * A subscriber in a process of its own that repairs by replay what it missed, on the protocol alone: it shares no code with
 * the service. argv: endpoint, replay endpoint. It sends `{ready}` when it has connected. Told `{untilNumber}` it
 * answers `{report}` once the event whose first hash is that number, and all before it, have arrived.
 */
import { decode } from "@msgpack/msgpack";
import { Dealer, Subscriber } from "zeromq";

export interface HealingReport {
  /** First hash of each event, in the order of sequence numbers. */
  readonly numbers: readonly number[];
  /** Messages that came live under a number that was there already, all of them with the same bytes. */
  readonly repeats: number;
  /** Messages that only a replay brought. */
  readonly healed: number;
  /** Numbers under which two different messages came. */
  readonly contradictions: readonly number[];
}

const [endpoint = "", replayEndpoint = ""] = process.argv.slice(2);
const QUIET_MS = 300;
const REPLAY_QUIET_MS = 1000;
const live = new Subscriber({ receiveHighWaterMark: 0, linger: 0, receiveTimeout: QUIET_MS, reconnectInterval: 20 });
live.connect(endpoint);
live.subscribe("");
const payloads = new Map<number, Buffer>();
const contradictions: number[] = [];
let repeats = 0;
let healed = 0;
let untilNumber = Infinity;

process.on("message", (order: { untilNumber: number }) => (untilNumber = order.untilNumber));
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: true });

/** True: it is new. */
function take(sequence: number, payload: Buffer): boolean {
  const known = payloads.get(sequence);
  if (known !== undefined && !known.equals(payload)) contradictions.push(sequence);
  payloads.set(sequence, payload);
  return known === undefined;
}

/** Everything that the service still has, up to its end marker; gives up where nothing comes. */
async function replay(): Promise<void> {
  const dealer = new Dealer({ linger: 0, receiveTimeout: REPLAY_QUIET_MS, reconnectInterval: 20 });
  dealer.connect(replayEndpoint);
  await dealer.send(["", Buffer.alloc(8)]);
  for (;;) {
    // A service that is between two publishers does not answer; one asks again then.
    const frames = await dealer.receive().catch(() => null);
    if (frames === null) break;
    const [, , number, payload] = frames;
    if (number === undefined || payload === undefined) throw new Error("a replay frame is missing");
    const sequence = number.readBigUInt64BE();
    if (sequence === 0xffff_ffff_ffff_ffffn) break;
    if (take(Number(sequence), payload)) healed++;
  }
  dealer.close();
}

function numbers(): number[] {
  const inOrder = [...payloads].toSorted(([a], [b]) => a - b);
  return inOrder.flatMap(([, payload]) => {
    const [, events] = decode(payload, { useBigInt64: true }) as [number, { block_hashes?: bigint[] }[]];
    return events.map((event) => Number(event.block_hashes?.[0] ?? 0));
  });
}

for (;;) {
  try {
    const [, number, payload] = await live.receive();
    if (number === undefined || payload === undefined) throw new Error("a message without three frames");
    if (!take(Number(number.readBigUInt64BE()), payload)) repeats++;
  } catch (error) {
    if ((error as { code?: string }).code !== "EAGAIN") throw error;
    // Quiet: whatever is missing by now was lost on the way.
    await replay();
    const all = numbers();
    if (all.at(-1) !== untilNumber) continue;
    const report: HealingReport = { numbers: all, repeats, healed, contradictions };
    process.send?.({ report });
    untilNumber = Infinity;
  }
}
