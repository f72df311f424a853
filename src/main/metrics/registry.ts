/**
 * The metrics page: prom-client's Registry over numbers that live in plain fields and in shared memory.
 * MAIN THREAD; the one user of prom-client.
 *
 * A scrape is one moment: the shared blocks are copied once, then the Registry reads every metric in one synchronous
 * pass, in which main's own fields cannot move. So the books of each page balance:
 *
 *   received + injected = duplicate + filtered + invalid + dropped + enqueued
 *   enqueued = dequeued + encode_dropped + in the ring
 *   dequeued = sent + dropped + in flight                                          for each sink
 *
 * Any number of scrapers costs one encoding per 100 ms.
 */
import { setTimeout } from "node:timers/promises";
import { collectDefaultMetrics, Registry } from "prom-client";
import { KvcastError } from "../../shared/errors.ts";
import type { Epoch } from "../../shared/index-messages.ts";
import { type FamilyType, familyType } from "../expfmt/family.ts";
import { CATALOGUE, SERVICE } from "./catalogue.ts";
import { CellMetric, type Family } from "./cell-metric.ts";
import { consolidatorFamilies, type ConsolidatorView } from "./consolidator-families.ts";
import type { EngineData } from "../engine-data.ts";
import { dataFamilies } from "./data-families.ts";
import { engineFamilies } from "./engine-families.ts";
import type { EngineCounters } from "./engine-counters.ts";
import { type BlockSource, EngineBlocks } from "./engine-block.ts";
import { enginePageFamilies } from "./engine-page-families.ts";
import { healthFamilies, type HealthView } from "./health-families.ts";
import { indexFamilies } from "./index-families.ts";
import { MetricsPage } from "./metrics-page.ts";
import type { CatalogueSection } from "./metric-definition.ts";
import { pipelineFamilies } from "./pipeline-families.ts";
import type { PipelineView } from "./pipeline-view.ts";
import { ROUTER_INDEX } from "./router-index-catalogue.ts";
import { routerIndexFamilies, type RouterIndexView } from "./router-index-families.ts";
import { type LiveCountsView, type RequestCountsView, serviceFamilies } from "./service-families.ts";
import { SharedSnapshot } from "./shared-snapshot.ts";
import { asMetric } from "./prom-metric.ts";

/** How long a page is handed out again. */
const PAGE_LIFETIME_MS = 100;
/** A thread that lost its core in the middle of an update gets it back within this many pauses. */
const MAX_ATTEMPTS = 500;
const RETRY_PAUSE_MS = 1;
/** Node samples its event loop this often. Each sample wakes the thread: the library's 10 ms cost an idle service 0.7 % of a core. */
const LOOP_SAMPLE_MS = 50;
/** Gauges that prom-client names like counters, which `promtool check metrics` rightly refuses. */
const MISNAMED_DEFAULTS = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

export interface MetricsOptions {
  readonly engines: readonly EngineCounters[];
  /** What is read of them besides. Default: nothing. */
  readonly data?: readonly EngineData[];
  /** Absent: nothing is checked. */
  readonly health?: HealthView;
  /** Absent: there is none. */
  readonly consolidator?: ConsolidatorView;
  readonly pipeline: PipelineView;
  /** Version of kvcast. */
  readonly version: string;
  readonly epoch: Epoch;
  /** Log lines written so far, by level. */
  readonly logCounts: Readonly<Record<string, number>>;
  readonly requests: RequestCountsView;
  /** Default: nobody looks. */
  readonly live?: LiveCountsView;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  /** The engines' own metrics; absent: there are none. */
  readonly enginePages?: EnginePagesView;
  /** Node's own metrics (process, event loop, heap, GC). Default true. */
  readonly defaults?: boolean;
}

/** What is needed of the engines' pages. */
interface EnginePagesView {
  readonly pages: readonly BlockSource[];
  /** Brings them up to date, as far as that is soon done. */
  refresh(): Promise<void>;
}

interface Shared {
  /** While the page is still being made it is everyone's. */
  untilMs: number;
  readonly page: Promise<MetricsPage>;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #snapshot: SharedSnapshot;
  readonly #enginePages: EnginePagesView | null;
  readonly #engineBlocks: EngineBlocks;
  readonly #now: () => number;
  #shared: Shared | null = null;
  /** What the page before took; null on the first one. */
  #collectSeconds: number | null = null;

