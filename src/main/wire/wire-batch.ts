/**
 * The payload of one message, `[timestamp, [event, …], rank]`, from its bytes to events. MAIN THREAD.
 *
 * `open` decodes the whole batch before anything of it is handed on: one event that does not decode refuses all, because a
 * reader that goes on with half a message believes in blocks whose removal it has just thrown away. `next` then copies the
 * events out, one at a time. Nothing throws, and what is reserved is bounded by the payload's size, which is bounded itself.
 *
 * To copy 32 tokens takes a third of the time that it takes to walk over them a second time, and less than that in longer
 * events; and no second decoder is needed that has to agree with the first about what is good.
 */
import { MAX_RANK } from "../../shared/record.ts";
import { ABSENT } from "../engine/raw-event.ts";
import { takeArrayEvent } from "./array-event.ts";
import { BatchColumns } from "./batch-columns.ts";
import type { Decoding } from "./decoding.ts";
import { EventTemplate } from "./event-template.ts";
import { handOn } from "./hand-on.ts";
import { takeMapEvent } from "./map-event.ts";
import { MsgpackCursor } from "./msgpack-cursor.ts";
import type { WireEvent } from "./wire-event.ts";
import { BROKEN, eventRefusal, FIELD_NAMES, Place, type WireReason, type WireRefusal } from "./wire-refusal.ts";

/** Largest payload that is looked at, unless a reader is told otherwise; a prompt of a million tokens takes five megabytes. */
export const MAX_PAYLOAD_BYTES: number = 16 * 1024 * 1024;
/** Most events of a message. Publishers send the events of one scheduler step, some hundreds. */
export const MAX_EVENTS_PER_BATCH: number = 1 << 16;

const BATCH_ENTRIES = 3;

export class WireBatchReader {
  /** Seconds since 1970 on the publisher's clock. */
  timestampSeconds: number = 0;
  /** Attention-DP rank of all events; ABSENT when the publisher sent nil. */
  rank: number = ABSENT;
  /** How often `next` will return true, from the first time. */
  eventCount: number = 0;

  readonly #maxPayloadBytes: number;
  readonly #cursor: MsgpackCursor = new MsgpackCursor();
  readonly #columns: BatchColumns = new BatchColumns();
  readonly #place: Place = new Place();
  readonly #decoding: Decoding = {
    cursor: this.#cursor,
    columns: this.#columns,
    place: this.#place,
    lastFields: new Uint8Array(FIELD_NAMES.length),
    lastTexts: new Uint8Array(FIELD_NAMES.length),
  };
  readonly #template: EventTemplate = new EventTemplate();
  /** At most once a batch: a publisher whose events are not alike shall not pay for it twice. */
  #mayLearn: boolean = true;
  #next: number = 0;

  constructor(maxPayloadBytes: number = MAX_PAYLOAD_BYTES) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /**
   * Checks a payload; null when all of it is good. The bytes must not change until the last event was taken. After a refusal
   * the reader is empty, and good for the next payload.
   */
  open(payload: Uint8Array): WireRefusal | null {
    this.eventCount = 0;
    this.#next = 0;
    this.#columns.clear();
    this.#mayLearn = true;
    if (payload.length > this.#maxPayloadBytes) {
      return refusal("too_large", `the payload has ${payload.length} bytes, more than ${this.#maxPayloadBytes}`);
    }
    this.#cursor.open(payload);
    return this.#takeBatch();
  }

  /** Fills `event` with the next event of the batch; false, and nothing done, behind the last one. */
  next(event: WireEvent): boolean {
    if (this.#next === this.eventCount) return false;
    handOn(this.#decoding, this.#next++, event);
    return true;
  }

  #takeBatch(): WireRefusal | null {
    const cursor = this.#cursor;
    const entries = cursor.takeArray();
    if (entries !== BATCH_ENTRIES) return this.#notABatch(entries);
    const seconds = cursor.takeNumber();
    if (!Number.isFinite(seconds)) return this.#refuse("timestamp", "the timestamp must be a finite number");
    const count = cursor.takeArray();
    if (count < 0) return this.#refuse("shape", "the second entry of the batch must be an array of events");
    if (count > MAX_EVENTS_PER_BATCH) {
      return this.#refuse("too_large", `the batch has more than ${MAX_EVENTS_PER_BATCH} events`);
    }
    for (let i = 0; i < count; i++) {
      const reason = this.#takeEvent(i);
      if (reason !== null) return eventRefusal(reason, this.#place, cursor.at);
    }
    const hasNoRank = cursor.takeNil();
    const rank = hasNoRank ? ABSENT : cursor.takeU32();
    if (rank > MAX_RANK || (rank < 0 && !hasNoRank)) {
      return this.#refuse("rank", `the rank must be an integer from 0 to ${MAX_RANK}, or nil`);
    }
    if (cursor.at < cursor.end) return this.#refuse("msgpack", "the payload goes on behind the batch");
    this.timestampSeconds = seconds;
    this.rank = rank;
    this.eventCount = count;
    return null;
  }

  #notABatch(entries: number): WireRefusal {
    const cursor = this.#cursor;
    if (cursor.end === 0) return refusal("msgpack", "the payload is empty");
    if (entries >= 0)
      return this.#refuse("shape", `a batch must have ${BATCH_ENTRIES} entries, this one has ${entries}`);
    const what = cursor.isMap() ? "a map" : "something else";
    return this.#refuse("shape", `a batch must be an array, this is ${what}`);
  }

  /** A refusal for `reason`, unless the bytes are no msgpack at all. */
  #refuse(reason: WireReason, message: string): WireRefusal {
    const { broken, at } = this.#cursor;
    return refusal(broken ? "msgpack" : reason, `${broken ? BROKEN : message}, at byte ${at}`);
  }

  #takeEvent(index: number): WireReason | null {
    this.#place.begin(index);
    this.#columns.begin(index);
    if (this.#template.take(this.#decoding)) return null;
    const start = this.#cursor.at;
    const reason = this.#cursor.isMap() ? takeMapEvent(this.#decoding) : takeArrayEvent(this.#decoding);
    if (reason === null && this.#mayLearn) {
      this.#mayLearn = !this.#template.learn(this.#decoding, start);
    }
    return reason;
  }
}

function refusal(reason: WireReason, message: string): WireRefusal {
  return { reason, message };
}
