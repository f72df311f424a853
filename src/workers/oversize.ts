/**
 * The reading side of the buffer for events larger than a slot. ENCODER and PUBLISHER THREADS.
 *
 * Main posts a new buffer to every thread before it commits the slot that uses it, so that the message is already in
 * the port's queue when the slot becomes visible: it is taken synchronously, without a turn of the event loop.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { LayoutError } from "../shared/errors.ts";
import { type OversizeMessage, parseOversizeMessage } from "../shared/messages.ts";

export interface OversizeView {
  readonly records: Uint32Array<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

export class OversizeReader {
  readonly #port: MessagePort;
  #generation: number;
  #view: OversizeView | null;

  constructor(port: MessagePort, current: OversizeMessage | null) {
    this.#port = port;
    this.#generation = current?.generation ?? 0;
    this.#view = current === null ? null : viewOf(current);
  }

  /** The buffer of that generation. Throws LayoutError if main has not announced it, which would be a bug. */
  view(generation: number): OversizeView {
    while (this.#generation !== generation) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) throw new LayoutError(`oversize buffer ${generation} was never announced`);
      const message = parseOversizeMessage(received.message);
      this.#generation = message.generation;
      this.#view = viewOf(message);
    }
    if (this.#view === null) throw new LayoutError(`there is no oversize buffer ${generation}`);
    return this.#view;
  }
}

function viewOf(message: OversizeMessage): OversizeView {
  return { records: new Uint32Array(message.buffer), bytes: new Uint8Array(message.buffer) };
}
