/**
 * The consolidator within a program that keeps copies of blocks in host memory or on disks itself: engines are read over ZMQ, the
 * program says by calls what its tiers hold, and one clean stream goes out. The library's counterpart of `kvcast consolidate`,
 * on the same parts; encoding and sending happen on threads of its own.
 *
 *   const consolidator = await KvConsolidator.start({ "engine-endpoint": "trtllm=tcp://127.0.0.1:20081" });
 *   consolidator.tiers.store("hostPinned", { blockHashes: [hash], tokenIds, blockSize: 32 });
 *   consolidator.tiers.remove("hostPinned", [hash]);
 *   await consolidator.shutdown();
 */
import { ConfigError } from "../shared/errors.ts";
import { VERSION } from "./cli/version.ts";
import { CONSOLIDATE_OPTION_LIST } from "./config/consolidate-options.ts";
import { loadConsolidateConfig } from "./config/load-consolidate.ts";
import { didYouMean } from "./config/suggest.ts";
import { ConsolidateService } from "./consolidate/consolidate-service.ts";
import type { TierSource } from "./consolidate/tier-source.ts";
import { createLogger } from "./log.ts";

/**
 * Options of `kvcast consolidate` by their names there, without the dashes, each as it would be written there; of one that may be
 * given more than once, a list. Other than there no environment variable is read, `system-port` is off, and `log-level` is warn.
 */
export type KvConsolidatorSettings = Readonly<Record<string, string | readonly string[]>>;

export interface KvConsolidatorOptions {
  /** Told when a thread died that cannot be replaced; nothing is published any more. Default: throws asynchronously. */
  readonly onFatal?: (error: Error) => void;
}

const OWN_DEFAULTS: KvConsolidatorSettings = { "system-port": "-1", "log-level": "warn" };

export class KvConsolidator {
  /** What the program's own tiers hold. */
  readonly tiers: TierSource;
  readonly #service: ConsolidateService;

  private constructor(service: ConsolidateService, tiers: TierSource) {
    this.#service = service;
    this.tiers = tiers;
  }

  /**
   * Binds, then subscribes. Rejects with ConfigError, which names the setting that is wrong, and with BindError for an address
   * that is taken; nothing is left running then.
   */
  static async start(settings: KvConsolidatorSettings, options: KvConsolidatorOptions = {}): Promise<KvConsolidator> {
    const flags = new Map<string, readonly string[]>();
    for (const [name, value] of Object.entries({ ...OWN_DEFAULTS, ...settings })) {
      requireName(name);
      flags.set(name, typeof value === "string" ? [value] : value);
    }
    const loaded = await loadConsolidateConfig(flags, {});
    // Only a variable can switch it off.
    if (loaded === null) throw new ConfigError("engine-endpoint", "the consolidator is switched off");
    const { config, warnings } = loaded;
    const log = createLogger({ level: config.logLevel, format: config.logFormat });
    for (const warning of warnings) log.warn(warning);
    const onFatal = options.onFatal ?? throwLater;
    const { service, tiers } = await ConsolidateService.startWithTiers({ config, version: VERSION, log, onFatal });
    return new KvConsolidator(service, tiers);
  }

  /** The bound address, with the real port; null when ZMQ is off. */
  get outputEndpoint(): string | null {
    return this.#service.pipeline.zmqEndpoint();
  }

  /** Base of the metrics and health pages; null unless `system-port` is given. */
  get httpUrl(): string | null {
    return this.#service.httpUrl;
  }

  /** Publishes what was taken, closes the sockets, ends the threads; takes 5 s at most. Safe to call twice. */
  async shutdown(): Promise<void> {
    this.tiers.close();
    await this.#service.stop();
  }
}

function requireName(name: string): void {
  const names = CONSOLIDATE_OPTION_LIST.map((option) => option.name);
  if (!names.includes(name))
    throw new ConfigError(name, `there is no setting ${JSON.stringify(name)}${didYouMean(name, names)}`);
}

function throwLater(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
