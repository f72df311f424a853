/**
 * Every offset of the ring, in one place. No behaviour.
 *
 *   buffer    [control 3,200 bytes][slot 0][slot 1] … [slot n-1]
 *
 *   control   one i32 word a 128-byte line, so that two threads never write the same pair of cache lines
 *             head | tail, begun, fed tail | stop, close by | bell of main | bell of the publisher | bells of encoder 0 … 15
 *             | index tail, index on | bell of the indexer | beat of main | reached sequence, i64
 *
 *   slot      [header 256][records area][frame area]            n slots, all of one size
 *
 *   header    byte  0 state i32         4 records words         8 events             12 rank
 *                  16 frame bytes      20 entries              24 oversize generation
 *                  28 records offset   32 frame offset (bytes, u32, from the start of the buffer that holds them)
 *                  40 wall clock f64   48 monotonic clock f64  56 poisoned events
 *                  60 suspect event    64 event at work        68 first sequence, low half   72 high half
 *                  76 one bit for each poisoned event, 256 bits
 *                 108 plane offset, as the frame's  112 plane bytes        116 plane entries
 *                 128 one bit for each event that only the event plane does without, 256 bits
 *
 *   frame     a list of entries: [bytes u32][stored u32][removed u32][cleared u32][payload, padded to a word]
 *             one entry a message; a batching dialect has one, a single-event dialect one per event;
 *             behind it, in the same area, the messages for the event plane where they are wanted (`plane-layout.ts`)
 *
 * Slot states and who may write the slot:
 *
 *   FREE ──main: claim, fill, commit──► FILLED ──encoder: compare-exchange──► ENCODING ──encoder──► ENCODED
 *    ▲  main                             nobody                      that encoder            publisher │
 *    ├──────────────────────── publisher: every sink has let go of the bytes ◄────────────────────────┤
 *    └────────── indexer: its records are in the index ◄── PUBLISHED ◄── publisher, while an indexer is on
 *
 * Where the event plane follows ZMQ (`planeFollows`), a slot goes round a second time before it is let go of:
 *
 *   ENCODED ──publisher: sent──► SENT ──encoder: compare-exchange──► PLANE ENCODING ──encoder──► PLANE ENCODED
 *                                nobody                              that encoder                publisher: fed ──► as above
 *
 * The state words of ENCODING and PLANE ENCODING carry the index of the encoder in their upper bits, so that the slot of a dead encoder can
 * be found and put back to FILLED. Positions are free-running 32-bit counts that wrap (after two days of flood); a slot's index
 * is position mod n, which survives the wrap only because n is a power of two.
 */
import { LayoutError } from "./errors.ts";

export const LINE_BYTES = 128;
export const MAX_ENCODERS = 16;

/** Index of each control word, counted in i32. */
export const CONTROL = {
  /** Positions below it have been committed by main. */
  head: 0,
  /** Positions below it have been published, and freed where nobody comes after. */
  tail: 32,
  /** Positions below it have been sent, or are being sent: the first messages of a slot may be out before the slot is. */
  begun: 33,
  /** Positions below it have been fed to the event plane too. Counts only where that follows; see RingShape. */
  fedTail: 34,
  stop: 64,
  /** Wrapping milliseconds (`wrappingMs`) by which a closed socket must have let go. On the line of `stop`, set before it. */
  closeBy: 65,
  mainBell: 96,
  publisherBell: 128,
  encoderBells: 160,
  /** Positions below it have been indexed too. Counts only while `indexOn` is 1. */
  indexTail: 672,
  /** 1 while an indexer takes slots after the publisher; on the line of `indexTail`, written by main only. */
  indexOn: 673,
  indexBell: 704,
  /** Wrapping milliseconds (`wrappingMs`) of main's last sign of life. */
  mainBeat: 736,
  /**
   * In i64 units from the start: a sequence number up to which every message is a heartbeat or lies in a slot that the
   * publisher has let go of. Written where numbers pass that no slot tells of.
   */
  reachedI64: 384,
} as const;
const CONTROL_LINES = 9 + MAX_ENCODERS;
export const CONTROL_BYTES: number = CONTROL_LINES * LINE_BYTES;

