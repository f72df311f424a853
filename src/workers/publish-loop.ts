/**
 * The publisher's loop: encoded slots, in claim order, out to the sink; between them whatever else is due, the event plane's
 * slots among it. PUBLISHER THREAD.
 *
 * Between slots it blocks for 2 ms at most, then waits without blocking, because a thread that owns sockets must keep
 * turning its event loop: there the sockets release sent payloads, subscriptions are taken and replays served. (2 ms
 * catch the next batch of a busy engine without the dearer asynchronous wake-up.) Where the event plane follows, a shorter pause
 * goes before it and before all else that can wait: what was sent has a head start.
 */
import { wallClockSeconds } from "../shared/clock.ts";
import { HEAD_START_MS, HeadStart } from "../shared/head-start.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { PLANE_LOOK_MS } from "../shared/ring.ts";
import { SLOT, STOP } from "../shared/ring-layout.ts";
import { heartbeatPayload } from "./heartbeat.ts";
import type { MainWatch } from "./main-watch.ts";
import type { ReplayServer } from "./replay-server.ts";
import { SlotSender, type SlotSenderParts } from "./slot-sender.ts";

const BLOCK_MS = 2;
/** Messages, and milliseconds, after which the event loop gets a turn: payloads are released only there. */
const MESSAGES_PER_TURN = 64;
const MS_PER_TURN = 5;
/** How often a full queue is looked at. */
const HELD_UP_MS = 1;
/** How often subscriptions are polled, at rest and while the start waits for them. */
const SUBSCRIPTION_POLL_MS = 250;
const GATE_POLL_MS = 20;
/** How often requests for replay are looked for while nobody is being served, and while someone is. */
const REPLAY_POLL_MS = 20;
const REPLAY_BUSY_POLL_MS = 1;

export interface PublishLoopParts extends Omit<SlotSenderParts, "afterMessage"> {
  readonly replay: ReplayServer | null;
  readonly watch: MainWatch;
  readonly heartbeatMs: number | null;
  readonly waitSubscribers: number;
  readonly waitSubscribersTimeoutMs: number;
}

export class PublishLoop {
  readonly #parts: PublishLoopParts;
  readonly #sender: SlotSender;
  readonly #headStart: HeadStart;
  #messagesSinceTurn: number = 0;
  #lastTurnMs: number = 0;
  #nextPollMs: number = 0;
  #nextReplayPollMs: number = Infinity;
  #lastMessageMs: number = performance.now();

