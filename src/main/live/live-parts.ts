/**
 * What the live view is made from, and how much of it. MAIN THREAD; types and numbers only.
 */
import type { LiveCheck } from "../../shared/live-snapshot.ts";
import type { LoadTable } from "../load/load-table.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { PipelineView } from "../metrics/pipeline-view.ts";
import type { RecentRecords } from "../pipeline/recent-records.ts";

/** What is read of a pipeline. */
export interface LivePipeline extends PipelineView {
  readonly recent: RecentRecords;
  /** Addresses, with commas between them. */
  readonly natsServers: string;
}

/** What is read of an engine beside its counters. */
export interface LiveEngineData {
  readonly load: { readonly table: LoadTable };
}

export interface LiveHealth {
  /** Events flow. */
  readonly ready: boolean;
  readonly checks: readonly LiveCheck[];
}

export interface LiveParts {
  /** In the order of the configuration, as `data`. */
  readonly engines: readonly EngineCounters[];
  readonly data: readonly LiveEngineData[];
  /** Ranks of each engine. */
  readonly attentionDpSize: number;
  readonly pipeline: LivePipeline;
  /** As it is now; asked once a second. */
  readonly health: () => LiveHealth;
}

/** Of one engine, and of all of them: an engine of 1024 ranks must not make messages of a megabyte. */
export const MAX_SHOWN_RANKS = 64;
export const MAX_SHOWN_RANKS_IN_ALL = 256;
/** Events that are kept for who comes, and of one snapshot: more nobody can read in a fifth of a second. */
export const MAX_TAIL_EVENTS = 50;
export const MAX_SNAPSHOT_EVENTS = 25;
