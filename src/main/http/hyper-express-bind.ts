/** Binds a server of hyper-express to an address that nobody else has. MAIN THREAD. */
import type { Server } from "hyper-express";
import { LayoutError } from "../../shared/errors.ts";
import { bindError, probePort } from "./bind-error.ts";

/** Of the native module's listen options; its JavaScript side carries the number, its types do not. */
const LIBUS_LISTEN_EXCLUSIVE_PORT = 1;

/** Another process may take a free port between its choice and its use. */
const FREE_PORT_ATTEMPTS = 5;

type NativeListen = (host: string, port: number, options: number, done: (socket: unknown) => void) => unknown;

/**
 * Makes the application's `listen` exclusive. By default the native server shares a fixed port with any other process
 * that does the same, and the kernel deals connections to both: two services on one port would go unnoticed.
 */
function listenExclusively(server: Server): void {
  const app: object = server.uws_instance;
  if (!("listen" in app) || typeof app.listen !== "function") throw new LayoutError("the native server cannot listen");
  // An overload that the library's types do not know: with options and a host.
  const listen: NativeListen = app.listen.bind(app);
  Object.defineProperty(app, "listen", {
    value: (host: string, port: number, done: (socket: unknown) => void): unknown =>
      listen(host, port, LIBUS_LISTEN_EXCLUSIVE_PORT, done),
  });
}

/**
 * For "any port" a free one is chosen here: when the native server chooses, it leaves out SO_REUSEADDR, and a
 * client's idle connection then keeps the port taken after the server has gone. Throws BindError.
 */
export async function bindExclusively(server: Server, host: string, port: number): Promise<void> {
  listenExclusively(server);
  for (let attempt = 1; ; attempt++) {
    const chosen = port === 0 ? await probePort(host, 0) : port;
    try {
      await server.listen(chosen, host);
      return;
    } catch (error) {
      if (port === 0 && attempt < FREE_PORT_ATTEMPTS) continue;
      // The library has one sentence for every cause; Node says which it is.
      await probePort(host, chosen);
      throw bindError(host, chosen, error);
    }
  }
}
