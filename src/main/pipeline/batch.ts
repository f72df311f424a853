/**
 * A batch of events that is still growing. MAIN THREAD, private memory. All of one attention-DP rank, unless messages carry
 * one event each.
 *
 * Events are written here as records (`shared/record.ts`) and copied into a slot in one piece when the batch leaves.
 * A batch knows, before anything is encoded, the most bytes its frame can take: that is why an encoder never overflows.
 */
import {
  frameBoundBytes,
  planeBoundBytes,
  RECORD_FLAG,
  RECORD_WORD,
  textWords,
  tierAndBlockSize,
} from "../../shared/record.ts";
import { PUBLISHED_KIND, type PublishedEvent } from "../normalise/published-event.ts";

/** What an event will take, in its record and in the frame area: its messages for ZMQ and, if wanted, for the event plane. */
export interface EventSize {
  words: number;
  frameBytes: number;
}

/** Bytes around the events of a batching dialect's one entry: header, envelope, padding. */
export const BATCH_ENVELOPE_BYTES = 64;

/** Up to here a loop is faster than a view and a native copy. */
const COPY_AT_ONCE_TOKENS = 64;

const UTF8 = new TextEncoder();
const NO_TEXT: Uint8Array = new Uint8Array(0);
let nameBytes: Uint8Array = NO_TEXT;
let saltBytes: Uint8Array = NO_TEXT;

function mmHashCount(event: PublishedEvent): number {
  let count = 0;
  for (const info of event.mmInfos ?? []) count += info?.length ?? 0;
  return count;
}

/**
 * Measures an event into `size`, with what it takes in messages for the event plane if these are wanted. The texts it holds
 * are kept for the `append` that follows.
 */
export function measure(event: PublishedEvent, size: EventSize, withPlane: boolean = false): void {
  nameBytes = event.loraName === null ? NO_TEXT : UTF8.encode(event.loraName);
  saltBytes = event.cacheSalt === null ? NO_TEXT : UTF8.encode(event.cacheSalt);
  const mmHashes = event.mmInfos === null ? 0 : mmHashCount(event);
  const mmWords = event.mmInfos === null ? 0 : event.blockCount + 2 * mmHashes;
  size.words =
    RECORD_WORD.header +
    2 * event.blockCount +
    event.tokenCount +
    textWords(nameBytes.length) +
    textWords(saltBytes.length) +
    mmWords;
  size.frameBytes = frameBoundBytes(
    event.blockCount,
    event.tokenCount,
    nameBytes.length,
    saltBytes.length,
    event.mmInfos === null ? 0 : Math.max(1, mmHashes),
  );
  if (withPlane) {
    size.frameBytes += planeBoundBytes(event.kind === PUBLISHED_KIND.stored, event.blockCount, mmHashes);
  }
}

/** Writes the record of the event measured last at `word`; returns the word behind it. */
export function writeRecord(
  event: PublishedEvent,
  size: EventSize,
  words: Uint32Array,
  word: number,
  delayMicros: number,
): number {
  let flags = tierAndBlockSize(event.tier, event.blockSizeTokens);
  if (event.hasParent) flags |= RECORD_FLAG.parent;
  if (event.loraName !== null) flags |= RECORD_FLAG.loraName;
  if (event.cacheSalt !== null) flags |= RECORD_FLAG.cacheSalt;
  if (event.mmListPresent) flags |= RECORD_FLAG.mmList;
  if (event.mmInfos !== null) flags |= RECORD_FLAG.mmList | RECORD_FLAG.mmAny;
  words[word + RECORD_WORD.length] = size.words;
  words[word + RECORD_WORD.kind] = event.kind | flags;
  words[word + RECORD_WORD.blocks] = event.blockCount;
  words[word + RECORD_WORD.tokens] = event.tokenCount;
  words[word + RECORD_WORD.delayMicros] = delayMicros;
  words[word + RECORD_WORD.parentLo] = event.parentLo;
  words[word + RECORD_WORD.parentHi] = event.parentHi;
  words[word + RECORD_WORD.loraId] = event.loraId;
  words[word + RECORD_WORD.loraNameBytes] = nameBytes.length;
  words[word + RECORD_WORD.cacheSaltBytes] = saltBytes.length;
  words[word + RECORD_WORD.rank] = event.rank;

  let w = word + RECORD_WORD.header;
  const { hashLo, hashHi, tokens, blockCount, tokenCount } = event;
  for (let i = 0; i < blockCount; i++, w += 2) {
    words[w] = hashLo[i] as number;
    words[w + 1] = hashHi[i] as number;
  }
  if (tokenCount > COPY_AT_ONCE_TOKENS) words.set(tokens.subarray(0, tokenCount), w);
  else for (let i = 0; i < tokenCount; i++) words[w + i] = tokens[i] as number;
  w += tokenCount;
  if (nameBytes.length > 0) w = writeText(words, w, nameBytes);
  if (saltBytes.length > 0) w = writeText(words, w, saltBytes);
  const mmStart = w;
  if (event.mmInfos !== null) w = writeMm(event, words, w);
  words[word + RECORD_WORD.mmWords] = w - mmStart;
  return w;
}

