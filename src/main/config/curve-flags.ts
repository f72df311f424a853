/** The keys of a publisher that is named on the command line alone, by commands that do little else. MAIN THREAD, once, at start. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import { clientKeyPair } from "../curve/secret-key-file.ts";
import { CURVE_FLAGS as FLAGS } from "./curve-options.ts";
import { refused } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";

/** Null: the connection is not encrypted. Throws ConfigError. */
export function curveOfFlags(resolver: Resolver): CurveClientKeys | null {
  const serverKey = resolver.find(FLAGS.zmqCurveServerKey);
  const file = resolver.namedFile(FLAGS.zmqCurveClientKeyFile);
  if (serverKey !== undefined) return Object.freeze({ serverKey, ...clientKeyPair(file) });
  if (file === undefined) return null;
  throw refused(
    file.place,
    "needs --zmq-curve-server-key, the public key of the publisher; without it nothing is encrypted",
  );
}
