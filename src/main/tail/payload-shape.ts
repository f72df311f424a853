/**
 * What decoding a payload would cost, found out by walking over it. MAIN THREAD.
 *
 * Five bytes of msgpack can announce an array of four thousand million entries, and the decoder would reserve them all before
 * it finds the payload to be at its end; a megabyte of nothing but empty maps becomes sixty of objects. So nothing is decoded
 * whose announcements its own bytes do not keep, or that holds more arrays and maps than any honest message.
 */

/** A message of 256 events with an entry for every block stays far below. */
const MAX_CONTAINERS = 1_000_000;

/** True when `bytes` is one whole msgpack value, nothing behind it, that is safe to decode. */
export function isSafeToDecode(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length;
  let p = 0;
  /** Values still to come. Each has a byte at least, so more of them than bytes is a lie. */
  let owed = 1;
  let containers = 0;
  while (owed > 0) {
    if (owed > end - p) return false;
    owed--;
    const head = bytes[p] as number;
    p++;
    if (head <= 0x7f || head >= 0xe0) continue;
    let entries = -1;
    if (head <= 0x8f) entries = 2 * (head & 0x0f);
    else if (head <= 0x9f) entries = head & 0x0f;
    else if (head <= 0xbf) p += head & 0x1f;
    else {
      const width = LENGTH_WIDTH[head - 0xc0] as number;
      if (width > end - p) return false;
      let length = 0;
      if (width === 1) length = bytes[p] as number;
      else if (width === 2) length = view.getUint16(p);
      else if (width === 4) length = view.getUint32(p);
      p += width;
      if (head >= 0xdc) entries = head >= 0xde ? 2 * length : length;
      else p += length + (FIXED_BYTES[head - 0xc0] as number);
    }
    if (entries < 0) continue;
    if (++containers > MAX_CONTAINERS) return false;
    owed += entries;
  }
  return p === end;
}

/** Bytes of the length that follows the head, for heads from 0xc0 to 0xdf. */
const LENGTH_WIDTH: readonly number[] = [
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
];
/** Bytes besides those that the length counts: the whole of a number, the type of an extension. */
const FIXED_BYTES: readonly number[] = [
  0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0, 0, 0, 0, 0, 0, 0,
];
