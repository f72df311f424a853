/**
 * The first rival in Node: what a program for the same job looks like when it is written straight down. An event is an
 * object with BigInt hashes, `@msgpack/msgpack` encodes it, zeromq sends it, one event a message.
 */
import { Encoder } from "@msgpack/msgpack";
import { storedObject } from "../support/made-up-events.ts";
import { publishAll, readOrder, RivalSocket } from "./rival.ts";

const order = readOrder();
const socket = await RivalSocket.open();
const encoder = new Encoder({ useBigInt64: true });
await publishAll(
  order,
  (raw, seconds) => socket.send(encoder.encode([seconds, [storedObject(raw)], raw.rank]), 1),
  () => undefined,
);
