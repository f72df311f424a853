/** What a leader of the cluster learns of a `kvcast serve`, and has it do. MAIN THREAD. */
import { INDEX_CELLS } from "../../shared/index-cells.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import type { Epoch } from "../../shared/index-messages.ts";
import type { LogLevel } from "../log-level.ts";
import type { HealthState } from "../http/health.ts";
import type { Logger } from "../log.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { Json } from "./commands.ts";
import type { Operated } from "./operated.ts";

/** Reasons that are told; the rest is on `/health`. */
const MAX_REASONS = 8;

export interface OperatedParts {
  readonly version: string;
  readonly epoch: Epoch;
  readonly pipeline: Pipeline;
  readonly log: Logger;
  readonly health: () => HealthState;
  /** False: not all was published in time. */
  readonly drain: (timeoutMs: number) => Promise<boolean>;
  /** Resolves with the number of ranks; null: `isOver()` was true before. */
  readonly clear: (isOver: () => boolean) => Promise<number | null>;
}

export function operatedService({ version, epoch, pipeline, log, health, drain, clear }: OperatedParts): Operated {
  /** Of the last message; null before the first. */
  const sequence = (): number | null => {
    const last = pipeline.publisher.read(PUBLISHER_CELLS.publishedSequence);
    return last < 0 ? null : last;
  };
  return {
    status(): Json {
      const { ready, reasons, engines, uptimeMs, sinks } = health();
      return {
        version,
        ready: ready === "ready",
        reasons: reasons.slice(0, MAX_REASONS),
        epoch: epoch.uuid,
        sequence: sequence(),
        engines_up: engines.filter(({ up }) => up).length,
        engines: engines.length,
        sinks_up: sinks.filter(({ up }) => up).length,
        sinks: sinks.length,
        dirty_ranks: engines.reduce((sum, { dirtyRanks }) => sum + dirtyRanks.length, 0),
        uptime_s: Math.floor(uptimeMs / 1000),
      };
    },
    position(): Json {
      const { index } = pipeline;
      return {
        epoch: epoch.uuid,
        started: epoch.startedSeconds,
        sequence: sequence(),
        live_blocks: index === null ? null : index.read(INDEX_CELLS.blocks),
        complete: index === null ? null : index.read(INDEX_CELLS.complete) === 1,
      };
    },
    async drain(timeoutMs: number): Promise<Json> {
      const isDone = await drain(timeoutMs);
      const slots = pipeline.occupiedSlots();
      if (!isDone) throw new Error(`not drained within ${timeoutMs / 1000} s: ${slots} slots wait; it goes on`);
      return { sequence: sequence() };
    },
    async clear(timeoutMs: number): Promise<Json> {
      const endMs = performance.now() + timeoutMs;
      const ranks = await clear(() => performance.now() >= endMs);
      if (ranks === null) throw new Error(`the ring was full for ${timeoutMs / 1000} s; what is owed goes first later`);
      log.info("cleared by a command of the cluster", { ranks });
      return { ranks };
    },
    setLogLevel(level: LogLevel): Json {
      const before = log.level;
      const tell = (): void => log.info("a command of the cluster changes the log level", { before, now: level });
      // Once, under the one of the two levels that lets it through, if any does.
      if (before === "warn" || before === "error") {
        log.level = level;
        tell();
      } else {
        tell();
        log.level = level;
      }
      return { before, now: level };
    },
  };
}
