/**
 * An engine whose events come raw, as trtllm-serve writes them, and are normalised here. MAIN THREAD.
 *
 *   source ─► intake ─► normaliser ─► outlet          usage poller, or load service ─► counters, NATS
 *                └─ injections ─┘
 */
import type { EngineCredentials, HttpEngineConfig, ServeConfig, SyntheticEngineConfig } from "./config/config.ts";
import { engineLog } from "./engine-log.ts";
import type { EngineRuntime, EngineSurroundings } from "./engine-runtime.ts";
import { HttpSource } from "./engine/http-source.ts";
import type { EngineSource } from "./engine/source.ts";
import { SyntheticSource } from "./engine/synthetic-source.ts";
import { UsagePoller } from "./engine/usage-poller.ts";
import { Intake } from "./intake.ts";
import { LoadService } from "./load/load-service.ts";
import type { LineLogger } from "./log.ts";
import { EngineCounters } from "./metrics/engine-counters.ts";
import { clearPolicy } from "./normalise/clear-policy.ts";
import { asPublished, type EngineRanks, ownPart } from "./normalise/engine-ranks.ts";
import { Injections } from "./normalise/injections.ts";
import { Normaliser } from "./normalise/normaliser.ts";
import type { SavedRanks } from "./normalise/saved-ranks.ts";
import { UnknownRanks } from "./normalise/unknown-ranks.ts";
import { noticeLog } from "./notice-log.ts";

/** The kinds of engines that are read so. */
type RawEngineConfig = HttpEngineConfig | SyntheticEngineConfig;

export class RawEventEngine implements EngineRuntime {
  readonly counters: EngineCounters;
  readonly #ranks: EngineRanks;
  readonly #intake: Intake;
  readonly #source: EngineSource;
  /** Null where the load service tells the same. */
  readonly #usage: UsagePoller | null;
  readonly #load: LoadService | null;
  #loadEnd: Promise<void> = Promise.resolve();
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
    const normaliser = new Normaliser({
      kvBlockSizeTokens: config.kvBlockSizeTokens,
      ranks,
      mmTokenOffset: config.mmTokenOffset,
      counters,
      onNotice: noticeLog(surroundings.log, engine.name),
      watch: unknown === null ? injections : new UnknownRanks(injections, saved, ranks, unknown),
      saved,
    });
    this.#intake = new Intake(normaliser, injections, outlet);
    this.#source = this.#makeSource(engine, config, log);
    this.#usage = this.#makeUsagePoller(engine, config);
    this.#load = this.#makeLoad(engine, surroundings, log);
  }

  #makeSource(engine: RawEngineConfig, config: ServeConfig, log: LineLogger): EngineSource {
    const { counters } = this;
    const sink = this.#intake;
    switch (engine.kind) {
      case "http":
        return new HttpSource({ config: engine, profile: config.pollProfile, sink, counters, log });
      case "synthetic":
        return new SyntheticSource({ traffic: engine.traffic, kvBlockSize: config.kvBlockSizeTokens, sink, counters });
    }
  }

  #makeUsagePoller(engine: RawEngineConfig, { snapshot }: ServeConfig): UsagePoller | null {
    if (engine.kind !== "http" || !snapshot) return null;
    return new UsagePoller({ config: engine, onUsed: (blocks) => (this.counters.usedBlocks = blocks) });
  }

  #makeLoad(engine: RawEngineConfig, surroundings: EngineSurroundings, log: LineLogger): LoadService | null {
    const { nats } = surroundings.config;
    if (nats?.load !== true) return null;
    return new LoadService({
      engine,
      workerId: nats.place.workerId,
      ranks: this.#ranks,
      post: surroundings.postLoad,
      onUsed: (blocks) => (this.counters.usedBlocks = blocks),
      log,
      onFatal: surroundings.onFatal,
    });
  }

  /** The engine is not read before what belongs in front of its events has found room. */
  async run(): Promise<void> {
    this.#usage?.start();
    this.#load?.start();
    await this.#intake.begin(() => this.#stopping);
    await this.#source.run();
    await this.#loadEnd;
  }

  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#usage?.stop();
    if (this.#load !== null) this.#loadEnd = this.#load.stop();
    this.#source.stop();
  }

  renew(credentials: EngineCredentials): void {
    this.#source.renew(credentials);
    this.#usage?.renew(credentials);
    this.#load?.renew(credentials);
  }

  followed(): SavedRanks | null {
    const followed = this.#intake.followed();
    return followed === null ? null : asPublished(followed, this.#ranks);
  }
}
