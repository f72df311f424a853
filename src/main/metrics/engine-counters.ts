/**
 * Everything that is counted for one engine, between its socket and the ring. MAIN THREAD, plain fields.
 *
 * One synchronous step changes these, so a scrape between steps sees balanced books:
 * received + injected = duplicate + filtered + invalid + dropped + enqueued.
 */
import { INVALID_REASONS, type InvalidReason, RAW_KIND, type RawKind } from "../engine/raw-event.ts";
import { WIRE_KIND, type WireKind } from "../wire/wire-event.ts";
import { Histogram } from "./histogram.ts";
import { zeros } from "./zeros.ts";

export const FILTER_REASONS = [
  "window_size",
  "partial_block",
  "created",
  "updated",
  "no_blocks",
  "unknown_rank",
  "ignored",
  "ownership",
  "locality",
  "medium",
  "tier_move",
  "attention_kind",
  "attention_group",
  "extra_keys",
] as const;
export type FilterReason = (typeof FILTER_REASONS)[number];

/** What can be wrong with what another publisher sends; see docs/normalisation.md. */
const WIRE_INVALID_REASONS = [
  "frames",
  "too_large",
  "undecodable",
  "hash_bytes",
  "block_size",
  "token_count",
  "eagle",
] as const;
export type WireInvalidReason = (typeof WIRE_INVALID_REASONS)[number];

/** Of engines of all kinds. */
export const ALL_INVALID_REASONS: readonly (InvalidReason | WireInvalidReason)[] = [
  ...INVALID_REASONS,
  ...WIRE_INVALID_REASONS,
];

export const RECEIVED_TYPES = ["created", "stored", "removed", "updated", "cleared", "other"] as const;
export type ReceivedType = (typeof RECEIVED_TYPES)[number];

export const SOURCE_ERROR_REASONS = ["connect", "timeout", "http_status", "decode", "oversize", "schema"] as const;
export type SourceErrorReason = (typeof SOURCE_ERROR_REASONS)[number];

export const INJECT_REASONS = ["start", "restart", "gap", "command", "tier_move"] as const;
export type InjectReason = (typeof INJECT_REASONS)[number];

/** A rank of which subscribers may believe something wrong until it is cleared. */
export interface DirtyRank {
  /** Ids are missing, or the rank began anew and subscribers must not be told. */
  readonly reason: "gap" | "restart";
  /** Ids that have been missing since the last clear. */
  readonly missing: number;
}

export const ENGINE_KINDS = ["http", "zmq", "synthetic", "file"] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

export const POLL_OUTCOMES = ["items", "empty", "error"] as const;
export type PollOutcome = (typeof POLL_OUTCOMES)[number];

/** Upper bounds in seconds of `kvcast_source_poll_duration_seconds`. */
export const POLL_DURATION_BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Upper bounds in seconds of `kvcast_event_age_seconds`. */
export const EVENT_AGE_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/**
 * How it is known how old events are: an engine that is drained does not say, but they came after the drain before; one that
 * publishes puts the time on each batch.
 */
export const EVENT_AGE_SOURCES = ["previous_drain", "engine_timestamp"] as const;
export type EventAgeSource = (typeof EVENT_AGE_SOURCES)[number];

export class EngineCounters {
  /** The `engine` label. */
  readonly engine: string;
  /** The `kind` label of `source_up`: how the engine is read. */
  readonly kind: EngineKind;
  /** Configured attention-DP size; ranks beyond it are labelled `other`. */
  readonly ranks: number;

  /** 1 while the last poll succeeded, or all connections to a publisher stand. */
  up: number = 0;
  readonly polls: Record<PollOutcome, number> = zeros(POLL_OUTCOMES);
  readonly pollDuration: Histogram = new Histogram(POLL_DURATION_BUCKETS);
  pollBackoffSeconds: number = 0;
  readonly errors: Record<SourceErrorReason, number> = zeros(SOURCE_ERROR_REASONS);
  receivedBytes: number = 0;
  /** Messages that were missed and came by replay; of an engine that publishes itself. */
  healedMessages: number = 0;

