/**
 * What the replay socket counts. PUBLISHER THREAD.
 *
 * Between two polls it is put down here, and goes into the shared block in one update: readers see requests, batches and the window of one
 * and the same moment.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import { REPLAY_OUTCOMES } from "../shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { EndedAnswer } from "./replay-client.ts";
import type { ReplayWindow } from "./replay-window.ts";

export class ReplayBooks {
  readonly #counters: CounterBlock;
  readonly #window: ReplayWindow;
  /** What has not been counted yet. */
  #ended: EndedAnswer[] = [];
  #sentBatches: number = 0;
  /** What was counted last. */
  #countedNext: number = -1;
  #countedSessions: number = -1;

  constructor(counters: CounterBlock, window: ReplayWindow) {
    this.#counters = counters;
    this.#window = window;
  }

  /** A request has its end, or was refused. */
  ended(answer: EndedAnswer): void {
    this.#ended.push(answer);
  }

  /** A batch was sent again. */
  sent(): void {
    this.#sentBatches++;
  }

  /** Brings the counters up to date. `sessions`: clients that are being served. Not inside another update of the counters. */
  count(sessions: number): void {
    const counters = this.#counters;
    const window = this.#window;
    const isUnchanged = window.next === this.#countedNext && sessions === this.#countedSessions;
    if (isUnchanged && this.#ended.length === 0 && this.#sentBatches === 0) return;
    counters.begin();
    for (const { outcome, durationMs } of this.#ended) {
      counters.add(PUBLISHER_CELLS.replayRequests + REPLAY_OUTCOMES.indexOf(outcome), 1);
      if (durationMs !== null) counters.observe(PUBLISHER_CELLS.replayDuration, durationMs / 1000);
    }
    counters.add(PUBLISHER_CELLS.replaySentBatches, this.#sentBatches);
    counters.set(PUBLISHER_CELLS.replaySessions, sessions);
    counters.set(PUBLISHER_CELLS.replayBatches, window.batches);
    counters.set(PUBLISHER_CELLS.replayCapacityBatches, window.maxBatches);
    counters.set(PUBLISHER_CELLS.replayBytes, window.bytes);
    counters.set(PUBLISHER_CELLS.replayCapacityBytes, window.maxBytes);
    counters.set(PUBLISHER_CELLS.replayOldestSequence, window.oldest);
    counters.end();
    this.#ended = [];
    this.#sentBatches = 0;
    this.#countedNext = window.next;
    this.#countedSessions = sessions;
  }
}
