/** How fast the built-in engine makes events: the bound of every flood. */
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { floodTraffic } from "../support/made-up-events.ts";
import type { MicroCase } from "./micro-case.ts";

const EVENTS = 1000;

function trafficCase(blocks: number): MicroCase {
  return {
    name: `traffic/${blocks}x32`,
    unit: "events",
    prepare() {
      const traffic = new Traffic(floodTraffic(blocks, Infinity));
      const raw = new RawEvent();
      return {
        perCall: EVENTS,
        work: () => {
          for (let i = 0; i < EVENTS; i++) traffic.next(raw);
          return raw.eventId;
        },
      };
    },
  };
}

export const TRAFFIC_CASES: readonly MicroCase[] = [trafficCase(1), trafficCase(8)];
