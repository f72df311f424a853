/**
 * One publisher of KV events over ZMQ, into the index of one model. MAIN THREAD.
 *
 *   message stream ─► batch reader ─► block feed
 *        └─ gap that no replay filled, restart, snapshot: what is known of its ranks is forgotten first
 *
 * Each input has a loop of its own and waits for its own publisher only. A message is worked off before the next one is looked at,
 * so the order of each rank is kept.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { CurveClientKeys } from "../../shared/curve.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import { ABSENT } from "../engine/raw-event.ts";
import type { Logger } from "../log.ts";
import { NO_OWNER } from "../router-index/rank-owners.ts";
import { refusalText } from "../tail/handshake-refusal.ts";
import { MessageStream } from "../tail/message-stream.ts";
import type { StreamItem } from "../tail/stream-items.ts";
import { MAX_PAYLOAD_BYTES, WireBatchReader } from "../wire/wire-batch.ts";
import { WireEvent } from "../wire/wire-event.ts";
import { GroupTable } from "../zmq-engine/group-table.ts";
import type { BlockFeed } from "./block-feed.ts";
import type { DropReason } from "./feed-counters.ts";

/** Events between two turns of the event loop, in which queries are answered. */
const EVENTS_A_TURN = 256;
/** Publishers serve replays between two batches, and some stop in the middle; meanwhile live messages wait. */
const REPLAY_TIMEOUT_MS = 2000;

const TAKEN = { kind: "taken" } as const;

export interface ZmqSource {
  readonly endpoint: string;
  /** Null: what is missed is lost. */
  readonly replayEndpoint: string | null;
  readonly replayFraming: ReplayFraming;
  /** Begin with a snapshot, and take another whenever something was lost. Needs `replayEndpoint`. */
  readonly sync: boolean;
  /** What to connect with; absent: without encryption. */
  readonly curve?: CurveClientKeys;
}

export interface ZmqInputOptions {
  readonly source: ZmqSource;
  /** u64. */
  readonly worker: bigint;
  /** Of messages that do not say. */
  readonly rank: number;
  readonly feed: BlockFeed;
  readonly log: Logger;
}

/** `pending`: there was no connection yet. */
export const INPUT_STATES = ["pending", "active", "failed"] as const;
export type InputState = (typeof INPUT_STATES)[number];

export class ZmqInput {
  state: InputState = "pending";
  readonly #options: ZmqInputOptions;
  readonly #stream: MessageStream<typeof TAKEN>;
  readonly #reader: WireBatchReader = new WireBatchReader();
  readonly #event: WireEvent = new WireEvent();
  readonly #groups: GroupTable = new GroupTable();
  /** Ranks that messages were about. */
  readonly #ranks: Set<number> = new Set();
  #sinceTurn: number = 0;
  #isStopped: boolean = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ZmqInputOptions) {
    const { endpoint, replayEndpoint, replayFraming, sync, curve = null } = options.source;
    this.#options = options;
    this.#stream = new MessageStream(
      {
        endpoint,
        replayFraming,
        curve,
        replayTimeoutMs: REPLAY_TIMEOUT_MS,
        maxMessageBytes: MAX_PAYLOAD_BYTES,
        // Who begins late, or again, reads what the publisher still keeps, or has a snapshot instead.
        ...(replayEndpoint === null ? {} : { replayEndpoint, ...(sync ? { sync } : { from: 0 }) }),
        onRefusal: (refusal) =>
          options.log.limited("publisher refuses").warn("a publisher does not let this subscriber in", {
            endpoint: endpoint,
            ...refusalText(refusal, curve !== null),
          }),
        onConnection: (connected) => this.#onConnection(connected),
      },
      ({ payload }, way, counters) => {
        counters.messages++;
        if (this.#isStopped) return TAKEN;
        if (way === "replay") options.feed.counters.healed++;
        this.#take(payload);
        return TAKEN;
      },
    );
  }

  /** Ranks that this publisher has told of. */
  get ranks(): ReadonlySet<number> {
    return this.#ranks;
  }

  start(): void {
    const { log, source, worker } = this.#options;
    this.#running = this.#run().catch((error: unknown) => {
      this.state = "failed";
      const reason = error instanceof Error ? error.message : String(error);
      log.error("a publisher cannot be read", { worker: String(worker), endpoint: source.endpoint, error: reason });
    });
  }

  /** Takes nothing from now on, and closes the sockets; what is known of its ranks stays. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stream.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const item of this.#stream) {
      if (item.kind !== "taken") this.#onNews(item);
      if (this.#sinceTurn < EVENTS_A_TURN) continue;
      this.#sinceTurn = 0;
      await nextTurn();
    }
  }

  #onConnection(connected: boolean): void {
    const { log, source, worker } = this.#options;
    if (connected) this.state = "active";
    const fields = { worker: String(worker), endpoint: source.endpoint };
    const limited = log.limited(`connection ${source.endpoint}`);
    if (connected) limited.info("connected to a publisher", fields);
    else limited.warn("lost the connection to a publisher", fields);
  }

  #onNews(item: StreamItem): void {
    if (this.#isStopped) return;
    const { feed, log, source, worker } = this.#options;
    const fields = { worker: String(worker), endpoint: source.endpoint };
    if (item.kind === "batch") {
      if (item.payload !== undefined) this.#take(item.payload);
    } else if (item.kind === "gap" && !item.healed) {
      const messages = item.to - item.from + 1;
      feed.counters.lost += messages;
      const blocks = this.#drop("gap");
      const text = "messages of a publisher are lost: what its ranks hold is not known any more";
      log.limited(`gap ${source.endpoint}`).warn(text, { ...fields, messages, reason: item.reason, blocks });
    } else if (item.kind === "restart") {
      const blocks = this.#drop("restart");
      log.limited(`restart ${source.endpoint}`).warn("a publisher began anew", { ...fields, blocks });
    } else if (item.kind === "snapshot-start") {
      this.#drop("snapshot");
      if (!item.header.tokens) {
        const text =
          "the snapshot has no tokens, so its blocks cannot be matched; the publisher needs --snapshot-tokens on";
        log.warn(text, fields);
      }
    } else if (item.kind === "snapshot-failed") {
      log.limited(`snapshot ${source.endpoint}`).warn("no snapshot of a publisher", { ...fields, reason: item.reason });
    } else if (item.kind === "malformed") {
      const { reason } = item;
      feed.counters.refused[reason === "frames" || reason === "sequence" ? reason : "msgpack"]++;
    }
  }

  #take(payload: Uint8Array): void {
    const { feed, worker, rank: ownRank } = this.#options;
    const { counters } = feed;
    const reader = this.#reader;
    counters.messages.zmq++;
    const refusal = reader.open(payload);
    if (refusal !== null) {
      counters.refused[refusal.reason]++;
      return;
    }
    const rank = reader.rank === ABSENT ? ownRank : reader.rank;
    this.#ranks.add(rank);
    const owner = feed.index.owner(worker, rank);
    this.#sinceTurn += reader.eventCount;
    while (reader.next(this.#event)) {
      if (owner === NO_OWNER) counters.skipped.rank++;
      else feed.takeWire(this.#event, owner, rank, this.#groups);
    }
  }

  #drop(reason: DropReason): number {
    const { feed, worker } = this.#options;
    let blocks = 0;
    for (const rank of this.#ranks) {
      const owner = feed.index.owners.find(worker, rank);
      if (owner !== NO_OWNER) blocks += feed.drop(owner, reason);
      this.#groups.forget(rank);
    }
    return blocks;
  }
}