  readonly received: Record<ReceivedType, number> = zeros(RECEIVED_TYPES);
  readonly injected: Record<InjectReason, number> = zeros(INJECT_REASONS);
  duplicates: number = 0;
  readonly filtered: Record<FilterReason, number> = zeros(FILTER_REASONS);
  readonly invalid: Record<InvalidReason | WireInvalidReason, number> = zeros(ALL_INVALID_REASONS);
  /** Events that were accepted into a batch of the ring. */
  enqueued: number = 0;
  /** Blocks of those: stored, and removed. */
  storedBlocks: number = 0;
  removedBlocks: number = 0;
  /** Null for an engine whose events have no age. */
  readonly eventAgeSource: EventAgeSource | null;
  readonly eventAge: Histogram = new Histogram(EVENT_AGE_BUCKETS);
  /** Ages below 0: the engine's clock is ahead of ours. They are counted as 0. */
  negativeAges: number = 0;
  /** Accepted by the rules but given up on, because the service was stopping and the ring stayed full. */
  droppedAtShutdown: number = 0;

  /** Missing engine event ids, or messages of a publisher, by rank; the last cell is `other`. */
  readonly missingIds: Float64Array;
  /** Highest event id, or number of a message, seen by rank; the last cell is `other`; -1 before the first. */
  readonly lastEventId: Float64Array;
  /** By rank, also those beyond the configured size. */
  readonly dirty: Map<number, DirtyRank> = new Map();
  /** Restarts of an engine rank that were recognised by its ids. */
  resets: number = 0;
  /** Delivered although their id was lower than one seen before. */
  outOfOrder: number = 0;
  /** Published for a rank outside 0 … ranks-1. */
  unknownRank: number = 0;
  /** Wall clock of the last event, seconds since 1970; 0 before the first. */
  lastEventTimestampSeconds: number = 0;
  /** Hashes of partial blocks that are remembered in order to suppress their removal. */
  partialBlocksTracked: number = 0;
  /** Cache blocks that the engine uses, by its own statistics; null when those are not to be had. */
  usedBlocks: number | null = null;

  constructor(engine: string, kind: EngineKind, ranks: number) {
    this.engine = engine;
    this.kind = kind;
    this.eventAgeSource = kind === "http" ? "previous_drain" : kind === "zmq" ? "engine_timestamp" : null;
    this.ranks = ranks;
    this.missingIds = new Float64Array(ranks + 1);
    this.lastEventId = new Float64Array(ranks + 1).fill(-1);
  }

  /** Of all types. */
  get receivedEvents(): number {
    return Object.values(this.received).reduce((sum, count) => sum + count, 0);
  }

  /** Counts an entry as received, by its kind. */
  countReceived(kind: RawKind): void {
    // Spelled out: a property that is looked up by a variable costs three times as much.
    const { received } = this;
    if (kind === RAW_KIND.stored) received.stored++;
    else if (kind === RAW_KIND.removed) received.removed++;
    else if (kind === RAW_KIND.created) received.created++;
    else if (kind === RAW_KIND.updated) received.updated++;
    else received.other++;
  }

  /** The same for an event of another publisher. */
  countWireReceived(kind: WireKind): void {
    const { received } = this;
    if (kind === WIRE_KIND.stored) received.stored++;
    else if (kind === WIRE_KIND.removed) received.removed++;
    else if (kind === WIRE_KIND.cleared) received.cleared++;
    else received.other++;
  }

  /** Over all ranks; of an engine read over ZMQ, messages. */
  get allMissingIds(): number {
    return this.missingIds.reduce((sum, count) => sum + count, 0);
  }

  /** Counts that so many events were at most so old when they were read. */
  observeAge(seconds: number, events: number): void {
    if (events === 0) return;
    if (seconds < 0) this.negativeAges += events;
    this.eventAge.observe(Math.max(0, seconds), events);
  }

  markDirty(rank: number, reason: DirtyRank["reason"], missing: number): void {
    const before = this.dirty.get(rank);
    this.dirty.set(rank, {
      reason: before?.reason === "restart" ? "restart" : reason,
      missing: (before?.missing ?? 0) + missing,
    });
  }

  /** The dirty ranks, in order. */
  dirtyRanks(): ({ readonly rank: number } & DirtyRank)[] {
    return Array.from(this.dirty, ([rank, dirty]) => ({ rank, ...dirty })).toSorted((a, b) => a.rank - b.rank);
  }

  /** Index into the per-rank columns: the rank itself, or the cell of `other`. */
  rankCell(rank: number): number {
    return rank < this.ranks ? rank : this.ranks;
  }
}
