/** `kvcast sim`: runs the stand-in engine until it is told to stop. MAIN THREAD. */
import type { LoadedSimConfig } from "../config/load-sim.ts";
import { createLogger } from "../log.ts";
import { runSim } from "../sim/run-sim.ts";
import { EXIT } from "../../shared/errors.ts";

export interface SimCommandConfig extends LoadedSimConfig {
  /** Print where it listens as JSON on stdout. */
  readonly json: boolean;
}

/**
 * Resolves with the exit code after `stopped` has resolved. `out` writes data to stdout. Throws BindError when the port is
 * taken.
 */
export async function runSimCommand(
  config: SimCommandConfig,
  stopped: Promise<NodeJS.Signals>,
  out: (text: string) => void,
): Promise<number> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  const sim = await runSim(config.sim, { note: (line) => log.warn(line) });
  log.info(`stand-in engine listens on ${sim.url}`);
  log.info(`read it with: kvcast serve --engine ${sim.url}${serveFlags(config)}`);
  if (config.json) out(`${JSON.stringify({ url: sim.url })}\n`);
  const signal = await stopped;
  await sim.close();
  log.info(`stopped by ${signal}`);
  return EXIT.ok;
}

/** What `serve` must be told to understand this engine, where its defaults do not fit. */
function serveFlags(config: SimCommandConfig): string {
  const { tokens, ranks } = config.sim.traffic;
  return `${tokens === 32 ? "" : ` --kv-block-size ${tokens}`}${ranks === 1 ? "" : ` --attention-dp-size ${ranks}`}`;
}
