/**
 * What becomes of a gap: fetched from the replay socket, or named as lost, in the order of the numbers. MAIN THREAD, or any
 * program that uses the library.
 */
import { delivered } from "./delivered.ts";
import type { RecentMessages } from "./recent-messages.ts";
import { ReplayError } from "./side-channel.ts";
import type { SideChannel } from "./side-channel.ts";
import type { GapItem, LossReason, StreamCounters, StreamItem } from "./stream-items.ts";

/** No further replay for so long after one that got no answer. */
const COOLING_MS = 10_000;

export class GapFiller {
  readonly #channel: SideChannel | null;
  readonly #recent: RecentMessages;
  readonly #counters: StreamCounters;
  #notBeforeMs: number = 0;

  /** Without a channel every gap is a loss. Replayed messages are added to `recent`. */
  constructor(channel: SideChannel | null, recent: RecentMessages, counters: StreamCounters) {
    this.#channel = channel;
    this.#recent = recent;
    this.#counters = counters;
  }

  /** Yields messages `from` to `to` as far as they can be had, and a gap item for each part. Stops when the channel is closed. */
  async *fill(from: number, to: number): AsyncGenerator<StreamItem, void> {
    this.#counters.gaps++;
    if (this.#channel === null) return yield this.#lost(from, to, "no-replay");
    if (performance.now() < this.#notBeforeMs) return yield this.#lost(from, to, "cooling-down");
    let next = from;
    let healedFrom = from;
    let reason: LossReason = "evicted";
    try {
      for await (const message of this.#channel.replay(from)) {
        const { sequence } = message;
        if (sequence > to) break;
        if (sequence > next) {
          if (next > healedFrom) yield this.#healed(healedFrom, next - 1);
          yield this.#lost(next, sequence - 1, reason);
          healedFrom = sequence;
        }
        next = sequence + 1;
        this.#recent.add(message);
        yield delivered(message, "replay", this.#counters);
        if (sequence === to) break;
      }
    } catch (error) {
      if (!(error instanceof ReplayError)) throw error;
      reason = error.reason;
      this.#notBeforeMs = performance.now() + COOLING_MS;
    }
    if (this.#channel.closed) return;
    if (next > healedFrom) yield this.#healed(healedFrom, next - 1);
    if (next <= to) yield this.#lost(next, to, reason);
  }

  #healed(from: number, to: number): GapItem {
    this.#counters.healed += to - from + 1;
    return { kind: "gap", from, to, healed: true, reason: null };
  }

  #lost(from: number, to: number, reason: LossReason): GapItem {
    this.#counters.lost += to - from + 1;
    return { kind: "gap", from, to, healed: false, reason };
  }
}
