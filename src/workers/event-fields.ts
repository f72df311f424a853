/**
 * The parts of an event that its record describes: hashes, tokens, texts, multimodal keys. ENCODER THREAD.
 *
 * Each function takes the records, the first word `r` of the event's own, and where to write; it returns the position
 * behind what it wrote. Where a part lies in the record follows from the counts in front of it.
 */
import { RECORD_FLAG, RECORD_WORD, textWords } from "../shared/record.ts";
import {
  constantOf,
  type Output,
  putArrayHeader,
  putConstant,
  putInt64,
  putMapHeader,
  putNil,
  putTextHeader,
  putUint,
  putUint64,
  putWideInt64,
} from "./msgpack-writer.ts";

const MM_OBJECTS = constantOf("mm_objects");
const MM_HASH = constantOf("mm_hash");
const OFFSETS = constantOf("offsets");

export function putWideHashes(records: Uint32Array, h: number, count: number, out: Output, p: number): number {
  p = putArrayHeader(out, p, count);
  for (let i = 0; i < count; i++, h += 2) {
    p = putWideInt64(out, p, records[h] as number, records[h + 1] as number);
  }
  return p;
}

export function putShortHashes(records: Uint32Array, h: number, count: number, out: Output, p: number): number {
  p = putArrayHeader(out, p, count);
  for (let i = 0; i < count; i++, h += 2) p = putInt64(out, p, records[h] as number, records[h + 1] as number);
  return p;
}

/** In the shortest form, as all that the two consolidators write. */
export function putUnsignedHashes(records: Uint32Array, h: number, count: number, out: Output, p: number): number {
  p = putArrayHeader(out, p, count);
  for (let i = 0; i < count; i++, h += 2) p = putUint64(out, p, records[h] as number, records[h + 1] as number);
  return p;
}

export function putUnsignedParent(records: Uint32Array, r: number, kindWord: number, out: Output, p: number): number {
  if ((kindWord & RECORD_FLAG.parent) === 0) return putNil(out, p);
  return putUint64(out, p, records[r + RECORD_WORD.parentLo] as number, records[r + RECORD_WORD.parentHi] as number);
}

export function putWideParent(records: Uint32Array, r: number, kindWord: number, out: Output, p: number): number {
  if ((kindWord & RECORD_FLAG.parent) === 0) return putNil(out, p);
  return putWideInt64(out, p, records[r + RECORD_WORD.parentLo] as number, records[r + RECORD_WORD.parentHi] as number);
}

export function putTokens(records: Uint32Array, r: number, out: Output, p: number): number {
  const count = records[r + RECORD_WORD.tokens] as number;
  p = putArrayHeader(out, p, count);
  const { bytes, view } = out;
  let t = r + RECORD_WORD.header + 2 * (records[r + RECORD_WORD.blocks] as number);
  const end = t + count;
  // putUint by hand: this loop is most of an encoder's work. Which of the two long forms a token takes no processor can
  // foresee, so that is computed instead of branched upon; the short one is written with two zeros behind it, which the
  // next value overwrites.
  for (; t < end; t++) {
    const token = records[t] as number;
    if (token >= 0x100) {
      const isWide = ((token >>> 16) + 0xffff) >>> 16;
      bytes[p] = 0xcd + isWide;
      view.setUint32(p + 1, token << (16 - (isWide << 4)));
      p += 3 + (isWide << 1);
    } else if (token >= 0x80) {
      bytes[p] = 0xcc;
      bytes[p + 1] = token;
      p += 2;
    } else {
      bytes[p++] = token;
    }
  }
  return p;
}

export function putLoraId(records: Uint32Array, r: number, out: Output, p: number): number {
  const id = records[r + RECORD_WORD.loraId] as number;
  return id === 0 ? putNil(out, p) : putUint(out, p, id);
}

/** First word behind hashes and tokens: the LoRA name, if there is one. */
export function textStart(records: Uint32Array, r: number): number {
  return (
    r +
    RECORD_WORD.header +
    2 * (records[r + RECORD_WORD.blocks] as number) +
    (records[r + RECORD_WORD.tokens] as number)
  );
}

