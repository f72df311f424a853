/**
 * An operator has all ranks of an engine cleared: subscribers are to forget its blocks, whatever they believe. MAIN THREAD.
 *
 * It goes the way of all clears, so nothing of a rank overtakes its own. The engine is not asked, and keeps its blocks; the index
 * says from then on that it lacks some.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EventOutlet } from "./intake.ts";
import type { Injections } from "./normalise/injections.ts";

export interface ClearPorts {
  readonly injections: Injections;
  readonly outlet: EventOutlet;
  /** Told, by its own number, each rank that the engine has told blocks of. */
  readonly onCleared: (rank: number) => void;
}

/** Resolves with the number of ranks when the ring has taken all their clears, or with null when `isOver()` was true before. */
export async function clearRanks(ports: ClearPorts, isOver: () => boolean): Promise<number | null> {
  const { injections, outlet, onCleared } = ports;
  const ranks = injections.demand();
  for (const rank of ranks) if (injections.hasMet(rank)) onCleared(rank);
  while (!injections.settleDemand(ranks)) {
    outlet.flush();
    if (isOver()) return null;
    await outlet.writable();
    // A pipeline that is stopping says "writable" at once; timers must still get their turn.
    await nextTurn();
  }
  outlet.flush();
  return ranks.length;
}
