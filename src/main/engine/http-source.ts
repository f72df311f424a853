/**
 * Reads one trtllm-serve over HTTP: client, scanner and sink tied together. MAIN THREAD.
 *
 *   poll loop ─► drain ─► chunk ─► scanner ─► event ─► sink
 *                  ▲ paused while the sink is full, and between steps
 *
 * An answer is read while it arrives: nothing is collected, and the events before a defect, a cap or a broken
 * connection have gone on by the time it shows. Draining takes events out of the engine for good, so the source is
 * careful with what it holds: see `stop()`.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { wallClockSeconds } from "../../shared/clock.ts";
import type { EngineCredentials, HttpEngineConfig, PollProfile } from "../config/config.ts";
import type { LineLogger } from "../log.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import { DrainClient, type Drain, type DrainOutcome, type DrainPorts } from "./drain-client.ts";
import { EventScanner } from "./event-scanner.ts";
import { PollBackoff, runPollLoop, Sleeper, type PollReport } from "./poll-loop.ts";
import { RawEvent } from "./raw-event.ts";
import { failureOf, SourceJournal, type PollFailure } from "./source-journal.ts";
import type { EngineSource, EventSink } from "./source.ts";

/**
 * What `stop()` grants a drain that is under way. An answer that has begun holds events that exist nowhere else: it gets
 * most of the time that the service has for its end, to arrive and to find room in the sink. So does one that has not begun
 * while events flow: an engine, or a machine, that is slow under load has them as a rule, and taken out already. While none
 * flow, it gets what an engine of the immediate kind needs to answer; one of the waiting kind would hold it for two seconds,
 * with nothing in it as a rule.
 */
const GRACE_ANSWERING_MS = 3000;
const GRACE_UNANSWERED_MS = 250;

export interface HttpSourceOptions {
  readonly config: HttpEngineConfig;
  readonly profile: PollProfile;
  readonly sink: EventSink;
  readonly counters: EngineCounters;
  /** Told of the number of events of each drain that succeeded and had any. */
  readonly onDrain?: (events: number) => void;
  readonly log: LineLogger;
  /** Seconds since 1970. */
  readonly wallClock?: () => number;
  readonly ports?: Partial<DrainPorts>;
}

/** Where reading a chunk halted. */
type Halt = "more" | "error" | "full" | "turn";

export class HttpSource implements EngineSource {
  readonly #config: HttpEngineConfig;
  readonly #maxItemsPerStep: number;
  readonly #sink: EventSink;
  readonly #counters: EngineCounters;
  readonly #onDrain: (events: number) => void;
  readonly #wallClock: () => number;
  readonly #monotonic: () => number;
  readonly #journal: SourceJournal;
  readonly #drain: Drain;
  readonly #backoff: PollBackoff;
  readonly #sleeper: Sleeper = new Sleeper();
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #scanner: EventScanner = new EventScanner();
  readonly #event: RawEvent = new RawEvent();

  #stopping: boolean = false;
  /** The grace after `stop()` is over: nothing is waited for any more. */
  #expired: boolean = false;
  #phase: "between" | "draining" | "finishing" = "between";
  #graceTimer: NodeJS.Timeout | undefined;
  #endSinkWait: () => void = () => {};
  /** When the last drain that succeeded was complete, in monotonic milliseconds; null before the first. */
  #drainedAtMs: number | null = null;
  /** Whether the poll before the running one brought events. */
  #flowing: boolean = false;
  /** Events of the running poll. */
  #events: number = 0;
  #eventsInStep: number = 0;
  /** The flush at the end of this turn of the event loop. */
  #flushing: NodeJS.Immediate | null = null;
  #givenUp: number = 0;

  constructor(options: HttpSourceOptions) {
    const { config, profile, counters, ports = {} } = options;
    this.#config = config;
    this.#maxItemsPerStep = profile.maxItemsPerStep;
    this.#sink = options.sink;
    this.#counters = counters;
    this.#wallClock = options.wallClock ?? wallClockSeconds;
    this.#onDrain = options.onDrain ?? ((): void => {});
    this.#monotonic = ports.monotonic ?? ((): number => performance.now());
    this.#journal = new SourceJournal(options.log, this.#monotonic);
    this.#drain = ports.drain ?? new DrainClient(config);
    this.#backoff = new PollBackoff(profile, ports.random);
    this.#sleep = ports.sleep ?? ((ms): Promise<void> => this.#sleeper.sleep(ms));
  }

