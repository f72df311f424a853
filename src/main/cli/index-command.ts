/**
 * `kvcast index`: runs the index of a router until a signal. MAIN THREAD. A second signal ends the process at once.
 */
import { EXIT } from "../../shared/errors.ts";
import type { IndexConfig } from "../config/load-index.ts";
import { createLogger, type Logger } from "../log.ts";
import { IndexService } from "../router-api/index-service.ts";
import { VERSION } from "./version.ts";

/** Resolves with the exit code. Rejects with BindError when the address is taken. */
export async function runIndex(config: IndexConfig, stopped: Promise<NodeJS.Signals>): Promise<number> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  for (const warning of config.warnings) log.warn(warning);
  const service = await IndexService.start({ config, version: VERSION, log });
  announce(config, service.url, log);
  const signal = await stopped;
  log.info("shutting down", { signal });
  await service.stop();
  log.info("stopped");
  return EXIT.ok;
}

/** A card for people, one structured line for machines. */
function announce(config: IndexConfig, url: string, log: Logger): void {
  const inputs = [
    ...config.workers.map(
      ({ worker, rank, source }) => `worker ${worker}${rank === 0 ? "" : ` rank ${rank}`} at ${source.endpoint}`,
    ),
    ...(config.nats === null
      ? []
      : [
          `NATS at ${config.nats.connection.servers.join(", ")}${config.nats.jetStream === null ? "" : `, stream ${config.nats.jetStream}`}`,
        ]),
  ];
  if (config.logFormat === "json") {
    log.info("the index is running", {
      version: VERSION,
      url,
      metrics_url: `${url}/metrics`,
      health_url: `${url}/health`,
      inputs: inputs.join(", "),
      block_size: config.blockSizeTokens,
      max_blocks: config.maxPairs,
      on_full: config.onFull,
    });
    return;
  }
  const rows: readonly (readonly [string, string])[] = [
    ...(inputs.length === 0
      ? [["inputs", "none yet: POST /register"] as const]
      : inputs.map((text, i) => [i === 0 ? "inputs" : "", text] as const)),
    ["model", `${config.modelName}, blocks of ${config.blockSizeTokens ?? "any number of"} tokens`],
    ["query", `${url}/query`],
    ["metrics", `${url}/metrics`],
    ["health", `${url}/health`],
    ["memory", `at most ${config.maxPairs} blocks a model, of some 60 bytes; then ${config.onFull}`],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(8)}${value}`);
  process.stderr.write(`kvcast ${VERSION} index\n${lines.join("\n")}\n`);
}
