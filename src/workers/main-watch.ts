/**
 * The watchdog over the main thread. PUBLISHER THREAD: main cannot say itself that it does not turn.
 *
 * Main leaves a sign of life in the ring every quarter of a second. When there is none for too long, an episode begins: it is
 * counted, told on standard error at once, and `/live` says so as soon as main answers again. It ends only when main has
 * been well for a moment, so that a probe that waited while main stood still gets to see it.
 */
import { writeSync } from "node:fs";
import type { CounterBlock } from "../shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { RingMemory } from "../shared/ring-memory.ts";

/** Six signs of life that did not come. */
const STALLED_AFTER_MS = 1500;
/** How long main must be well before an episode is over. */
const WELL_AGAIN_MS = 500;
/** Checks further apart than this mean that this thread stood still too: a process that was stopped is no stalled main. */
const MAX_CHECK_GAP_MS = 1000;
const STDERR = 2;

export class MainWatch {
  readonly #memory: RingMemory;
  readonly #counters: CounterBlock;
  readonly #write: (line: string) => void;
  #lastCheckMs: number = Number.NEGATIVE_INFINITY;
  /** Since when checks have come regularly. */
  #awakeSinceMs: number = 0;
  #stalled: boolean;
  /** When main was first seen well again; null while it is not. */
  #wellSinceMs: number | null = null;

  /** `write` takes a line of text, newline included. */
  constructor(memory: RingMemory, counters: CounterBlock, write: (line: string) => void = writeToStandardError) {
    this.#memory = memory;
    this.#counters = counters;
    this.#write = write;
    // A publisher that died may have left an episode open.
    this.#stalled = counters.read(PUBLISHER_CELLS.mainStalled) === 1;
  }

  /** To be called several times a second, outside of a counter update. `nowMs` is monotonic. */
  check(nowMs: number): void {
    if (nowMs - this.#lastCheckMs > MAX_CHECK_GAP_MS) this.#awakeSinceMs = nowMs;
    this.#lastCheckMs = nowMs;
    const sinceBeatMs = this.#memory.msSinceBeat();
    const silentMs = Math.min(sinceBeatMs, nowMs - this.#awakeSinceMs);
    if (silentMs > STALLED_AFTER_MS) this.#onSilence(silentMs);
    else if (this.#stalled && sinceBeatMs <= STALLED_AFTER_MS) this.#onBeat(nowMs);
  }

  #onSilence(silentMs: number): void {
    const counters = this.#counters;
    this.#wellSinceMs = null;
    const seconds = silentMs / 1000;
    const isNew = !this.#stalled;
    this.#stalled = true;
    const longest = Math.max(seconds, counters.read(PUBLISHER_CELLS.mainLongestStallSeconds));
    counters.begin();
    counters.set(PUBLISHER_CELLS.mainStalled, 1);
    counters.add(PUBLISHER_CELLS.mainStalls, isNew ? 1 : 0);
    counters.set(PUBLISHER_CELLS.mainStallSeconds, seconds);
    counters.set(PUBLISHER_CELLS.mainLongestStallSeconds, longest);
    counters.end();
    if (isNew) this.#write(`kvcast: the main thread has not turned for ${seconds.toFixed(1)} s; publishing goes on\n`);
  }

  #onBeat(nowMs: number): void {
    this.#wellSinceMs ??= nowMs;
    if (nowMs - this.#wellSinceMs < WELL_AGAIN_MS) return;
    this.#stalled = false;
    this.#wellSinceMs = null;
    this.#counters.set(PUBLISHER_CELLS.mainStalled, 0);
  }
}

function writeToStandardError(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch {
    // Nowhere left to report it.
  }
}
