/**
 * A head start for what a thread has just handed on: other threads, and other processes, want a processor for it now, and before
 * work that can wait this thread leaves them its own for a moment. WORKER THREADS, which may block; the state is one thread's.
 */
import type { Bell } from "./bell.ts";

/**
 * Milliseconds, where the event plane follows ZMQ. The publisher's is for libzmq's thread and for the subscriber; the encoder's is for
 * the publisher too, and longer, so that the slot is sent when its second round begins.
 */
export const HEAD_START_MS = { publisher: 0.2, encoder: 0.4 } as const;

export interface HeadStartParts {
  readonly ms: number;
  /** Wakes the thread for work that cannot wait. */
  readonly bell: Bell;
  /** Whether there is no such work now, and time enough for a pause. */
  readonly isNeeded: () => boolean;
  /** Called before the thread sleeps: others learn what they have not been told. */
  readonly announce: () => void;
}

export class HeadStart {
  readonly #parts: HeadStartParts;
  #isDue: boolean = false;

  constructor(parts: HeadStartParts) {
    this.#parts = parts;
  }

  /** Something has been handed on. */
  begin(): void {
    this.#isDue = true;
  }

  /** Blocks once after any number of `begin`. True: there may be work that cannot wait. */
  give(): boolean {
    if (!this.#isDue) return false;
    this.#isDue = false;
    const { ms, bell, isNeeded, announce } = this.#parts;
    if (!isNeeded()) return false;
    announce();
    // As before any sleep: who comes between the second look and the sleep rings the bell.
    bell.prepare();
    if (isNeeded()) return bell.sleep(ms);
    bell.cancel();
    return true;
  }
}
