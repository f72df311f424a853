/**
 * What a counting subscriber knows: how many messages and events came, and whether the sequence numbers ran from 0 on, or
 * from the first that it saw, without a hole. Pure, so that a test can show that it notices.
 */
import { eventsInBatch } from "./batch-header.ts";

export interface TallyFigures {
  readonly messages: number;
  readonly events: number;
  readonly bytes: number;
  /** -1 before the first message. */
  readonly lastSequence: number;
  /** Messages that are missing, in front or between. */
  readonly missing: number;
  /** Messages that came again or late. */
  readonly repeated: number;
}

export class Tally {
  messages: number = 0;
  events: number = 0;
  bytes: number = 0;
  lastSequence: number = -1;
  missing: number = 0;
  repeated: number = 0;
  /** The first sequence number that is missing; null while none is. */
  firstMissing: number | null = null;
  #anyStart: boolean;

  /** `anyStart`: for a stream that began before this subscriber, or not at 0. What came before is then not missing. */
  constructor(anyStart: boolean = false) {
    this.#anyStart = anyStart;
  }

  /** Counts one message. Throws when its frames are not what they should be. */
  add(sequenceFrame: Buffer | undefined, payload: Buffer | undefined): void {
    if (sequenceFrame?.length !== 8 || payload === undefined) throw new Error("a message without its three frames");
    const sequence = sequenceFrame.readUInt32BE(0) * 2 ** 32 + sequenceFrame.readUInt32BE(4);
    if (this.#anyStart) {
      this.#anyStart = false;
      this.lastSequence = sequence - 1;
    }
    if (sequence > this.lastSequence) {
      const missing = sequence - this.lastSequence - 1;
      if (missing > 0) this.firstMissing ??= this.lastSequence + 1;
      this.missing += missing;
      this.lastSequence = sequence;
    } else {
      this.repeated++;
    }
    this.messages++;
    this.events += eventsInBatch(payload);
    this.bytes += payload.length;
  }

  /** What is wrong with the sequence so far; null when nothing is. */
  get fault(): string | null {
    if (this.missing > 0) return `${this.missing} messages are missing before sequence number ${this.lastSequence}`;
    if (this.repeated > 0) return `${this.repeated} messages came twice or late`;
    return null;
  }

  figures(): TallyFigures {
    const { messages, events, bytes, lastSequence, missing, repeated } = this;
    return { messages, events, bytes, lastSequence, missing, repeated };
  }
}
