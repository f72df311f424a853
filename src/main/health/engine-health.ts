/**
 * All that is watched of one engine, and the checks that come of it. MAIN THREAD.
 *
 *   GET /health, every 2 s ──────────► monitor  ─┐
 *   POST /v1/completions, when idle ─► canary   ─┤
 *   rows of statistics ──────────────► progress ─┼─► checks on the board
 *   counters, once a second ─────────► watch    ─┘
 *
 * Nothing here reads what an engine gives out only once: statistics and events are told by those who read them. None of it holds up
 * an event.
 */
import type { EngineConfig, EngineCredentials } from "../config/config.ts";
import type { EngineHealthConfig } from "../config/health-config.ts";
import type { EngineFacts } from "../engine/engine-probe.ts";
import type { SettingsCheck } from "../engine/settings-check.ts";
import type { IterationStat } from "../load/iteration-stat.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { WorkerIdentity } from "../worker-identity.ts";
import type { Canary } from "./canary.ts";
import type { ProbeOutcome } from "./canary-client.ts";
import { type Check, Condition, FINE, type Finding, notHere, notYet } from "./check.ts";
import { EngineDeathError } from "./engine-death.ts";
import type { EngineMonitor } from "./engine-monitor.ts";
import { type EngineProbePorts, makeCanary, makeMonitor } from "./engine-probes.ts";
import { EngineProgress } from "./engine-progress.ts";
import { EventWatch } from "./event-watch.ts";
import type { EngineCheck, Severity } from "./health-report.ts";
import { IMPATIENT, type Patience } from "./watched.ts";

/** How long a verdict on what is only looked at stands, at least. */
export const REACHABLE_PATIENCE: Patience = { failures: 1, passes: 1, holdMs: 1000 };
export const QUIET_PATIENCE: Patience = { failures: 1, passes: 1, holdMs: 10_000 };

/** Whose failure means that the engine is dead, where that ends the service. */
const DEATH_CHECKS: readonly EngineCheck[] = ["engine_alive", "engine_progress"];

export interface EngineHealthOptions {
  readonly engine: EngineConfig;
  readonly config: EngineHealthConfig;
  readonly kvBlockSizeTokens: number;
  /** Attention-DP ranks. */
  readonly ranks: number;
  readonly counters: EngineCounters;
  readonly facts: () => EngineFacts;
  /** Null while it may still become known. */
  readonly identity: () => WorkerIdentity | null;
  readonly settings: SettingsCheck;
  /** The engine has died, and the service is to end then. */
  readonly onDeath: (error: Error) => void;
  /** Seams for tests; each defaults to the real thing. */
  readonly ports?: Partial<EngineProbePorts>;
}

export class EngineHealth {
  /** In the order of `ENGINE_CHECKS`. */
  readonly checks: readonly Check[];
  readonly #options: EngineHealthOptions;
  readonly #now: () => number;
  readonly #monitor: EngineMonitor | null;
  readonly #canary: Canary | null;
  readonly #progress: EngineProgress;
  readonly #watch: EventWatch;
  /** Of the death checks, those that have held. */
  readonly #held: Set<string> = new Set();
  #isDead: boolean = false;
  /** Signs of an engine that is gone, and events, when they were last looked at. */
  #breaks: number = 0;
  #events: number = 0;

