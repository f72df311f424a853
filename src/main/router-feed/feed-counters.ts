/** What became of the messages and events that came in, for one model. MAIN THREAD; plain numbers. */
import { WIRE_REFUSALS, type WireReason } from "../wire/wire-refusal.ts";
import { zeros } from "../metrics/zeros.ts";

/** Why an event changes nothing. */
export const FEED_SKIPS = [
  "ignored",
  "ownership",
  "locality",
  "medium",
  "attention_kind",
  "attention_group",
  "extra_keys",
  "block_size",
  "token_count",
  "rank",
  "worker",
  "duplicate",
] as const;
export type FeedSkip = (typeof FEED_SKIPS)[number];

/** Why what is known of a rank was forgotten. */
export const DROP_REASONS = ["gap", "restart", "snapshot", "cleared", "unregistered"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Ways that events come. */
export const FEED_INPUTS = ["zmq", "nats", "jetstream"] as const;
export type FeedInput = (typeof FEED_INPUTS)[number];

export class FeedCounters {
  readonly messages: Record<FeedInput, number> = { zmq: 0, nats: 0, jetstream: 0 };
  readonly events: Record<"stored" | "removed" | "cleared", number> = { stored: 0, removed: 0, cleared: 0 };
  readonly skipped: Record<FeedSkip, number> = zeros(FEED_SKIPS);
  /** Messages that could not be read. */
  readonly refused: Record<WireReason, number> = zeros(WIRE_REFUSALS);
  /** Times that all blocks of a rank were forgotten. */
  readonly drops: Record<DropReason, number> = zeros(DROP_REASONS);
  /** Messages or events that were missed and are not to be had, and those that a replay brought. */
  lost: number = 0;
  healed: number = 0;
}
