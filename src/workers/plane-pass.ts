/**
 * The second round of a slot, where the event plane follows ZMQ: its messages for the plane, written behind the frame that has
 * been sent. ENCODER THREAD; stateless between slots.
 *
 * An event that cannot be encoded for the plane is left out of it, and of nothing else: subscribers and index have it.
 */
import { countPlanePoison, isPlanePoisoned, setPlanePoison } from "../shared/poison.ts";
import { RECORD_WORD } from "../shared/record.ts";
import { SLOT } from "../shared/ring-layout.ts";
import type { FrameJob } from "./frame-job.ts";
import type { PlaneEncoder } from "./plane-encoder.ts";

/** Writes the messages of a slot at byte `p`, and tells the slot of them. */
export function writePlane(plane: PlaneEncoder, job: FrameJob, p: number): void {
  const { header, slot } = job;
  const { planeBytes, entries } = plane.encode(job, { out: job.out, words: job.records, offset: p });
  header[slot + SLOT.planeOffset] = p;
  header[slot + SLOT.planeBytes] = planeBytes;
  header[slot + SLOT.planeEntries] = entries;
}

export class PlanePass {
  readonly #plane: PlaneEncoder;

  constructor(plane: PlaneEncoder) {
    this.#plane = plane;
  }

  /** Encodes the slot, which has its frame. Returns how many events are left out that the frame has. */
  encode(job: FrameJob): number {
    const { header, slot } = job;
    const p = job.frameOffset + ((header[slot + SLOT.frameBytes] as number) >>> 0);
    try {
      writePlane(this.#plane, job, p);
    } catch {
      this.#findPoison(job, p);
      writePlane(this.#plane, job, p);
    }
    return countPlanePoison(header, slot);
  }

  /** Encodes each event alone, at the place that is rewritten afterwards, and marks those that throw. */
  #findPoison(job: FrameJob, p: number): void {
    const { records, header, slot } = job;
    let r = job.recordsWord;
    for (let i = 0; i < job.events; i++) {
      if (!isPlanePoisoned(header, slot, i)) {
        header[slot + SLOT.progress] = i + 1;
        try {
          this.#plane.probe(job, { out: job.out, words: records, offset: p }, i, r);
        } catch {
          setPlanePoison(header, slot, i);
        }
      }
      r += records[r + RECORD_WORD.length] as number;
    }
  }
}
