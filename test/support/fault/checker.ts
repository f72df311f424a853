/**
 * The subscriber of a fault run: holds every event that arrives against the ledger and remembers what came, by sequence
 * number. It subscribes before the first event is published (`--wait-subscribers 1`) and is never faulted itself.
 */
import { decode } from "@msgpack/msgpack";
import type { TestContext } from "node:test";
import { Dealer, Subscriber } from "zeromq";
import { Deadline } from "./deadline.ts";
import type { LedgerEntry, Truth } from "./ledger.ts";

const END_SEQUENCE = 0xffff_ffff_ffff_ffffn;

interface WireEvent {
  readonly type: string;
  readonly block_hashes?: readonly (bigint | number)[];
  readonly parent_block_hash?: bigint | number | null;
  readonly token_ids?: readonly number[];
  readonly block_size?: number;
}

interface Message {
  readonly payload: Buffer;
  readonly rank: number;
  /** In their order; null for AllBlocksCleared. */
  readonly events: readonly (LedgerEntry | null)[];
}

export class Checker {
  /** What must never happen, in words. Empty in a sound run. */
  readonly problems: string[] = [];
  /** Messages that came again, byte for byte, under their old number. */
  repeats: number = 0;
  /** Distinct events that have arrived. */
  delivered: number = 0;
  clears: number = 0;
  /** Messages by sequence number, one map for each time that the numbers began anew. */
  readonly epochs: Map<number, Message>[] = [];
  readonly #arrived: Set<LedgerEntry> = new Set();
  readonly #socket: Subscriber;
  readonly #truth: Truth;
  #last: number = -1;
  #onMessage: () => void = () => {};

  readonly #late: boolean;

  private constructor(socket: Subscriber, truth: Truth, late: boolean) {
    this.#socket = socket;
    this.#truth = truth;
    this.#late = late;
  }

  /** `late`: messages went out before it, so that its first one has any number. */
  static connect(t: TestContext, endpoint: string, truth: Truth, { late = false }: { late?: boolean } = {}): Checker {
    const socket = new Subscriber({ receiveHighWaterMark: 0, linger: 0, reconnectInterval: 20 });
    const checker = new Checker(socket, truth, late);
    socket.connect(endpoint);
    socket.subscribe("");
    void checker.#receive();
    t.after(() => socket.close());
    return checker;
  }

  /** What the newest message says when it was made, in seconds since 1970. */
  lastTimestampSeconds: number = 0;

  hasArrived(entry: LedgerEntry): boolean {
    return this.#arrived.has(entry);
  }

  get messages(): number {
    return this.epochs.reduce((sum, epoch) => sum + epoch.size, 0);
  }

  /** Sequence number of the newest message; -1 before the first. */
  get lastSequence(): number {
    return this.#last;
  }

  /** Numbers below the last one of their epoch that have not arrived. */
  missing(): number[] {
    const missing: number[] = [];
    for (const epoch of this.epochs) {
      let next = this.#late ? Math.min(...epoch.keys()) : 0;
      for (const n of [...epoch.keys()].toSorted((a, b) => a - b)) {
        for (; next < n; next++) missing.push(next);
        next = n + 1;
      }
    }
    return missing;
  }

  /** Of one rank, in the order of the stream; null for AllBlocksCleared. */
  stream(rank: number): (LedgerEntry | null)[] {
    return this.epochs.flatMap((epoch) =>
      [...epoch]
        .toSorted(([a], [b]) => a - b)
        .filter(([, message]) => message.rank === rank)
        .flatMap(([, message]) => message.events),
    );
  }

  /** Resolves when the condition holds; it is looked at after each message. */
  async until(what: string, limitMs: number, condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const deadline = new Deadline(limitMs, () => {
        this.#onMessage = (): void => {};
        reject(
          new Error(
            `not within ${limitMs} ms: ${what} (${this.delivered} events in ${this.messages} messages)\n` +
              this.problems.join("\n"),
          ),
        );
      });
      this.#onMessage = (): void => {
        if (!condition()) return;
        deadline.end();
        this.#onMessage = (): void => {};
        resolve();
      };
    });
  }

  /** Asks for what is missing in the present epoch, until all that is kept there has come. Framing v2. */
  async heal(replayEndpoint: string): Promise<void> {
    const [from] = this.missing();
    if (from === undefined) return;
    const socket = new Dealer({ linger: 0, receiveTimeout: 2000 });
    try {
      socket.connect(replayEndpoint);
      const start = Buffer.alloc(8);
      start.writeBigUInt64BE(BigInt(from));
      await socket.send(["", start]);
      for (;;) {
        const [, , number, payload] = await socket.receive();
        if (number === undefined || payload === undefined) throw new Error("a replayed message without four frames");
        if (number.readBigUInt64BE() === END_SEQUENCE) return;
        this.#take(Number(number.readBigUInt64BE()), payload, true);
      }
    } finally {
      socket.close();
    }
  }

  async #receive(): Promise<void> {
    for await (const [, number, payload] of this.#socket) {
      if (number === undefined || payload === undefined) this.problems.push("a message without three frames");
      else this.#take(Number(number.readBigUInt64BE()), payload, false);
      this.#onMessage();
    }
  }

  #take(sequence: number, payload: Buffer, replayed: boolean): void {
    let epoch = this.epochs.at(-1);
    const known = epoch?.get(sequence);
    if (known?.payload.equals(payload) === true) {
      if (!replayed) this.repeats++;
      return;
    }
    if (epoch === undefined || (!replayed && sequence <= this.#last)) {
      if (sequence !== 0 && !this.#late) this.problems.push(`numbers begin anew at ${sequence} after ${this.#last}`);
      this.epochs.push((epoch = new Map()));
      this.#last = -1;
    }
    this.#last = Math.max(this.#last, sequence);
    epoch.set(sequence, this.#read(sequence, payload));
  }

  #read(sequence: number, payload: Buffer): Message {
    const [timestamp, list, rank] = decode(payload, { useBigInt64: true }) as [number, WireEvent[], number];
    this.lastTimestampSeconds = timestamp;
    const events = list.map((wire) => this.#match(sequence, wire, rank));
    return { payload, rank, events: events.filter((event) => event !== undefined) };
  }

  #match(sequence: number, wire: WireEvent, rank: number): LedgerEntry | null | undefined {
    const complain = (what: string): undefined => void this.problems.push(`message ${sequence}, ${wire.type}: ${what}`);
    if (wire.type === "AllBlocksCleared") {
      this.clears++;
      return null;
    }
    const hashes = (wire.block_hashes ?? []).map((hash) => BigInt.asUintN(64, BigInt(hash)));
    const [first] = hashes;
    const entry = first === undefined ? undefined : this.#truth.find(wire.type, first);
    if (entry === undefined) return complain("nobody sent such an event");
    const { event } = entry;
    const parent = wire.parent_block_hash ?? null;
    const stored = wire.type === "BlockStored";
    const same =
      event.rank === rank &&
      hashes.join() === event.hashes.join() &&
      (parent === null ? null : BigInt.asUintN(64, BigInt(parent))) === event.parent &&
      (wire.token_ids ?? []).join() === event.tokens.join() &&
      (!stored || event.tokens.length === hashes.length * (wire.block_size ?? 0));
    if (!same) complain(`not what rank ${event.rank} sent as event ${event.id}`);
    if (this.#arrived.has(entry)) complain(`event ${event.id} of rank ${rank} came twice`);
    else this.delivered++;
    this.#arrived.add(entry);
    return entry;
  }
}
