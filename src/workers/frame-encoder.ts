/**
 * A filled slot, from its records to ready-to-send payloads, and behind them, if they are wanted at once, to messages for the
 * event plane. ENCODER THREAD; stateless between slots.
 *
 * A batching dialect makes one payload `[timestamp, [events], rank]`, a single-event dialect one such payload for each
 * event. An event that cannot be encoded is left out and counted, so that it costs itself and nothing else: if it throws it
 * gets its poison bit here; if it takes the thread with it, main finds in the slot which one was being worked on.
 */
import { countPoison, isPoisoned, setPoison } from "../shared/poison.ts";
import { RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD } from "../shared/record.ts";
import { ENTRY, SLOT } from "../shared/ring-layout.ts";
import { isSingleEvent, type WireFormat } from "../shared/wire-format.ts";
import { type EventWriter, eventWriter } from "./event-writer.ts";
import type { FrameJob } from "./frame-job.ts";
import { putArrayHeader, putFloat64, putUint } from "./msgpack-writer.ts";
import type { PlaneEncoder } from "./plane-encoder.ts";
import { writePlane } from "./plane-pass.ts";

export interface FrameResult {
  frameBytes: number;
  entries: number;
  /** Events that were left out. */
  poisonedEvents: number;
}

export class FrameEncoder {
  readonly #write: EventWriter;
  readonly #plane: PlaneEncoder | null;
  readonly #single: boolean;
  readonly #result: FrameResult = { frameBytes: 0, entries: 0, poisonedEvents: 0 };
  /** Events of each kind in the entry at hand, by RECORD_KIND. */
  readonly #kinds: Uint32Array = new Uint32Array(4);

  constructor(
    format: WireFormat,
    kvBlockSizeTokens: number,
    write: EventWriter = eventWriter(format, kvBlockSizeTokens),
    plane: PlaneEncoder | null = null,
  ) {
    this.#write = write;
    this.#plane = plane;
    this.#single = isSingleEvent(format);
  }

  /** Encodes the slot but for events whose poison bit is set. The result is a scratch, valid until the next call. */
  encode(job: FrameJob): FrameResult {
    try {
      return this.#encode(job);
    } catch {
      this.#findPoison(job);
      return this.#encode(job);
    }
  }

  #encode(job: FrameJob): FrameResult {
    const result = this.#result;
    const poisoned = countPoison(job.header, job.slot);
    const count = job.events - poisoned;
    const p = count > 0 ? this.#writeEvents(job, poisoned === 0, count) : job.frameOffset;
    // What happens from here on is no event's fault.
    job.header[job.slot + SLOT.progress] = 0;
    result.poisonedEvents = poisoned;
    result.entries = this.#single ? count : Math.min(1, count);
    result.frameBytes = p - job.frameOffset;
    if (this.#plane !== null) writePlane(this.#plane, job, p);
    return result;
  }

  /** Begins an entry at `p`: leaves room for its header, writes the envelope. Returns where the events go. */
  #open(job: FrameJob, p: number, count: number, delaySeconds: number): number {
    const { out } = job;
    this.#kinds.fill(0);
    const payload = p + ENTRY.headerBytes;
    out.bytes[payload] = 0x93;
    return putArrayHeader(out, putFloat64(out, payload + 1, job.wallSeconds + delaySeconds), count);
  }

  /** Ends the entry that begins at `p` and whose events end at `q`. Returns its padded end. */
  #close(job: FrameJob, p: number, q: number, rank: number): number {
    const { records } = job;
    q = putUint(job.out, q, rank);
    const header = p >>> 2;
    records[header + ENTRY.bytes] = q - p - ENTRY.headerBytes;
    records[header + ENTRY.stored] = this.#kinds[RECORD_KIND.stored] as number;
    records[header + ENTRY.removed] = this.#kinds[RECORD_KIND.removed] as number;
    records[header + ENTRY.cleared] = this.#kinds[RECORD_KIND.cleared] as number;
    // Not `& ~3`, which turns negative beyond 2 GiB.
    return q + (-q & 3);
  }

  /** The hot loop: one entry around all events, or one around each. Returns the end of the frame. */
  #writeEvents(job: FrameJob, isClean: boolean, count: number): number {
    const { records, out, header } = job;
    const progress = job.slot + SLOT.progress;
    const write = this.#write;
    const kinds = this.#kinds;
    const single = this.#single;
    let entry = job.frameOffset;
    let p = single ? entry : this.#open(job, entry, count, 0);
    let r = job.recordsWord;
    const end = r + job.recordWords;
    for (let i = 0; r < end; i++) {
      if (isClean || !isPoisoned(header, job.slot, i)) {
        header[progress] = i + 1;
        if (single) p = this.#open(job, entry, 1, (records[r + RECORD_WORD.delayMicros] as number) / 1e6);
        const kind = (records[r + RECORD_WORD.kind] as number) & RECORD_KIND_MASK;
        kinds[kind] = (kinds[kind] as number) + 1;
        p = write(records, r, out, p);
        if (single) p = entry = this.#close(job, entry, p, records[r + RECORD_WORD.rank] as number);
      }
      r += records[r + RECORD_WORD.length] as number;
    }
    return single ? p : this.#close(job, entry, p, job.rank);
  }

  /** Encodes each event alone, into the frame area that is rewritten afterwards, and marks those that throw. */
  #findPoison(job: FrameJob): void {
    const { records, header, slot } = job;
    let r = job.recordsWord;
    for (let i = 0; i < job.events; i++) {
      if (!isPoisoned(header, slot, i)) {
        header[slot + SLOT.progress] = i + 1;
        try {
          this.#write(records, r, job.out, job.frameOffset);
          this.#plane?.probe(job, { out: job.out, words: records, offset: job.frameOffset }, i, r);
        } catch {
          setPoison(header, slot, i);
        }
      }
      r += records[r + RECORD_WORD.length] as number;
    }
  }
}
