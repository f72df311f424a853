/** The clients of the replay socket among themselves, with queues that the test fills and empties. */
import assert from "node:assert/strict";
import test from "node:test";
import { replayClientBytes, replayHeldMessages } from "../../src/shared/queue-sizes.ts";
import { END_SEQUENCE } from "../../src/shared/zmq-wire.ts";
import type { Answer, AnswerPart } from "../../src/workers/replay-answer.ts";
import type { EndedAnswer } from "../../src/workers/replay-client.ts";
import { ReplayClients, type Sent } from "../../src/workers/replay-clients.ts";

/** So large that no more than eight are in a queue, and one on its way. */
const MESSAGE_BYTES = 1 << 20;
const CLIENT_BYTES = replayClientBytes(MESSAGE_BYTES);
const [FIRST, SECOND, THIRD] = ["first", "second", "third"].map((name) => Buffer.from(name)) as [
  Buffer,
  Buffer,
  Buffer,
];

/** So many messages of so many bytes. */
class MadeUpAnswer implements Answer {
  readonly outcome = "complete";
  #left: number;
  readonly #payload: Buffer;

  constructor(messages: number, bytes: number) {
    this.#left = messages;
    this.#payload = Buffer.alloc(bytes);
  }

  next(): readonly Buffer[] {
    return this.#left === 0 ? [END_SEQUENCE] : [this.#payload];
  }

  accepted(): AnswerPart {
    return this.#left-- > 0 ? "batch" : "end";
  }

  cutShort(): void {
    this.#left = 0;
  }

  abandon(): void {}
}

class Rig {
  readonly clients: ReplayClients;
  readonly ended: EndedAnswer[] = [];
  /** What became of the messages of those who do not read. */
  readonly stuck: Map<string, Sent> = new Map();
  readonly sent: string[] = [];

  constructor(maxClients: number) {
    this.clients = new ReplayClients({
      maxClients,
      heldMessages: replayHeldMessages(MESSAGE_BYTES),
      clientBytes: CLIENT_BYTES,
      expiryMs: 1000,
      restMs: 1000,
      send: async (identity, frames) => {
        const name = identity.toString();
        const sent = this.stuck.get(name) ?? "accepted";
        if (sent === "accepted") this.sent.push(`${name} ${frames.includes(END_SEQUENCE) ? "end" : "message"}`);
        return sent;
      },
      onBatch: () => {},
      onEnd: (ended) => this.ended.push(ended),
    });
  }

  ask(identity: Buffer, nowMs: number, messages: number = 1, bytes: number = MESSAGE_BYTES): boolean {
    return this.clients.ask(identity, "v2", () => new MadeUpAnswer(messages, bytes), nowMs);
  }

  async serve(nowMs: number): Promise<void> {
    await this.clients.serve(nowMs, Infinity, 1000);
    this.clients.expire(nowMs);
  }
}

test("a client too many whose queue is full gets its end marker as soon as there is room", async () => {
  const rig = new Rig(1);
  rig.stuck.set("first", "full");
  rig.stuck.set("second", "full");
  assert.ok(rig.ask(FIRST, 0));
  assert.ok(!rig.ask(SECOND, 0));
  await rig.serve(0);
  await rig.serve(500);
  assert.deepEqual(rig.sent, []);
  rig.stuck.delete("second");
  await rig.serve(900);
  assert.deepEqual(rig.sent, ["second end"]);
});

test("an expired client keeps its place for as long as its connection is there", async () => {
  const rig = new Rig(1);
  rig.stuck.set("first", "full");
  assert.ok(rig.ask(FIRST, 0));
  await rig.serve(0);
  await rig.serve(60_000);
  assert.equal(rig.clients.serving, 0);
  assert.ok(!rig.ask(SECOND, 60_000), "its queue is full, and there is none to spare");
  rig.stuck.set("first", "gone");
  await rig.serve(61_000);
  assert.ok(rig.ask(SECOND, 61_000));
});

test("all together never hold more than their places", async () => {
  const rig = new Rig(2);
  assert.ok(rig.ask(FIRST, 0, 50));
  assert.ok(rig.ask(SECOND, 0, 50));
  assert.ok(!rig.ask(THIRD, 0));
  assert.equal(rig.clients.reservedBytes, 2 * CLIENT_BYTES);
  await rig.serve(0);
  // All that may still be in a queue are the last few: eight messages, and the end marker.
  assert.ok(rig.clients.reservedBytes < 2 * CLIENT_BYTES);
  assert.ok(rig.clients.reservedBytes > 2 * 8 * MESSAGE_BYTES);
  assert.ok(!rig.ask(THIRD, 500));
  assert.ok(rig.ask(FIRST, 500, 50), "it has a place");
  await rig.serve(500);
  await rig.serve(1000);
  assert.ok(rig.ask(THIRD, 1000), "the second has been at rest for long enough");
  await rig.serve(1000);
  await rig.serve(2000);
  assert.equal(rig.clients.reservedBytes, 0);
  assert.equal(rig.ended.length, 4);
});

test("who comes back after it expired is a client like any other", async () => {
  const rig = new Rig(1);
  rig.stuck.set("first", "full");
  rig.ask(FIRST, 0, 5);
  await rig.serve(0);
  await rig.serve(1000);
  rig.stuck.delete("first");
  await rig.serve(2000);
  assert.deepEqual(rig.sent, ["first end"]);
  assert.ok(rig.ask(FIRST, 2000, 2));
  await rig.serve(2000);
  assert.deepEqual(rig.sent.slice(1), ["first message", "first message", "first end"]);
});
