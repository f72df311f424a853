/**
 * Reads one socket of an engine that publishes itself, from its messages to the pipeline. MAIN THREAD.
 *
 *   message stream ─► batch reader ─► judge ─► outlet
 *        └─ gap that no replay filled, restart ─► injections: a clear goes before what follows
 *
 * Each reader has a loop of its own and waits for its own publisher only, or for room in the ring. A message is worked off
 * before the next one is looked at, so the order of the stream is kept.
 */
import type { CurveClientKeys } from "../../shared/curve.ts";
import { setImmediate as nextTurn } from "node:timers/promises";
import { wallClockSeconds } from "../../shared/clock.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import type { ZmqSocketConfig } from "../config/config.ts";
import { ABSENT } from "../engine/raw-event.ts";
import type { WireInvalidReason } from "../metrics/engine-counters.ts";
import type { SavedRanks } from "../normalise/saved-ranks.ts";
import { MessageStream } from "../tail/message-stream.ts";
import { type RawMessage, UNNUMBERED } from "../tail/raw-message.ts";
import { MAX_PAYLOAD_BYTES, WireBatchReader } from "../wire/wire-batch.ts";
import { WIRE_KIND, WireEvent } from "../wire/wire-event.ts";
import type { WireReason } from "../wire/wire-refusal.ts";
import type { EventJudge } from "./event-judge.ts";
import { type SharedParts, StreamRanks } from "./stream-ranks.ts";

/** Events between two turns of the event loop. */
const EVENTS_A_TURN = 1024;
/** Publishers serve replays between two batches, and some stop in the middle; meanwhile live messages wait. */
const REPLAY_TIMEOUT_MS = 2000;

/** A message as the stream hands it on: still undecoded. */
interface Payload extends RawMessage {
  readonly kind: "payload";
  readonly source: "live" | "replay";
}

export interface PublisherReaderOptions extends SharedParts {
  readonly socket: ZmqSocketConfig;
  readonly topic: string;
  readonly framing: ReplayFraming;
  /** What to connect with; absent: without encryption. */
  readonly curve?: CurveClientKeys;
  readonly judge: EventJudge;
  /** Of the ranks that this socket carries. */
  readonly saved: SavedRanks;
  readonly maxQueuedBytes: number;
  readonly onConnection: (connected: boolean) => void;
}

export class PublisherReader {
  readonly #options: PublisherReaderOptions;
  readonly #stream: MessageStream<Payload>;
  readonly #ranks: StreamRanks;
  readonly #batch: WireBatchReader = new WireBatchReader();
  readonly #event: WireEvent = new WireEvent();
  /** Number of the last message that was worked off. */
  #last: number = UNNUMBERED;
  #isBusy: boolean = false;
  #stopping: boolean = false;

