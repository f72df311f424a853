/** The families of health: what the checks say, and how canaries ended. MAIN THREAD. */
import type { EngineData } from "../engine-data.ts";
import { PROBE_OUTCOMES } from "../health/canary-client.ts";
import type { HealthBoard } from "../health/health-board.ts";
import type { Family, Series } from "./cell-metric.ts";

/** What is needed of a board. */
export type HealthView = Pick<HealthBoard, "names" | "look" | "holds" | "changes">;

export function healthFamilies(board: HealthView | null, data: readonly EngineData[]): readonly Family[] {
  const names = board?.names ?? [];
  const ready = names.map((check): Series => ({
    labels: { check },
    read: () => (board === null || board.holds(check) ? 1 : 0),
  }));
  const changes = names.map((check): Series => ({ labels: { check }, read: () => board?.changes(check) ?? 0 }));
  const probes = data.flatMap(({ engine, health }) =>
    PROBE_OUTCOMES.map((outcome): Series => ({
      labels: { engine, outcome },
      read: () => health.probes?.[outcome] ?? 0,
    })),
  );
  return [
    {
      name: "ready",
      series: () => {
        board?.look();
        return ready;
      },
    },
    { name: "ready_changes_total", series: () => changes },
    { name: "health_probe_total", series: () => probes },
  ];
}
