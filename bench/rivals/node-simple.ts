/**
 * The rival: what a Node program for the same job looks like when it is written straight down. One thread, an event is
 * an object with BigInt hashes, `@msgpack/msgpack` encodes it, zeromq sends it, one event a message. It has the same
 * made-up events to publish, keeps the same order and numbers, and holds the first event until a subscriber is there.
 *
 * Nothing is done badly on purpose: the encoder is reused, the event loop gets its turns, no queue limit makes it lose
 * anything. Run as a child process; argv: `blocks events`. It tells its endpoint, then answers each message with its usage.
 */
import { Encoder } from "@msgpack/msgpack";
import { XPublisher } from "zeromq";
import { RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { floodTraffic, storedObject, TOKENS_A_BLOCK } from "../support/made-up-events.ts";

export interface RivalUsage {
  readonly sentEvents: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  /** Of the last send, milliseconds since 1970. */
  readonly lastSentMs: number;
}

/** Sent payloads are released in turns of the event loop; this many messages apart cost nothing to speak of. */
const MESSAGES_PER_TURN = 64;

const blocks = Number(process.argv[2]);
const events = Number(process.argv[3]);

const socket = new XPublisher({ sendHighWaterMark: 0, linger: 10_000 });
await socket.bind("tcp://127.0.0.1:0");
let sentEvents = 0;
let lastSentMs = 0;
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  const usage: RivalUsage = {
    sentEvents,
    cpuSeconds: (user + system) / 1e6,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    lastSentMs,
  };
  process.send?.(usage);
});
process.on("disconnect", () => process.exit(0));
process.send?.({ endpoint: socket.lastEndpoint });
await socket.receive();

const traffic = new Traffic(floodTraffic(blocks, events));
const raw = new RawEvent();
const encoder = new Encoder({ useBigInt64: true });
let lastId = -1;
while (traffic.next(raw)) {
  if (raw.eventId !== lastId + 1) throw new Error("an event is missing");
  lastId = raw.eventId;
  // What remains of the rules for such events: only whole blocks of stored events go out.
  if (raw.kind !== RAW_KIND.stored || raw.tokenCount !== raw.blockCount * TOKENS_A_BLOCK) continue;
  const payload = encoder.encode([Date.now() / 1000 + 1e-6, [storedObject(raw)], raw.rank]);
  const sequence = Buffer.allocUnsafe(8);
  sequence.writeBigUInt64BE(BigInt(sentEvents));
  await socket.send(["", sequence, payload]);
  lastSentMs = performance.timeOrigin + performance.now();
  if (++sentEvents % MESSAGES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
}
