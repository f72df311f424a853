/**
 * The bytes of a body that have arrived and are not yet read, in one piece. MAIN THREAD.
 *
 * Scanning wants contiguous memory, a socket delivers chunks: this is the one copy between the two. Behind the last
 * byte there is always a margin of NULs. NUL occurs in no valid JSON, so a loop that looks for the end of something
 * stops there by itself, and a compare of a few words may reach over the end: neither needs a bounds check.
 *
 *   0 ........ start ................ length ......... length + PAD ........ capacity + PAD
 *   | read     | waiting to be read   | NUL            | whatever was there before
 *   base                              (positions are indexes; base + index = offset in the whole body)
 */

/** NULs behind the last byte: more than any compare reaches over the end. */
const PAD = 64;
const INITIAL_CAPACITY = 64 * 1024;
/** A buffer that grew beyond this for one huge event is given back at the next body. */
const KEEP_CAPACITY = 4 * 1024 * 1024;

export class BodyBuffer {
  bytes: Buffer;
  view: DataView;
  /** Index of the first byte that is still needed. */
  start: number = 0;
  /** Index behind the last byte. */
  length: number = 0;
  /** Offset in the body of index 0. */
  base: number = 0;
  #capacity: number = INITIAL_CAPACITY;

  constructor() {
    this.bytes = Buffer.alloc(INITIAL_CAPACITY + PAD);
    this.view = viewOf(this.bytes);
  }

  /** Forgets everything, for a new body. */
  clear(): void {
    this.start = 0;
    this.length = 0;
    this.base = 0;
    if (this.#capacity > KEEP_CAPACITY) this.#moveTo(INITIAL_CAPACITY);
    this.#pad();
  }

  /** Copies `chunk` behind what is there; moves or grows only when there is no room. */
  push(chunk: Uint8Array): void {
    if (this.length + chunk.length > this.#capacity) this.#makeRoom(chunk.length);
    this.bytes.set(chunk, this.length);
    this.length += chunk.length;
    this.#pad();
  }

  /**
   * A move is only made when it frees at least half of the buffer, a growth only to at least double size: so each byte
   * is moved a bounded number of times, however small the chunks are.
   */
  #makeRoom(count: number): void {
    const needed = this.length - this.start + count;
    if (needed > this.#capacity / 2) {
      this.#moveTo(Math.max(needed, this.#capacity * 2));
    } else {
      this.bytes.copyWithin(0, this.start, this.length);
      this.#rebase();
    }
  }

  #moveTo(capacity: number): void {
    const bytes = Buffer.allocUnsafeSlow(capacity + PAD);
    this.bytes.copy(bytes, 0, this.start, this.length);
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.#capacity = capacity;
    this.#rebase();
  }

  #rebase(): void {
    this.base += this.start;
    this.length -= this.start;
    this.start = 0;
  }

  #pad(): void {
    this.bytes.fill(0, this.length, this.length + PAD);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
