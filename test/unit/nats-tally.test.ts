import assert from "node:assert/strict";
import { test } from "node:test";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { NatsTally } from "../../src/workers/nats-tally.ts";

/** All that the sink counts through a tally, by its name in the table. */
const TALLIED = [
  "natsUp",
  "natsSentEvents",
  "natsSentBatches",
  "natsSentBytes",
  "natsDroppedEvents",
  "natsErrors",
  "natsRetries",
  "natsReconnects",
  "natsDuplicateAcks",
  "natsPendingEvents",
] as const;
const OBSERVED = ["natsPublishDuration", "natsAckDuration", "natsPipelineLatency"] as const;

test("whatever is put into a tally comes out at its own cell, and once", () => {
  const counters = CounterBlock.allocate(PUBLISHER_CELLS.size);
  const [offered, counted] = [new NatsTally(), new NatsTally()];
  TALLIED.forEach((name, i) => offered.add(PUBLISHER_CELLS[name], i + 1));
  for (const name of OBSERVED) offered.observe(PUBLISHER_CELLS[name], 0.25);
  offered.moveTo(counted);
  counters.begin();
  counted.commit(counters);
  offered.commit(counters);
  counters.end();
  TALLIED.forEach((name, i) => assert.equal(counters.read(PUBLISHER_CELLS[name]), i + 1, name));
  for (const name of OBSERVED) {
    const { first, width } = PUBLISHER_CELLS[name];
    const cells = Array.from({ length: width }, (_, i) => counters.read(first + i));
    assert.equal(
      cells.slice(0, -1).reduce((sum, count) => sum + count, 0),
      1,
      name,
    );
    assert.equal(cells.at(-1), 0.25, name);
  }
});
