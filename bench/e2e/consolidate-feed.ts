/**
 * An engine's publisher for the bench of the consolidator, in a process of its own that does as little as it can: batches are
 * encoded once, and hashes and a token patched in before each is sent. argv: a FeedOrder as JSON.
 *
 * First it stores as many blocks as shall be live; then it stores one and removes the oldest one, again and again.
 */
import { setTimeout } from "node:timers/promises";
import { XPublisher } from "zeromq";
import { PUBLISHED_KIND, PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { WireBatch } from "../../test/support/wire.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { EVENTS_A_BATCH, type FeedOrder } from "./consolidate-order.ts";

/** In its place a token of more than two bytes can be patched. */
const MARK_TOKEN = 0x7a_bb_cc;
const MARK_HASH = 0x0bad_cafe;
const INT64 = 0xd3;
const MESSAGES_PER_TURN = 32;

/** A batch, and where the hash and the first token of each event lie. */
class Template {
  readonly bytes: Buffer;
  readonly #hashes: number[] = [];
  readonly #tokens: number[] = [];

  constructor(kind: "stored" | "removed") {
    const batch = new WireBatch();
    for (let i = 0; i < EVENTS_A_BATCH; i++) {
      const event = new PublishedEvent();
      event.begin(PUBLISHED_KIND[kind], 0);
      event.addHash(MARK_HASH, MARK_HASH);
      if (kind === "stored") {
        const tokens = Uint32Array.from({ length: TOKENS_A_BLOCK }, (_, t) => (t === 0 ? MARK_TOKEN : 1000 + t));
        event.addTokens(tokens, 0, TOKENS_A_BLOCK);
      }
      batch.add(event);
    }
    this.bytes = batch.encode("vllm", TOKENS_A_BLOCK, 0).entries[0]?.payload ?? Buffer.alloc(0);
    const hash = Buffer.alloc(9);
    hash[0] = INT64;
    hash.writeUInt32BE(MARK_HASH, 1);
    hash.writeUInt32BE(MARK_HASH, 5);
    const token = Buffer.from([0xce, 0, 0, 0, 0]);
    token.writeUInt32BE(MARK_TOKEN, 1);
    for (let at = this.bytes.indexOf(hash); at !== -1; at = this.bytes.indexOf(hash, at + 1)) this.#hashes.push(at + 1);
    for (let at = this.bytes.indexOf(token); at !== -1; at = this.bytes.indexOf(token, at + 1))
      this.#tokens.push(at + 1);
    if (this.#hashes.length !== EVENTS_A_BATCH) throw new Error("a template without its hashes");
    if (kind === "stored" && this.#tokens.length !== EVENTS_A_BATCH) throw new Error("a template without its tokens");
  }

  /** A batch of its own about blocks `first`, `first + 1`, … */
  about(first: number): Buffer {
    const bytes = Buffer.from(this.bytes);
    for (let i = 0; i < EVENTS_A_BATCH; i++) {
      const at = this.#hashes[i] ?? 0;
      // Spread over all 64 bits, as hashes are.
      bytes.writeUInt32BE(Math.imul(first + i, 0x9e37_79b1) >>> 0, at);
      bytes.writeUInt32BE((first + i) >>> 0, at + 4);
      const token = this.#tokens[i];
      if (token !== undefined) bytes.writeUInt32BE(0x10_0000 + first + i, token);
    }
    return bytes;
  }
}

const order: FeedOrder = JSON.parse(process.argv[2] ?? "");
const socket = new XPublisher({ noDrop: true, sendHighWaterMark: 256, linger: 10_000 });
process.on("disconnect", () => process.exit(0));
await socket.bind("tcp://127.0.0.1:0");
process.send?.({ endpoint: socket.lastEndpoint });
await socket.receive();
const stored = new Template("stored");
const removed = new Template("removed");
let messages = 0;

/** False: the subscriber is behind, and its queue is full. */
async function isSent(sequence: Buffer, payload: Buffer): Promise<boolean> {
  try {
    await socket.send(["", sequence, payload]);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return false;
    throw error;
  }
}

async function send(payload: Buffer): Promise<void> {
  const sequence = Buffer.alloc(8);
  sequence.writeBigUInt64BE(BigInt(messages));
  while (!(await isSent(sequence, payload))) await setTimeout(1);
  if (++messages % MESSAGES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
}

for (let block = 0; block < order.live; block += EVENTS_A_BATCH) await send(stored.about(block));
for (let i = 0; i < order.operations / 2; i += EVENTS_A_BATCH) {
  await send(stored.about(order.live + i));
  await send(removed.about(i));
}
process.send?.({ done: true });