export function putLoraName(records: Uint32Array, r: number, kindWord: number, out: Output, p: number): number {
  if ((kindWord & RECORD_FLAG.loraName) === 0) return putNil(out, p);
  return putText(records, textStart(records, r), records[r + RECORD_WORD.loraNameBytes] as number, out, p);
}

export function putSalt(records: Uint32Array, r: number, out: Output, p: number): number {
  const start = textStart(records, r) + textWords(records[r + RECORD_WORD.loraNameBytes] as number);
  return putText(records, start, records[r + RECORD_WORD.cacheSaltBytes] as number, out, p);
}

function putText(records: Uint32Array, word: number, bytes: number, out: Output, p: number): number {
  p = putTextHeader(out, p, bytes);
  // Texts lie in the words in little-endian order on every machine, so that no byte view of the records is needed.
  for (let i = 0; i < bytes; i++) out.bytes[p + i] = ((records[word + (i >>> 2)] as number) >>> ((i & 3) << 3)) & 0xff;
  return p + bytes;
}

/** First word of the multimodal part, if there is one. */
export function mmStart(records: Uint32Array, r: number): number {
  return (
    textStart(records, r) +
    textWords(records[r + RECORD_WORD.loraNameBytes] as number) +
    textWords(records[r + RECORD_WORD.cacheSaltBytes] as number)
  );
}

export function putMmInfos(records: Uint32Array, r: number, kindWord: number, out: Output, p: number): number {
  const blocks = records[r + RECORD_WORD.blocks] as number;
  p = putArrayHeader(out, p, blocks);
  const allNull = (kindWord & RECORD_FLAG.mmAny) === 0;
  let m = mmStart(records, r);
  for (let b = 0; b < blocks; b++) {
    const hashes = allNull ? 0 : (records[m++] as number);
    if (hashes === 0) {
      p = putNil(out, p);
      continue;
    }
    p = putMmObjects(records, m, hashes, out, p);
    m += 2 * hashes;
  }
  return p;
}

/** One block's map of its multimodal hashes, of which there are that many from word `m` on. */
export function putMmObjects(records: Uint32Array, m: number, hashes: number, out: Output, p: number): number {
  p = putArrayHeader(out, putConstant(out, putMapHeader(out, p, 1), MM_OBJECTS), hashes);
  for (let i = 0; i < hashes; i++, m += 2) {
    p = putConstant(out, putMapHeader(out, p, 2), MM_HASH);
    p = putUint64(out, p, records[m] as number, records[m + 1] as number);
    p = putArrayHeader(out, putConstant(out, p, OFFSETS), 0);
  }
  return p;
}

/** One list of keys per block, nil where a block has none: multimodal hashes as 16 hex digits, then the salt. */
export function putExtraKeys(
  records: Uint32Array,
  r: number,
  kindWord: number,
  saltTravels: boolean,
  out: Output,
  p: number,
): number {
  const blocks = records[r + RECORD_WORD.blocks] as number;
  p = putArrayHeader(out, p, blocks);
  const noMm = (kindWord & RECORD_FLAG.mmAny) === 0;
  let m = mmStart(records, r);
  for (let b = 0; b < blocks; b++) {
    const hashes = noMm ? 0 : (records[m++] as number);
    const withSalt = saltTravels && b === 0;
    const keys = hashes + (withSalt ? 1 : 0);
    if (keys === 0) {
      p = putNil(out, p);
      continue;
    }
    p = putArrayHeader(out, p, keys);
    for (let i = 0; i < hashes; i++, m += 2) {
      p = putHex64(out, p, records[m] as number, records[m + 1] as number);
    }
    if (withSalt) p = putSalt(records, r, out, p);
  }
  return p;
}

function putHex64(out: Output, p: number, lo: number, hi: number): number {
  p = putTextHeader(out, p, 16);
  for (let i = 0; i < 16; i++) {
    const nibble = ((i < 8 ? hi : lo) >>> (28 - ((i & 7) << 2))) & 0xf;
    out.bytes[p + i] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble;
  }
  return p + 16;
}
