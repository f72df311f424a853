/** The board of checks as the live view shows it. MAIN THREAD. */
import type { LiveCheck } from "../../shared/live-snapshot.ts";
import type { HealthBoard } from "../health/health-board.ts";
import type { LiveHealth } from "./live-parts.ts";

export function liveHealth(board: HealthBoard): LiveHealth {
  const checks = board.report().map(({ name, target, ok, severity, reason, fix }): LiveCheck => ({
    name: target === null ? name : `${name} ${target}`,
    ok,
    severity,
    reason,
    fix,
  }));
  return { ready: board.readiness().ready, checks };
}
