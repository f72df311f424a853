/**
 * An encoder that comes to grief in the second round of a slot, in four ways and for real: by an exception, by process.exit, by
 * running out of memory, by spinning for ever. Each while it scribbles over what it writes. Which claims end which way is
 * counted in a spare word of the ring, because a dead thread remembers nothing.
 *
 * KVCAST_TEST_DEADLY_PLANE: a hash; the event that begins with it ends every encoder that is at its slot in that round.
 */
import { parseEncoderTask } from "../../src/shared/messages.ts";
import { isPlanePoisoned } from "../../src/shared/poison.ts";
import { RECORD_WORD } from "../../src/shared/record.ts";
import type { RingMemory } from "../../src/shared/ring-memory.ts";
import { CONTROL, SLOT } from "../../src/shared/ring-layout.ts";
import { runEncoder } from "../../src/workers/encoder.ts";
import { runOutOfMemory } from "./out-of-memory.ts";

/** The last one on the stop word's line. */
const SPARE_WORD = CONTROL.stop + 31;
export const PLANE_DEATHS = 4;

const deadly = Number(process.env["KVCAST_TEST_DEADLY_PLANE"] ?? -1);

function scribble(slot: number, memory: RingMemory): void {
  const behindFrame = (memory.words[slot + SLOT.frameOffset] ?? 0) + (memory.words[slot + SLOT.frameBytes] ?? 0);
  memory.bytes.fill(0xee, behindFrame, behindFrame + 100);
}

/** Ends the thread at the deadly event, as if in the middle of it, unless that is left out by now. */
function dieOfEvent(slot: number, { words, records }: RingMemory): void {
  let r = (words[slot + SLOT.recordsOffset] ?? 0) >>> 2;
  for (let i = 0; i < (words[slot + SLOT.events] ?? 0); i++) {
    if (records[r + RECORD_WORD.header] === deadly && !isPlanePoisoned(words, slot, i)) {
      words[slot + SLOT.progress] = i + 1;
      process.exit(3);
    }
    r += records[r + RECORD_WORD.length] ?? 0;
  }
}

export default function dyingPlaneEncoder(task: unknown): void {
  /** The number of this encoder's own last claim. */
  let claims = 0;
  runEncoder(parseEncoderTask(task), {
    planeClaimed: (slot, memory) => {
      if (deadly >= 0) return dieOfEvent(slot, memory);
      claims = Atomics.add(memory.words, SPARE_WORD, 1) + 1;
      if (![5, 30, 40].includes(claims)) return;
      scribble(slot, memory);
      if (claims === 5) throw new Error("thrown in the middle of a batch");
      if (claims === 30) runOutOfMemory();
      for (;;) scribble(slot, memory);
    },
    planeEncoded: () => {
      // All is written, the publisher does not know: still nothing may be doubled.
      if (deadly < 0 && claims === 20) process.exit(3);
    },
  });
}
