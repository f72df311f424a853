/**
 * An engine that publishes its events over ZMQ itself: TensorRT-LLM's native publisher, vLLM, SGLang, another kvcast. MAIN
 * THREAD.
 *
 * It has a reader for each of its sockets. They share what is about the engine as a whole: its books, what is owed to its ranks,
 * which groups of layers count.
 */
import type { FollowedRank } from "../../shared/index-messages.ts";
import type { ServeConfig, ZmqEngineConfig } from "../config/config.ts";
import { type ClearPorts, clearRanks } from "../clear-ranks.ts";
import { EngineData } from "../engine-data.ts";
import type { EngineRuntime } from "../engine-runtime.ts";
import type { EngineSurroundings } from "../engine-surroundings.ts";
import { EngineCounters } from "../metrics/engine-counters.ts";
import { clearPolicy } from "../normalise/clear-policy.ts";
import { asPublished, type EngineRanks, ownPart } from "../normalise/engine-ranks.ts";
import { Injections } from "../normalise/injections.ts";
import type { SavedRanks } from "../normalise/saved-ranks.ts";
import { UnknownRanks } from "../normalise/unknown-ranks.ts";
import { WindowFilter } from "../normalise/window-filter.ts";
import type { WireEvent } from "../wire/wire-event.ts";
import { EventJudge } from "./event-judge.ts";
import { GroupTable } from "./group-table.ts";
import { Journal } from "./journal.ts";
import { PublisherReader } from "./publisher-reader.ts";
import { socketQueueBytes } from "./queue-bytes.ts";
import { Room } from "./room.ts";
import type { SharedParts } from "./stream-ranks.ts";

/** What `stop()` grants a message under way to find room; the service ends in time for all of it. */
const GRACE_MS = 3000;

export class ZmqEngine implements EngineRuntime {
  readonly counters: EngineCounters;
  /** It announces the ranks; of their load nothing is known. */
  readonly data: EngineData;
  readonly #ranks: EngineRanks;
  readonly #readers: readonly PublisherReader[];
  readonly #injections: Injections;
  readonly #clearing: ClearPorts;
  readonly #room: Room;
  readonly #flush: () => void;
  #dataEnd: Promise<void> = Promise.resolve();
  /** Sockets that are connected. */
  #connected: number = 0;
  #stopping: boolean = false;
  #running: boolean = false;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(engine: ZmqEngineConfig, surroundings: EngineSurroundings) {
    const { config, ranks, outlet, unknown } = surroundings;
    const counters = (this.counters = new EngineCounters(engine.name, engine.kind, ranks.size));
    const saved = ownPart(surroundings.saved, ranks);
    this.#ranks = ranks;
    this.#room = new Room(outlet);
    this.#flush = () => outlet.flush();
    this.#injections = new Injections({
      policy: clearPolicy(config),
      ranks,
      saved,
      counters,
      offer: (event) => outlet.offer(event),
    });
    const follower = unknown === null ? null : new UnknownRanks(this.#injections, saved, ranks, unknown);
    this.#clearing = { injections: this.#injections, outlet, onCleared: (rank) => follower?.cleared(rank) };
    const shared: SharedParts = {
      ranks,
      counters,
      injections: this.#injections,
      watch: follower ?? this.#injections,
      groups: new GroupTable(),
      outlet,
      room: this.#room,
      journal: new Journal(surroundings.log, engine.name),
      onCleared: (rank) => unknown?.delete(rank),
      heard: new Set(),
    };
    this.data = new EngineData(engine, surroundings, counters);
    this.#readers = engine.sockets.map(
      (socket) =>
        new PublisherReader({
          ...shared,
          socket,
          topic: engine.topic,
          framing: engine.framing,
          ...(engine.curve === undefined ? {} : { curve: engine.curve }),
          judge: makeJudge(config, shared),
          saved: new Map([...saved].filter(([rank]) => socket.rank === null || rank === socket.rank)),
          maxQueuedBytes: socketQueueBytes(engine.sockets.length),
          onConnection: (connected) => this.#onConnection(connected, engine.sockets.length),
        }),
    );
  }

  /** The engine is not read before what belongs in front of its events has found room. */
  async run(): Promise<void> {
    this.#running = true;
    this.data.start();
    try {
      const begun = await this.#room.until(() => this.#stopping || this.#injections.begin());
      this.#flush();
      if (begun && !this.#stopping) await Promise.all(this.#readers.map((reader) => reader.run()));
      await this.#dataEnd;
    } finally {
      this.#running = false;
      clearTimeout(this.#graceTimer);
    }
  }

  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const reader of this.#readers) reader.stop();
    this.#dataEnd = this.data.stop();
    if (this.#running) this.#graceTimer = setTimeout(() => this.#room.expire(), GRACE_MS);
  }

  /** There are none. */
  renew(): void {}

  clear(isOver: () => boolean): Promise<number | null> {
    return clearRanks(this.#clearing, isOver);
  }

  followed(): SavedRanks | null {
    const window = new WindowFilter().state();
    const own = new Map<number, FollowedRank>();
    for (const reader of this.#readers) {
      const followed = reader.followed();
      if (followed === null) return null;
      for (const [rank, lastEventId] of followed) own.set(rank, { lastEventId, window });
    }
    return asPublished(own, this.#ranks);
  }

  #onConnection(connected: boolean, sockets: number): void {
    const { counters } = this;
    this.#connected += connected ? 1 : -1;
    counters.up = this.#connected === sockets ? 1 : 0;
    if (!connected && !this.#stopping) counters.errors.connect++;
  }
}

function makeJudge(config: ServeConfig, { ranks, counters, groups, journal }: SharedParts): EventJudge {
  const { kvBlockSizeTokens, publishTierMoves } = config;
  const factsOf = (event: WireEvent): Readonly<Record<string, number>> => ({
    blocks: event.blockCount,
    tokens: event.tokenCount,
    block_size: event.blockSizeTokens,
    kv_block_size: kvBlockSizeTokens,
  });
  return new EventJudge({
    kvBlockSizeTokens,
    publishTierMoves,
    ranks,
    counters,
    groups,
    onInvalid: (reason, rank, event) => journal.invalid(reason, rank, factsOf(event)),
  });
}