  constructor(options: EngineHealthOptions) {
    const { engine, config, counters, identity, ports = {} } = options;
    this.#options = options;
    const now = (this.#now = ports.now ?? ((): number => performance.now()));
    const onAnswer = (): void => this.#progress.moved();
    this.#monitor = engine.kind === "http" ? makeMonitor(engine, config, { ...ports, now }) : null;
    this.#canary =
      engine.kind === "http" ? makeCanary(engine, config, { identity, onAnswer }, { ...ports, now }) : null;
    this.#progress = new EngineProgress(engine.name, config.stallAfterMs, this.#now);
    this.#watch = new EventWatch({
      counters,
      quietAfterMs: config.quietAfterMs,
      bufferCapacity: () => this.#bufferCapacity(),
      skewSeconds: () => this.#monitor?.skewSeconds ?? null,
      now: this.#now,
    });
    this.checks = this.#makeChecks();
  }

  /** How canaries ended; null without a canary. */
  get probes(): Readonly<Record<ProbeOutcome, number>> | null {
    return this.#canary?.counts ?? null;
  }

  /** Runs until `stop()`. */
  async run(): Promise<void> {
    await Promise.all([this.#monitor?.run(), this.#canary?.run()]);
  }

  stop(): void {
    this.#monitor?.stop();
    this.#canary?.stop();
  }

  renew(credentials: EngineCredentials): void {
    this.#monitor?.renew(credentials);
    this.#canary?.renew(credentials);
  }

  /** A row of the engine's statistics. */
  onStat({ rank, figures }: IterationStat): void {
    const { activeRequests: active, queuedRequests: queued, completedRequests: completed, iteration } = figures;
    const moved = this.#progress.noteRow({ rank, iteration, active, queued, completed });
    // What the engine does for the canary is no work for anyone.
    const own = this.#canary?.ownRequests ?? 0;
    if (Math.max(active ?? 0, completed ?? 0) <= own) return this.#watch.noteWork(0);
    if (moved) this.#canary?.noteTraffic();
    this.#watch.noteWork(surelyFilled(figures, this.#options.kvBlockSizeTokens));
  }

  /** A read of the engine's events brought so many. */
  onDrain(events: number): void {
    this.#watch.noteDrain(events);
  }

  /** Once a second. */
  sample(): void {
    const { counters, config, onDeath } = this.#options;
    const breaks = counters.errors.connect + counters.resets;
    const events = counters.receivedEvents - counters.received.created;
    if (breaks !== this.#breaks) this.#progress.forget();
    this.#progress.noteEvents(events);
    if (events !== this.#events && this.#canary?.ownRequests === 0) this.#canary.noteTraffic();
    this.#breaks = breaks;
    this.#events = events;
    this.#watch.sample();
    if (!config.exitsOnDeath || this.#isDead) return;
    const cause = this.#causeOfDeath();
    if (cause === null) return;
    this.#isDead = true;
    onDeath(new EngineDeathError(counters.engine, cause));
  }

  /** What makes a dead engine of one that was alive. */
  #causeOfDeath(): string | null {
    for (const check of this.checks) {
      if (!DEATH_CHECKS.some((name) => name === check.name)) continue;
      const finding = check.look();
      if (finding.ok === true) this.#held.add(check.name);
      else if (finding.ok === false && this.#held.has(check.name)) return finding.reason;
    }
    return null;
  }

  #bufferCapacity(): number | null {
    const { facts, ranks } = this.#options;
    const capacity = facts().eventBufferCapacity;
    // The first rank keeps the events of all.
    return capacity === null ? null : capacity * ranks;
  }

  #makeChecks(): readonly Check[] {
    const watch = this.#watch;
    const monitor = this.#monitor;
    const canary = this.#canary;
    const { kind } = this.#options.engine;
    const off = notHere(kind === "http" ? "it is switched off" : `an engine of the kind ${kind} cannot be asked`);
    const drained = kind === "http" ? null : notHere(`an engine of the kind ${kind} is not drained`);
    return [
      this.#condition("engine_reachable", "critical", REACHABLE_PATIENCE, () => this.#lookAtReach()),
      this.#condition("engine_alive", "critical", IMPATIENT, () => monitor?.look() ?? off),
      this.#condition("engine_progress", "critical", IMPATIENT, () => this.#progress.look()),
      this.#condition("engine_canary", "critical", IMPATIENT, () => canary?.look() ?? off),
      this.#condition("created_phase", "warning", QUIET_PATIENCE, () => watch.lookAtCreated()),
      this.#condition("all_filtered", "warning", QUIET_PATIENCE, () => watch.lookAtFilters()),
      this.#condition("events_flow", "warning", QUIET_PATIENCE, () => watch.lookAtFlow()),
      this.#condition("block_size", "warning", QUIET_PATIENCE, () => this.#lookAtBlockSize()),
      this.#condition("second_consumer", "warning", QUIET_PATIENCE, () => drained ?? watch.lookForOthers()),
      this.#condition("event_buffer", "warning", QUIET_PATIENCE, () => drained ?? watch.lookAtBuffer()),
      this.#condition("clock_skew", "warning", QUIET_PATIENCE, () => watch.lookAtClock()),
    ];
  }

  #condition(name: EngineCheck, severity: Severity, patience: Patience, examine: () => Finding): Check {
    return new Condition({ name, target: this.#options.counters.engine, severity, patience, now: this.#now, examine });
  }

  #lookAtReach(): Finding {
    const { counters } = this.#options;
    const { engine, polls, errors, up } = counters;
    if (up === 1) return FINE;
    const isNew = polls.items + polls.empty + polls.error + errors.connect === 0;
    if (isNew) return notYet(`engine ${engine} has not answered yet`);
    return {
      ok: false,
      reason: `engine ${engine} does not answer`,
      fix: "Look whether the engine runs, at the address that --engine has, and at the warnings in the log, which say why reading fails.",
    };
  }

  #lookAtBlockSize(): Finding {
    const { counters, settings, kvBlockSizeTokens } = this.#options;
    const wrong = settings.isWrong("tokens_per_block");
    if (wrong === null) return notHere(`engine ${counters.engine} does not say how large its blocks are`);
    if (!wrong) return FINE;
    const tokens = settings.tokensPerBlock ?? kvBlockSizeTokens;
    return {
      ok: false,
      reason: `blocks of engine ${counters.engine} have ${tokens} tokens, and --kv-block-size says ${kvBlockSizeTokens}: no router will find a prefix`,
      fix: `Set --kv-block-size ${tokens}.`,
    };
  }
}

/**
 * Blocks that an iteration has certainly filled with something new. Of each request the last block may be partial, or one that was
 * there before: it is left out.
 */
function surelyFilled(figures: IterationStat["figures"], configured: number): number {
  const { contextTokens, contextRequests, tokensPerBlock } = figures;
  if (contextTokens === null || contextRequests === null) return 0;
  const blockTokens = tokensPerBlock ?? configured;
  if (blockTokens <= 0) return 0;
  return Math.max(0, Math.floor((contextTokens - contextRequests * blockTokens) / blockTokens));
}
