/**
 * The rival for NATS: the client alone, written straight down. An event is an object with BigInt hashes, `@msgpack/msgpack`
 * encodes it, one event a message; core with a flush after each 256, JetStream with as many acknowledgements awaited at a
 * time. Child process; argv: a NatsRivalOrder as JSON. Tells how long it took once the server has all.
 */
import { Encoder } from "@msgpack/msgpack";
import { connect } from "nats";
import { storedObject } from "../support/made-up-events.ts";
import { publishAll, type RivalOrder } from "./rival.ts";

export interface NatsRivalOrder extends RivalOrder {
  readonly url: string;
  /** Null: core. */
  readonly stream: string | null;
}

export interface NatsRivalReport {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const SUBJECT = "rival.events";
const IN_FLIGHT = 256;

const order = JSON.parse(process.argv[2] ?? "{}") as NatsRivalOrder;
const connection = await connect({ servers: order.url });
if (order.stream !== null) {
  await (await connection.jetstreamManager()).streams.add({ name: order.stream, subjects: [SUBJECT] });
}
const stream = connection.jetstream();
const encoder = new Encoder({ useBigInt64: true });
const acknowledged: Promise<unknown>[] = [];
let messages = 0;

/** Waits where as many are out as may be. */
async function settle(): Promise<void> {
  if (order.stream === null) await connection.flush();
  else await Promise.all(acknowledged.splice(0));
}

const cpuBefore = process.cpuUsage();
const startMs = performance.now();
await publishAll(
  order,
  (raw, seconds) => {
    const payload = encoder.encode([seconds, [storedObject(raw)], raw.rank]);
    if (order.stream === null) connection.publish(SUBJECT, payload);
    else acknowledged.push(stream.publish(SUBJECT, payload, { msgID: String(messages) }));
    return ++messages % IN_FLIGHT === 0 ? settle() : undefined;
  },
  settle,
);
const { user, system } = process.cpuUsage(cpuBefore);
const report: NatsRivalReport = { seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 };
process.send?.(report);
await connection.close();
