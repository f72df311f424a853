/** What clients send to the replay socket, over a real connection: each request is counted once, and each that is served ends. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Dealer } from "zeromq";
import { CounterBlock } from "../../../src/shared/counter-block.ts";
import { REPLAY_OUTCOMES } from "../../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../../src/shared/publisher-cells.ts";
import { SNAPSHOT_FRAME, sequenceFrame } from "../../../src/shared/zmq-wire.ts";
import { parseRequest, type ReplayRequest } from "../../../src/workers/replay-protocol.ts";
import { ReplayServer } from "../../../src/workers/replay-server.ts";
import { ReplayWindow } from "../../../src/workers/replay-window.ts";
import { AT_WILL, isEnd } from "../../support/replay-harness.ts";
import { FRAMES_SYNTAX } from "../syntax.ts";
import { type FuzzTarget, joinParts, partsOf, type Session } from "../target.ts";

const KEPT = 40;
/** Longer frames end the connection, which is for other tests. */
const LONGEST_FRAME = 1000;
const MOST_FRAMES = 20;
/** Requests under way, fewer than may wait for one client. */
const AT_ONCE = 12;
const IDLE_TURNS = 100;
const LIMITS = { maxClients: 50, expiryMs: 10_000, tcpTimeoutMs: 10_000, pace: AT_WILL };
const NONE = Buffer.alloc(0);

function seeds(): Buffer[] {
  const starts = [0, 1, KEPT - 1, KEPT, 7, 2 ** 53 - 1].map((start) => [NONE, sequenceFrame(start)]);
  return [...starts, [NONE, SNAPSHOT_FRAME, NONE], [sequenceFrame(0)], [NONE, NONE, NONE]].map((frames) =>
    joinParts(frames),
  );
}

export const REPLAY: FuzzTarget = {
  name: "replay",
  about: "requests to the replay socket, over a real connection",
  syntax: FRAMES_SYNTAX,
  seeds,
  open,
};

async function open(): Promise<Session> {
  const maxBytes = 1 << 16;
  const window = ReplayWindow.allocate(maxBytes, KEPT);
  for (let sequence = 0; sequence < KEPT; sequence++) window.append(sequence, Buffer.alloc(8, sequence));
  const counters = CounterBlock.allocate(PUBLISHER_CELLS.size);
  const server = await ReplayServer.bind({
    data: {
      endpoint: "tcp://127.0.0.1:*",
      framing: "v2",
      evicted: "suffix",
      window: window.buffer,
      maxBytes,
      maxBatches: KEPT,
    },
    window,
    topic: "kv",
    counters,
    snapshotPort: null,
    messageBytes: 64 * 1024,
    limits: LIMITS,
  });
  const client = new Dealer({ linger: 0 });
  client.connect(server.endpoint);
  const outcome = (i: number): number => counters.read(PUBLISHER_CELLS.replayRequests + i);
  const requests = (): number => REPLAY_OUTCOMES.reduce((all, _, i) => all + outcome(i), 0);
  const malformed = (): number => outcome(REPLAY_OUTCOMES.indexOf("bad_request"));
  let idleTurns = 0;
  /** One poll, as the publisher's loop does it; while nothing comes it sleeps, so that waiting costs no CPU. */
  const turn = async (): Promise<void> => {
    const before = requests();
    await server.poll(performance.now());
    idleTurns = requests() === before ? idleTurns + 1 : 0;
    await (idleTurns > IDLE_TURNS ? sleep(1) : new Promise((resolve) => setImmediate(resolve)));
  };

  /** Sent, and not yet looked at. */
  let sent: ReplayRequest[] = [];
  /** The messages of those, and, where there are none, of the last that were. */
  let batch: Buffer[][] = [];

  /** Reads until the end marker comes; returns how many messages came before it. */
  const readAnswer = async (): Promise<number> => {
    for (let messages = 0; ; messages++) {
      const state: { message: Buffer[] | null } = { message: null };
      const received = client.receive().then((message) => (state.message = message));
      while (state.message === null) await turn();
      await received;
      if (isEnd(state.message)) return messages;
    }
  };

  /** Takes the answers to all that was sent, in order, and compares the books. */
  const settle = async (): Promise<void> => {
    const asked = sent;
    sent = [];
    for (const request of asked) {
      if (request.type === "malformed") continue;
      const messages = await readAnswer();
      if (request.type === "replay")
        assert.ok(messages <= Math.max(0, KEPT - request.start), "no more than was asked for");
    }
    while (requests() < counted + asked.length) await turn();
    await turn();
    counted += asked.length;
    bad += asked.filter(({ type }) => type === "malformed").length;
    assert.equal(requests(), counted, "each request is counted once");
    assert.equal(malformed(), bad);
    assert.ok(counters.read(PUBLISHER_CELLS.replaySessions) <= 1);
  };
  let counted = 0;
  let bad = 0;

  const run = async (input: Uint8Array): Promise<void> => {
    const frames = partsOf(input)
      .slice(0, MOST_FRAMES)
      .map((frame) => frame.subarray(0, LONGEST_FRAME));
    await send(frames);
    if (sent.length >= AT_ONCE) await settle();
  };

  const send = async (frames: Buffer[]): Promise<void> => {
    if (sent.length === 0) batch = [];
    batch.push(frames);
    await client.send(frames);
    sent.push(parseRequest(frames));
  };

  /** What takes long is a dozen of them, when they are answered. */
  const again = async (): Promise<void> => {
    await settle();
    for (const frames of batch) await send(frames);
    await settle();
  };

  return {
    run,
    again,
    check: async () => {
      await settle();
      assert.equal(counters.read(PUBLISHER_CELLS.replayBatches), KEPT);
    },
    close: () => {
      client.close();
      server.close(0);
    },
  };
}
