/**
 * The last messages, kept for whoever missed them. PUBLISHER THREAD, in memory that outlives it; layout and the order of
 * writes that makes this safe: `shared/replay-layout.ts`.
 *
 * What is kept has no gap: a message that does not follow the newest one, or is too large, empties the window first. So the
 * numbers from `oldest` to `newest` can all be served, and the place of a number is known without a search.
 */
import { LayoutError } from "../shared/errors.ts";
import {
  REPLAY_CONTROL,
  REPLAY_CONTROL_BYTES,
  REPLAY_ENTRY,
  REPLAY_NUMBER,
  replayEntries,
  replayPayloadOffset,
  replayWindowBytes,
} from "../shared/replay-layout.ts";
import { copyOut } from "./payload-copy.ts";

const TWO_TO_32 = 0x1_0000_0000;

export class ReplayWindow {
  readonly buffer: SharedArrayBuffer;
  readonly maxBytes: number;
  readonly maxBatches: number;
  readonly #positions: Int32Array<SharedArrayBuffer>;
  readonly #numbers: Float64Array<SharedArrayBuffer>;
  readonly #entries: Uint32Array<SharedArrayBuffer>;
  readonly #payloads: Buffer<SharedArrayBuffer>;
  readonly #mask: number;
  #bytes: number = 0;

