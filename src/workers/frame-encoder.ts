/**
 * A filled slot, from its records to ready-to-send payloads. ENCODER THREAD; stateless between slots.
 *
 * A batching dialect makes one payload `[timestamp, [events], rank]`, a single-event dialect one such payload for each
 * event. An event that cannot be encoded is left out and counted, so that it costs itself and nothing else.
 */
import { RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD } from "../shared/record.ts";
import { ENTRY } from "../shared/ring-layout.ts";
import { isSingleEvent, type WireFormat } from "../shared/wire-format.ts";
import { type EventWriter, eventWriter } from "./event-writer.ts";
import { type Output, putArrayHeader, putFloat64, putUint } from "./msgpack-writer.ts";

/** Where a slot's records are and where its frame goes. */
export interface FrameJob {
  /** Words that hold the records; the first one at `recordsWord`. */
  readonly records: Uint32Array;
  readonly recordsWord: number;
  readonly recordWords: number;
  readonly events: number;
  /** Rank of a batching dialect's one message; single events bring their own. */
  readonly rank: number;
  readonly wallSeconds: number;
  /** The same memory to write into; the frame begins at byte `frameOffset`, a multiple of four. */
  readonly out: Output;
  readonly frameOffset: number;
}

export interface FrameResult {
  frameBytes: number;
  entries: number;
  /** Events that were left out. */
  poisonedEvents: number;
}

export class FrameEncoder {
  readonly #write: EventWriter;
  readonly #single: boolean;
  readonly #result: FrameResult = { frameBytes: 0, entries: 0, poisonedEvents: 0 };
  /** Events of each kind in the entry at hand, by RECORD_KIND. */
  readonly #kinds: Uint32Array = new Uint32Array(4);

  constructor(
    format: WireFormat,
    kvBlockSizeTokens: number,
    write: EventWriter = eventWriter(format, kvBlockSizeTokens),
  ) {
    this.#write = write;
    this.#single = isSingleEvent(format);
  }

  /** Encodes the whole slot. The result is a scratch, valid until the next call. */
  encode(job: FrameJob): FrameResult {
    this.#result.poisonedEvents = 0;
    try {
      return this.#encode(job, null);
    } catch {
      const bad = this.#findPoison(job);
      this.#result.poisonedEvents = bad.size;
      return this.#encode(job, bad);
    }
  }

  #encode(job: FrameJob, skip: ReadonlySet<number> | null): FrameResult {
    const result = this.#result;
    let p = job.frameOffset;
    if (this.#single) {
      result.entries = 0;
      this.#forEach(job, skip, (r) => {
        const delaySeconds = (job.records[r + RECORD_WORD.delayMicros] as number) / 1e6;
        const rank = job.records[r + RECORD_WORD.rank] as number;
        p = this.#entry(job, p, 1, job.wallSeconds + delaySeconds, rank, (q) => this.#event(job, r, q));
        result.entries++;
      });
    } else {
      const count = job.events - (skip?.size ?? 0);
      result.entries = count > 0 ? 1 : 0;
      if (count > 0) p = this.#entry(job, p, count, job.wallSeconds, job.rank, (q) => this.#allEvents(job, skip, q));
    }
    result.frameBytes = p - job.frameOffset;
    return result;
  }

  /** Writes one entry: its header, the envelope, and what `events` writes inside. Returns the padded end. */
  #entry(
    job: FrameJob,
    p: number,
    count: number,
    wallSeconds: number,
    rank: number,
    events: (p: number) => number,
  ): number {
    const { out } = job;
    this.#kinds.fill(0);
    const payload = p + ENTRY.headerBytes;
    out.bytes[payload] = 0x93;
    let q = putArrayHeader(out, putFloat64(out, payload + 1, wallSeconds), count);
    q = events(q);
    q = putUint(out, q, rank);
    const header = p >>> 2;
    job.records[header + ENTRY.bytes] = q - payload;
    job.records[header + ENTRY.stored] = this.#kinds[RECORD_KIND.stored] as number;
    job.records[header + ENTRY.removed] = this.#kinds[RECORD_KIND.removed] as number;
    job.records[header + ENTRY.cleared] = this.#kinds[RECORD_KIND.cleared] as number;
    // Not `& ~3`, which turns negative beyond 2 GiB.
    return q + (-q & 3);
  }

  /** The hot loop of the batching dialects. */
  #allEvents(job: FrameJob, skip: ReadonlySet<number> | null, p: number): number {
    const { records, out } = job;
    const write = this.#write;
    const kinds = this.#kinds;
    let r = job.recordsWord;
    const end = r + job.recordWords;
    for (let i = 0; r < end; i++) {
      if (skip === null || !skip.has(i)) {
        const kind = (records[r + RECORD_WORD.kind] as number) & RECORD_KIND_MASK;
        kinds[kind] = (kinds[kind] as number) + 1;
        p = write(records, r, out, p);
      }
      r += records[r + RECORD_WORD.length] as number;
    }
    return p;
  }

  #event(job: FrameJob, r: number, p: number): number {
    const kind = (job.records[r + RECORD_WORD.kind] as number) & RECORD_KIND_MASK;
    this.#kinds[kind] = (this.#kinds[kind] as number) + 1;
    return this.#write(job.records, r, job.out, p);
  }

  #forEach(job: FrameJob, skip: ReadonlySet<number> | null, visit: (r: number) => void): void {
    const end = job.recordsWord + job.recordWords;
    let i = 0;
    for (let r = job.recordsWord; r < end; r += job.records[r + RECORD_WORD.length] as number) {
      if (skip === null || !skip.has(i)) visit(r);
      i++;
    }
  }

  /** Encodes each event alone, into the frame area that is rewritten afterwards, and notes those that throw. */
  #findPoison(job: FrameJob): ReadonlySet<number> {
    const bad = new Set<number>();
    let i = 0;
    this.#forEach(job, null, (r) => {
      try {
        this.#event(job, r, job.frameOffset);
      } catch {
        bad.add(i);
      }
      i++;
    });
    return bad;
  }
}
