/**
 * An engine whose events come raw, as trtllm-serve writes them, and are normalised here. MAIN THREAD.
 *
 *   source ─► intake ─► normaliser ─► outlet          usage poller, engine data ─► counters, metrics, NATS
 *                └─ injections ─┘
 */
import type {
  EngineCredentials,
  FileEngineConfig,
  HttpEngineConfig,
  ServeConfig,
  SyntheticEngineConfig,
} from "./config/config.ts";
import { type ClearPorts, clearRanks } from "./clear-ranks.ts";
import { EngineData } from "./engine-data.ts";
import { engineLog } from "./engine-log.ts";
import type { EngineRuntime } from "./engine-runtime.ts";
import type { EngineSurroundings } from "./engine-surroundings.ts";
import { HttpSource } from "./engine/http-source.ts";
import type { EngineSource } from "./engine/source.ts";
import { SyntheticSource } from "./engine/synthetic-source.ts";
import { UsagePoller } from "./engine/usage-poller.ts";
import { Intake } from "./intake.ts";
import type { LineLogger } from "./log.ts";
import { EngineCounters } from "./metrics/engine-counters.ts";
import { clearPolicy } from "./normalise/clear-policy.ts";
import { asPublished, type EngineRanks, ownPart } from "./normalise/engine-ranks.ts";
import { Injections } from "./normalise/injections.ts";
import { Normaliser } from "./normalise/normaliser.ts";
import type { SavedRanks } from "./normalise/saved-ranks.ts";
import { UnknownRanks } from "./normalise/unknown-ranks.ts";
import { recordedSource } from "./record/recorded-source.ts";
import { noticeLog } from "./notice-log.ts";

/** The kinds of engines that are read so. */
type RawEngineConfig = HttpEngineConfig | SyntheticEngineConfig | FileEngineConfig;

export class RawEventEngine implements EngineRuntime {
  readonly counters: EngineCounters;
  readonly data: EngineData;
  readonly #ranks: EngineRanks;
  readonly #intake: Intake;
  readonly #clearing: ClearPorts;
  readonly #source: EngineSource;
  /** Null where the load service tells the same. */
  readonly #usage: UsagePoller | null;
  #dataEnd: Promise<void> = Promise.resolve();
  #stopping: boolean = false;

  constructor(engine: RawEngineConfig, surroundings: EngineSurroundings) {
    const { config, ranks, outlet, unknown } = surroundings;
    const saved = ownPart(surroundings.saved, ranks);
    const counters = (this.counters = new EngineCounters(engine.name, engine.kind, ranks.size));
    this.#ranks = ranks;
    const log = engineLog(surroundings.log, engine.name);
    const injections = new Injections({
      policy: clearPolicy(config),
      ranks,
      saved,
      counters,
      offer: (event) => outlet.offer(event),
    });
    const follower = unknown === null ? null : new UnknownRanks(injections, saved, ranks, unknown);
    this.#clearing = { injections, outlet, onCleared: (rank) => follower?.cleared(rank) };
    const normaliser = new Normaliser({
      kvBlockSizeTokens: config.kvBlockSizeTokens,
      ranks,
      mmTokenOffset: config.mmTokenOffset,
      counters,
      onNotice: noticeLog(surroundings.log, engine.name),
      watch: follower ?? injections,
      saved,
      publishTierMoves: config.publishTierMoves,
    });
    this.#intake = new Intake(normaliser, injections, outlet);
    this.data = new EngineData(engine, surroundings, counters);
    this.#source = this.#makeSource(engine, config, log);
    this.#usage = this.#makeUsagePoller(engine, config);
  }

  #makeSource(engine: RawEngineConfig, config: ServeConfig, log: LineLogger): EngineSource {
    const { counters } = this;
    const sink = this.#intake;
    const onDrain = (events: number): void => this.data.countDrain(events);
    switch (engine.kind) {
      case "http":
        return new HttpSource({ config: engine, profile: config.pollProfile, sink, counters, onDrain, log });
      case "file":
        return recordedSource(engine, { profile: config.pollProfile, sink, counters, onDrain, log });
      case "synthetic":
        return new SyntheticSource({ traffic: engine.traffic, kvBlockSize: config.kvBlockSizeTokens, sink, counters });
    }
  }

  #makeUsagePoller(engine: RawEngineConfig, { snapshot }: ServeConfig): UsagePoller | null {
    if (engine.kind !== "http" || !snapshot) return null;
    return new UsagePoller({ config: engine, onUsed: (blocks) => (this.counters.usedBlocks = blocks) });
  }

  /** The engine is not read before what belongs in front of its events has found room. */
  async run(): Promise<void> {
    this.#usage?.start();
    this.data.start();
    await this.#intake.begin(() => this.#stopping);
    await this.#source.run();
    await this.#dataEnd;
  }

  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#usage?.stop();
    this.#dataEnd = this.data.stop();
    this.#source.stop();
  }

  renew(credentials: EngineCredentials): void {
    this.#source.renew(credentials);
    this.#usage?.renew(credentials);
    this.data.renew(credentials);
  }

  clear(isOver: () => boolean): Promise<number | null> {
    return clearRanks(this.#clearing, isOver);
  }

  followed(): SavedRanks | null {
    const followed = this.#intake.followed();
    return followed === null ? null : asPublished(followed, this.#ranks);
  }
}
