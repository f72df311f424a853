/** What the options of CURVE amount to. MAIN THREAD, once, at start. No message from here repeats a secret. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import type { CurveServerConfig } from "../curve/curve-gate.ts";
import { CURVE_SERVER_OPTIONS as SERVER } from "./curve-options.ts";
import { type OptionSpec, refused } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";

/** Ends a warning: connections that were meant to be encrypted are not. */
export const UNUSED_CLIENT_KEY = "has no effect: no publisher with a public key is named";

/**
 * How the sockets that are bound here are guarded; null: not at all. `isBound`: there are any. Throws ConfigError: a key without a
 * list would leave open who may come in, a list without a key would look like a guard and be none.
 */
export async function loadCurveServer(
  resolver: Resolver,
  isBound: boolean,
  warnings: string[],
): Promise<CurveServerConfig | null> {
  const key = resolver.namedFile(SERVER.zmqCurveSecretKeyFile);
  const allow = resolver.find(SERVER.zmqCurveAllowFile);
  if (key === undefined) {
    if (allow === undefined) return null;
    throw refused(
      resolver.placeOf(SERVER.zmqCurveAllowFile),
      "needs --zmq-curve-secret-key-file: without a key of its own the service lets in everyone; make one with kvcast keygen FILE",
    );
  }
  if (allow === undefined) {
    throw refused(
      key.place,
      "needs --zmq-curve-allow-file, a file with the public keys of the clients that may connect, one a line; " +
        "give any to let in whoever knows this service's public key",
    );
  }
  if (!isBound) warnings.push(`${key.place.label} has no effect: nothing is published over ZMQ`);
  const { readSecretKeyFile } = await import("../curve/secret-key-file.ts");
  const keys = readSecretKeyFile(key);
  if (allow === null) return Object.freeze({ keys, clients: "any" });
  const clients = { file: allow, place: resolver.placeOf(SERVER.zmqCurveAllowFile) };
  const { readAllowFile } = await import("../curve/allow-file.ts");
  readAllowFile(clients);
  return Object.freeze({ keys, clients });
}

/** What to connect with to a publisher of this public key; null where it has none. */
export type CurveFor = (serverKey: string | null | undefined) => CurveClientKeys | null;

/**
 * `serverKeys`: of all publishers, null or absent for those that demand nothing. Without a key of its own the process connects
 * with one that nobody has seen before. Throws ConfigError.
 */
export async function curveFor(
  resolver: Resolver,
  option: OptionSpec<string>,
  serverKeys: readonly (string | null | undefined)[],
  warnings: string[],
): Promise<CurveFor> {
  const file = resolver.namedFile(option);
  if (serverKeys.every((key) => !key)) {
    if (file !== undefined) warnings.push(`${file.place.label} ${UNUSED_CLIENT_KEY}`);
    return () => null;
  }
  const { clientKeyPair } = await import("../curve/secret-key-file.ts");
  const own = clientKeyPair(file);
  return (serverKey) => (serverKey ? Object.freeze({ serverKey, ...own }) : null);
}
