/**
 * What both ends of the ZMQ sockets agree on, on whichever side of them kvcast stands: the frames of a number, of the end of an
 * answer, of a snapshot. ANY THREAD; pure. The protocol in words: docs/replay.md.
 */

/** How replayed messages are framed: v2 with the topic, v1 without. */
export const REPLAY_FRAMINGS = ["v2", "v1"] as const;
export type ReplayFraming = (typeof REPLAY_FRAMINGS)[number];

export const SEQUENCE_BYTES = 8;
/** As a number -1, which no message has. */
export const END_SEQUENCE: Buffer = Buffer.alloc(SEQUENCE_BYTES, 0xff);
/** Its length tells a request for a snapshot from one for a replay, whose frame always has eight bytes. */
export const SNAPSHOT_FRAME: Buffer = Buffer.from("snapshot", "latin1");
/** Version of a snapshot's header. */
export const SNAPSHOT_VERSION = 1;

const TWO_TO_32 = 0x1_0000_0000;

/** The eight bytes, big-endian, that go with a message. A fresh buffer: the socket may hold on to it. */
export function sequenceFrame(sequence: number): Buffer {
  const frame = Buffer.allocUnsafe(SEQUENCE_BYTES);
  frame.writeUInt32BE(Math.floor(sequence / TWO_TO_32), 0);
  frame.writeUInt32BE(sequence >>> 0, 4);
  return frame;
}

/** Whether a socket for this address needs IPv6. Only where it is asked for: with it, `tcp://*` would listen on IPv6 too. */
export function isIpv6(endpoint: string): boolean {
  return endpoint.startsWith("tcp://[");
}

/**
 * Host, without brackets, and port of a tcp address, also behind the interface to connect from (`eth0;host:port`); null for another
 * kind, and for one without a number for a port.
 */
export function tcpAddress(endpoint: string): { readonly host: string; readonly port: number } | null {
  const [, host, port] = /^tcp:\/\/(?:.*;)?\[?([^\]]*?)\]?:(\d+)$/u.exec(endpoint) ?? [];
  return host === undefined ? null : { host, port: Number(port) };
}
