/**
 * What all sockets have in common: how they are bound, how they say that they would have to wait. PUBLISHER THREAD.
 */
import type { Socket } from "zeromq";
import { bindReason, IN_USE } from "../shared/bind-reason.ts";
import { BindError, codeOf } from "../shared/errors.ts";
import { bindPrivately, ipcPath, isServed } from "../shared/private-ipc.ts";

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
    new BindError(endpoint, `cannot bind ${endpoint}: ${bindReason(endpoint, reason)}`, reason);
  const file = ipcPath(endpoint);
  if (file !== null && (await isServed(file))) throw fail(IN_USE);
  const socket = make();
  try {
    if (file === null) await socket.bind(endpoint);
    else await bindPrivately(file, (staged) => socket.bind(staged));
  } catch (error) {
    socket.close();
    throw fail(error);
  }
  return { socket, endpoint: file === null ? (socket.lastEndpoint ?? endpoint) : endpoint };
}

/** Whether a socket refused a message, or had none to give, because it would have had to wait. */
export function wouldWait(error: unknown): boolean {
  return codeOf(error) === "EAGAIN";
}
