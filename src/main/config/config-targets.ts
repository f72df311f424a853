/**
 * The services whose configuration `kvcast config` and `kvcast support-bundle` look at: their options, and what loads them. MAIN
 * THREAD, at start only.
 */
import type { TargetName } from "./config-options.ts";
import { CONSOLIDATE_OPTION_LIST } from "./consolidate-options.ts";
import { INDEX_OPTION_LIST } from "./index-options.ts";
import { loadConsolidateConfig } from "./load-consolidate.ts";
import { loadIndexConfig } from "./load-index.ts";
import { loadServeConfig } from "./load.ts";
import type { Environment, Flags, OptionSpec } from "./option-spec.ts";
import { SERVE_OPTION_LIST } from "./options.ts";
import type { FileEntries } from "./resolve.ts";

export interface ConfigTarget {
  readonly options: readonly OptionSpec<unknown>[];
  /** Options that must be given, with a value that lets the others be looked at in their absence. */
  readonly standIns: Readonly<Record<string, string>>;
  /** Resolves with the warnings. Throws ConfigError. */
  load(flags: Flags, env: Environment, file: FileEntries): Promise<readonly string[]>;
}

export const TARGETS: Readonly<Record<TargetName, ConfigTarget>> = {
  serve: {
    options: SERVE_OPTION_LIST,
    standIns: { engine: "synthetic:", "worker-id": "0" },
    load: async (...inputs) => (await loadServeConfig(...inputs)).warnings,
  },
  consolidate: {
    options: CONSOLIDATE_OPTION_LIST,
    standIns: { "engine-endpoint": "tcp://127.0.0.1:1", "worker-id": "0" },
    load: async (...inputs) => (await loadConsolidateConfig(...inputs))?.warnings ?? [],
  },
  index: {
    options: INDEX_OPTION_LIST,
    standIns: { "block-size": "32" },
    load: async (...inputs) => (await loadIndexConfig(...inputs)).warnings,
  },
};
