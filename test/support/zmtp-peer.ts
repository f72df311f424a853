/**
 * A peer that speaks just enough of ZMTP 3 to ask for a replay, and then does as little as a test wants: a client that has
 * no library to keep its connection alive.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const GREETING_BYTES = 64;

/** The whole greeting of a peer that speaks this mechanism. */
export function greeting(mechanism: string): Buffer {
  const bytes = Buffer.alloc(GREETING_BYTES);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes.write(mechanism, 12, "latin1");
  return bytes;
}

function ready(): Buffer {
  const name = Buffer.from("Socket-Type");
  const value = Buffer.from("DEALER");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  const body = Buffer.concat([Buffer.from("\u0005READY"), Buffer.from([name.length]), name, length, value]);
  return Buffer.concat([Buffer.from([4, body.length]), body]);
}

/** Connects to a tcp endpoint, asks for a replay from 0, and reads nothing from then on. */
export async function askAndNeverRead(endpoint: string): Promise<Socket> {
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(greeting("NULL"));
  // What comes before the other side has greeted too, libzmq takes for a part of the greeting. It greets in two steps, the
  // first of ten bytes, which arrive alone now and then.
  for (let greeted = 0; greeted < GREETING_BYTES;) {
    const [data] = (await once(socket, "data")) as [Buffer];
    greeted += data.length;
  }
  socket.write(Buffer.concat([ready(), Buffer.from([1, 0, 0, 8]), Buffer.alloc(8)]));
  socket.pause();
  return socket;
}
