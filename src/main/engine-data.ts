/**
 * What is read of one engine beside its events, and what is made of it: load, component metrics, records of requests, facts.
 * MAIN THREAD.
 *
 *   GET /metrics ─► load service ─► table, NATS, gauges, derived metrics
 *   GET /perf_metrics ─► perf poller ─► requests, histograms, transfers
 *   GET /server_info, /v1/models, … ─► facts ─► labels, check of our settings
 *   books of the engine ─ once a second ─► activity of the cache, health
 *
 * None of it holds up an event, and none of it is needed for one: whatever fails here fails alone.
 */
import { AdditionalMetricsCollector } from "./component-metrics/additional-metrics.ts";
import { LLMBackendMetrics } from "./component-metrics/backend-metrics.ts";
import { DerivedMetrics } from "./component-metrics/derived-metrics.ts";
import type { EngineConfig, EngineCredentials } from "./config/config.ts";
import { engineLog } from "./engine-log.ts";
import type { EngineSurroundings } from "./engine-surroundings.ts";
import { type EngineFacts, EngineProbe, NO_FACTS } from "./engine/engine-probe.ts";
import { SettingsCheck } from "./engine/settings-check.ts";
import { EngineHealth } from "./health/engine-health.ts";
import type { IterationStat } from "./load/iteration-stat.ts";
import { LoadService } from "./load/load-service.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import { CacheActivity } from "./perf/cache-activity.ts";
import { PerfPoller } from "./perf/perf-poller.ts";
import type { PerfRecord } from "./perf/perf-record.ts";
import type { PerfView } from "./perf/perf-report.ts";
import type { KeptRequest } from "./perf/perf-ring.ts";
import type { PerfState } from "./perf/perf-status.ts";
import { identityOf, type WorkerIdentity } from "./worker-identity.ts";

const SAMPLE_MS = 1000;

export class EngineData implements PerfView {
  readonly counters: EngineCounters;
  readonly activity: CacheActivity = new CacheActivity();
  readonly gauges: LLMBackendMetrics = new LLMBackendMetrics({ model: "" });
  readonly additional: AdditionalMetricsCollector = new AdditionalMetricsCollector({
    modelName: "",
    disaggregationMode: "prefill_and_decode",
  });
  readonly derived: DerivedMetrics;
  readonly settings: SettingsCheck;
  readonly load: LoadService;
  /** Whether it is well. */
  readonly health: EngineHealth;
  /** Null where the engine has none, or they are not wanted. */
  readonly perf: PerfPoller | null;
  readonly #worker: EngineSurroundings["config"]["worker"];
  readonly #noPerf: PerfState;
  readonly #rankBase: number;
  readonly #probe: EngineProbe | null;
  readonly #onFatal: (error: Error) => void;
  #facts: EngineFacts | null = null;
  #identity: { readonly facts: EngineFacts | null; readonly made: WorkerIdentity } | null = null;
  #finishedRequests: number = 0;
  #missingSeen: number = 0;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<unknown> = Promise.resolve();

