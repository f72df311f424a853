/** Encoder threads that die for real: by an exception, by process.exit, by running out of memory. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ENCODER_CELLS } from "../../src/shared/encoder-cells.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { eventually } from "../support/fault/deadline.ts";
import { Gate } from "../support/gate.ts";
import { DEATHS } from "../support/dying-encoder.ts";
import { numbered } from "../support/pipeline-parts.ts";
import { range } from "../support/offering.ts";
import { publishNumbered, startPipeline } from "../support/pipeline-run.ts";

for (const encoders of [1, 3]) {
  test(`${encoders} encoder(s), killed mid-batch ${DEATHS} times: nothing lost, nothing twice`, async (t) => {
    const { pipeline, subscriber, restarts, fatal } = await startPipeline(t, {
      encoders,
      encoderEntry: new URL("../support/dying-encoder.js", import.meta.url),
    });
    const events = 10_000;
    const messages = await publishNumbered({ pipeline, subscriber }, events);
    assert.deepEqual(
      messages.flatMap((message) => message.numbers),
      range(events),
    );
    assert.deepEqual(
      messages.map((message) => message.sequence),
      messages.map((_, i) => i),
    );
    // A thread that takes half a second to run out of memory, as on a busy machine, is ended because it hangs.
    const reasons = restarts.map((reason) => (reason === "heartbeat" ? "oom" : reason));
    assert.deepEqual(reasons.toSorted(), ["error", "exit", "oom"]);
    assert.deepEqual(fatal, []);
    const counted = pipeline.workers().map((worker) => Object.values(worker.restarts).reduce((a, b) => a + b));
    assert.equal(
      counted.reduce((a, b) => a + b),
      DEATHS,
    );
    assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.poisonedEvents), 0);
    // Counted once it is sent, so that a subscriber may have it before.
    const dequeued = (): number => pipeline.publisher.read(PUBLISHER_CELLS.dequeuedEvents);
    await eventually("all is counted", 10_000, () => (dequeued() === events ? true : null));
    const encoded = pipeline.encoders.reduce((sum, block) => sum + block.read(ENCODER_CELLS.encodedBatches), 0);
    // The one that exited had counted its batch, which was then encoded again.
    assert.ok(encoded >= messages.length && encoded <= messages.length + 1);
  });
}

test("an encoder that cannot live is reported as fatal, not restarted for ever", async (t) => {
  const fatal = new Gate<Error>();
  await startPipeline(t, {
    encoderEntry: new URL("../support/stillborn-encoder.js", import.meta.url),
    onFatal: (error) => fatal.open(error),
  });
  assert.match((await fatal.opened).message, /encoder0 died 10 times/);
});

test("an encoder that no thread can take the place of is fatal", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-encoder-"));
  t.after(() => rmSync(folder, { recursive: true }));
  process.env["KVCAST_TEST_MARKER_FILE"] = path.join(folder, "died");
  const fatal = new Gate<Error>();
  const { pipeline } = await startPipeline(t, {
    encoderEntry: new URL("../support/once-only-encoder.js", import.meta.url),
    onFatal: (error) => fatal.open(error),
  });
  pipeline.offer(numbered(1));
  pipeline.flush();
  assert.match((await fatal.opened).message, /no encoder can be started: cannot be loaded any more/);
  assert.deepEqual(await pipeline.stop(700), { droppedEvents: 1, forced: true });
});
