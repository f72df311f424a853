/** A pipeline with real threads and a real socket, fed with numbered events; and what a subscriber got of it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Subscriber } from "zeromq";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import type { PipelineOptions } from "../../src/main/pipeline/pipeline-contract.ts";
import { offerAll, range } from "./offering.ts";
import { numbered, pipelineOptions } from "./pipeline-parts.ts";
import { decodePayload } from "./wire.ts";

export interface PipelineRun {
  readonly pipeline: Pipeline;
  readonly subscriber: Subscriber;
  readonly restarts: string[];
  readonly fatal: Error[];
}

/** Starts both; the first message waits for the subscription, which the caller may make itself. */
export async function startPipeline(
  t: TestContext,
  options: Partial<PipelineOptions> = {},
  subscribe: boolean = true,
): Promise<PipelineRun> {
  const restarts: string[] = [];
  const fatal: Error[] = [];
  const pipeline = new Pipeline(
    pipelineOptions({
      onEncoderRestart: (_encoder, reason) => restarts.push(reason),
      onSendFailed: (reason) => fatal.push(new Error(reason)),
      onFatal: (error) => fatal.push(error),
      ...options,
    }),
  );
  await pipeline.start();
  const subscriber = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  t.after(async () => {
    subscriber.close();
    await pipeline.stop(1000);
  });
  subscriber.connect(pipeline.zmqEndpoint() ?? "");
  if (subscribe) subscriber.subscribe("kv");
  return { pipeline, subscriber, restarts, fatal };
}

export interface Received {
  readonly sequence: number;
  readonly rank: number;
  readonly payload: Buffer;
  /** The first hash of each event. */
  readonly numbers: number[];
}

export async function receiveOne(subscriber: Subscriber): Promise<Received> {
  const [topic, sequence, payload] = await subscriber.receive();
  assert.equal(topic?.toString(), "kv");
  assert.ok(sequence !== undefined && payload !== undefined);
  const [, list, rank] = decodePayload(payload);
  const numbers = list.map((event) => Number((event as { block_hashes: bigint[] }).block_hashes[0]));
  return { sequence: Number(sequence.readBigUInt64BE()), rank, payload, numbers };
}

/** Messages until `events` events have arrived. */
export async function receive(subscriber: Subscriber, events: number): Promise<Received[]> {
  const messages: Received[] = [];
  let seen = 0;
  while (seen < events) {
    const message = await receiveOne(subscriber);
    messages.push(message);
    seen += message.numbers.length;
  }
  return messages;
}

/** Publishes events 1 … count of one rank and receives them all. */
export async function publishNumbered(
  { pipeline, subscriber }: Pick<PipelineRun, "pipeline" | "subscriber">,
  count: number,
): Promise<Received[]> {
  const events = range(count).map((n) => numbered(n));
  const [messages] = await Promise.all([receive(subscriber, count), offerAll(pipeline, events)]);
  return messages;
}
