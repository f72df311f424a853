/**
 * The ring's memory: typed views and the arithmetic that all roles share (`ring.ts`). ANY THREAD. Layout: `ring-layout.ts`.
 */
import { Bell } from "./bell.ts";
import { wrappingMs } from "./clock.ts";
import { LayoutError } from "./errors.ts";
import {
  BELL_STRIDE,
  CONTROL,
  CONTROL_BYTES,
  MAX_ENCODERS,
  ringBytes,
  SLOT,
  SLOT_HEADER_BYTES,
  SLOT_STATE,
  SLOT_STATE_BITS,
  slotStrideBytes,
  STOP,
  type RingShape,
} from "./ring-layout.ts";

const STATE_MASK = (1 << SLOT_STATE_BITS) - 1;

export class RingMemory {
  readonly buffer: SharedArrayBuffer;
  readonly shape: RingShape;
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly records: Uint32Array<SharedArrayBuffer>;
  readonly doubles: Float64Array<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** See RingShape. */
  readonly planeFollows: boolean;
  readonly #longs: BigInt64Array<SharedArrayBuffer>;
  readonly #strideWords: number;
  readonly #slotMask: number;

  constructor(buffer: SharedArrayBuffer, shape: RingShape) {
    if (buffer.byteLength !== ringBytes(shape)) {
      throw new LayoutError(`a ring of ${shape.slots} slots takes ${ringBytes(shape)} bytes, not ${buffer.byteLength}`);
    }
    this.buffer = buffer;
    this.shape = shape;
    this.words = new Int32Array(buffer);
    this.records = new Uint32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.planeFollows = shape.planeFollows ?? false;
    this.#longs = new BigInt64Array(buffer, 0, CONTROL_BYTES / 8);
    this.#strideWords = slotStrideBytes(shape) / 4;
    this.#slotMask = shape.slots - 1;
  }

  static allocate(shape: RingShape): RingMemory {
    const memory = new RingMemory(new SharedArrayBuffer(ringBytes(shape)), shape);
    memory.noteReached(-1);
    return memory;
  }

  /** First i32 word of the slot of a position. */
  slotWord(position: number): number {
    return CONTROL_BYTES / 4 + (position & this.#slotMask) * this.#strideWords;
  }

  head(): number {
    return Atomics.load(this.words, CONTROL.head);
  }

  tail(): number {
    return Atomics.load(this.words, CONTROL.tail);
  }

  /** Positions below it may have been seen by subscribers, the last one in part. */
  begun(): number {
    return Atomics.load(this.words, CONTROL.begun);
  }

  /** Positions below it have been fed to the event plane too, where that follows; else the same as `tail`. */
  fedTail(): number {
    return this.planeFollows ? Atomics.load(this.words, CONTROL.fedTail) : this.tail();
  }

  /** Positions below it may be filled again: published, fed, and indexed too where there is an indexer. */
  freeTail(): number {
    return this.isIndexed() ? Atomics.load(this.words, CONTROL.indexTail) : this.fedTail();
  }

  /**
   * Whether the event plane is so far behind that whoever works for it has to be woken, instead of looking for work when it
   * is awake anyway.
   */
  isPlanePressed(): boolean {
    return this.occupied() > this.shape.slots / 2 || this.stop() !== STOP.run;
  }

  /** Whether slots go to an indexer after the publisher. */
  isIndexed(): boolean {
    return Atomics.load(this.words, CONTROL.indexOn) === 1;
  }

  /** Slots between claim and release. */
  occupied(): number {
    return (this.head() - this.freeTail()) | 0;
  }

  state(position: number): number {
    return Atomics.load(this.words, this.slotWord(position) + SLOT.state) & STATE_MASK;
  }

  /** Index of the encoder that has the slot of a position, in either round, or -1. */
  encoderOf(position: number): number {
    const word = Atomics.load(this.words, this.slotWord(position) + SLOT.state);
    const state = word & STATE_MASK;
    return state === SLOT_STATE.encoding || state === SLOT_STATE.planeEncoding ? word >>> SLOT_STATE_BITS : -1;
  }

  stop(): number {
    return Atomics.load(this.words, CONTROL.stop);
  }

  /** Milliseconds that are left for closed sockets to go on sending; for after the stop word was set. */
  lingerMs(): number {
    return Math.max(0, (Atomics.load(this.words, CONTROL.closeBy) - wrappingMs()) | 0);
  }

  mainBell(): Bell {
    return new Bell(this.words, CONTROL.mainBell);
  }

  publisherBell(): Bell {
    return new Bell(this.words, CONTROL.publisherBell);
  }

  indexBell(): Bell {
    return new Bell(this.words, CONTROL.indexBell);
  }

  /** Main's sign of life, for the watchdog. Main only. */
  beat(): void {
    Atomics.store(this.words, CONTROL.mainBeat, wrappingMs());
  }

  /** Milliseconds since main's last sign of life. */
  msSinceBeat(): number {
    return (wrappingMs() - Atomics.load(this.words, CONTROL.mainBeat)) | 0;
  }

  /** Every message up to that number is a heartbeat or lies in a slot that has been let go of. Publisher only. */
  noteReached(sequence: number): void {
    Atomics.store(this.#longs, CONTROL.reachedI64, BigInt(sequence));
  }

  /** The number last noted. Slots that were let go of before it are below `tail()` if that is read afterwards. */
  reachedSequence(): number {
    return Number(Atomics.load(this.#longs, CONTROL.reachedI64));
  }

  encoderBell(index: number): Bell {
    if (index < 0 || index >= MAX_ENCODERS)
      throw new LayoutError(`there is no encoder ${index}; at most ${MAX_ENCODERS}`);
    return new Bell(this.words, CONTROL.encoderBells + index * BELL_STRIDE);
  }

  /** Byte offset of a slot's own records area. */
  recordsOffset(position: number): number {
    return this.slotWord(position) * 4 + SLOT_HEADER_BYTES;
  }

  /** Byte offset of a slot's own frame area. */
  frameOffset(position: number): number {
    return this.recordsOffset(position) + this.shape.slotBytes;
  }
}
