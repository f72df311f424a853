/**
 * Why an HTTP address could not be bound, in words that say what to do. MAIN THREAD.
 */
import { createServer } from "node:net";
import { bindReason } from "../../shared/bind-reason.ts";
import { BindError } from "../../shared/errors.ts";

/** The error for a failed `listen`; `cause` is what Node's `net` reported. */
export function bindError(host: string, port: number, cause: unknown): BindError {
  const endpoint = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new BindError(
    endpoint,
    `cannot serve HTTP on ${endpoint}: ${bindReason(endpoint, cause)}; choose another port with --system-port or DYN_SYSTEM_PORT ` +
      `(0 = any free port, -1 = no HTTP), or another address with --system-host`,
    cause,
  );
}

/** Binds the address with `node:net` for a moment and gives the port; throws a BindError. */
export async function probePort(host: string, port: number): Promise<number> {
  const probe = createServer();
  const bound = await new Promise<number>((resolve, reject) => {
    probe.once("error", (error) => reject(bindError(host, port, error)));
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
  await new Promise<void>((resolve) => {
    probe.close(() => resolve());
  });
  return bound;
}
