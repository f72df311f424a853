/**
 * What the event plane costs: an encoder thread that writes its messages too, beside one that does not; the hash of a block's
 * tokens alone; and the publisher's gate, per block, on a stream that stores as much as it removes.
 */
import { type EventSize, measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import { MAX_BATCH_EVENTS } from "../../src/main/pipeline/batcher.ts";
import { PUBLISHED_KIND, PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { RECORD_WORD } from "../../src/shared/record.ts";
import { SLOT_HEADER_BYTES } from "../../src/shared/ring-layout.ts";
import { eventWriter } from "../../src/workers/event-writer.ts";
import { FrameEncoder } from "../../src/workers/frame-encoder.ts";
import { PlaneEncoder } from "../../src/workers/plane-encoder.ts";
import { PlaneGate } from "../../src/workers/plane-gate.ts";
import type { SlotRecords } from "../../src/workers/plane-plan.ts";
import { TokenHasher } from "../../src/workers/token-hash.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { slotOf } from "./encoder.bench.ts";
import type { MicroCase } from "./micro-case.ts";

const WORKER_ID = 42n;
/** Live blocks while the gate is measured: of a busy engine with eight ranks. */
const LIVE_BLOCKS = 200_000;
/** Events of the gate's slots: of a token a block, so that it is the gate which fills the caches and not what it does not read. */
const GATE_BLOCKS = 8;
const GATE_TOKENS_A_BLOCK = 1;

function encoderCase(blocks: number): MicroCase {
  return {
    name: `plane/encoder-${blocks}x32`,
    unit: "events",
    rival: `encoder/vllm-${blocks}x32`,
    prepare() {
      const job = slotOf(blocks);
      const plane = new PlaneEncoder(WORKER_ID, TOKENS_A_BLOCK);
      const encoder = new FrameEncoder("vllm", TOKENS_A_BLOCK, eventWriter("vllm", TOKENS_A_BLOCK), plane);
      if (encoder.encode(job).poisonedEvents > 0) throw new Error("the events cannot be encoded");
      return { perCall: MAX_BATCH_EVENTS, work: () => encoder.encode(job).frameBytes };
    },
  };
}

const hashCase: MicroCase = {
  name: "plane/hash-1x32",
  unit: "blocks",
  prepare() {
    const { records, recordsWord, events } = slotOf(1);
    const hasher = new TokenHasher(TOKENS_A_BLOCK);
    const work = (): number => {
      let r = recordsWord;
      for (let i = 0; i < events; i++) {
        hasher.begin(records, r);
        hasher.hash(records, r + RECORD_WORD.header + 2, 0, 0);
        r += records[r + RECORD_WORD.length] as number;
      }
      return hasher.lo;
    };
    return { perCall: events, work };
  },
};

/** A slot of stored events and one of their removals. */
function turnover(round: number): SlotRecords[] {
  const event = new PublishedEvent();
  const size: EventSize = { words: 0, frameBytes: 0 };
  const tokens = new Uint32Array(GATE_BLOCKS * GATE_TOKENS_A_BLOCK);
  return [PUBLISHED_KIND.stored, PUBLISHED_KIND.removed].map((kind) => {
    const records = new Uint32Array(MAX_BATCH_EVENTS * (RECORD_WORD.header + GATE_BLOCKS * (2 + GATE_TOKENS_A_BLOCK)));
    let words = 0;
    for (let i = 0; i < MAX_BATCH_EVENTS; i++) {
      event.begin(kind, i & 7);
      for (let b = 0; b < GATE_BLOCKS; b++) {
        const number = (round * MAX_BATCH_EVENTS + i) * GATE_BLOCKS + b;
        event.addHash(Math.imul(number, 0x9e3779b1) >>> 0, Math.imul(number, 0x85ebca6b) >>> 0);
      }
      if (kind === PUBLISHED_KIND.stored) event.addTokens(tokens, 0, tokens.length);
      measure(event, size);
      words = writeRecord(event, size, records, words, 0);
    }
    const header = new Int32Array(SLOT_HEADER_BYTES / 4);
    return { header, slot: 0, records, recordsWord: 0, events: MAX_BATCH_EVENTS };
  });
}

const gateCase: MicroCase = {
  name: "plane/gate",
  unit: "blocks",
  prepare() {
    const gate = new PlaneGate(GATE_TOKENS_A_BLOCK);
    const slots = Math.ceil(LIVE_BLOCKS / (MAX_BATCH_EVENTS * GATE_BLOCKS));
    const rounds = Array.from({ length: slots }, (_, round) => turnover(round));
    for (const [stored] of rounds) if (stored !== undefined) gate.admit(stored);
    let next = 0;
    const work = (): number => {
      const [stored, removed] = rounds[next] as [SlotRecords, SlotRecords];
      next = (next + 1) % rounds.length;
      return (gate.admit(removed)?.size ?? 0) + (gate.admit(stored)?.size ?? 0);
    };
    return { perCall: 2 * MAX_BATCH_EVENTS * GATE_BLOCKS, work };
  },
};

export const PLANE_CASES: readonly MicroCase[] = [encoderCase(1), encoderCase(8), hashCase, gateCase];
