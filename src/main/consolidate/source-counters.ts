/**
 * Everything that is counted for one source of the consolidator, between its socket and the tracker. MAIN THREAD, plain fields.
 *
 * received = skipped + applied, in events, between any two steps; an event that is applied is a block operation for each of its
 * blocks, which the tracker counts by outcome.
 */
import { WIRE_REFUSALS, type WireReason } from "../wire/wire-refusal.ts";
import { newCounters } from "../tail/stream-counters.ts";
import type { StreamCounters } from "../tail/stream-items.ts";
import { zeros } from "../metrics/zeros.ts";

export const SOURCE_EVENT_TYPES = ["stored", "removed", "cleared", "other"] as const;
export type SourceEventType = (typeof SOURCE_EVENT_TYPES)[number];

/** Why an event changes nothing: label values of `kvcast_consolidator_skipped_events_total`. */
export const SKIP_REASONS = [
  /** Its publisher says that it means nothing. */
  "ignored",
  /** The blocks are not managed by the engine. */
  "ownership",
  /** The blocks are another worker's, or nobody knows whose. */
  "locality",
  /** A medium that nobody knows, or one that an engine is not asked about. */
  "medium",
  /** Attention of a kind by which no prefix is matched. */
  "attention_kind",
  /** A group of layers only, of which nobody has said that it has the attention by which prefixes are matched. */
  "attention_group",
  /** Keys that are no adapter's name, no multimodal hash and no salt: equal tokens are then not equal blocks. */
  "extra_keys",
  /** Tokens in pairs, which have no place in the messages that go out. */
  "bigram",
  /** No block size, or another than the one that is wanted. */
  "block_size",
  /** The tokens are too few or too many for the blocks. */
  "token_count",
  /** Its number is none that an attention-DP rank may have. */
  "rank",
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

export class SourceCounters {
  /** The `source` label. */
  readonly source: string;
  readonly kind: string;
  /** 1 while there is a connection. */
  up: number = 0;
  /** Of its messages. */
  stream: Readonly<StreamCounters> = newCounters();
  /** Of the messages that `stream` counts as lost: those from before the first one, which were never waited for. */
  unseenMessages: number = 0;
  receivedBytes: number = 0;
  readonly received: Record<SourceEventType, number> = zeros(SOURCE_EVENT_TYPES);
  readonly skipped: Record<SkipReason, number> = zeros(SKIP_REASONS);
  applied: number = 0;
  /** Messages that were refused whole. */
  readonly refused: Record<WireReason, number> = zeros(WIRE_REFUSALS);
  /** Wall clock of the last event, seconds since 1970; 0 before the first. */
  lastEventTimestampSeconds: number = 0;

  constructor(source: string, kind: string) {
    this.source = source;
    this.kind = kind;
  }
}
