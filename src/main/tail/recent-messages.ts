/**
 * Which messages were seen lately, to tell one that comes a second time from one of a new run that counts from the beginning
 * again. MAIN THREAD, or any program that uses the library.
 *
 * A publisher that is not sure whether a batch has left sends it again under the same numbers; its payloads are the same too,
 * and begin with a time stamp in microseconds. A message of a new run has another.
 */
import type { RawMessage } from "./raw-message.ts";

/** More than a publisher ever has in doubt. */
const REMEMBERED = 4096;
/** Bytes of each end of the payload that are looked at: the time stamp is at the beginning. */
const SAMPLED = 64;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class RecentMessages {
  readonly #sequences: Float64Array = new Float64Array(REMEMBERED).fill(-1);
  readonly #prints: Int32Array = new Int32Array(REMEMBERED);

  add(message: RawMessage): void {
    const at = message.sequence % REMEMBERED;
    this.#sequences[at] = message.sequence;
    this.#prints[at] = fingerprint(message.payload);
  }

  /** Whether this very message was added, and is not long ago. */
  has(message: RawMessage): boolean {
    const at = message.sequence % REMEMBERED;
    return this.#sequences[at] === message.sequence && this.#prints[at] === fingerprint(message.payload);
  }

  clear(): void {
    this.#sequences.fill(-1);
  }
}

function fingerprint(payload: Buffer): number {
  let hash = Math.imul(FNV_OFFSET ^ payload.length, FNV_PRIME);
  const ends = payload.length <= 2 * SAMPLED ? [[0, payload.length]] : [[0, SAMPLED], [-SAMPLED]];
  for (const [from, to] of ends) {
    for (const byte of payload.subarray(from, to)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  }
  return hash;
}
