/**
 * What it means that a publisher answers and does not let one in. MAIN THREAD, or any program that uses the library; pure.
 *
 * libzmq goes on trying and says nothing, so to whoever does not look at its events this is silence.
 */

/**
 * `mechanism`: one side demands CURVE and the other does not speak it; `not_allowed`: the key is not on the publisher's list;
 * `ended`: it hung up in the middle of the handshake, as one does whose key is another than was expected.
 */
export type HandshakeRefusal = "mechanism" | "not_allowed" | "ended";

/** `hasKeys`: there was a public key to expect of the publisher, so that CURVE was spoken. */
export function refusalText(
  refusal: HandshakeRefusal,
  hasKeys: boolean,
): { readonly says: string; readonly fix: string } {
  if (refusal === "not_allowed") {
    return {
      says: "the publisher refuses this client's key",
      fix: "add its public key to the publisher's list (--zmq-curve-allow-file of kvcast), or name another with --zmq-curve-client-key-file",
    };
  }
  if (refusal === "mechanism") {
    return hasKeys
      ? {
          says: "the publisher does not speak CURVE, and a public key is expected of it",
          fix: "check the address; leave the key out only if what is published there may be read by everyone on the way",
        }
      : {
          says: "the publisher demands CURVE, and this client came without a key",
          fix: "give the publisher's public key (--zmq-curve-server-key KEY, or ?curve=KEY behind the address) and --zmq-curve-client-key-file",
        };
  }
  return hasKeys
    ? {
        says: "the publisher ended the connection in the middle of the CURVE handshake",
        fix: "check its public key: this is what happens when it has another one",
      }
    : {
        says: "what listens there ended the connection before the end of the ZMQ handshake",
        fix: "check the port: it may be no publisher, or one that is being stopped",
      };
}
