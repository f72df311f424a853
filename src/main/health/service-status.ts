/**
 * What `/health` says of the service, and what `/ready` says: two questions with one set of checks behind them. MAIN THREAD, pure.
 *
 * `/ready` is the plain truth. `/health` goes by Dynamo's rules: endpoints that are named decide alone; otherwise all checks; and what
 * is not known yet counts as the starting status says, but for the canary, before whose first success nobody is ready.
 */
import type { ProbeConfig } from "../config/health-config.ts";
import type { Check } from "./check.ts";
import type { HealthBoard, Readiness } from "./health-board.ts";
import type { CheckName } from "./health-report.ts";

export type ReadyWord = "ready" | "notready";

export interface ServiceStatus {
  readonly health: ReadyWord;
  readonly ready: ReadyWord;
  readonly reasons: readonly string[];
  readonly endpoints: Readonly<Record<string, ReadyWord>>;
}

/** The endpoint of a worker, which here stands for the engines. */
const GENERATE = "generate";
const GENERATE_CHECKS: readonly CheckName[] = ["engine_reachable", "engine_alive", "engine_progress", "engine_canary"];

/** Without engines there are no endpoints. */
export function serviceStatus(board: HealthBoard, config: ProbeConfig, hasEngines: boolean): ServiceStatus {
  const all = board.readiness();
  const engines = board.readiness(isAboutEngines);
  const endpoints: Record<string, ReadyWord> = hasEngines ? { [GENERATE]: word(isUp(engines, config)) } : {};
  const stays = board.readiness(({ name }) => name === "shutdown").ready;
  const isHealthy =
    config.endpoints.length > 0
      ? stays && config.endpoints.every((name) => endpoints[name] === "ready")
      : isUp(all, config);
  return {
    health: word(isHealthy),
    ready: word(all.ready),
    reasons: reasonsOf(all),
    endpoints,
  };
}

/** Where no engine is read on purpose, that is the reason, and not that they are silent. */
function reasonsOf({ obstacles }: Readiness): readonly string[] {
  const isHeld = obstacles.some(({ name }) => name === "held");
  return obstacles.filter(({ waits }) => !(isHeld && waits)).map(({ reason }) => reason);
}

function isAboutEngines({ name }: Check): boolean {
  return GENERATE_CHECKS.includes(name);
}

/** What is not known yet may count as good, but for the canary. */
function isUp({ obstacles }: Readiness, { isReadyAtStart }: ProbeConfig): boolean {
  return obstacles.every(({ name, waits }) => waits && isReadyAtStart && name !== "engine_canary");
}

function word(isReady: boolean): ReadyWord {
  return isReady ? "ready" : "notready";
}
