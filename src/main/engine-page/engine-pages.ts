/**
 * The Prometheus pages of all engines that have one. MAIN THREAD.
 *
 * Engines are asked side by side, so a scrape waits for the slowest of them and not for their sum.
 */
import { randomBytes } from "node:crypto";
import type { EngineCredentials, EngineMetricsConfig } from "../config/config.ts";
import { engineLog } from "../engine-log.ts";
import { LabelInjection } from "../expfmt/label-injection.ts";
import type { PageOptions } from "../expfmt/page-parser.ts";
import { SampleScanner } from "../expfmt/sample-scanner.ts";
import type { LineLogger } from "../log.ts";
import { METRIC_PREFIX } from "../metrics/metric-definition.ts";
import { EnginePage } from "./engine-page.ts";
import { currentName } from "./older-names.ts";
import { type Labelled, pagedEngines, pageLabels } from "./page-labels.ts";

export class EnginePages {
  /** In the order of the configuration. */
  readonly pages: readonly EnginePage[];

  constructor(config: Labelled, settings: EngineMetricsConfig, log: LineLogger) {
    const { timeoutMs, maxBytes, maxAgeMs } = settings;
    this.pages = pagedEngines(config.engines).map(
      (engine) =>
        new EnginePage({
          config: engine,
          timeoutMs,
          maxBytes,
          maxAgeMs,
          parsing: parsingOf(pageLabels(engine.name, config, settings), settings),
          log: engineLog(log, engine.name),
        }),
    );
  }

  async refresh(): Promise<void> {
    await Promise.all(this.pages.map((page) => page.refresh()));
  }

  renew(credentials: EngineCredentials): void {
    for (const page of this.pages) page.renew(credentials);
  }

  stop(): void {
    for (const page of this.pages) page.stop();
  }
}

function parsingOf(labels: Readonly<Record<string, string>>, settings: EngineMetricsConfig): () => PageOptions {
  const { include, exclude, mode } = settings;
  const filter = { include, exclude, by: mode === "lines" ? "line" : "family" } as const;
  const seeds = randomBytes(8);
  const scanner = new SampleScanner(seeds.readInt32LE(0), seeds.readInt32LE(4));
  const injects = Object.keys(labels).length > 0;
  return () => ({
    filter,
    mapName: currentName,
    isOwn: (name) => name.startsWith(METRIC_PREFIX),
    scanner,
    ...(injects ? { injection: new LabelInjection(labels, scanner) } : {}),
  });
}
