/** Events that end their encoder each time they are encoded: each costs itself, and nothing else. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { PipelineOptions } from "../../src/main/pipeline/pipeline-contract.ts";
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { offerAll, range } from "../support/offering.ts";
import { large, numbered } from "../support/pipeline-parts.ts";
import { type PipelineRun, receive, type Received, startPipeline } from "../support/pipeline-run.ts";

interface Isolated {
  readonly rank: number;
  readonly index: number;
}

interface Run extends PipelineRun {
  readonly isolated: Isolated[];
  readonly messages: Received[];
}

/** Publishes the events with an encoder that those numbers are deadly for, and receives all others. */
async function publish(
  t: TestContext,
  how: string,
  deadly: readonly number[],
  events: readonly PublishedEvent[],
  options: Partial<PipelineOptions> = {},
): Promise<Run> {
  process.env["KVCAST_TEST_DEADLY"] = `${how}:${deadly.join(",")}`;
  const isolated: Isolated[] = [];
  const run = await startPipeline(t, {
    encoderEntry: new URL("../support/deadly-encoder.js", import.meta.url),
    onEventIsolated: (_encoder, rank, index) => isolated.push({ rank, index }),
    ...options,
  });
  const [messages] = await Promise.all([
    receive(run.subscriber, events.length - deadly.length),
    offerAll(run.pipeline, events),
  ]);
  // Nothing is left that could still be counted.
  await run.pipeline.stop(2000);
  return { ...run, isolated, messages };
}

function assertOthersDelivered({ pipeline, messages, fatal }: Run, numbers: number[], deadly: readonly number[]): void {
  assert.deepEqual(
    messages.flatMap((message) => message.numbers),
    numbers.filter((number) => !deadly.includes(number)),
  );
  assert.deepEqual(
    messages.map((message) => message.sequence),
    messages.map((_, i) => i),
  );
  assert.deepEqual(fatal, []);
  assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.poisonedEvents), deadly.length);
  assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.dequeuedEvents), numbers.length - deadly.length);
  assert.equal(pipeline.enqueuedEvents(), numbers.length);
}

const REASONS = { throw: [], exit: ["exit", "exit"], oom: ["oom", "oom"], spin: ["heartbeat", "heartbeat"] };

/** A thread that takes half a second to run out of memory, as on a busy machine, is ended because it hangs. */
const trueReason =
  (how: string) =>
  (reason: string): string =>
    how === "oom" && reason === "heartbeat" ? "oom" : reason;

for (const [how, reasons] of Object.entries(REASONS)) {
  test(`${how}: the one event is missing, counted as poison; all others are delivered once, in order`, async (t) => {
    const count = 3000;
    const events = range(count).map((n) => numbered(n, 2));
    const run = await publish(t, how, [1500], events, { encoders: 2 });
    assertOthersDelivered(run, range(count), [1500]);
    assert.deepEqual(run.restarts.map(trueReason(how)), reasons);
    assert.deepEqual(
      run.isolated.map(({ rank }) => rank),
      how === "throw" ? [] : [2],
    );
  });
}

for (const how of ["exit", "throw"]) {
  test(`${how}: two such events in one batch`, async (t) => {
    const run = await publish(
      t,
      how,
      [3, 8],
      range(10).map((n) => numbered(n)),
    );
    assertOthersDelivered(run, range(10), [3, 8]);
    assert.equal(run.messages.length, 1);
    const found = [
      { rank: 0, index: 2 },
      { rank: 0, index: 7 },
    ];
    assert.deepEqual(run.isolated, how === "throw" ? [] : found);
  });

  test(`${how}: where messages carry one event each`, async (t) => {
    const events = range(20).map((n) => numbered(n, n % 4));
    const run = await publish(t, how, [1, 11], events, { wireFormat: "dynamo" });
    assertOthersDelivered(run, range(20), [1, 11]);
    const found = [
      { rank: 1, index: 0 },
      { rank: 3, index: 10 },
    ];
    assert.deepEqual(run.isolated, how === "throw" ? [] : found);
  });

  test(`${how}: an event larger than a slot, and a batch of nothing else`, async (t) => {
    // 2,000 blocks of four tokens, in slots of 16 KiB.
    const events = [numbered(1), large(100_000, 2000), numbered(2), large(200_000, 2000)];
    const deadly = [100_000, 200_000];
    const run = await publish(t, how, deadly, events);
    assertOthersDelivered(run, [1, 100_000, 2, 200_000], deadly);
    assert.deepEqual(run.isolated, how === "throw" ? [] : [0, 0].map((index) => ({ rank: 0, index })));
  });
}

test("a handful of them is not what ends the service, though each costs two encoders", async (t) => {
  const deadly = [2, 3, 5, 7, 11, 13];
  const run = await publish(
    t,
    "exit",
    deadly,
    range(20).map((n) => numbered(n)),
  );
  assertOthersDelivered(run, range(20), deadly);
  assert.equal(run.restarts.length, 2 * deadly.length);
});
