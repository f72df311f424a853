/**
 * A subscriber that knows what it has missed. MAIN THREAD, or any program that uses the library.
 *
 * It watches the sequence of one publisher: a gap is filled by replay, in order and before anything newer, or reported as lost;
 * a message that comes twice is dropped; numbers that go back are a new run. With `sync` it begins with a snapshot of the
 * blocks that are there already, and takes a new one whenever it can no longer vouch for what it has told: after a restart, a
 * loss, a new connection.
 *
 * One limit is in the nature of numbers, which do not say of what run they are: a publisher that was started anew and is already
 * ahead of where the old one was looks like a gap. `sync` sees through it, since a new run means a new connection.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ConfigError } from "../../shared/errors.ts";
import { type Deliver, unusable } from "./delivered.ts";
import { type Gap, GapFiller } from "./gap-filler.ts";
import { openLiveSocket } from "./live-socket.ts";
import type { LiveSocket } from "./live-socket.ts";
import { type RawMessage, UNNUMBERED } from "./raw-message.ts";
import { RecentMessages } from "./recent-messages.ts";
import { SideChannel } from "./side-channel.ts";
import { newCounters } from "./stream-counters.ts";
import type { SnapshotHeader, StreamCounters, StreamItem } from "./stream-items.ts";
import type { StreamClientOptions } from "./stream-options.ts";
import { SyncSchedule } from "./sync-schedule.ts";
import { takeSnapshot } from "./take-snapshot.ts";

const MIB = 1024 * 1024;
const DEFAULT_MAX_MESSAGE_BYTES = 64 * MIB;
const DEFAULT_MAX_QUEUED_BYTES = 64 * MIB;
const DEFAULT_REPLAY_TIMEOUT_MS = 5000;
const SNAPSHOT_ATTEMPTS = 3;
const SNAPSHOT_RETRY_MS = 500;

/**
 * The stream of one publisher, to be iterated over once; `Delivered` is what its messages become. Leaving the loop, or
 * `close`, frees the sockets.
 */
export class MessageStream<Delivered> implements AsyncIterable<Delivered | StreamItem> {
  readonly counters: Readonly<StreamCounters>;
  readonly #counters: StreamCounters = newCounters();
  readonly #options: StreamClientOptions;
  readonly #channel: SideChannel | null;
  readonly #recent: RecentMessages = new RecentMessages();
  readonly #gaps: GapFiller<Delivered>;
  readonly #deliver: Deliver<Delivered>;
  readonly #closing: AbortController = new AbortController();
  #live: LiveSocket | null = null;
  #started: boolean = false;
  #onFirstConnection: () => void = () => {};
  /** Number of the message that comes next; null before the first. */
  #next: number | null = null;
  /** Nothing of the run was seen yet, and `#next` is where most publishers begin. */
  #nextIsGuess: boolean = false;
  /** Live messages up to this number are in the snapshot. */
  #coveredTo: number = -1;
  /** Number of the newest live message of the run. */
  #lastLive: number = -1;
  /** The run that the last snapshot was of; null when the messages since then are of another. */
  #epoch: string | null = null;
  /** There is a new connection, and what was published before it may be had. */
  #catchUpWanted: boolean = false;
  readonly #sync: SyncSchedule;

  /** Throws ConfigError when `sync` is given without `replayEndpoint`. */
  constructor(options: StreamClientOptions, deliver: Deliver<Delivered>) {
    const { replayEndpoint: endpoint, sync = false } = options;
    if (sync && endpoint === undefined) {
      throw new ConfigError("replayEndpoint", "sync needs replayEndpoint: snapshots come from there");
    }
    this.counters = this.#counters;
    this.#options = options;
    this.#sync = new SyncSchedule(sync, () => this.#live?.queue.wake());
    if (options.from !== undefined) {
      this.#next = options.from;
      this.#nextIsGuess = options.from === 0;
    }
    this.#channel =
      endpoint === undefined
        ? null
        : new SideChannel({
            endpoint,
            framing: options.replayFraming ?? "v2",
            timeoutMs: options.replayTimeoutMs ?? DEFAULT_REPLAY_TIMEOUT_MS,
            maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
            curve: options.curve ?? null,
          });
    this.#gaps = new GapFiller(this.#channel, this.#recent, this.#counters, deliver);
    this.#deliver = deliver;
  }

