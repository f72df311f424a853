/**
 * The newest events in the ring, as the live page lists them: what came since it was asked last, and what was left out. MAIN THREAD.
 *
 * Of a hash it shows a few digits, of tokens nothing.
 */
import type { LiveEvent, LiveSnapshot } from "../../shared/live-snapshot.ts";
import { TIER } from "../../shared/tier.ts";
import type { RecentRecord } from "../pipeline/recent-records.ts";
import { type LiveParts, MAX_SNAPSHOT_EVENTS, MAX_TAIL_EVENTS } from "./live-parts.ts";

const TIER_NAMES: readonly string[] = Object.entries(TIER)
  .toSorted(([, a], [, b]) => a - b)
  .map(([name]) => name);
/** Of a hash: enough to tell blocks apart, too few to look one up. */
const HASH_DIGITS = 6;
/** After such a pause nobody has been looking. */
const TAIL_PAUSE_MS = 2000;

export class LiveTail {
  readonly #parts: LiveParts;
  /** How far it has been read: a place in the ring, the events until there, and when. */
  #position: number;
  #events: number;
  #atMs: number = -Infinity;
  #newest: readonly LiveEvent[] = [];

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#position = parts.pipeline.recent.position;
    this.#events = parts.pipeline.enqueuedEvents();
  }

  /** The newest events that have been looked at. */
  get newest(): readonly LiveEvent[] {
    return this.#newest;
  }

  /** All that the ring still has, whoever else has had them. */
  all(): LiveSnapshot["tail"] {
    return { events: this.#recent(this.#parts.pipeline.recent.oldest, MAX_TAIL_EVENTS), leftOut: 0 };
  }

  /** What came since the last call. */
  next(): LiveSnapshot["tail"] {
    const { pipeline } = this.#parts;
    const taken = pipeline.enqueuedEvents();
    const nowMs = performance.now();
    const isFirst = nowMs - this.#atMs > TAIL_PAUSE_MS;
    const events = this.#recent(this.#position, isFirst ? MAX_TAIL_EVENTS : MAX_SNAPSHOT_EVENTS);
    // What came while nobody looked is nothing that was left out.
    const leftOut = isFirst ? 0 : Math.max(0, taken - this.#events - events.length);
    this.#position = pipeline.recent.position;
    this.#events = taken;
    this.#atMs = nowMs;
    this.#newest = [...this.#newest, ...events].slice(-MAX_TAIL_EVENTS);
    return { events, leftOut };
  }

  #recent(position: number, max: number): readonly LiveEvent[] {
    return this.#parts.pipeline.recent.since(position, max).map((record) => this.#eventOf(record));
  }

  #eventOf({ wallSeconds, kind, rank, blocks, tier, hashHi, sequence }: RecentRecord): LiveEvent {
    const { engines, attentionDpSize } = this.#parts;
    const engine = engines.length === 1 ? engines[0] : engines[Math.floor(rank / attentionDpSize)];
    return {
      at: wallSeconds,
      type: kind,
      sequence,
      engine: engine?.engine ?? "",
      rank,
      blocks,
      tier: TIER_NAMES[tier] ?? "",
      hash: hashHi === null ? "" : hashHi.toString(16).padStart(8, "0").slice(0, HASH_DIGITS),
    };
  }
}
