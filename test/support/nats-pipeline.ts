/** A pipeline with both sinks and a real server: its NATS options, its books, and what a router makes of the stream. */
import type { TestContext } from "node:test";
import { connect } from "nats";
import type { PipelineOptions } from "../../src/main/pipeline/pipeline-contract.ts";
import type { CounterBlock } from "../../src/shared/counter-block.ts";
import { EVENT_TYPES, SINK_DROP_REASONS } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { NO_AUTH, PLACE } from "./nats-rig.ts";
import type { NatsServer } from "./nats-server.ts";
import { RouterModel } from "./router-model.ts";

const STREAM = "KV";

/** Events to a stream, in the encoding of the event plane. */
export function streamOptions(server: NatsServer): NonNullable<PipelineOptions["nats"]> {
  return {
    connection: { servers: [server.url], name: "kvcast test", auth: NO_AUTH, tls: null },
    encoding: "dynamo",
    place: PLACE,
    jetStream: STREAM,
    queueBytes: 1 << 26,
    maxInFlight: 64,
    events: true,
  };
}

/** All that the stream has. */
export async function readStream(t: TestContext, server: NatsServer): Promise<RouterModel> {
  const connection = await connect({ servers: server.url });
  t.after(() => connection.close());
  const { messages } = (await (await connection.jetstreamManager()).streams.info(STREAM)).state;
  const consumer = await connection.jetstream().consumers.get(STREAM);
  const router = new RouterModel();
  for await (const message of await consumer.fetch({ max_messages: messages, expires: 10_000 })) {
    router.apply(message.data);
    message.ack();
  }
  return router;
}

export interface NatsBooks {
  readonly dequeued: number;
  readonly sent: number;
  readonly dropped: number;
  readonly pending: number;
}

/** As they are at one moment. */
export function natsBooks(publisher: CounterBlock): NatsBooks {
  const cells = new Float64Array(PUBLISHER_CELLS.size);
  while (!publisher.snapshot(cells));
  const sum = (first: number, count: number): number =>
    cells.subarray(first, first + count).reduce((total, each) => total + each, 0);
  return {
    dequeued: sum(PUBLISHER_CELLS.dequeuedEvents, 1),
    sent: sum(PUBLISHER_CELLS.natsSentEvents, EVENT_TYPES.length),
    dropped: sum(PUBLISHER_CELLS.natsDroppedEvents, SINK_DROP_REASONS.length),
    pending: sum(PUBLISHER_CELLS.natsPendingEvents, 1),
  };
}
