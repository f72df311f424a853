/**
 * Looks for failures of an engine's events that make no error: everything answers, and routers never learn of a prefix. MAIN THREAD,
 * pure but for the clock.
 *
 * Once a second it reads the counters; the statistics tell how many blocks the engine has filled meanwhile. A condition that has
 * been seen stands for ten seconds at least, so that its check changes no more often than that.
 */
import { type EngineCounters, FILTER_REASONS, type FilterReason } from "../metrics/engine-counters.ts";
import { FINE, type Finding, notHere } from "./check.ts";
import { SampleWindow, WINDOW_SAMPLES } from "./sample-window.ts";

/** Fewer events say nothing about all of them. */
export const MIN_JUDGED_EVENTS = 20;
/** Blocks that an engine fills without a word before that is suspicious. */
export const MIN_SILENT_BLOCKS = 4;
/** Seconds of the last minute in which ids were missing; a buffer that ran over once is another matter. */
export const MIN_GAP_SECONDS = 3;
/** Share of the engine's buffer that one drain brought. */
export const NEARLY_FULL = 0.8;
/** A buffer that is no fuller than this has not run over since. */
const HALF_FULL = 0.5;
/** Of the events that came, those from the future. */
const SKEWED_SHARE = 0.5;
/** HTTP dates have whole seconds, and answers take their time. */
export const MAX_SKEW_SECONDS = 2;

const KEYS = ["told", "published", "missing", "failed", "early", "aged"] as const;

/** Causes of a filter that has caught everything, where one can be named. */
const FILTER_FIXES: { readonly [R in FilterReason]?: string } = {
  window_size:
    "The engine tells of several attention windows, and the one that was announced has no events: restart kvcast, and report it.",
  partial_block: "Set --kv-block-size to the engine's tokens_per_block.",
  unknown_rank: "Set --attention-dp-size to the engine's number of attention-DP ranks.",
  tier_move: "The events are of other tiers than the device's; --publish-tier-moves publishes them.",
  medium: "The events are of other tiers than the device's; --publish-tier-moves publishes them.",
};
const UNKNOWN_FIX =
  "Look at kvcast_filtered_events_total and kvcast_invalid_events_total by reason; docs/normalisation.md says what each means.";

export interface EventWatchOptions {
  readonly counters: EngineCounters;
  /** Null: silence is not judged. */
  readonly quietAfterMs: number | null;
  /** Events that the engine's buffer holds, of all ranks; null where it does not say. */
  readonly bufferCapacity: () => number | null;
  /** Seconds by which the engine's clock is ahead by its own words; null where it has none. */
  readonly skewSeconds: () => number | null;
  readonly now: () => number;
}

export class EventWatch {
  readonly #options: EventWatchOptions;
  readonly #window: SampleWindow<(typeof KEYS)[number]> = new SampleWindow(KEYS);
  readonly #filtered: SampleWindow<FilterReason> = new SampleWindow(FILTER_REASONS);
  /** The largest drain of each second of the last minute, and of the present one. */
  readonly #drains: number[] = [];
  #drain: number = 0;
  #created: number = 0;
  #told: number = 0;
  /** Blocks that the engine has filled since it last told of one, and when it began with that. */
  #silentBlocks: number = 0;
  #silentSinceMs: number = 0;
  #silentPolls: number = 0;
  /** It announced its cache, and nothing has followed. */
  #isAnnouncing: boolean = false;
  #hasStatistics: boolean = false;

  constructor(options: EventWatchOptions) {
    this.#options = options;
  }

  /** The engine has filled so many blocks more, by its statistics. */
  noteWork(blocks: number): void {
    this.#hasStatistics = true;
    if (blocks <= 0) return;
    if (this.#silentBlocks === 0) {
      this.#silentSinceMs = this.#options.now();
      this.#silentPolls = this.#polls;
    }
    this.#silentBlocks += blocks;
  }

  noteDrain(events: number): void {
    this.#drain = Math.max(this.#drain, events);
  }

  /** Once a second. */
  sample(): void {
    const { counters } = this.#options;
    const { received } = counters;
    this.#drains.push(this.#drain);
    this.#drain = 0;
    if (this.#drains.length > WINDOW_SAMPLES) this.#drains.shift();
    const told = received.stored + received.removed + received.updated + received.cleared;
    if (received.created !== this.#created) this.#isAnnouncing = true;
    if (told !== this.#told) {
      this.#isAnnouncing = false;
      this.#silentBlocks = 0;
    }
    this.#created = received.created;
    this.#told = told;
    this.#window.add({
      // What routers find prefixes by. Removals of blocks that nobody has heard of may go out all the same.
      told: received.stored,
      published: counters.storedBlocks,
      missing: counters.missingIds.reduce((all, ids) => all + ids, 0),
      failed: counters.polls.error,
      early: counters.negativeAges,
      aged: counters.eventAge.counts.reduce((all, count) => all + count, 0),
    });
    this.#filtered.add({ ...counters.filtered });
  }

