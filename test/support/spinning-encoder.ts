/** An encoder that spins for ever in the fifth slot that any of its kind takes, and scribbles over the frame meanwhile. */
import { parseEncoderTask } from "../../src/shared/messages.ts";
import { CONTROL, SLOT } from "../../src/shared/ring-layout.ts";
import { runEncoder } from "../../src/workers/encoder.ts";

/** The last one on the stop word's line: a dead thread remembers nothing. */
const SPARE_WORD = CONTROL.stop + 31;

export default function spinningEncoder(task: unknown): void {
  runEncoder(parseEncoderTask(task), {
    claimed: (slot, memory) => {
      if (Atomics.add(memory.words, SPARE_WORD, 1) + 1 !== 5) return;
      const at = memory.words[slot + SLOT.frameOffset] ?? 0;
      for (;;) memory.bytes.fill(0xee, at, at + 100);
    },
  });
}
