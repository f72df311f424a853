/**
 * Messages that arrived and wait to be handled. MAIN THREAD, or any program that uses the library.
 *
 * The socket is read all the time, also while a replay or a snapshot is under way or the reader is slow, because libzmq itself
 * counts messages and not bytes. Once as many bytes wait as are allowed, reading stops: the publisher's side then keeps the
 * messages for a while, and what it drops later shows as a gap.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Subscriber } from "zeromq";
import { MalformedError } from "./kv-event.ts";
import type { MessageFault } from "./kv-event.ts";
import { rawMessage, UNNUMBERED } from "./raw-message.ts";
import type { RawMessage } from "./raw-message.ts";
import { elementAt } from "../../shared/element.ts";

/** What a message takes up besides its payload. */
const MESSAGE_OVERHEAD_BYTES = 512;
/** Received messages can follow each other without a turn of the event loop, and signals and timers need one. */
const MESSAGES_A_TURN = 128;

/** The part of the socket that is needed. Rejects once it is closed. */
export type Source = Pick<Subscriber, "receive">;

export type Arrival = RawMessage | { readonly fault: MessageFault };

export class LiveQueue {
  readonly #socket: Source;
  readonly #maxBytes: number;
  readonly #allowsUnnumbered: boolean;
  #items: Arrival[] = [];
  /** Index of the first in `#items` that was not taken. */
  #head: number = 0;
  #bytes: number = 0;
  #ended: boolean = false;
  #woken: boolean = false;
  #taken: number = 0;
  #wakeTaker: () => void = () => {};
  #wakePump: () => void = () => {};

  constructor(socket: Source, maxBytes: number, allowsUnnumbered: boolean = false) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
    this.#allowsUnnumbered = allowsUnnumbered;
  }

  /** Reads until the socket is closed. Never rejects. */
  async pump(): Promise<void> {
    try {
      for (let n = 1; ; n++) {
        while (this.#bytes >= this.#maxBytes) await new Promise<void>((resolve) => (this.#wakePump = resolve));
        this.#push(arrivalOf(await this.#socket.receive(), this.#allowsUnnumbered));
        if (n % MESSAGES_A_TURN === 0) await nextTurn();
      }
    } catch {
      // The socket was closed: there is nothing else that receive() can fail with.
      this.#ended = true;
      this.#wakeTaker();
    }
  }

  /** Lets a pump that waits for room notice that the socket was closed; what waits is forgotten. */
  end(): void {
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#ended = true;
    this.#wakePump();
    this.#wakeTaker();
  }

  /** Whether a message that waits shows a gap behind this number, before the numbers go back. */
  hasGapBehind(sequence: number): boolean {
    let last = sequence;
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = elementAt(this.#items, i);
      if ("fault" in item || item.sequence === UNNUMBERED) continue;
      if (item.sequence !== last + 1) return item.sequence > last;
      last = item.sequence;
    }
    return false;
  }

  /** Makes `take` resolve, though there may be no message. */
  wake(): void {
    this.#woken = true;
    this.#wakeTaker();
  }

  /** The next message; "woken" when something else needs attention; null when the socket was closed. For one taker. */
  async take(): Promise<Arrival | "woken" | null> {
    if (++this.#taken % MESSAGES_A_TURN === 0) await nextTurn();
    for (;;) {
      if (this.#woken) {
        this.#woken = false;
        return "woken";
      }
      const item = this.#items[this.#head];
      if (item !== undefined) {
        this.#head++;
        this.#bytes -= sizeOf(item);
        if (this.#head === this.#items.length || this.#head >= 1024) {
          this.#items.splice(0, this.#head);
          this.#head = 0;
        }
        if (this.#bytes < this.#maxBytes) this.#wakePump();
        return item;
      }
      if (this.#ended) return null;
      await new Promise<void>((resolve) => (this.#wakeTaker = resolve));
    }
  }

  /** Forgets what waits from before the last point at which the numbers go back: it belongs to a run that is over. */
  dropEarlierRuns(): void {
    let last = -1;
    let begin = this.#head;
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = elementAt(this.#items, i);
      if ("fault" in item || item.sequence === UNNUMBERED) continue;
      if (item.sequence < last) begin = i;
      last = item.sequence;
    }
    while (this.#head < begin) this.#bytes -= sizeOf(elementAt(this.#items, this.#head++));
    this.#wakePump();
  }

  #push(item: Arrival): void {
    if (this.#ended) return;
    this.#items.push(item);
    this.#bytes += sizeOf(item);
    this.#wakeTaker();
  }
}

function arrivalOf(frames: readonly Buffer[], allowsUnnumbered: boolean): Arrival {
  try {
    return rawMessage(frames, allowsUnnumbered);
  } catch (error) {
    if (error instanceof MalformedError) return { fault: error.reason };
    throw error;
  }
}

function sizeOf(item: Arrival): number {
  return MESSAGE_OVERHEAD_BYTES + ("fault" in item ? 0 : item.payload.length);
}