/** Distance between two encoder bells, in i32. */
export const BELL_STRIDE = 32;

export const SLOT_STATE = {
  free: 0,
  filled: 1,
  encoding: 2,
  encoded: 3,
  published: 4,
  sent: 5,
  planeEncoding: 6,
  planeEncoded: 7,
} as const;
/** The encoder's index stands above these bits of the state word. */
export const SLOT_STATE_BITS = 8;

export const STOP = {
  run: 0,
  /** The end is near: publish on, but wait for no subscriber any more. Main may still fill slots. */
  hurry: 1,
  /** Main fills no more: publish what is in the ring, then end. */
  drain: 2,
  /** End now; what is left is counted as dropped. */
  now: 3,
} as const;

export type StopWord = (typeof STOP)["hurry" | "drain" | "now"];

/** Offsets inside a slot header, in i32 (or f64 where it says so). */
export const SLOT = {
  state: 0,
  recordWords: 1,
  events: 2,
  rank: 3,
  frameBytes: 4,
  entries: 5,
  oversizeGeneration: 6,
  recordsOffset: 7,
  frameOffset: 8,
  /** In f64 units from the slot's start. */
  wallSecondsF64: 5,
  monotonicMicrosF64: 6,
  poisonedEvents: 14,
  /** One more than the index of the event at which an encoder died last; 0 for none. */
  suspect: 15,
  /** One more than the index of the event that the encoder works on; written before the event is touched. */
  progress: 16,
  /** Sequence number of the slot's first message, u64 in two halves; valid once it is published. */
  sequenceLo: 17,
  sequenceHi: 18,
  /** Events that must not be encoded, or could not be: bit i of word i / 32. */
  poisonBits: 19,
  poisonWords: 8,
  /** Messages for the event plane; zeros where none are wanted. */
  planeOffset: 27,
  planeBytes: 28,
  planeEntries: 29,
  /** As `poisonBits`, for events whose ZMQ messages are out already. */
  planePoisonBits: 32,
} as const;
/** Events that a slot may hold: each has its poison bit. */
export const MAX_SLOT_EVENTS: number = SLOT.poisonWords * 32;
/** Two lines: the header of a slot shares its lines with nothing. */
export const SLOT_HEADER_BYTES: number = 256;

export const ENTRY = { bytes: 0, stored: 1, removed: 2, cleared: 3, headerBytes: 16 } as const;

export interface RingShape {
  readonly slots: number;
  /** Bytes of a slot's records area and of its frame area, each. A multiple of 128. */
  readonly slotBytes: number;
  /**
   * Whether messages for the event plane are written and fed after the ZMQ messages of their slot, by the second round that
   * is drawn above. Otherwise, where such messages are wanted, encoders write them together with the frame. Default false.
   */
  readonly planeFollows?: boolean;
}

/** Rounds up to whole lines. */
export function roundToLine(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}

/** Rounds up to a power of two, 2 at least. */
export function roundToPowerOfTwo(count: number): number {
  return 2 ** Math.max(1, Math.ceil(Math.log2(count)));
}

/** Bytes from one slot to the next. */
export function slotStrideBytes(shape: RingShape): number {
  return SLOT_HEADER_BYTES + 2 * shape.slotBytes;
}

/** Size of the whole ring. Throws LayoutError with rule and value for a shape that cannot be. */
export function ringBytes(shape: RingShape): number {
  if (!Number.isInteger(shape.slots) || shape.slots < 2 || (shape.slots & (shape.slots - 1)) !== 0) {
    throw new LayoutError(`the slots of a ring must be a power of two, 2 or more, not ${shape.slots}`);
  }
  if (shape.slotBytes < 1024 || shape.slotBytes % LINE_BYTES !== 0) {
    throw new LayoutError(`slot bytes must be at least 1024 and a multiple of ${LINE_BYTES}, not ${shape.slotBytes}`);
  }
  return CONTROL_BYTES + shape.slots * slotStrideBytes(shape);
}
