/** Ranks as an earlier run left them, for tests. */
import type { FollowedRank, WindowState } from "../../src/shared/index-messages.ts";
import type { SavedRanks } from "../../src/main/normalise/saved-ranks.ts";

/** Of a rank of whose windows nothing has been told. */
export const NO_WINDOW: WindowState = {
  windowSize: -1,
  layerGroup: -1,
  adopted: false,
  learning: true,
  replaceNext: false,
};

export function followed(lastEventId: number, window: Partial<WindowState> = {}): FollowedRank {
  return { lastEventId, window: { ...NO_WINDOW, ...window } };
}

/** By rank, the id of its last event. */
export function savedAt(lastEventIds: ReadonlyMap<number, number>): SavedRanks {
  return new Map([...lastEventIds].map(([rank, id]) => [rank, followed(id)]));
}
