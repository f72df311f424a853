/**
 * Bodies of requests, for the few routes that take one: bounded in size, in time, and all together. MAIN THREAD.
 *
 * Both servers hand over a stream of chunks; what has arrived when something is wrong with the rest is forgotten at once.
 */

/** Why a body was not had. */
export type BodyFault = "too-large" | "late" | "gone";

/** A body as a server's parser hands it over, either way. */
export interface BodySource {
  onData(callback: (chunk: Uint8Array) => void): void;
  onEnd(callback: () => void): void;
  /** The client left. */
  onGone(callback: () => void): void;
}

/** For all of a body, from its head on. */
export const BODY_DEADLINE_MS = 5000;
/** Of all bodies that are being read at once. */
const MAX_READING_BYTES: number = 64 * 1024 * 1024;

/** Room for the bodies that are being read. */
export class BodyRoom {
  #left: number = MAX_READING_BYTES;

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/** Reads all of a body. Never rejects. Begins at once: chunks that come before are lost. */
export function readBody(source: BodySource, maxBytes: number, deadlineMs: number): Promise<Buffer | BodyFault> {
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = [];
    let bytes = 0;
    let isOver = false;
    const settle = (result: Buffer | BodyFault): void => {
      if (isOver) return;
      isOver = true;
      chunks = [];
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(settle, deadlineMs, "late" as const);
    source.onData((chunk) => {
      if (isOver) return;
      bytes += chunk.length;
      if (bytes > maxBytes) settle("too-large");
      else chunks.push(chunk);
    });
    source.onEnd(() => settle(Buffer.concat(chunks)));
    source.onGone(() => settle("gone"));
  });
}
