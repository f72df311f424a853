/**
 * Answers of the replay socket, one message at a time: a run of kept messages, or a snapshot. PUBLISHER THREAD.
 *
 * An answer does not send. The server asks it for the next message, offers that to the client's queue, and tells the answer
 * when it was accepted; so a message that found the queue full is simply asked for again.
 */
import type { ReplayFraming } from "../shared/zmq-wire.ts";
import type { REPLAY_OUTCOMES } from "../shared/counter-labels.ts";
import type { ReplayData } from "../shared/messages.ts";
import { batchFrames, endFrames } from "./replay-protocol.ts";
import type { ReplayWindow } from "./replay-window.ts";

export type ReplayOutcome = (typeof REPLAY_OUTCOMES)[number];

/** A message of an answer: one that was published before, another part, or the end marker, after which nothing comes. */
export type AnswerPart = "batch" | "other" | "end";

export interface Answer {
  /** What the request came to, should it end now. */
  readonly outcome: ReplayOutcome;
  /**
   * Frames of the next message, behind the identity, without taking it; null: it is not there yet. Only called once all
   * earlier answers to the client have ended. `nowMs` is a monotonic clock.
   */
  next(nowMs: number): readonly Buffer[] | null;
  /** The message that `next` gave was accepted. Returns what it was. */
  accepted(): AnswerPart;
  /** Leaves out what is not sent yet, but for the end marker: the client has taken nothing for too long. */
  cutShort(): void;
  /** There is no client any more. */
  abandon(): void;
}

/** From a number to the newest message of when it was asked for. */
export class RangeAnswer implements Answer {
  readonly #window: ReplayWindow;
  readonly #framing: ReplayFraming;
  readonly #topic: Buffer;
  readonly #last: number;
  #next: number;
  #outcome: ReplayOutcome;

  constructor(window: ReplayWindow, data: ReplayData, topic: Buffer, start: number) {
    this.#window = window;
    this.#framing = data.framing;
    this.#topic = topic;
    // Who asks for 0 asks for everything, also where the numbers of the epoch begin higher.
    const from = Math.max(start, window.first);
    const kept = window.seek(from);
    const isLost = from < window.next && kept !== from;
    const isServed = kept !== -1 && !(isLost && data.evicted === "empty");
    this.#next = isServed ? kept : 0;
    this.#last = isServed ? window.newest : -1;
    this.#outcome = isLost ? (isServed ? "partial" : "too_old") : "complete";
  }

  get outcome(): ReplayOutcome {
    return this.#outcome;
  }

  next(): readonly Buffer[] {
    // What was to come next may have left the window since.
    const kept = this.#next > this.#last ? -1 : this.#window.seek(this.#next);
    if (kept !== this.#next && this.#next <= this.#last) {
      if (this.#outcome === "complete") this.#outcome = "partial";
      this.#next = kept === -1 ? this.#last + 1 : kept;
    }
    const payload = this.#next > this.#last ? null : this.#window.read(this.#next);
    return payload === null ? endFrames(this.#framing) : batchFrames(this.#framing, this.#topic, this.#next, payload);
  }

  accepted(): AnswerPart {
    if (this.#next > this.#last) return "end";
    this.#next++;
    return "batch";
  }

  cutShort(): void {
    this.#next = this.#last + 1;
    this.#outcome = "expired";
  }

  abandon(): void {
    this.#outcome = "gone";
  }
}
