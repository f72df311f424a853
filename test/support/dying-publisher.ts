/**
 * A publisher that comes to grief once it has published three batches. How is in the environment, which a thread gets a
 * copy of: `throw`, `exit`, `hang`, `slow` (each further batch takes long), `drain` (it throws when it is told to drain).
 */
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingPublisher } from "../../src/shared/ring.ts";
import { STOP } from "../../src/shared/ring-layout.ts";

const HEALTHY_BATCHES = 3;
/** Longer than what is left for a publisher that has missed the deadline. */
const SLOW_MS = 700;
const how = process.env["KVCAST_TEST_DYING_PUBLISHER"];
let published = 0;

// oxlint-disable-next-line typescript/unbound-method -- called with its object below
const { release } = RingPublisher.prototype;
RingPublisher.prototype.release = function (slot: number): void {
  release.call(this, slot);
  published++;
  if (how === "throw" && published === HEALTHY_BATCHES) throw new Error("thrown by a test");
  if (how === "exit" && published === HEALTHY_BATCHES) process.exit(3);
  if (how === "hang" && published === HEALTHY_BATCHES) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (how === "slow" && published >= HEALTHY_BATCHES) {
    const untilMs = performance.now() + SLOW_MS;
    while (performance.now() < untilMs);
  }
};

// oxlint-disable-next-line typescript/unbound-method -- called with its object below
const { stop } = RingMemory.prototype;
RingMemory.prototype.stop = function (): number {
  const word = stop.call(this);
  if (how === "drain" && word === STOP.drain && published > 0) throw new Error("thrown by a test, at the end");
  return word;
};

await import("../../src/workers/publisher.ts");
