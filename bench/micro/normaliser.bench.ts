/** How fast events are judged: stored ones that all pass, the common path. */
import { makeNormaliser, storedEvents } from "../support/made-up-events.ts";
import type { MicroCase } from "./micro-case.ts";

const EVENTS = 64;

function normaliserCase(blocks: number): MicroCase {
  return {
    name: `normaliser/${blocks}x32`,
    unit: "events",
    prepare() {
      const normaliser = makeNormaliser();
      const events = storedEvents(blocks, EVENTS);
      let id = 0;
      return {
        perCall: EVENTS,
        work: () => {
          for (const raw of events) {
            // Ids go on, or all but the first round would be duplicates.
            raw.eventId = id++;
            if (normaliser.normalise(raw) !== "publish") throw new Error(`event ${raw.eventId} was refused`);
            normaliser.countPublished(raw);
          }
          return id;
        },
      };
    },
  };
}

export const NORMALISER_CASES: readonly MicroCase[] = [normaliserCase(1), normaliserCase(8)];
