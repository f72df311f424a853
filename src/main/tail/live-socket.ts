/** The SUB socket of a stream, with the queue it is read into. MAIN THREAD, or any program that uses the library. */
import type { Subscriber } from "zeromq";
import { type CurveClientKeys, curveClientOptions } from "../../shared/curve.ts";
import { isIpv6 } from "../../shared/zmq-wire.ts";
import type { HandshakeRefusal } from "./handshake-refusal.ts";
import { LiveQueue } from "./live-queue.ts";
import { peerMechanism } from "./peer-mechanism.ts";

/** Messages that libzmq may hold ahead of the queue, which counts bytes. More do not make it faster. */
const RECEIVE_HIGH_WATER_MARK = 32;
/** A peer that does not answer this often is gone, whatever TCP says. */
const HEARTBEAT_MS = 5000;
const HEARTBEAT_TIMEOUT_MS = 15_000;
/** From the end of a connection to the certainty that libzmq does not open another. */
const RECONNECT_MS = 500;
/** What a peer has to say which mechanism it speaks. */
const ASK_MS = 1000;

export interface LiveSocketOptions {
  readonly endpoint: string;
  readonly topic: string;
  readonly maxMessageBytes: number;
  readonly maxQueuedBytes: number;
  /** Whether messages of two frames, without a number, are taken. Default: no. */
  readonly allowsUnnumbered?: boolean;
  /** Of a publisher that demands CURVE. Default: none. */
  readonly curve?: CurveClientKeys | null;
  /** Told why there is no connection, if it is the publisher that refuses it. */
  readonly onRefusal?: (refusal: HandshakeRefusal) => void;
  /** Told about each connection and each end of one. */
  readonly onConnection: (connected: boolean) => void;
}

export interface LiveSocket {
  readonly queue: LiveQueue;
  /** Closes the socket and ends the queue. */
  close(): void;
}

/** Connects, and goes on connecting whenever the connection is lost. Rejects for an address that libzmq does not take. */
export async function openLiveSocket(options: LiveSocketOptions): Promise<LiveSocket> {
  // Loaded here and not before, since it brings native code along.
  const { Subscriber: SubscriberSocket } = await import("zeromq");
  const socket = new SubscriberSocket({
    linger: 0,
    ipv6: isIpv6(options.endpoint),
    maxMessageSize: options.maxMessageBytes,
    receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
    heartbeatInterval: HEARTBEAT_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    ...curveClientOptions(options.curve),
  });
  const queue = new LiveQueue(socket, options.maxQueuedBytes, options.allowsUnnumbered);
  // A peer that breaks the rules, as with a message beyond the limit, is left for good by libzmq, which then says nothing of
  // another try.
  let leftForGood: NodeJS.Timeout | undefined;
  let connected = false;
  const say = (now: boolean): void => {
    if (connected !== now) options.onConnection((connected = now));
  };
  socket.events.on("handshake", () => say(true));
  socket.events.on("disconnect", () => {
    say(false);
    clearTimeout(leftForGood);
    // What is told of a refusal may have had it closed.
    if (socket.closed) return;
    leftForGood = setTimeout(() => {
      socket.disconnect(options.endpoint);
      socket.connect(options.endpoint);
    }, RECONNECT_MS);
  });
  watchRefusals(socket, options);
  for (const name of ["connect:delay", "connect:retry"] as const) {
    socket.events.on(name, () => clearTimeout(leftForGood));
  }
  try {
    socket.connect(options.endpoint);
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.subscribe(options.topic);
  void queue.pump();
  return {
    queue,
    close: (): void => {
      clearTimeout(leftForGood);
      socket.close();
      queue.end();
    },
  };
}

/**
 * A server that refuses hangs up, and libzmq's reason may be lost by that. So a mere end is looked into when it comes twice in a
 * row, and not at all where the reason is known by then.
 */
function watchRefusals(socket: Subscriber, { endpoint, curve, onRefusal: tell }: LiveSocketOptions): void {
  if (tell === undefined) return;
  const hasKeys = (curve ?? null) !== null;
  let ends = 0;
  let isReasonKnown = false;
  let isAsking = false;
  const told = (refusal: HandshakeRefusal): void => {
    isReasonKnown = true;
    tell(refusal);
  };
  const ask = async (): Promise<void> => {
    isAsking = true;
    const mechanism = await peerMechanism(endpoint, ASK_MS);
    isAsking = false;
    if (socket.closed || isReasonKnown || ends === 0) return;
    // No reason, so that one may still come.
    if (mechanism === null || (mechanism === "CURVE") === hasKeys) tell("ended");
    else told("mechanism");
  };
  socket.events.on("handshake:error:protocol", () => told("mechanism"));
  socket.events.on("handshake:error:auth", () => told("not_allowed"));
  socket.events.on("handshake:error:other", () => {
    if (++ends > 1 && !isReasonKnown && !isAsking) void ask();
  });
  socket.events.on("handshake", () => {
    ends = 0;
    isReasonKnown = false;
  });
}
