/** What counting costs: a cell in shared memory, beside a labelled counter of prom-client. */
import { Counter, Registry } from "prom-client";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { EVENT_TYPES } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import type { MicroCase } from "./micro-case.ts";

const ADDS = 999;
const TYPES = EVENT_TYPES.length;

export const COUNTER_CASES: readonly MicroCase[] = [
  {
    name: "counters/shared-add",
    unit: "adds",
    rival: "counters/prom-client-inc",
    prepare() {
      const block = CounterBlock.allocate(PUBLISHER_CELLS.size);
      return {
        perCall: ADDS,
        work: () => {
          for (let i = 0; i < ADDS; i++) block.add(PUBLISHER_CELLS.zmqSentEvents + (i % TYPES), 1);
          return block.read(PUBLISHER_CELLS.zmqSentEvents);
        },
      };
    },
  },
  {
    name: "counters/prom-client-inc",
    unit: "adds",
    prepare() {
      const counter = new Counter({
        name: "sent_events_total",
        help: "Events.",
        labelNames: ["sink", "event_type"],
        registers: [new Registry()],
      });
      const labels = EVENT_TYPES.map((type) => ({ sink: "zmq", event_type: type }));
      return {
        perCall: ADDS,
        work: () => {
          for (let i = 0; i < ADDS; i++) counter.inc(labels[i % TYPES] ?? {}, 1);
        },
      };
    },
  },
];