  /** Takes up what an earlier thread left in `buffer`, or begins with zeroed memory. Throws LayoutError for a wrong size. */
  constructor(buffer: SharedArrayBuffer, maxBytes: number, maxBatches: number) {
    const size = replayWindowBytes(maxBytes, maxBatches);
    if (buffer.byteLength !== size) {
      throw new LayoutError(
        `a window of ${maxBytes} bytes and ${maxBatches} batches takes ${size} bytes, not ${buffer.byteLength}`,
      );
    }
    const entries = replayEntries(maxBatches);
    this.buffer = buffer;
    this.maxBytes = maxBytes;
    this.maxBatches = maxBatches;
    this.#mask = entries - 1;
    this.#positions = new Int32Array(buffer, 0, 2);
    this.#numbers = new Float64Array(buffer, 0, REPLAY_CONTROL_BYTES / 8);
    this.#entries = new Uint32Array(buffer, REPLAY_CONTROL_BYTES, entries * REPLAY_ENTRY.words);
    this.#payloads = Buffer.from(buffer, replayPayloadOffset(maxBatches), maxBytes);
    for (let p = this.#tail(), left = this.batches; left > 0; left--, p++) this.#bytes += this.#length(p);
  }

  /** An empty window in memory of its own. */
  static allocate(maxBytes: number, maxBatches: number): ReplayWindow {
    const buffer = new SharedArrayBuffer(replayWindowBytes(maxBytes, maxBatches));
    return new ReplayWindow(buffer, maxBytes, maxBatches);
  }

  /** Messages that are kept. */
  get batches(): number {
    return (this.#head() - this.#tail()) | 0;
  }

  /** Bytes of the payloads that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the oldest message that is kept; -1 without one. */
  get oldest(): number {
    return this.batches === 0 ? -1 : this.#sequence(this.#tail());
  }

  /** Number of the newest message that is kept; -1 without one. */
  get newest(): number {
    return this.batches === 0 ? -1 : this.#sequence(this.#head() - 1);
  }

  /** None below this number is missing: the first that came by, or 0 where the epoch is older than the window; -1 before. */
  get first(): number {
    return (this.#numbers[REPLAY_NUMBER.firstPlusOne] as number) - 1;
  }

  /** The number that comes next, one above the last that came by, kept or not; 0 before the first of an epoch. */
  get next(): number {
    return this.batches === 0 ? (this.#numbers[REPLAY_NUMBER.next] as number) : this.newest + 1;
  }

  /**
   * Keeps a copy of a message. One that came by already is skipped: a thread that takes over sends the message in doubt
   * again under the same number. False: nothing was kept; a message that is larger than the window also leaves it empty.
   */
  append(sequence: number, payload: Uint8Array): boolean {
    const next = this.next;
    if (sequence < next) return false;
    if (this.first === -1) this.#numbers[REPLAY_NUMBER.firstPlusOne] = sequence + 1;
    const isKept = payload.length <= this.maxBytes;
    if (sequence !== next || !isKept) this.#evictTo(this.#head());
    if (isKept) {
      this.#makeRoom(payload.length);
      const head = this.#head();
      const offset = this.#endOfNewest();
      this.#copyIn(payload, offset);
      const entry = this.#entry(head);
      this.#entries[entry + REPLAY_ENTRY.sequenceLo] = sequence % TWO_TO_32;
      this.#entries[entry + REPLAY_ENTRY.sequenceHi] = Math.floor(sequence / TWO_TO_32);
      this.#entries[entry + REPLAY_ENTRY.offset] = offset;
      this.#entries[entry + REPLAY_ENTRY.length] = payload.length;
      Atomics.store(this.#positions, REPLAY_CONTROL.head, (head + 1) | 0);
      this.#bytes += payload.length;
    }
    this.#numbers[REPLAY_NUMBER.next] = sequence + 1;
    return isKept;
  }

  /** Forgets all above a number, as if they had never come by: the thread that kept them died before they counted. */
  truncate(newest: number): void {
    if (this.next <= newest + 1) return;
    const keep = this.batches === 0 ? 0 : Math.max(0, newest + 1 - this.oldest);
    const head = (this.#tail() + Math.min(keep, this.batches)) | 0;
    for (let p = head; p !== this.#head(); p = (p + 1) | 0) this.#bytes -= this.#length(p);
    Atomics.store(this.#positions, REPLAY_CONTROL.head, head);
    this.#numbers[REPLAY_NUMBER.next] = newest + 1;
    if (this.first > newest) this.#numbers[REPLAY_NUMBER.firstPlusOne] = 0;
  }

  /** The first number from `start` on that is kept; -1: none is. */
  seek(start: number): number {
    return this.batches === 0 || start > this.newest ? -1 : Math.max(start, this.oldest);
  }

  /** A copy of the payload with this number, in memory that a socket may hold on to; null when it is not kept. */
  read(sequence: number): Buffer | null {
    const oldest = this.oldest;
    if (oldest === -1 || sequence < oldest || sequence > this.newest) return null;
    const position = (this.#tail() + (sequence - oldest)) | 0;
    const offset = this.#entries[this.#entry(position) + REPLAY_ENTRY.offset] as number;
    const length = this.#length(position);
    const beforeEdge = Math.min(length, this.maxBytes - offset);
    const first = this.#payloads.subarray(offset, offset + beforeEdge);
    return copyOut(length, first, this.#payloads.subarray(0, length - beforeEdge));
  }

  #head(): number {
    return Atomics.load(this.#positions, REPLAY_CONTROL.head);
  }

  #tail(): number {
    return Atomics.load(this.#positions, REPLAY_CONTROL.tail);
  }

  /** Index of an entry's first word. */
  #entry(position: number): number {
    return (position & this.#mask) * REPLAY_ENTRY.words;
  }

  #sequence(position: number): number {
    const entry = this.#entry(position);
    const high = this.#entries[entry + REPLAY_ENTRY.sequenceHi] as number;
    return high * TWO_TO_32 + (this.#entries[entry + REPLAY_ENTRY.sequenceLo] as number);
  }

  #length(position: number): number {
    return this.#entries[this.#entry(position) + REPLAY_ENTRY.length] as number;
  }

  #endOfNewest(): number {
    if (this.batches === 0) return 0;
    const newest = (this.#head() - 1) | 0;
    return (
      ((this.#entries[this.#entry(newest) + REPLAY_ENTRY.offset] as number) + this.#length(newest)) % this.maxBytes
    );
  }

  #makeRoom(bytes: number): void {
    const head = this.#head();
    let tail = this.#tail();
    let kept = this.#bytes;
    while (tail !== head && (((head - tail) | 0) >= this.maxBatches || kept + bytes > this.maxBytes)) {
      kept -= this.#length(tail);
      tail = (tail + 1) | 0;
    }
    if (tail !== this.#tail()) this.#evictTo(tail);
  }

  #evictTo(tail: number): void {
    for (let p = this.#tail(); p !== tail; p = (p + 1) | 0) this.#bytes -= this.#length(p);
    Atomics.store(this.#positions, REPLAY_CONTROL.tail, tail);
  }

  #copyIn(payload: Uint8Array, offset: number): void {
    const { length } = payload;
    const beforeEdge = Math.min(length, this.maxBytes - offset);
    if (beforeEdge > 0) this.#payloads.fill(payload.subarray(0, beforeEdge), offset, offset + beforeEdge);
    if (beforeEdge < length) this.#payloads.fill(payload.subarray(beforeEdge), 0, length - beforeEdge);
  }
}
