/**
 * Bodies that are made while they are sent. MAIN THREAD.
 *
 * One chunk is in flight at a time: the next is asked for when the client has room for it, so that a slow client costs one
 * chunk of memory and not the whole body. One that takes nothing for a while is dropped, or it would hold what the body is
 * made from for ever.
 */
import { within } from "../within.ts";

/** What a handler returns in place of a body of known length. */
export interface BodyStream {
  /** The next chunk; null at the end. Rejects when the rest cannot be had: the connection is then cut. Not called twice at once. */
  next(): Promise<Uint8Array | null>;
  /** Nothing more is wanted; may come before the first chunk, after the end, and twice. */
  cancel(): void;
  /** How long the client may take nothing. Default: 8 s. */
  readonly maxStallMs?: number;
}

/** The client's side of one response, on either server. */
export interface BodySink {
  /** The client has left, or the response is over. */
  readonly gone: boolean;
  /** Hands a chunk over, head first. False: it is taken, but the client has no room for another. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** Calls back whenever there is room again, and when the client leaves. Called once. */
  onChange(callback: () => void): void;
}

/** How long a client may take nothing. The native server gives up on one after some 10 s of its own accord. */
const MAX_STALL_MS = 8_000;

function nothing(): void {}

/** Sends all of it. False: the client left or was too slow; its connection must be cut. Rejects as the stream does. */
export async function sendBody(
  stream: BodyStream,
  sink: BodySink,
  maxStallMs: number = stream.maxStallMs ?? MAX_STALL_MS,
): Promise<boolean> {
  let changed: () => void = nothing;
  sink.onChange(() => changed());
  try {
    for (;;) {
      const chunk = await stream.next();
      if (sink.gone) return false;
      if (chunk === null) {
        sink.end();
        return true;
      }
      const roomAgain = new Promise<true>((resolve) => (changed = () => resolve(true)));
      if (!sink.write(chunk) && (await within(roomAgain, maxStallMs)) === null) return false;
    }
  } finally {
    stream.cancel();
  }
}