/** Little-endian in each word, on every machine. */
function writeText(words: Uint32Array, w: number, text: Uint8Array): number {
  for (let i = 0; i < text.length; i += 4) {
    words[w++] = (text[i] ?? 0) | ((text[i + 1] ?? 0) << 8) | ((text[i + 2] ?? 0) << 16) | ((text[i + 3] ?? 0) << 24);
  }
  return w;
}

function writeMm(event: PublishedEvent, words: Uint32Array, w: number): number {
  for (let b = 0; b < event.blockCount; b++) {
    const info = event.mmInfos?.[b] ?? null;
    words[w++] = info?.length ?? 0;
    for (const hash of info ?? []) {
      words[w++] = hash.lo;
      words[w++] = hash.hi;
    }
  }
  return w;
}

export class Batch {
  rank: number = 0;
  events: number = 0;
  /** Records written so far; `words[0 … wordCount)`. */
  wordCount: number = 0;
  readonly words: Uint32Array;
  /** Seconds since 1970, and monotonic microseconds, at which the first event was accepted. */
  wallSeconds: number = 0;
  monotonicMicros: number = 0;
  /** Slots that had been committed when it was opened. */
  openedAtCommit: number = 0;
  #frameBytes: number = 0;
  readonly #maxFrameBytes: number;
  readonly #maxEvents: number;
  readonly #envelopeBytes: number;

  /** `slotBytes` bounds records and frame alike; of the frame, `envelopeBytes` are spent before the first event. */
  constructor(slotBytes: number, maxEvents: number, envelopeBytes: number = BATCH_ENVELOPE_BYTES) {
    this.words = new Uint32Array(slotBytes / 4);
    this.#maxFrameBytes = slotBytes;
    this.#maxEvents = maxEvents;
    this.#envelopeBytes = envelopeBytes;
  }

  get isEmpty(): boolean {
    return this.events === 0;
  }

  /** Makes it empty, for another rank. `commits`: slots committed so far. */
  reset(rank: number, commits: number): void {
    this.rank = rank;
    this.openedAtCommit = commits;
    this.events = 0;
    this.wordCount = 0;
    this.#frameBytes = this.#envelopeBytes;
  }

  /** Whether an event of this size would be the one too many. */
  hasRoomFor(size: EventSize): boolean {
    return (
      this.events < this.#maxEvents &&
      this.wordCount + size.words <= this.words.length &&
      this.#frameBytes + size.frameBytes <= this.#maxFrameBytes
    );
  }

  /** Appends the event that was measured last; it must have room. */
  append(event: PublishedEvent, size: EventSize, delayMicros: number): void {
    this.wordCount = writeRecord(event, size, this.words, this.wordCount, delayMicros);
    this.#frameBytes += size.frameBytes;
    this.events++;
  }
}