  async run(): Promise<void> {
    try {
      await runPollLoop(
        {
          poll: () => this.#poll(),
          sleep: (ms) => this.#sleep(ms),
          waiting: (ms) => (this.#counters.pollBackoffSeconds = ms / 1000),
          stopped: () => this.#stopping,
        },
        this.#backoff,
      );
    } finally {
      clearTimeout(this.#graceTimer);
      this.#drain.close();
      if (this.#givenUp > 0) this.#journal.gaveUp(this.#givenUp);
    }
  }

  /**
   * Ends sleeping at once and starts no further poll. A drain under way may finish, within a quarter of a second when
   * the engine has not begun to answer and the drain before had no events, and else within three seconds; then it is cut. Events
   * that were read by then and find no room in the sink are counted as received and as dropped at shutdown.
   */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#sleeper.wake();
    if (this.#phase === "between") return;
    this.#graceTimer = setTimeout(() => {
      if (!this.#drain.answering && this.#events === 0 && !this.#flowing) return this.#expire();
      this.#graceTimer = setTimeout(() => this.#expire(), GRACE_ANSWERING_MS - GRACE_UNANSWERED_MS);
    }, GRACE_UNANSWERED_MS);
  }

  renew(credentials: EngineCredentials): void {
    this.#drain.renew(credentials);
  }

  describe(): string {
    const { protocol, host, pathname } = this.#config.url;
    return `trtllm-serve ${protocol}//${host}${pathname === "/" ? "" : pathname}`;
  }

  #expire(): void {
    this.#expired = true;
    if (this.#phase === "draining") this.#journal.cutAtStop(this.#drain.answering, this.#flowing);
    this.#drain.abort();
    this.#endSinkWait();
  }

  async #poll(): Promise<PollReport> {
    this.#phase = "draining";
    this.#flowing = this.#events > 0;
    this.#events = 0;
    this.#eventsInStep = 0;
    this.#scanner.begin();
    const outcome = await this.#drain.drain((chunk) => {
      this.#counters.receivedBytes += chunk.length;
      this.#scanner.push(chunk);
      return this.#read();
    });
    this.#phase = "finishing";
    const refused = this.#scanner.error;
    if (refused === null) {
      // Also after a failure: entries that had arrived in full may still wait in the scanner for their turn.
      this.#scanner.end();
      await this.#read();
    }
    if (this.#flushing !== null) this.#flush();
    this.#phase = "between";
    return this.#settle(outcome, failureOf(outcome, refused, this.#scanner.error));
  }

  /** Makes the poll's counts, all in one step. */
  #settle(outcome: DrainOutcome, failure: PollFailure | null): PollReport {
    const counters = this.#counters;
    const events = this.#events;
    // Cut by `stop()`: it neither succeeded nor failed, so it is no poll in the books.
    if (failure === null && outcome.cut) return { events, failed: false, again: false };
    counters.pollDuration.observe(outcome.elapsedMs / 1000);
    // What the drain before did not bring happened after it: so old its events are at most.
    const nowMs = this.#monotonic();
    if (this.#drainedAtMs !== null) counters.observeAge((nowMs - this.#drainedAtMs) / 1000, events);
    if (failure === null) {
      this.#drainedAtMs = nowMs;
      if (events > 0) this.#onDrain(events);
      counters.polls[events > 0 ? "items" : "empty"]++;
      counters.up = 1;
      this.#journal.answered(events, outcome.elapsedMs);
      return { events, failed: false, again: false };
    }
    counters.polls.error++;
    counters.errors[failure.reason]++;
    counters.up = 0;
    // A stale connection is no news about the engine; should it be gone, the poll that follows at once will say so.
    const again = outcome.error?.staleSocket ?? false;
    if (!again) this.#journal.failed(failure);
    return { events, failed: true, again };
  }

  /** Hands on what can be read. False: the body is refused. A promise while the sink or the event loop comes first. */
  #read(): boolean | Promise<boolean> {
    const halt = this.#step();
    return halt === "full" || halt === "turn" ? this.#readSlowly(halt) : halt === "more";
  }

  async #readSlowly(first: Halt): Promise<boolean> {
    for (let halt = first; ; halt = this.#step()) {
      if (halt === "full") await this.#waitForSink();
      else if (halt === "turn") await nextTurn();
      else return halt === "more";
    }
  }

  #step(): Halt {
    const scanner = this.#scanner;
    for (;;) {
      const next = scanner.next(this.#event);
      if (next !== "event") {
        this.#endStep(true);
        return next === "error" ? "error" : "more";
      }
      this.#events++;
      this.#eventsInStep++;
      if (!this.#sink.accept(this.#event)) {
        this.#endStep(false);
        return "full";
      }
      if (this.#eventsInStep >= this.#maxItemsPerStep) {
        this.#endStep(false);
        return "turn";
      }
    }
  }

  /**
   * `moreMayWait`: the chunk is used up, and the next ones of the answer may have arrived with it. They are read in the same
   * turn of the event loop, and what they hold goes with this into one batch.
   */
  #endStep(moreMayWait: boolean): void {
    if (this.#eventsInStep === 0) return;
    this.#counters.lastEventTimestampSeconds = this.#wallClock();
    this.#eventsInStep = 0;
    if (!moreMayWait) this.#sink.flush();
    else this.#flushing ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#flushing = null;
    this.#sink.flush();
  }

  /** Resolves when the sink has taken the event it refused, or when the event was given up. */
  async #waitForSink(): Promise<void> {
    while (!this.#expired) {
      await this.#sinkHasRoom();
      if (this.#sink.retry()) {
        // The first of the next step, so that it is flushed even if nothing follows it.
        this.#eventsInStep = 1;
        return;
      }
      // A sink that is stopping resolves at once without room; the timer of the grace must still get its turn.
      await nextTurn();
    }
    this.#counters.countReceived(this.#event.kind);
    this.#counters.droppedAtShutdown++;
    this.#givenUp++;
  }

  /** The sink's `writable()`, or the end of the grace. Not a race of promises: that would pile up on a lasting one. */
  #sinkHasRoom(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#endSinkWait = resolve;
      this.#sink.writable().then(resolve, reject);
    });
  }
}
