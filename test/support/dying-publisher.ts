/**
 * A publisher that comes to grief, at a point and in a way that the environment names, which a thread gets a copy of:
 *
 *   KVCAST_TEST_PUBLISHER_POINT   kept       after three batches, the fourth is kept for replay but not sent
 *                                 sent       the third is sent, not counted
 *                                 counted    the third is counted, not let go of
 *                                 released   the third is let go of
 *                                 fed        the third is taken by the queue for NATS, which is not counted
 *                                 fed-counted, fed-released   as above
 *                                 drain      when told to drain
 *   KVCAST_TEST_PUBLISHER_BATCHES how many batches, instead of three, it lives for (points sent, counted, released)
 *   KVCAST_TEST_PUBLISHER_WAY     throw, exit, oom, hang, slow (each further batch takes long); anything else: nothing
 */
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingPlane } from "../../src/shared/ring-plane.ts";
import { RingPublisher } from "../../src/shared/ring.ts";
import { STOP } from "../../src/shared/ring-layout.ts";
import { runOutOfMemory } from "./out-of-memory.ts";
import { ZmqSink } from "../../src/workers/zmq-sink.ts";

const HEALTHY_BATCHES = Number(process.env["KVCAST_TEST_PUBLISHER_BATCHES"] ?? 3);
/** Longer than what is left for a publisher that has missed the deadline. */
const SLOW_MS = 700;
const point = process.env["KVCAST_TEST_PUBLISHER_POINT"];
const way = process.env["KVCAST_TEST_PUBLISHER_WAY"];
let sends = 0;
let releases = 0;
let feeds = 0;
/** The slot that is fed last was looked at, and none has been sent since. */
let isFeeding = false;

/** Where an error that is thrown would be caught: it ends the thread all the same, which gets no further. */
async function comeToGriefAsync(): Promise<void> {
  if (way !== "throw") return comeToGrief();
  queueMicrotask(comeToGrief);
  await new Promise(() => {});
}

function comeToGrief(): void {
  if (way === "throw") throw new Error("thrown by a test");
  if (way === "exit") process.exit(3);
  if (way === "hang") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (way === "oom") runOutOfMemory();
  if (way === "slow") {
    const untilMs = performance.now() + SLOW_MS;
    while (performance.now() < untilMs);
  }
}

/* oxlint-disable typescript/unbound-method -- called with their objects below */
const { send } = ZmqSink.prototype;
const { begin: beginSending, release } = RingPublisher.prototype;
const { peek: peekFed, release: releaseFed } = RingPlane.prototype;
const { stop } = RingMemory.prototype;
const { begin, end } = CounterBlock.prototype;
/* oxlint-enable typescript/unbound-method */

ZmqSink.prototype.send = async function (sequence: number, payload: Buffer): Promise<boolean> {
  if (point === "kept" && sends === HEALTHY_BATCHES) await comeToGriefAsync();
  const isFull = await send.call(this, sequence, payload);
  if (++sends === HEALTHY_BATCHES && point === "sent") await comeToGriefAsync();
  return isFull;
};

RingPlane.prototype.peek = function (): number {
  const slot = peekFed.call(this);
  isFeeding = slot !== -1;
  return slot;
};

RingPublisher.prototype.begin = function (): void {
  isFeeding = false;
  beginSending.call(this);
};

CounterBlock.prototype.begin = function (): void {
  if (point === "fed" && isFeeding && feeds === HEALTHY_BATCHES - 1) comeToGrief();
  begin.call(this);
};

RingPlane.prototype.release = function (slot: number): void {
  feeds++;
  if (point === "fed-counted" && feeds === HEALTHY_BATCHES) comeToGrief();
  releaseFed.call(this, slot);
  if (point === "fed-released" && feeds === HEALTHY_BATCHES) comeToGrief();
};

CounterBlock.prototype.end = function (): void {
  end.call(this);
  if (point === "counted" && sends === HEALTHY_BATCHES) comeToGrief();
};

RingPublisher.prototype.release = function (slot: number): void {
  release.call(this, slot);
  releases++;
  if (point === "released" && (way === "slow" ? releases >= HEALTHY_BATCHES : releases === HEALTHY_BATCHES))
    comeToGrief();
};

RingMemory.prototype.stop = function (): number {
  const word = stop.call(this);
  if (point === "drain" && word === STOP.drain && releases > 0) comeToGrief();
  return word;
};

await import("../../src/workers/publisher.ts");
