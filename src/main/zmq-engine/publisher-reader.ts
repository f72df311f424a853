/**
 * Reads one socket of an engine that publishes itself, from its messages to the pipeline. MAIN THREAD.
 *
 *   message stream ─► batch reader ─► judge ─► outlet
 *        └─ gap that no replay filled, restart ─► injections: a clear goes before what follows
 *
 * Each reader has a loop of its own and waits for its own publisher only, or for room in the ring. A message is worked off
 * before the next one is looked at, so the order of the stream is kept.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { wallClockSeconds } from "../../shared/clock.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import type { ZmqSocketConfig } from "../config/config.ts";
import { ABSENT } from "../engine/raw-event.ts";
import type { EventOutlet } from "../intake.ts";
import type { EngineCounters, WireInvalidReason } from "../metrics/engine-counters.ts";
import type { EngineRanks } from "../normalise/engine-ranks.ts";
import type { Injections, RankWatch } from "../normalise/injections.ts";
import type { SavedRanks } from "../normalise/saved-ranks.ts";
import { MessageStream } from "../tail/message-stream.ts";
import { type RawMessage, UNNUMBERED } from "../tail/raw-message.ts";
import type { GapItem, RestartItem } from "../tail/stream-items.ts";
import { MAX_PAYLOAD_BYTES, WireBatchReader } from "../wire/wire-batch.ts";
import { WIRE_KIND, WireEvent } from "../wire/wire-event.ts";
import type { WireReason } from "../wire/wire-refusal.ts";
import { Continuity } from "./continuity.ts";
import type { EventJudge } from "./event-judge.ts";
import type { GroupTable } from "./group-table.ts";
import type { Journal } from "./journal.ts";
import type { Room } from "./room.ts";

/** Events between two turns of the event loop. */
const EVENTS_A_TURN = 1024;
/** Publishers serve replays between two batches, and some stop in the middle; meanwhile live messages wait. */
const REPLAY_TIMEOUT_MS = 2000;

/** A message as the stream hands it on: still undecoded. */
interface Payload extends RawMessage {
  readonly kind: "payload";
  readonly source: "live" | "replay";
}

/** What the readers of one engine share. */
export interface SharedParts {
  readonly ranks: EngineRanks;
  readonly counters: EngineCounters;
  readonly injections: Injections;
  /** `injections`, or what passes on to it. */
  readonly watch: RankWatch;
  readonly groups: GroupTable;
  readonly outlet: EventOutlet;
  readonly room: Room;
  readonly journal: Journal;
  /** Published ranks whose engine told of a clear of its own: nothing is unknown of them any more. */
  readonly onCleared: (rank: number) => void;
  /** Own ranks that an event came from. */
  readonly heard: Set<number>;
}

export interface PublisherReaderOptions extends SharedParts {
  readonly socket: ZmqSocketConfig;
  readonly topic: string;
  readonly framing: ReplayFraming;
  readonly judge: EventJudge;
  /** Of the ranks that this socket carries. */
  readonly saved: SavedRanks;
  readonly maxQueuedBytes: number;
  readonly onConnection: (connected: boolean) => void;
}

export class PublisherReader {
  readonly #options: PublisherReaderOptions;
  readonly #stream: MessageStream<Payload>;
  readonly #continuity: Continuity;
  readonly #batch: WireBatchReader = new WireBatchReader();
  readonly #event: WireEvent = new WireEvent();
  /** Own ranks that a loss on this socket concerns. */
  readonly #ranks: Set<number>;
  /** Number of the last message that was worked off. */
  #last: number = UNNUMBERED;
  #isBusy: boolean = false;
  /** A message came. */
  #hasBegun: boolean = false;
  #stopping: boolean = false;