  constructor(options: MetricsOptions) {
    const { engines, pipeline } = options;
    this.#now = options.now ?? ((): number => performance.now());
    this.#snapshot = new SharedSnapshot(pipeline);
    register(this.#registry, CATALOGUE, [
      ...engineFamilies(engines),
      ...enginePageFamilies(options.enginePages?.pages ?? []),
      ...dataFamilies(options.data ?? [], (engine) => this.#engineBlocks.shows(engine)),
      ...consolidatorFamilies(options.consolidator ?? null),
      ...pipelineFamilies(pipeline, this.#snapshot, engines),
      ...indexFamilies(pipeline, this.#snapshot, engines),
      ...routerIndexFamilies(null),
      ...healthFamilies(options.health ?? null, options.data ?? []),
      ...serviceFamilies(
        options.version,
        options.epoch,
        options.logCounts,
        options.requests,
        () => this.#collectSeconds,
        options.live ?? null,
      ),
    ]);
    if (options.defaults ?? true) registerDefaults(this.#registry);
    this.#enginePages = options.enginePages ?? null;
    this.#engineBlocks = new EngineBlocks(this.#enginePages?.pages ?? [], headsOf(this.#registry));
  }

  /** The page, at most 100 ms old. */
  page(): Promise<MetricsPage> {
    if (this.#shared !== null && this.#now() < this.#shared.untilMs) return this.#shared.page;
    const shared: Shared = { untilMs: Number.POSITIVE_INFINITY, page: this.#encode() };
    this.#shared = shared;
    shared.page.then(
      () => (shared.untilMs = this.#now() + PAGE_LIFETIME_MS),
      () => (shared.untilMs = 0),
    );
    return shared.page;
  }

  /** The same in the Prometheus text format, as a string. */
  async render(): Promise<string> {
    return (await this.page()).body("text").toString();
  }

  async #encode(): Promise<MetricsPage> {
    await this.#enginePages?.refresh();
    const engines = this.#engineBlocks.current();
    for (let attempt = 1; !this.#snapshot.refresh() && attempt < MAX_ATTEMPTS; attempt++) {
      await setTimeout(RETRY_PAUSE_MS);
    }
    // No await between the snapshot and this call, which reads every metric before it returns.
    const startMs = performance.now();
    const own = await this.#registry.metrics();
    this.#collectSeconds = (performance.now() - startMs) / 1000;
    return new MetricsPage(own, engines);
  }
}

export interface IndexMetricsOptions {
  readonly view: RouterIndexView;
  readonly version: string;
  readonly epoch: Epoch;
  readonly logCounts: Readonly<Record<string, number>>;
  readonly requests: RequestCountsView;
}

/** The page of `kvcast index`, which has no pipeline. */
export class IndexMetrics {
  readonly #registry = new Registry();
  readonly #blocks: EngineBlocks;
  #untilMs: number = 0;
  #collectSeconds: number | null = null;
  #page: Promise<MetricsPage> | null = null;

  constructor({ view, version, epoch, logCounts, requests }: IndexMetricsOptions) {
    register(
      this.#registry,
      [ROUTER_INDEX, SERVICE],
      [
        ...routerIndexFamilies(view),
        ...serviceFamilies(version, epoch, logCounts, requests, () => this.#collectSeconds),
      ],
    );
    registerDefaults(this.#registry);
    this.#blocks = new EngineBlocks([], headsOf(this.#registry));
  }

  /** The page, at most 100 ms old. */
  page(): Promise<MetricsPage> {
    if (this.#page === null || performance.now() >= this.#untilMs) {
      this.#untilMs = performance.now() + PAGE_LIFETIME_MS;
      this.#page = this.#encode();
    }
    return this.#page;
  }

  async #encode(): Promise<MetricsPage> {
    const startMs = performance.now();
    const text = await this.#registry.metrics();
    this.#collectSeconds = (performance.now() - startMs) / 1000;
    return new MetricsPage(text, this.#blocks.current());
  }
}

function registerDefaults(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
}

/** Catalogue and families must name the same metrics; anything else is a bug that the first start shows. */
function register(registry: Registry, sections: readonly CatalogueSection[], families: readonly Family[]): void {
  const byName = new Map(families.map((family) => [family.name, family]));
  for (const definition of sections.flatMap((section) => section.metrics)) {
    const family = byName.get(definition.name);
    if (family === undefined || "histograms" in family !== (definition.type === "histogram")) {
      throw new KvcastError("KVCAST_CATALOGUE", `metric ${definition.name} has no family of type ${definition.type}`);
    }
    byName.delete(definition.name);
    registry.registerMetric(asMetric(new CellMetric(definition, family)));
  }
  if (byName.size > 0) {
    throw new KvcastError("KVCAST_CATALOGUE", `not in the catalogue: ${[...byName.keys()].join(", ")}`);
  }
}

/** Names and types of what the registry prints. */
function headsOf(registry: Registry): { readonly name: string; readonly type: FamilyType }[] {
  return registry.getMetricsAsArray().map((metric) => {
    // The library's type does not have it, its objects do.
    const type = "type" in metric && typeof metric.type === "string" ? metric.type : "";
    return { name: metric.name, type: familyType(type) ?? "untyped" };
  });
}
