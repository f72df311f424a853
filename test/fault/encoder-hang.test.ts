/** An encoder that hangs: noticed, ended, replaced; its slot is encoded again. */
import assert from "node:assert/strict";
import test from "node:test";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { offerAll, range } from "../support/offering.ts";
import { numbered } from "../support/pipeline-parts.ts";
import { receiveOne, startPipeline } from "../support/pipeline-run.ts";

/**
 * Six tenths of a second to notice and one to start a thread, on a machine that has nothing else to do; this is for one that
 * has. What main adds to it is tested exactly, without threads.
 */
const MAX_STANDSTILL_MS = 3000;

for (const encoders of [1, 3]) {
  test(`${encoders} encoder(s), one spins for ever: it is replaced; all is delivered once, in order`, async (t) => {
    const { pipeline, subscriber, restarts, fatal } = await startPipeline(t, {
      encoders,
      encoderEntry: new URL("../support/spinning-encoder.js", import.meta.url),
    });
    const count = 5000;
    const offered = offerAll(
      pipeline,
      range(count).map((n) => numbered(n)),
    );
    const seen: number[] = [];
    let longestMs = 0;
    let lastMs: number | null = null;
    while (seen.length < count) {
      const message = await receiveOne(subscriber);
      seen.push(...message.numbers);
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - (lastMs ?? nowMs));
      lastMs = nowMs;
    }
    await offered;
    // The last message is counted after it was sent.
    await pipeline.stop(2000);
    assert.deepEqual(seen, range(count));
    assert.deepEqual(restarts, ["heartbeat"]);
    assert.deepEqual(fatal, []);
    assert.ok(longestMs > 300, "the encoder did hang");
    assert.ok(longestMs < MAX_STANDSTILL_MS, `nothing came for ${longestMs} ms`);
    assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.poisonedEvents), 0);
    assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.dequeuedEvents), count);
  });
}
