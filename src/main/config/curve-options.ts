/**
 * Options of CURVE, ZMQ's encryption: for sockets that are bound here, and for those that connect elsewhere. MAIN THREAD, at start
 * only. docs/zmq-security.md has the whole of it.
 */
import { keyFromText, keyToZ85 } from "../curve/z85.ts";
import { notAllowed } from "./option-spec.ts";
import type { OptionSpec, Place, ValueType } from "./option-spec.ts";
import { fileName, orWord } from "./value-types.ts";

/** A public key, in whichever way it is written; becomes Z85. */
export const curvePublicKey: ValueType<string> = {
  placeholder: "KEY",
  takes: "a public CURVE key: 40 characters (Z85), or 64 hexadecimal digits",
  parse(text: string, place: Place): string {
    const key = keyFromText(text.trim());
    if (key === null) throw notAllowed(place, text, curvePublicKey.takes);
    return keyToZ85(key);
  },
};

export const CURVE_SERVER_OPTIONS: {
  readonly zmqCurveSecretKeyFile: OptionSpec<string>;
  readonly zmqCurveAllowFile: OptionSpec<string | null>;
} = {
  zmqCurveSecretKeyFile: {
    name: "zmq-curve-secret-key-file",
    type: fileName,
    env: [{ name: "KVCAST_ZMQ_CURVE_SECRET_KEY_FILE" }],
    group: "ZMQ",
    help:
      "Secret key of this service, from kvcast keygen. With it the sockets that are bound here, for events and for replays, demand " +
      "CURVE: what they send is encrypted, and only clients of --zmq-curve-allow-file come in.",
  },
  zmqCurveAllowFile: {
    name: "zmq-curve-allow-file",
    type: orWord(fileName, "any", null),
    env: [{ name: "KVCAST_ZMQ_CURVE_ALLOW_FILE" }],
    group: "ZMQ",
    help:
      "Public keys of the clients that may connect, one a line, with a name behind it if you like; read again when it changes. any " +
      "lets in whoever knows this service's public key. Needed with --zmq-curve-secret-key-file.",
  },
};

export const CURVE_CLIENT_OPTIONS: {
  readonly zmqCurveClientKeyFile: OptionSpec<string>;
} = {
  zmqCurveClientKeyFile: {
    name: "zmq-curve-client-key-file",
    type: fileName,
    env: [{ name: "KVCAST_ZMQ_CURVE_CLIENT_KEY_FILE" }],
    defaultNote: "a new key at each start, which only servers that let in any take",
    group: "ZMQ",
    help:
      "Secret key, from kvcast keygen, to connect with to publishers that demand CURVE: those whose address says curve=KEY, which " +
      "is their public key.",
  },
};

/** The same where it is said on the command line only, and of one publisher. */
export const CURVE_FLAGS: {
  readonly zmqCurveServerKey: OptionSpec<string>;
  readonly zmqCurveClientKeyFile: OptionSpec<string>;
} = {
  zmqCurveServerKey: {
    name: "zmq-curve-server-key",
    type: curvePublicKey,
    env: [],
    defaultNote: "none, no encryption",
    group: "Connection",
    help: "Public key of a publisher that demands CURVE, as 64 hexadecimal digits or, in quotes, as 40 characters.",
  },
  zmqCurveClientKeyFile: {
    ...CURVE_CLIENT_OPTIONS.zmqCurveClientKeyFile,
    env: [],
    group: "Connection",
    help: "Secret key, from kvcast keygen, to connect with to such a publisher.",
  },
};