  constructor(engine: EngineConfig, surroundings: EngineSurroundings, counters: EngineCounters) {
    const { config, ranks, postLoad, onFatal } = surroundings;
    const log = engineLog(surroundings.log, engine.name);
    const { nats, iterationStats, perfMetrics } = config;
    this.counters = counters;
    this.derived = new DerivedMetrics(ranks.size);
    this.settings = new SettingsCheck(config.kvBlockSizeTokens, log);
    this.#worker = config.worker;
    this.#rankBase = ranks.base;
    this.#onFatal = onFatal;
    this.health = new EngineHealth({
      engine,
      config: config.engineHealth,
      kvBlockSizeTokens: config.kvBlockSizeTokens,
      ranks: ranks.size,
      counters,
      facts: () => this.facts,
      identity: () => this.identity,
      settings: this.settings,
      onDeath: onFatal,
    });
    this.load = new LoadService({
      engine,
      mode: iterationStats,
      publish: nats?.load === true ? { workerId: nats.place.workerId, post: postLoad } : null,
      ranks,
      subscribers: [(stat): void => this.#onStat(stat)],
      log,
      onFatal,
    });
    this.#noPerf = engine.kind === "http" ? "off" : "unsupported";
    this.perf =
      engine.kind === "http" && perfMetrics !== "off"
        ? new PerfPoller({
            config: engine,
            mode: perfMetrics,
            log,
            finishedRequests: () => this.#finishedRequests,
            onRecord: (record) => this.#onRecord(record),
          })
        : null;
    this.#probe =
      engine.kind === "http" ? new EngineProbe({ config: engine, onFacts: (facts) => this.noteFacts(facts) }) : null;
  }

  get engine(): string {
    return this.counters.engine;
  }

  get state(): PerfState {
    return this.perf?.state ?? this.#noPerf;
  }

  /** What the engine said of itself. */
  get facts(): EngineFacts {
    return this.#facts ?? NO_FACTS;
  }

  /**
   * Null while it may still become known what the engine is: labels that change make new series. The same object as long as
   * the engine says the same.
   */
  get identity(): WorkerIdentity | null {
    if (this.#facts === null && this.#probe !== null && this.#worker.model === null) return null;
    if (this.#identity === null || this.#identity.facts !== this.#facts) {
      this.#identity = { facts: this.#facts, made: identityOf(this.#worker, this.facts, this.engine) };
    }
    return this.#identity.made;
  }

  requests(): readonly KeptRequest[] {
    return this.perf?.requests() ?? [];
  }

  clockErrorMs(): number | null {
    return this.perf?.clock.errorMs(performance.now()) ?? null;
  }

  get badRecords(): number {
    return this.perf?.counters.allBadRecords ?? 0;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
    this.load.start();
    this.#running = Promise.all([this.perf, this.#probe, this.health].map((reader) => this.#guarded(reader)));
  }

  /** Resolves when all readers have ended. Safe to call before `start()`. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.perf?.stop();
    this.#probe?.stop();
    this.health.stop();
    await this.load.stop();
    await this.#running;
  }

  /** The credentials of all connections from their next requests on. */
  renew(credentials: EngineCredentials): void {
    this.load.renew(credentials);
    this.perf?.renew(credentials);
    this.#probe?.renew(credentials);
    this.health.renew(credentials);
  }

  /** A read of its events brought so many. */
  countDrain(events: number): void {
    this.additional.recordKvEventDrain(events);
    this.health.onDrain(events);
  }

  /** Ids that are missing by now are in the component's counter too. */
  countGaps(): void {
    // Messages that an engine published over ZMQ have numbers, and its events none.
    if (this.counters.kind === "zmq") return;
    const missing = this.counters.allMissingIds;
    this.additional.recordKvEventIdGap(missing - this.#missingSeen);
    this.#missingSeen = missing;
  }

  async #guarded(reader: { run(): Promise<void> } | null): Promise<void> {
    try {
      await reader?.run();
    } catch (error) {
      this.#onFatal(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onStat(stat: IterationStat): void {
    const { rank, usedBlocks, maxBlocks, figures } = stat;
    const published = this.#rankBase + rank;
    this.counters.usedBlocks = this.load.table.usedBlocks;
    this.#finishedRequests += figures.completedRequests ?? 0;
    if (figures.tokensPerBlock !== null) this.settings.noteTokensPerBlock(figures.tokensPerBlock);
    if (usedBlocks !== null && maxBlocks !== null) {
      this.gauges.setTotalBlocks(published, maxBlocks);
      this.gauges.setGpuCacheUsage(published, maxBlocks > 0 ? usedBlocks / maxBlocks : 0);
    }
    if (figures.hitRate !== null) this.gauges.setKvCacheHitRate(published, figures.hitRate);
    this.derived.note(stat);
    this.health.onStat(stat);
  }

  /** The receiving side measures a transfer; an orchestrator's record of the sending side is the same one again. */
  #onRecord({ part, transfer }: PerfRecord): void {
    if (transfer !== null && part !== "context") this.additional.recordKvTransfer(transfer);
  }

  /** What the engine says of itself now. */
  noteFacts(facts: EngineFacts): void {
    if (JSON.stringify(facts) !== JSON.stringify(this.#facts)) this.#facts = facts;
    if (facts.tokensPerBlock !== null) this.settings.noteTokensPerBlock(facts.tokensPerBlock);
    if (facts.hashAlgorithm !== null) this.settings.noteHashAlgorithm(facts.hashAlgorithm);
    if (facts.eventBufferCapacity !== null) this.additional.setKvEventBufferCapacity(facts.eventBufferCapacity);
  }

  #sample(): void {
    const { counters, load } = this;
    const totals = {
      events: counters.receivedEvents,
      stored: counters.storedBlocks,
      removed: counters.removedBlocks,
      missing: counters.allMissingIds,
      usage: load.table.fullestUsage,
    };
    this.activity.sample(totals, performance.now());
    this.health.sample();
  }
}