  constructor(options: PublisherReaderOptions) {
    const { socket, saved, topic, framing } = options;
    this.#options = options;
    this.#ranks = new StreamRanks(options, socket, saved);
    this.#stream = new MessageStream<Payload>(
      {
        endpoint: socket.endpoint,
        topic,
        ...(socket.replayEndpoint === null ? {} : { replayEndpoint: socket.replayEndpoint }),
        replayFraming: framing,
        curve: options.curve ?? null,
        replayTimeoutMs: REPLAY_TIMEOUT_MS,
        maxMessageBytes: MAX_PAYLOAD_BYTES,
        maxQueuedBytes: options.maxQueuedBytes,
        allowsUnnumbered: true,
        from: this.#ranks.from,
        onRefusal: (refusal) => options.journal.refusedUs(socket.endpoint, refusal, options.curve !== undefined),
        onConnection: (connected) => {
          options.journal.connection(socket.endpoint, connected);
          options.onConnection(connected);
        },
      },
      ({ sequence, payload }, source) => ({ kind: "payload", source, sequence, payload }),
    );
  }

  /** Reads until `stop()`. Rejects for an address that libzmq does not take. */
  async run(): Promise<void> {
    if (this.#stopping) return;
    for await (const item of this.#stream) {
      this.#isBusy = true;
      if (item.kind === "payload") await this.#onPayload(item);
      else if (item.kind === "gap") await this.#ranks.onGap(item);
      else if (item.kind === "restart") await this.#ranks.onRestart(item);
      else if (item.kind === "malformed") this.#refuse("frames", item.sequence, item.reason);
      this.#isBusy = false;
    }
  }

  /** Closes the sockets. A message that is being worked off may finish. */
  stop(): void {
    this.#stopping = true;
    this.#stream.close();
  }

  /** By own rank, the number of the last message; null while one is being worked off. */
  followed(): ReadonlyMap<number, number> | null {
    if (this.#isBusy) return null;
    if (this.#last === UNNUMBERED) return new Map();
    return new Map(this.#ranks.heard().map((rank) => [rank, this.#last]));
  }

  async #onPayload({ sequence, payload, source }: Payload): Promise<void> {
    const { counters, outlet } = this.#options;
    counters.receivedBytes += payload.length;
    if (source === "replay") counters.healedMessages++;
    this.#ranks.begin(sequence !== UNNUMBERED);
    const refusal = this.#batch.open(payload);
    if (refusal === null) {
      // A replay is old by its nature.
      if (source === "live")
        counters.observeAge(wallClockSeconds() - this.#batch.timestampSeconds, this.#batch.eventCount);
      await this.#takeBatch();
    }
    if (refusal !== null) this.#refuse(invalidReasonOf(refusal.reason), sequence, refusal.message);
    outlet.flush();
    if (sequence === UNNUMBERED) return;
    this.#last = sequence;
    counters.lastEventId[this.#ranks.cell()] = sequence;
  }

  async #takeBatch(): Promise<void> {
    const batch = this.#batch;
    const event = this.#event;
    const { counters, outlet } = this.#options;
    const rank = this.#rankOf(batch.rank);
    if (batch.eventCount > 0) {
      counters.lastEventTimestampSeconds = wallClockSeconds();
      this.#ranks.meet(rank);
    }
    for (let n = 1; batch.next(event); n++) {
      if (!this.#take(rank) && !(await this.#options.room.until(() => this.#take(rank)))) {
        this.#giveUp();
        return;
      }
      if (n % EVENTS_A_TURN !== 0) continue;
      outlet.flush();
      await nextTurn();
    }
  }

  /** One event, in one step: its outcome and all its counts. False: full, and nothing was counted. */
  #take(rank: number): boolean {
    const { judge, outlet, counters, ranks, onCleared } = this.#options;
    if (!this.#ranks.settle(rank)) return false;
    if (judge.judge(this.#event, rank) !== "publish") return true;
    if (!outlet.offer(judge.out)) return false;
    judge.countPublished(this.#event, rank);
    if (this.#event.kind === WIRE_KIND.cleared) {
      counters.dirty.delete(rank);
      onCleared(ranks.base + rank);
    }
    return true;
  }

  /** The service ends, and there is no room: this event and those behind it in the message. */
  #giveUp(): void {
    const { counters } = this.#options;
    do {
      counters.countWireReceived(this.#event.kind);
      counters.droppedAtShutdown++;
    } while (this.#batch.next(this.#event));
  }

  /** A message that is refused as a whole. */
  #refuse(reason: WireInvalidReason, sequence: number | null, detail: string): void {
    const { counters, journal } = this.#options;
    counters.received.other++;
    counters.invalid[reason]++;
    journal.refused(reason, sequence, detail);
  }

  /** The engine's own rank: what the batch says, if it can be, or else whose socket it is. */
  #rankOf(batchRank: number): number {
    const { socket, ranks } = this.#options;
    if (batchRank !== ABSENT && (socket.rank === null || batchRank < ranks.size)) return batchRank;
    return socket.rank ?? 0;
  }
}

function invalidReasonOf(reason: WireReason): WireInvalidReason {
  if (reason === "frames" || reason === "sequence") return "frames";
  return reason === "too_large" || reason === "hash_bytes" ? reason : "undecodable";
}
