/**
 * The way for one event that is larger than a slot. MAIN THREAD.
 *
 * It has a buffer of its own, shared by all threads, which holds record and frame; the slot only points there. There is
 * one buffer and one such event under way at a time: the next waits, as for a free slot. A larger event gets a larger
 * buffer (a new generation); the old one is forgotten by everyone on the way.
 */
import type { MessagePort } from "node:worker_threads";
import type { OversizeMessage } from "../../shared/messages.ts";
import { roundToLine } from "../../shared/ring-layout.ts";

export class OversizeBuffer {
  readonly #ports: Set<MessagePort> = new Set();
  #current: OversizeMessage | null = null;
  #words: Uint32Array<SharedArrayBuffer> = new Uint32Array(new SharedArrayBuffer(0));

  /** What a thread that starts now must be told. */
  get current(): OversizeMessage | null {
    return this.#current;
  }

  get bytes(): number {
    return this.#current?.buffer.byteLength ?? 0;
  }

  /** Announces later buffers on this port too. */
  addPort(port: MessagePort): void {
    this.#ports.add(port);
    port.unref();
  }

  removePort(port: MessagePort): void {
    this.#ports.delete(port);
    port.close();
  }

  /**
   * A buffer with room for `recordBytes` and, behind them, `frameBytes`. It must not be in use. Every thread has been
   * told when this returns.
   */
  reserve(
    recordBytes: number,
    frameBytes: number,
  ): { words: Uint32Array<SharedArrayBuffer>; generation: number; frameOffset: number } {
    const frameOffset = roundToLine(recordBytes);
    const needed = frameOffset + roundToLine(frameBytes);
    if (this.#current === null || this.#current.buffer.byteLength < needed) {
      const generation = (this.#current?.generation ?? 0) + 1;
      // Half as much again, so that a growing stream of large events does not reallocate each time.
      this.#current = { generation, buffer: new SharedArrayBuffer(roundToLine(Math.ceil(needed * 1.5))) };
      this.#words = new Uint32Array(this.#current.buffer);
      for (const port of this.#ports) port.postMessage(this.#current);
    }
    return { words: this.#words, generation: this.#current.generation, frameOffset };
  }
}