  /** Ends the iteration, also while it waits. May be called more than once. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#sync.close();
    this.#onFirstConnection();
    this.#channel?.close();
    this.#live?.close();
  }

  /** Connects, and yields what happens. Rejects when the address is none that can be connected to. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Delivered | StreamItem, void> {
    if (this.#started) throw new Error("a stream can be iterated over once");
    this.#started = true;
    try {
      const live = await this.#connect();
      while (!this.#closing.signal.aborted) {
        if (this.#sync.isDue) yield* this.#synchronise();
        if (this.#catchUpWanted) yield* this.#catchUp();
        const arrival = await live.queue.take();
        if (arrival === null) return;
        if (arrival === "woken") continue;
        if ("fault" in arrival) yield unusable(arrival.fault, null, this.#counters);
        else yield* this.#onMessage(arrival);
      }
    } finally {
      this.close();
    }
  }

  async #connect(): Promise<LiveSocket> {
    const { endpoint, topic, maxMessageBytes, maxQueuedBytes, onConnection, sync, allowsUnnumbered } = this.#options;
    const { curve = null, onRefusal } = this.#options;
    const connectedOnce = new Promise<void>((resolve) => (this.#onFirstConnection = resolve));
    let connections = 0;
    const live = await openLiveSocket({
      endpoint,
      topic: topic ?? "",
      maxMessageBytes: maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      maxQueuedBytes: maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
      allowsUnnumbered: allowsUnnumbered ?? false,
      curve,
      ...(onRefusal === undefined ? {} : { onRefusal }),
      onConnection: (connected) => {
        if (connected) this.#onFirstConnection();
        // Who connects again may have been away, and may find another run.
        if (connected && ++connections > 1 && sync === true) this.#sync.want();
        if (connected && this.#options.from !== undefined && this.#channel !== null) {
          this.#catchUpWanted = true;
          this.#live?.queue.wake();
        }
        onConnection?.(connected);
      },
    });
    this.#live = live;
    if (this.#closing.signal.aborted) live.close();
    // First subscribe, then ask: what happens in between comes twice, and not never.
    else if (sync === true) await connectedOnce;
    return live;
  }

  async *#onMessage(message: RawMessage): AsyncGenerator<Delivered | StreamItem, void> {
    const { sequence } = message;
    if (sequence === UNNUMBERED) {
      yield this.#deliver(message, "live", this.#counters);
      return;
    }
    if (this.#next !== null && sequence < this.#next) {
      if (this.#isCovered(sequence)) return;
      if (this.#recent.has(message)) {
        this.#counters.duplicates++;
        return;
      }
      const expected = this.#next;
      await this.#forgetRun();
      yield { kind: "restart", sequence, expected };
      if (this.#options.sync === true) {
        this.#sync.want();
        if (this.#sync.isDue) yield* this.#synchronise();
        if (this.#isCovered(sequence)) return;
      }
    }
    if (this.#next !== null && sequence > this.#next) {
      const hasNext = (): boolean => this.#live?.queue.hasGapBehind(sequence) === true;
      yield* this.#fillGap({ from: this.#next, to: sequence - 1, isBeginning: this.#nextIsGuess, hasNext });
    }
    if (this.#closing.signal.aborted) return;
    this.#next = sequence + 1;
    this.#nextIsGuess = false;
    this.#lastLive = sequence;
    this.#recent.add(message);
    yield this.#deliver(message, "live", this.#counters);
  }

  async #forgetRun(): Promise<void> {
    await this.#gaps.drop();
    this.#counters.restarts++;
    this.#epoch = null;
    this.#recent.clear();
    this.#coveredTo = -1;
    // A run counts from 0: what comes before the message that gave it away was missed.
    this.#next = 0;
    this.#nextIsGuess = true;
  }

  /** Whether a live message is in the snapshot. One that goes back is not: it is of another run. */
  #isCovered(sequence: number): boolean {
    if (sequence > this.#coveredTo || sequence <= this.#lastLive) return false;
    this.#lastLive = sequence;
    this.#counters.covered++;
    return true;
  }

  /** What was published already: whoever comes late, or was away, need not wait for the next message to show what is missing. */
  async *#catchUp(): AsyncGenerator<Delivered | StreamItem, void> {
    this.#catchUpWanted = false;
    const from = this.#next ?? 0;
    const next = yield* this.#gaps.fill(allSince(from, this.#nextIsGuess));
    if (next === from) return;
    this.#next = next;
    this.#nextIsGuess = false;
  }

  async *#fillGap(gap: Gap): AsyncGenerator<Delivered | StreamItem, void> {
    const { lost } = this.#counters;
    yield* this.#gaps.fill(gap);
    if (this.#counters.lost > lost && this.#options.sync === true) this.#sync.want();
  }

  /** Tries a few times; leaves the stream as it is when there is no snapshot. */
  async *#synchronise(): AsyncGenerator<Delivered | StreamItem, void> {
    this.#sync.begin();
    await this.#gaps.drop();
    for (let attempt = 1; ; attempt++) {
      const taken = this.#channel === null ? "off" : yield* takeSnapshot(this.#channel);
      if (this.#closing.signal.aborted) return;
      if (typeof taken !== "string") return yield* this.#goOnFrom(taken);
      if (taken === "off" || taken === "malformed" || attempt === SNAPSHOT_ATTEMPTS) {
        this.#sync.failed(taken === "off");
        yield { kind: "snapshot-failed", reason: taken };
        return;
      }
      await this.#pause(SNAPSHOT_RETRY_MS);
    }
  }

  async *#goOnFrom({ epoch, sequence }: SnapshotHeader): AsyncGenerator<Delivered | StreamItem, void> {
    const told = this.#next;
    const sameRun = epoch === this.#epoch;
    this.#sync.taken();
    this.#epoch = epoch;
    this.#next = sequence + 1;
    this.#nextIsGuess = false;
    this.#coveredTo = sequence;
    if (!sameRun) this.#lastLive = -1;
    this.#live?.queue.dropEarlierRuns();
    this.#counters.snapshots++;
    this.#counters.lastSequence = sequence;
    // An index is a little behind its publisher. What was told already, and is not in the snapshot, must be told again.
    if (told === null || told <= this.#next || !sameRun) return;
    yield* this.#fillGap({ from: this.#next, to: told - 1 });
    this.#next = told;
  }

  /** Ends early when the client is closed. */
  #pause(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}

/** Whatever was published since. */
function allSince(from: number, isBeginning: boolean): Gap {
  return { from, to: Infinity, isBeginning };
}
