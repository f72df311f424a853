/**
 * Copies a payload out of shared memory, for a socket: it may hold on to its buffer for long, so each gets a fresh one.
 * PUBLISHER THREAD; pure.
 */

/** Payloads below this share pages of the allocator's pool; above, each gets its own memory. */
const POOLED_BYTES = 4096;

/** Memory for a payload of so many bytes, all of which the caller writes. */
export function roomFor(length: number): Buffer {
  return length < POOLED_BYTES ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
}

/** The bytes of `parts`, one behind the other; all together they must be `length` bytes. */
export function copyOut(length: number, ...parts: readonly Uint8Array[]): Buffer {
  const copy = roomFor(length);
  let at = 0;
  for (const part of parts) {
    // fill() is a plain memory copy at any alignment; the other ways out of shared memory are several times slower. It takes
    // no empty source.
    if (part.length > 0) copy.fill(part, at, at + part.length);
    at += part.length;
  }
  return copy;
}
