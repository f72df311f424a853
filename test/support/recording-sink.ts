/** A sink that keeps what it is given, and can be full. */
import type { RawEvent } from "../../src/main/engine/raw-event.ts";
import type { EventSink } from "../../src/main/engine/source.ts";

/** Everything a raw event says, as plain data that outlives the scratch. */
export interface SeenEvent {
  readonly [field: string]: unknown;
  readonly eventId: number;
}

export function snapshot(event: RawEvent): SeenEvent {
  const { blockCount: blocks, tokenCount } = event;
  return {
    kind: event.kind,
    eventId: event.eventId,
    rank: event.rank,
    windowSize: event.windowSize,
    layerGroup: event.layerGroup,
    defect: event.defect,
    parent: [event.parent, event.parentLo, event.parentHi],
    hashLo: [...event.hashLo.subarray(0, blocks)],
    hashHi: [...event.hashHi.subarray(0, blocks)],
    hashNull: [...event.hashNull.subarray(0, blocks)],
    tokenEnd: [...event.tokenEnd.subarray(0, blocks)],
    tokens: [...event.tokens.subarray(0, tokenCount)],
    lora: event.loraName,
    salt: event.cacheSalt,
    saltConflict: event.saltConflict,
    mmKeys: [...event.mmKeys],
    oddTokens: [...event.oddTokens],
  };
}

export class RecordingSink implements EventSink {
  /** Events taken, grouped into steps: a flush ends one. */
  readonly steps: SeenEvent[][] = [];
  /** How many more events are taken before it is full. */
  room: number = Infinity;
  /** `writable()` resolves at once, as it does while a pipeline is stopping. */
  stopping: boolean = false;
  /** Times that `accept` said no. */
  refusals: number = 0;
  #open: SeenEvent[] = [];
  #refused: SeenEvent | null = null;
  #waiting: (() => void) | null = null;
  #onRefusal: (() => void) | null = null;

  get events(): SeenEvent[] {
    return [...this.steps.flat(), ...this.#open];
  }

  get ids(): number[] {
    return this.events.map(({ eventId }) => eventId);
  }

  /** Flushed but for these. */
  get unflushed(): number {
    return this.#open.length;
  }

  /** Resolves when `accept` says no the next time. */
  untilFull(): Promise<void> {
    return new Promise((resolve) => (this.#onRefusal = resolve));
  }

  /** Makes room and tells a source that waits. */
  allow(room: number): void {
    this.room = room;
    this.#waiting?.();
    this.#waiting = null;
  }

  accept(event: RawEvent): boolean {
    const seen = snapshot(event);
    if (this.#take(seen)) return true;
    this.refusals++;
    this.#refused = seen;
    this.#onRefusal?.();
    this.#onRefusal = null;
    return false;
  }

  retry(): boolean {
    if (this.#refused === null) throw new Error("retry without a refused event");
    if (!this.#take(this.#refused)) return false;
    this.#refused = null;
    return true;
  }

  writable(): Promise<void> {
    if (this.stopping || this.room > 0) return Promise.resolve();
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  flush(): void {
    if (this.#open.length > 0) this.steps.push(this.#open);
    this.#open = [];
  }

  #take(seen: SeenEvent): boolean {
    if (this.room <= 0) return false;
    this.room--;
    this.#open.push(seen);
    return true;
  }
}