  constructor(parts: PublishLoopParts) {
    this.#parts = parts;
    this.#sender = new SlotSender({
      ...parts,
      afterMessage: () => {
        this.#messagesSinceTurn++;
        return this.#turnIsDue() ? this.#turn() : null;
      },
    });
    const { ring } = parts;
    this.#headStart = new HeadStart({
      ms: HEAD_START_MS.publisher,
      bell: ring.bell,
      isNeeded: () => ring.peek() === -1 && ring.memory.stop() === STOP.run && !ring.memory.isPlanePressed(),
      announce: () => this.#announce(),
    });
    if (parts.replay !== null) this.#nextReplayPollMs = 0;
  }

  /** Runs until the stop word is set and obeyed. Resolves with the events that were given up. */
  async run(): Promise<number> {
    const { ring, heartbeatMs, sequencer, feeder } = this.#parts;
    this.#sender.skipCounted();
    feeder?.skipCounted();
    // Also the heartbeat which a publisher before this one has counted and perhaps not noted.
    ring.memory.noteReached(sequencer.next - 1);
    await this.#waitForSubscribers();
    for (;;) {
      const stop = ring.memory.stop();
      if (stop === STOP.now) return this.#sender.dropAll();
      const slot = ring.peek();
      if (slot !== -1 && this.#isHeldUp(slot)) {
        await this.#pause();
        continue;
      }
      if (slot !== -1) {
        await this.#sender.send(slot);
        if (heartbeatMs !== null) this.#lastMessageMs = performance.now();
        if (feeder !== null) this.#headStart.begin();
        if (this.#turnIsDue()) await this.#turn();
        continue;
      }
      if (stop === STOP.drain && ring.isEmpty()) return 0;
      if (this.#headStart.give()) continue;
      // One slot, then a look for one whose ZMQ messages wait.
      if (feeder?.feedNext() === true) {
        if (this.#turnIsDue()) await this.#turn();
        continue;
      }
      if (stop === STOP.run) await this.#beat();
      await this.#rest();
    }
  }

  /**
   * NATS is the only sink, and its queue is full: then the ring waits, and the engine's buffer behind it. Beside ZMQ it may hold
   * up nobody: there the sink drops what finds no room.
   */
  #isHeldUp(slot: number): boolean {
    const { sink, nats, ring } = this.#parts;
    if (sink !== null || nats === null) return false;
    const isOversize = (ring.memory.words[slot + SLOT.oversizeGeneration] as number) !== 0;
    return isOversize ? nats.sink.hasWork : nats.sink.isFull;
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, HELD_UP_MS));
    await this.#turn();
  }

  #announce(): void {
    const { ring, feeder } = this.#parts;
    ring.announce();
    feeder?.plane.announce();
  }

  /** Waits for the next slot, first blocking, then not. */
  async #rest(): Promise<void> {
    const { ring } = this.#parts;
    this.#announce();
    if (this.#messagesSinceTurn > 0 || performance.now() >= this.#nextDueMs()) await this.#turn();
    if (!this.#prepareToSleep()) return;
    // Answers arrive in turns of the event loop. Those of NATS can wait for the next message beside ZMQ, which is not to be
    // slower for them.
    const { sink, nats, replay } = this.#parts;
    const isServing = replay?.active === true || (sink === null && nats?.sink.hasWork === true);
    if (!isServing && ring.bell.sleep(BLOCK_MS)) return;
    if (!this.#prepareToSleep()) return;
    const maxMs = this.#parts.feeder?.plane.isBehind === true ? PLANE_LOOK_MS : Infinity;
    await ring.bell.sleepAsync(Math.max(1, Math.min(maxMs, Math.ceil(this.#nextDueMs() - performance.now()))));
  }

  #nextDueMs(): number {
    const { heartbeatMs } = this.#parts;
    const beatMs = heartbeatMs === null ? Infinity : this.#lastMessageMs + heartbeatMs;
    return Math.min(this.#nextPollMs, this.#nextReplayPollMs, beatMs);
  }

  /** False: there is something to do after all. */
  #prepareToSleep(): boolean {
    const { ring, feeder } = this.#parts;
    ring.bell.prepare();
    const stop = ring.memory.stop();
    if (ring.peek() === -1 && feeder?.hasWork !== true && stop !== STOP.now && !(stop === STOP.drain && ring.isEmpty()))
      return true;
    ring.bell.cancel();
    return false;
  }

  #turnIsDue(): boolean {
    return this.#messagesSinceTurn >= MESSAGES_PER_TURN || performance.now() - this.#lastTurnMs >= MS_PER_TURN;
  }

  /** One turn of the event loop, and the polls that are due. */
  async #turn(): Promise<void> {
    const { sink, counters, watch } = this.#parts;
    await new Promise<void>((resolve) => setImmediate(resolve));
    const nowMs = performance.now();
    if (nowMs >= this.#nextPollMs) {
      watch.check(nowMs);
      const isMore = sink !== null && (await sink.pollSubscriptions());
      // What is left waits in the socket's memory: a storm of subscriptions must not outrun the polls.
      this.#nextPollMs = isMore ? nowMs : nowMs + SUBSCRIPTION_POLL_MS;
      counters.begin();
      counters.set(PUBLISHER_CELLS.publisherBeatSeconds, wallClockSeconds());
      if (sink !== null) counters.set(PUBLISHER_CELLS.zmqSubscribers, sink.subscriptions);
      counters.end();
    }
    if (nowMs >= this.#nextReplayPollMs) await this.#serveReplays(nowMs);
    this.#messagesSinceTurn = 0;
    this.#lastTurnMs = performance.now();
  }

  async #serveReplays(nowMs: number): Promise<void> {
    const { replay } = this.#parts;
    if (replay === null) return;
    const isMore = await replay.poll(nowMs);
    this.#nextReplayPollMs = performance.now() + (isMore || replay.active ? REPLAY_BUSY_POLL_MS : REPLAY_POLL_MS);
  }

  /** An empty batch after enough silence: by its number a subscriber sees what it has missed at the end. */
  async #beat(): Promise<void> {
    const { heartbeatMs, sink, window, sequencer, counters, ring, nats } = this.#parts;
    // A number that nobody gets would look like a loss.
    if (sink === null && nats?.feed.sendsPayloads !== true) return;
    if (heartbeatMs === null || performance.now() - this.#lastMessageMs < heartbeatMs) return;
    this.#lastMessageMs = performance.now();
    const payload = heartbeatPayload(wallClockSeconds());
    const sequence = sequencer.take();
    window?.append(sequence, payload);
    counters.begin();
    counters.set(PUBLISHER_CELLS.publishedSequence, sequence);
    counters.add(PUBLISHER_CELLS.heartbeats, 1);
    counters.end();
    ring.memory.noteReached(sequence);
    nats?.feed.offerHeartbeat(sequence, payload);
    await sink?.send(sequence, payload).catch((error: unknown) => this.#reportRefusal(error, sequence));
  }

  #reportRefusal(error: unknown, sequence: number): void {
    this.#parts.report({ type: "send-failed", reason: String(error), sequence });
  }

  /** Holds the first event until enough subscribers are there; the ring and then the engine's buffer hold the rest. */
  async #waitForSubscribers(): Promise<void> {
    const { sink, counters, ring, watch, waitSubscribers } = this.#parts;
    if (sink === null || waitSubscribers === 0) return;
    const deadlineMs = performance.now() + this.#parts.waitSubscribersTimeoutMs;
    let timedOut = false;
    for (;;) {
      await sink.pollSubscriptions();
      await this.#serveReplays(performance.now());
      watch.check(performance.now());
      counters.set(PUBLISHER_CELLS.zmqSubscribers, sink.subscriptions);
      if (sink.subscriptions >= waitSubscribers) break;
      if (ring.memory.stop() !== STOP.run) return;
      if (performance.now() >= deadlineMs) {
        timedOut = true;
        counters.add(PUBLISHER_CELLS.waitSubscribersTimeouts, 1);
        break;
      }
      await new Promise<void>((resolve) => setTimeout(resolve, GATE_POLL_MS));
    }
    this.#parts.report({ type: "gate-open", subscribers: sink.subscriptions, timedOut });
  }
}
