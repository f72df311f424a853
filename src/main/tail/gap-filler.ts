/**
 * What becomes of a gap: fetched from the replay socket, or named as lost, in the order of the numbers. MAIN THREAD, or any
 * program that uses the library.
 *
 * A subscriber that is too slow loses many short runs of messages, one after the other. As an answer goes on to the newest
 * message, it has the next gaps in it as well: while the reader knows of another one, the answer is left open for it.
 */
import type { Deliver } from "./delivered.ts";
import type { RawMessage } from "./raw-message.ts";
import type { RecentMessages } from "./recent-messages.ts";
import { ReplayError } from "./side-channel.ts";
import type { SideChannel } from "./side-channel.ts";
import type { GapItem, LossReason, StreamCounters } from "./stream-items.ts";

/** No further replay for so long after one that got no answer. */
const COOLING_MS = 10_000;

/** The part of the side channel that is needed. */
export type Replays = Pick<SideChannel, "replay" | "closed">;

export interface Gap {
  readonly from: number;
  /** Infinity: whatever there is, which may be nothing. Only what is missing in between is then a loss. */
  readonly to: number;
  /**
   * Nothing of this run was seen before, and where it began is a guess. Most publishers count from 0, some from 1: that number
   * 0 alone is missing is then no loss.
   */
  readonly isBeginning?: boolean;
  /** Whether another gap behind this one is known by now. */
  readonly hasNext?: () => boolean;
}

export class GapFiller<Delivered> {
  readonly #channel: Replays | null;
  readonly #recent: RecentMessages;
  readonly #counters: StreamCounters;
  readonly #deliver: Deliver<Delivered>;
  #notBeforeMs: number = 0;
  /** The gap at hand is among the gaps. */
  #isCounted: boolean = false;
  /** The answer that is being read; null when there is none. */
  #answer: AsyncGenerator<RawMessage, void> | null = null;
  /** Read from it, and beyond what was missing. */
  #ahead: RawMessage | null = null;

  /** Without a channel every gap is a loss. Replayed messages are added to `recent`. */
  constructor(channel: Replays | null, recent: RecentMessages, counters: StreamCounters, deliver: Deliver<Delivered>) {
    this.#channel = channel;
    this.#recent = recent;
    this.#counters = counters;
    this.#deliver = deliver;
  }

  /**
   * Yields the messages of the gap as far as they can be had, and a gap item for each part; returns the number behind the last
   * of them. Stops when the channel is closed.
   */
  async *fill(gap: Gap): AsyncGenerator<Delivered | GapItem, number> {
    const { from, to } = gap;
    this.#isCounted = false;
    if (this.#channel === null) yield* this.#lost(gap, from, to, "no-replay");
    else if (performance.now() < this.#notBeforeMs) yield* this.#lost(gap, from, to, "cooling-down");
    else return yield* this.#fetch(gap, this.#channel);
    return from;
  }

  /** Lets go of an answer that was left open: what comes next is of another run, or asks for something else. */
  async drop(): Promise<void> {
    const answer = this.#answer;
    this.#answer = null;
    this.#ahead = null;
    await answer?.return();
  }

  async *#fetch(gap: Gap, channel: Replays): AsyncGenerator<Delivered | GapItem, number> {
    const { from, to } = gap;
    let next = from;
    let healedFrom = from;
    let reason: LossReason = "evicted";
    let isFresh = this.#answer === null;
    try {
      for (;;) {
        this.#answer ??= channel.replay(next);
        const message = await this.#take(this.#answer, next);
        if (message === null && !isFresh && !channel.closed) {
          // The end of an answer that was left open says nothing of what was published since it was asked for.
          isFresh = true;
          continue;
        }
        if (message === null) break;
        if (message.sequence > to) {
          this.#ahead = message;
          break;
        }
        const { sequence } = message;
        if (sequence > next) {
          if (next > healedFrom) yield this.#healed(healedFrom, next - 1);
          yield* this.#lost(gap, next, sequence - 1, reason);
          healedFrom = sequence;
        }
        next = sequence + 1;
        this.#recent.add(message);
        yield this.#deliver(message, "replay", this.#counters);
        if (sequence === to) break;
      }
    } catch (error) {
      if (!(error instanceof ReplayError)) throw error;
      this.#answer = null;
      reason = error.reason;
      this.#notBeforeMs = performance.now() + COOLING_MS;
    }
    if (channel.closed) return next;
    if (next > healedFrom) yield this.#healed(healedFrom, next - 1);
    if (next <= to) yield* this.#lost(gap, next, to, reason);
    if (gap.hasNext?.() !== true) await this.drop();
    return next;
  }

  /** The first message of the answer from `next` on; null at its end. */
  async #take(answer: AsyncGenerator<RawMessage, void>, next: number): Promise<RawMessage | null> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead !== null && ahead.sequence >= next) return ahead;
    for (;;) {
      const { value, done } = await answer.next();
      if (done === true) {
        this.#answer = null;
        return null;
      }
      if (value.sequence >= next) return value;
    }
  }

  #healed(from: number, to: number): GapItem {
    this.#count();
    this.#counters.healed += to - from + 1;
    return { kind: "gap", from, to, healed: true, reason: null };
  }

  *#lost(gap: Gap, from: number, to: number, reason: LossReason): Generator<GapItem, void> {
    if (to === Infinity || (gap.isBeginning === true && to === 0)) return;
    this.#count();
    this.#counters.lost += to - from + 1;
    yield { kind: "gap", from, to, healed: false, reason };
  }

  /** Counts the gap, once for all its parts. */
  #count(): void {
    if (!this.#isCounted) this.#counters.gaps++;
    this.#isCounted = true;
  }
}
