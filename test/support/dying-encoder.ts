/**
 * An encoder that dies three times, each time in another way and at another point of its work, and each time for real.
 * How many slots have been claimed is kept in a spare word of the ring, because a dead thread remembers nothing.
 */
import { parseEncoderTask } from "../../src/shared/messages.ts";
import type { RingMemory } from "../../src/shared/ring-memory.ts";
import { CONTROL, SLOT } from "../../src/shared/ring-layout.ts";
import { runEncoder } from "../../src/workers/encoder.ts";
import { runOutOfMemory } from "./out-of-memory.ts";

/** The last one on the stop word's line. */
const SPARE_WORD = CONTROL.stop + 31;
export const DEATHS = 3;

/** Half a frame is there when it dies. */
function scribble(slot: number, memory: RingMemory): void {
  const at = memory.words[slot + SLOT.frameOffset] ?? 0;
  memory.bytes.fill(0xee, at, at + 100);
}

export default function dyingEncoder(task: unknown): void {
  /** The number of this encoder's own last claim: with several encoders each number belongs to one of them. */
  let claims = 0;
  runEncoder(parseEncoderTask(task), {
    claimed: (slot, memory) => {
      claims = Atomics.add(memory.words, SPARE_WORD, 1) + 1;
      if (claims === 5) {
        scribble(slot, memory);
        throw new Error("thrown in the middle of a batch");
      }
      if (claims === 60) {
        scribble(slot, memory);
        runOutOfMemory();
      }
    },
    encoded: () => {
      // The frame is complete, the publisher does not know: still nothing may be doubled.
      if (claims === 20) process.exit(3);
    },
  });
}
