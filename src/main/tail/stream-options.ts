/** What a stream client is told. MAIN THREAD, or any program that uses the library. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import type { HandshakeRefusal } from "./handshake-refusal.ts";

export interface StreamClientOptions {
  /** Address of the publisher, such as `tcp://127.0.0.1:20081`. */
  readonly endpoint: string;
  /** Only messages whose topic begins with this. Default: all. */
  readonly topic?: string;
  /** Address of the publisher's replay socket. Without it, what was missed is lost. */
  readonly replayEndpoint?: string;
  /** Default: v2. */
  readonly replayFraming?: ReplayFraming;
  /** Begin with a snapshot. Needs `replayEndpoint`. */
  readonly sync?: boolean;
  /** Longer messages end the connection. Default: 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Most bytes of messages that wait for the reader; beyond, the publisher must hold them. Default: 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** Longest silence of the replay socket in the middle of an answer, in milliseconds. Default: 5000. */
  readonly replayTimeoutMs?: number;
  /**
   * Number of the message to begin with. What has been published since then, and after each later connection what has been
   * meanwhile, is asked for at once, if there is a replay address. Default: the first message that comes, whatever its number.
   */
  readonly from?: number;
  /** Whether messages of two frames, without a number, are taken; nothing can be missed among them. Default: no. */
  readonly allowsUnnumbered?: boolean;
  /** Of a publisher that demands CURVE, on both of its sockets. Default: none, and nothing is encrypted. */
  readonly curve?: CurveClientKeys | null;
  /** Told why a connection did not come about, if it is the publisher that refuses it; again with each try. */
  readonly onRefusal?: (refusal: HandshakeRefusal) => void;
  /** Told about each connection and each end of one. */
  readonly onConnection?: (connected: boolean) => void;
}
