/**
 * ENCODER THREAD: a pool task that stays for the life of the service.
 *
 * It takes every filled slot it can get, encodes it in shared memory, hands it to the publisher, and parks when there
 * is nothing left. Where the event plane follows ZMQ it takes, while no slot is filled, those that have been sent, for a second
 * round; after a frame not at once: see `head-start.ts`. It holds nothing that would be missed: when it dies, or main ends it
 * because it hangs, its slot goes back to where it came from, and the next encoder does it again.
 */
import { threadId } from "node:worker_threads";
import { CounterBlock } from "../shared/counter-block.ts";
import { ENCODE_ERROR_REASONS } from "../shared/counter-labels.ts";
import { ENCODER_CELLS } from "../shared/encoder-cells.ts";
import { HEAD_START_MS, HeadStart } from "../shared/head-start.ts";
import { type EncoderTask, parseEncoderTask } from "../shared/messages.ts";
import { PLANE_LOOK_MS } from "../shared/ring.ts";
import { RingMemory } from "../shared/ring-memory.ts";
import { RingEncoder } from "../shared/ring-encoder.ts";
import { SLOT, STOP } from "../shared/ring-layout.ts";
import { type EventWriter, eventWriter } from "./event-writer.ts";
import { FrameEncoder, type FrameResult } from "./frame-encoder.ts";
import type { FrameJob } from "./frame-job.ts";
import { type Output, outputOf } from "./msgpack-writer.ts";
import { OversizeReader } from "./oversize.ts";
import { PlaneEncoder } from "./plane-encoder.ts";
import { PlanePass } from "./plane-pass.ts";
import { redactedWriter } from "./redacted-writer.ts";

/** A lost wake-up would be a bug; this bounds what it could cost. */
const MAX_PARK_MS = 1000;
const INTERNAL_ERRORS = ENCODER_CELLS.errors + ENCODE_ERROR_REASONS.indexOf("internal");

/** Points at which a test may step in; the service passes none. */
export interface EncoderHooks {
  /** Takes the place of what writes each event. */
  readonly writer?: (write: EventWriter) => EventWriter;
  /** The slot is claimed, nothing of it is encoded yet. */
  readonly claimed?: (slot: number, memory: RingMemory) => void;
  /** The frame is written, the publisher does not know of it yet. */
  readonly encoded?: (slot: number, memory: RingMemory) => void;
  /** The same two of the second round, for the event plane. */
  readonly planeClaimed?: (slot: number, memory: RingMemory) => void;
  readonly planeEncoded?: (slot: number, memory: RingMemory) => void;
}

/**
 * Runs until the stop word says `now` (a draining ring still needs encoders). Blocks its thread: never call it on the main
 * thread.
 */
export function runEncoder(task: EncoderTask, hooks: EncoderHooks = {}): void {
  const memory = new RingMemory(task.ring, task.shape);
  const ring = new RingEncoder(memory, task.encoder);
  const counters = new CounterBlock(task.counters);
  counters.set(ENCODER_CELLS.threadId, threadId);
  const plain = eventWriter(task.wireFormat, task.kvBlockSizeTokens);
  const write = task.redactTokens === true ? redactedWriter(plain) : plain;
  const plane = task.plane ? new PlaneEncoder(task.plane.workerId, task.kvBlockSizeTokens) : null;
  const follows = memory.planeFollows;
  const withFrame = follows ? null : plane;
  const frames = new FrameEncoder(task.wireFormat, task.kvBlockSizeTokens, hooks.writer?.(write) ?? write, withFrame);
  const pass = follows && plane !== null ? new PlanePass(plane) : null;
  const oversize = new OversizeReader(task.oversizePort, task.oversize);
  const out = outputOf(memory.bytes);
  const headStart = new HeadStart({
    ms: HEAD_START_MS.encoder,
    bell: ring.bell,
    isNeeded: () => !memory.isPlanePressed() && memory.stop() === STOP.run && !ring.hasWork(),
    announce: () => ring.announce(),
  });

  for (;;) {
    const slot = ring.claim();
    if (slot !== -1) {
      hooks.claimed?.(slot, memory);
      const startedMs = performance.now();
      const result = frames.encode(jobOf(memory, out, slot, oversize));
      hooks.encoded?.(slot, memory);
      count(counters, memory, slot, result, (performance.now() - startedMs) / 1000);
      ring.commit(slot, result.frameBytes, result.entries, result.poisonedEvents);
      if (pass !== null) headStart.begin();
      continue;
    }
    if (headStart.give()) continue;
    // One slot, then a look for one whose ZMQ messages wait.
    if (pass !== null && memory.stop() !== STOP.now) {
      const sent = ring.claimPlane();
      if (sent !== -1) {
        hooks.planeClaimed?.(sent, memory);
        const leftOut = pass.encode(jobOf(memory, out, sent, oversize));
        hooks.planeEncoded?.(sent, memory);
        if (leftOut > 0) counters.add(INTERNAL_ERRORS, leftOut);
        ring.commitPlane(sent);
        continue;
      }
    }
    ring.announce();
    if (memory.stop() === STOP.now) return;
    ring.bell.prepare();
    if (ring.hasWork() || (pass !== null && ring.hasPlaneWork()) || memory.stop() === STOP.now) {
      ring.bell.cancel();
      continue;
    }
    ring.bell.sleep(ring.hasPlaneAhead() ? PLANE_LOOK_MS : MAX_PARK_MS);
  }
}

function jobOf(memory: RingMemory, ringOut: Output, slot: number, oversize: OversizeReader): FrameJob {
  const { words, doubles } = memory;
  const generation = words[slot + SLOT.oversizeGeneration] as number;
  const large = generation === 0 ? null : oversize.view(generation);
  return {
    header: words,
    slot,
    records: large?.records ?? memory.records,
    recordsWord: (words[slot + SLOT.recordsOffset] as number) >>> 2,
    recordWords: words[slot + SLOT.recordWords] as number,
    events: words[slot + SLOT.events] as number,
    rank: words[slot + SLOT.rank] as number,
    wallSeconds: doubles[slot / 2 + SLOT.wallSecondsF64] as number,
    out: large === null ? ringOut : outputOf(large.bytes),
    frameOffset: (words[slot + SLOT.frameOffset] as number) >>> 0,
  };
}

function count(counters: CounterBlock, memory: RingMemory, slot: number, result: FrameResult, seconds: number): void {
  counters.begin();
  counters.add(ENCODER_CELLS.encodedBatches, 1);
  counters.add(ENCODER_CELLS.encodedBytes, result.frameBytes);
  counters.add(INTERNAL_ERRORS, result.poisonedEvents);
  counters.observe(ENCODER_CELLS.duration, seconds);
  counters.observe(ENCODER_CELLS.batchEvents, memory.words[slot + SLOT.events] as number);
  counters.end();
}

/** The pool calls this with the task. */
export default function encoder(task: unknown): void {
  runEncoder(parseEncoderTask(task));
}
