/**
 * What the publisher thread counts, of both sinks, the replay socket and the watchdog. BOTH SIDES.
 *
 * WRITER: the publisher thread alone, its successor after its death (`CounterBlock.recover`), and the main thread before the
 * first publisher starts and after the last one has ended. READERS: main at a scrape; the index thread for the position.
 * Counts only grow; what is a gauge says so by its unit or its name.
 */
import { PUBLISH_DURATION_BUCKETS, REPLAY_DURATION_BUCKETS } from "./counter-buckets.ts";
import { EVENT_TYPES, REPLAY_OUTCOMES, SINK_DROP_REASONS, SINK_ERROR_REASONS } from "./counter-labels.ts";
import { CellTable, type HistogramCells } from "./counter-table.ts";

/** Cells of the publisher thread's block. Columns hold one cell per label value, in the order of the lists above. */
class PublisherCells extends CellTable {
  readonly dequeuedEvents: number = this.cell();
  /**
   * Position behind the last slot that has been counted, as the ring counts them. Counted together with all else of the slot:
   * a publisher that takes over sees by it whether the slot at the tail has been sent.
   */
  readonly countedPosition: number = this.cell();
  /** Events of batches that no encoder could encode: a term of the books. */
  readonly poisonedEvents: number = this.cell();
  readonly zmqUp: number = this.cell();
  /** A column: EVENT_TYPES. */
  readonly zmqSentEvents: number = this.column(EVENT_TYPES.length);
  readonly zmqSentBatches: number = this.cell();
  readonly zmqSentBytes: number = this.cell();
  /** A column: SINK_DROP_REASONS. */
  readonly zmqDroppedEvents: number = this.column(SINK_DROP_REASONS.length);
  /** A column: SINK_ERROR_REASONS. */
  readonly zmqErrors: number = this.column(SINK_ERROR_REASONS.length);
  readonly zmqInflightBatches: number = this.cell();
  /** Seconds since 1970; 0 before the first success. */
  readonly zmqLastSuccessSeconds: number = this.cell();
  readonly zmqSubscribers: number = this.cell();
  /** Times the start went on without the subscribers it had waited for. */
  readonly waitSubscribersTimeouts: number = this.cell();
  /** The high-water mark in messages that is in force now. */
  readonly zmqHighWaterMarkMessages: number = this.cell();
  /** Sequence number of the last published message; -1 before the first. */
  readonly publishedSequence: number = this.cell();
  /** 1 while the main thread does not turn; written by the watchdog. */
  readonly mainStalled: number = this.cell();
  /** When the publisher last looked around, which it does several times a second; seconds since 1970, 0 before it began. */
  readonly publisherBeatSeconds: number = this.cell();
  /** Episodes of that. */
  readonly mainStalls: number = this.cell();
  /** How long the present or last one lasts, and the longest of all; seconds. */
  readonly mainStallSeconds: number = this.cell();
  readonly mainLongestStallSeconds: number = this.cell();
  /** Empty batches that went out after a time of silence. */
  readonly heartbeats: number = this.cell();
  /** Messages that at least one subscriber did not get because its queue had just become full. */
  readonly zmqQueueFull: number = this.cell();
  /** 1 while there is a connection to a NATS server. */
  readonly natsUp: number = this.cell();
  /** A column: EVENT_TYPES. Events of messages that the server has confirmed. */
  readonly natsSentEvents: number = this.column(EVENT_TYPES.length);
  readonly natsSentBatches: number = this.cell();
  readonly natsSentBytes: number = this.cell();
  /** A column: SINK_DROP_REASONS. */
  readonly natsDroppedEvents: number = this.column(SINK_DROP_REASONS.length);
  /** A column: SINK_ERROR_REASONS. */
  readonly natsErrors: number = this.column(SINK_ERROR_REASONS.length);
  /** Messages that were handed to a connection once more. */
  readonly natsRetries: number = this.cell();
  /** Connections after the first one. */
  readonly natsReconnects: number = this.cell();
  /** Acknowledgements that called a message a duplicate of one that the stream has. */
  readonly natsDuplicateAcks: number = this.cell();
  /** Events that wait or are in flight: dequeued events that are neither sent nor dropped yet. */
  readonly natsPendingEvents: number = this.cell();
  /** As `countedPosition`, for slots that are fed to the event plane after their ZMQ messages are out. */
  readonly natsFedPosition: number = this.cell();
  /** From the offer to the hand-over to the connection, and from there to the confirmation. */
  readonly natsPublishDuration: HistogramCells = this.histogram(PUBLISH_DURATION_BUCKETS);
  readonly natsAckDuration: HistogramCells = this.histogram(PUBLISH_DURATION_BUCKETS);
  /** From main's acceptance of a message's first event to the confirmation. */
  readonly natsPipelineLatency: HistogramCells = this.histogram(PUBLISH_DURATION_BUCKETS);
  /** Behind the cells that a NATS tally gathers, which are those from `natsUp` to here. No cell itself. */
  readonly natsTallyEnd: number = this.size;
  readonly natsInflightBatches: number = this.cell();
  /** Payloads that wait or are in flight. */
  readonly natsPendingBytes: number = this.cell();
  /** Seconds since 1970; 0 before the first confirmation. */
  readonly natsLastSuccessSeconds: number = this.cell();
  /** A column: REPLAY_OUTCOMES. */
  readonly replayRequests: number = this.column(REPLAY_OUTCOMES.length);
  readonly replaySentBatches: number = this.cell();
  readonly replayDuration: HistogramCells = this.histogram(REPLAY_DURATION_BUCKETS);
  /** Clients that are being served. */
  readonly replaySessions: number = this.cell();
  readonly replayBatches: number = this.cell();
  readonly replayCapacityBatches: number = this.cell();
  readonly replayBytes: number = this.cell();
  readonly replayCapacityBytes: number = this.cell();
  /** -1 while nothing is kept. */
  readonly replayOldestSequence: number = this.cell();
  readonly publishDuration: HistogramCells = this.histogram(PUBLISH_DURATION_BUCKETS);
  readonly pipelineLatency: HistogramCells = this.histogram(PUBLISH_DURATION_BUCKETS);
}

export const PUBLISHER_CELLS: PublisherCells = new PublisherCells();