  constructor(options: PublisherReaderOptions) {
    const { socket, ranks, saved, topic, framing } = options;
    this.#options = options;
    this.#continuity = new Continuity(saved);
    this.#ranks = new Set(socket.rank === null ? Array.from({ length: ranks.size }, (_, i) => i) : [socket.rank]);
    this.#stream = new MessageStream<Payload>(
      {
        endpoint: socket.endpoint,
        topic,
        ...(socket.replayEndpoint === null ? {} : { replayEndpoint: socket.replayEndpoint }),
        replayFraming: framing,
        replayTimeoutMs: REPLAY_TIMEOUT_MS,
        maxMessageBytes: MAX_PAYLOAD_BYTES,
        maxQueuedBytes: options.maxQueuedBytes,
        allowsUnnumbered: true,
        from: this.#continuity.from,
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
      else if (item.kind === "gap") await this.#onGap(item);
      else if (item.kind === "restart") await this.#onRestart(item);
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
    const { heard } = this.#options;
    return new Map([...this.#ranks].filter((rank) => heard.has(rank)).map((rank) => [rank, this.#last]));
  }

  async #onPayload({ sequence, payload, source }: Payload): Promise<void> {
    const { counters, outlet } = this.#options;
    counters.receivedBytes += payload.length;
    if (source === "replay") counters.healedMessages++;
    this.#begin(sequence);
    const refusal = this.#batch.open(payload);
    if (refusal === null) await this.#takeBatch();
    else this.#refuse(invalidReasonOf(refusal.reason), sequence, refusal.message);
    outlet.flush();
    if (sequence === UNNUMBERED) return;
    this.#last = sequence;
    counters.lastEventId[this.#cell()] = sequence;
  }

  /** What the first message says of the time before. */
  #begin(sequence: number): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    // Without a number nobody can say whether it is the first one.
    if (sequence === UNNUMBERED) this.#continuity.break();
  }

  async #takeBatch(): Promise<void> {
    const batch = this.#batch;
    const event = this.#event;
    const { counters, outlet } = this.#options;
    const rank = this.#rankOf(batch.rank);
    if (batch.eventCount > 0) {
      counters.lastEventTimestampSeconds = wallClockSeconds();
      this.#meet(rank);
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
    const { judge, injections, outlet, counters, ranks, onCleared } = this.#options;
    if (rank <= ranks.highest && injections.owes(rank) && !injections.settle(rank, this.#continuity.idOf(rank))) {
      return false;
    }
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

  /** The first event of a rank. */
  #meet(rank: number): void {
    const { heard, ranks, watch, journal } = this.#options;
    if (heard.has(rank)) return;
    heard.add(rank);
    if (rank >= ranks.size) journal.unknownRank(rank, rank <= ranks.highest);
    if (rank > ranks.highest) return;
    this.#ranks.add(rank);
    watch.first?.(rank, this.#continuity.idOf(rank), false);
  }

  async #onGap(gap: GapItem): Promise<void> {
    const { counters, journal, socket, watch } = this.#options;
    if (gap.healed) return journal.gap(gap, socket.endpoint);
    if (gap.reason === "timeout") counters.errors.timeout++;
    if (gap.reason === "framing") counters.errors.schema++;
    this.#continuity.break();
    // What the engine has published before we came is unknown, and not missing.
    if (!this.#hasBegun && this.#continuity.isFromBeginning) return journal.lateStart(socket.endpoint, gap.to + 1);
    journal.gap(gap, socket.endpoint);
    const missing = gap.to - gap.from + 1;
    const cell = this.#cell();
    counters.missingIds[cell] = (counters.missingIds[cell] as number) + missing;
    for (const rank of this.#ranks) watch.gap(rank, missing);
    await this.#settle();
  }

  async #onRestart({ sequence, expected }: RestartItem): Promise<void> {
    const { counters, journal, socket, watch, groups } = this.#options;
    counters.resets++;
    journal.restart(socket.endpoint, sequence, expected);
    this.#continuity.begin();
    this.#hasBegun = true;
    for (const rank of this.#ranks) {
      groups.forget(rank);
      watch.restart(rank);
    }
    await this.#settle();
  }

  /** Clears what is to be cleared at once: a rank that is silent from here on must not stay as it was. */
  async #settle(): Promise<void> {
    const { injections, room, outlet } = this.#options;
    for (const rank of this.#ranks) {
      const settle = (): boolean => !injections.owes(rank) || injections.settle(rank, this.#continuity.idOf(rank));
      if (!settle() && !(await room.until(settle))) return;
    }
    outlet.flush();
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

  /** Of the per-rank columns; where a socket carries all ranks, what is true of it is said of none of them. */
  #cell(): number {
    const { socket, ranks } = this.#options;
    return socket.rank ?? (ranks.size === 1 ? 0 : ranks.size);
  }
}

function invalidReasonOf(reason: WireReason): WireInvalidReason {
  if (reason === "frames" || reason === "sequence") return "frames";
  return reason === "too_large" || reason === "hash_bytes" ? reason : "undecodable";
}
