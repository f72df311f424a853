/** Asks the leader at an address, whoever it is, to make room for another one. MAIN THREAD. */
import { type CurveKeyPair, curveClientOptions, memberKeys } from "../../shared/curve.ts";
import { messageOf } from "../../shared/errors.ts";
import { isIpv6 } from "../../shared/zmq-wire.ts";
import { yieldFrames } from "./frames.ts";

/** Whoever has the address answers at once; if nobody has, it may be had. */
const PATIENCE_MS = 200;
const LINGER_MS = 1000;

/**
 * Resolves with null when the message has been handed over to the socket, or with the reason why not. Whether the leader gives
 * way shows when its addresses can be bound.
 */
export async function askToYield(ackEndpoint: string, curve: CurveKeyPair | null = null): Promise<string | null> {
  // Loaded here and not before, since it brings native code along.
  const { Push } = await import("zeromq");
  const push = new Push({
    immediate: true,
    sendTimeout: PATIENCE_MS,
    linger: LINGER_MS,
    ipv6: isIpv6(ackEndpoint),
    ...curveClientOptions(memberKeys(curve)),
  });
  try {
    push.connect(ackEndpoint);
    await push.send(yieldFrames());
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    push.close();
  }
}
