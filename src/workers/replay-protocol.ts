/**
 * The frames of the replay socket: what clients may ask for, and how it is answered. PUBLISHER THREAD; pure. The protocol in
 * words: docs/replay.md.
 */
import { encode } from "@msgpack/msgpack";
import {
  END_SEQUENCE,
  type ReplayFraming,
  SEQUENCE_BYTES,
  sequenceFrame,
  SNAPSHOT_FRAME,
  SNAPSHOT_VERSION,
} from "../shared/zmq-wire.ts";

export type ReplayRequest =
  | { readonly type: "replay"; readonly start: number }
  | { readonly type: "snapshot" }
  | { readonly type: "malformed" };

/** Why a client gets no snapshot, or not the rest of one. */
export type SnapshotError = "off" | "busy" | "overflow" | "stopping" | "expired";

const EMPTY = Buffer.alloc(0);
const MALFORMED: ReplayRequest = { type: "malformed" };

/** Reads the frames behind the identity. The number of a start beyond 2^53, which no message reaches, is Infinity. */
export function parseRequest(frames: readonly Buffer[]): ReplayRequest {
  const [delimiter, body, options] = frames;
  if (delimiter?.length !== 0 || body === undefined) return MALFORMED;
  if (frames.length === 2 && body.length === SEQUENCE_BYTES) {
    const start = Number(body.readBigUInt64BE());
    return { type: "replay", start: Number.isSafeInteger(start) ? start : Infinity };
  }
  // The last frame has room for options; there are none yet.
  if (frames.length === 3 && body.equals(SNAPSHOT_FRAME) && options?.length === 0) return { type: "snapshot" };
  return MALFORMED;
}

/** A message that was published before, behind the identity. */
export function batchFrames(framing: ReplayFraming, topic: Buffer, sequence: number, payload: Buffer): Buffer[] {
  const number = sequenceFrame(sequence);
  return framing === "v1" ? [EMPTY, number, payload] : [EMPTY, topic, number, payload];
}

/** The marker behind the last message of an answer. Snapshots always end as v2 does. */
export function endFrames(framing: ReplayFraming): Buffer[] {
  return framing === "v1" ? [EMPTY, END_SEQUENCE, EMPTY] : [EMPTY, EMPTY, END_SEQUENCE, EMPTY];
}

/** What a snapshot begins with: a msgpack map. */
export function snapshotHeaderFrames(map: Buffer): Buffer[] {
  return [EMPTY, SNAPSHOT_FRAME, EMPTY, map];
}

/** Takes the place of the header, or of the rest of a snapshot that had begun. */
export function snapshotErrorFrames(error: SnapshotError): Buffer[] {
  return snapshotHeaderFrames(Buffer.from(encode({ version: SNAPSHOT_VERSION, error })));
}

/** A batch of a snapshot. It has no number of its own. */
export function snapshotBatchFrames(topic: Buffer, payload: Buffer): Buffer[] {
  return [EMPTY, topic, EMPTY, payload];
}