  lookAtCreated(): Finding {
    if (!this.#isAnnouncing) return FINE;
    return this.#silence(
      `engine ${this.#name} has announced its cache and fills blocks, but has told of none since`,
      "Set kv_cache_config.enable_block_reuse: true in the engine; without it blocks are not told of.",
    );
  }

  lookAtFlow(): Finding {
    if (this.#isAnnouncing) return FINE;
    return this.#silence(
      `engine ${this.#name} fills blocks, by its statistics, but has told of none for ${(this.#options.quietAfterMs ?? 0) / 1000} s`,
      "Set kv_cache_config.event_buffer_max_size, and enable_block_reuse: true, in the engine. One that publishes its events itself has none left for HTTP: read it with --engine zmq+tcp://….",
    );
  }

  lookAtFilters(): Finding {
    const told = this.#window.sum("told");
    if (told < MIN_JUDGED_EVENTS || this.#window.sum("published") > 0) return FINE;
    const name = this.#mostFiltered();
    return {
      ok: false,
      reason:
        `none of the blocks that engine ${this.#name} stored in the last minute has been published` +
        (name === null ? "" : `; most events were left out as ${name}`),
      fix: (name === null ? undefined : FILTER_FIXES[name]) ?? UNKNOWN_FIX,
    };
  }

  lookForOthers(): Finding {
    const capacity = this.#options.bufferCapacity();
    const isBufferTheCause = capacity !== null && this.#largestDrain() > capacity * HALF_FULL;
    if (this.#window.busySeconds("missing") < MIN_GAP_SECONDS || isBufferTheCause) return FINE;
    // An answer that was lost on the way has taken its events with it.
    if (this.#window.sum("failed") > 0) return FINE;
    return {
      ok: false,
      reason: `event ids of engine ${this.#name} go on missing although its buffer cannot have run over`,
      fix: "Find who else reads /kv_cache_events of this engine: another kvcast, a script, or the KV-aware router of a disaggregated trtllm-serve. Only one may.",
    };
  }

  lookAtBuffer(): Finding {
    const capacity = this.#options.bufferCapacity();
    if (capacity === null) return notHere(`engine ${this.#name} does not say how many events it keeps`);
    if (this.#largestDrain() < capacity * NEARLY_FULL) return FINE;
    return {
      ok: false,
      reason: `one drain brought more than ${NEARLY_FULL * 100} % of what engine ${this.#name} can keep: events will be lost`,
      fix: `Set kv_cache_config.event_buffer_max_size above ${capacity} in the engine, or find what keeps kvcast from reading.`,
    };
  }

  lookAtClock(): Finding {
    const skewSeconds = this.#options.skewSeconds();
    const aged = this.#window.sum("aged");
    const isEarly = aged >= MIN_JUDGED_EVENTS && this.#window.sum("early") > aged * SKEWED_SHARE;
    const isOff = skewSeconds !== null && Math.abs(skewSeconds) > MAX_SKEW_SECONDS;
    if (!isEarly && !isOff) return FINE;
    const how = isOff
      ? `${Math.abs(Math.round(skewSeconds))} s ${skewSeconds > 0 ? "ahead of" : "behind"}`
      : "ahead of";
    return {
      ok: false,
      reason: `the clock of engine ${this.#name} is ${how} this machine's`,
      fix: "Have both machines keep their time (NTP, chrony): ages of events and times of requests are wrong until then.",
    };
  }

  /** Silence while blocks are filled; `reason` and `fix` if it has lasted. */
  #silence(reason: string, fix: string): Finding {
    const { quietAfterMs, now, counters } = this.#options;
    if (quietAfterMs === null) return notHere("it is switched off");
    if (!this.#hasStatistics) return notHere(`engine ${this.#name} gives no statistics to compare its events with`);
    if (counters.up !== 1) return notHere(`engine ${this.#name} is not being read`);
    const isLong = now() - this.#silentSinceMs >= quietAfterMs && this.#polls > this.#silentPolls;
    if (this.#silentBlocks < MIN_SILENT_BLOCKS || !isLong) return FINE;
    return { ok: false, reason, fix };
  }

  get #name(): string {
    return this.#options.counters.engine;
  }

  /** Those that were answered. */
  get #polls(): number {
    const { polls } = this.#options.counters;
    return polls.items + polls.empty;
  }

  #largestDrain(): number {
    return Math.max(this.#drain, ...this.#drains);
  }

  /** Why most events of the last minute were left out; null when that is not the filters' doing. */
  #mostFiltered(): FilterReason | null {
    let most: FilterReason | null = null;
    for (const reason of FILTER_REASONS) {
      if (reason === "created" || reason === "updated" || this.#filtered.sum(reason) === 0) continue;
      if (most === null || this.#filtered.sum(reason) > this.#filtered.sum(most)) most = reason;
    }
    return most;
  }
}
