/**
 * Binds sockets: what all of them have in common. PUBLISHER THREAD.
 */
import { createConnection } from "node:net";
import type { Socket } from "zeromq";
import { BindError, messageOf } from "../shared/errors.ts";

/** The part of a socket that a bind needs. */
type Bindable = Socket & { bind(endpoint: string): Promise<void> };

/**
 * Makes the socket and binds it. Resolves with the socket and the address that it got, with the real port. Rejects with
 * BindError when the address is taken, malformed or not ours; nothing stays open then.
 */
export async function bindSocket<S extends Bindable>(
  endpoint: string,
  make: () => S,
): Promise<{ readonly socket: S; readonly endpoint: string }> {
  const fail = (reason: unknown): BindError =>
    new BindError(endpoint, `cannot bind ${endpoint}: ${messageOf(reason)}`, reason);
  if (await isServed(endpoint)) throw fail("Address already in use");
  const socket = make();
  try {
    await socket.bind(endpoint);
  } catch (error) {
    socket.close();
    throw fail(error);
  }
  return { socket, endpoint: socket.lastEndpoint ?? endpoint };
}

/** Whether a socket for this address needs IPv6. Only where it is asked for: with it, `tcp://*` would listen on IPv6 too. */
export function isIpv6(endpoint: string): boolean {
  return endpoint.startsWith("tcp://[");
}

/** Whether someone listens on an ipc path: libzmq would take it away from them without a word. */
async function isServed(endpoint: string): Promise<boolean> {
  const path = /^ipc:\/\/([^@*].*)$/.exec(endpoint)?.[1];
  if (path === undefined) return false;
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.on("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
}
