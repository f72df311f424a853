/**
 * The publisher's loop: encoded slots, in claim order, numbered, out to the sink. PUBLISHER THREAD.
 *
 * Between slots it blocks for 2 ms at most, then waits without blocking, because a thread that owns sockets must keep
 * turning its event loop: there the sockets release sent payloads and subscriptions are taken. (2 ms catch the
 * next batch of a busy engine without the dearer asynchronous wake-up.)
 */
import { monotonicMicros, wallClockSeconds } from "../shared/clock.ts";
import {
  type CounterBlock,
  EVENT_TYPES,
  PUBLISHER_CELLS,
  SINK_DROP_REASONS,
  SINK_ERROR_REASONS,
} from "../shared/counters.ts";
import { messageOf } from "../shared/errors.ts";
import type { PublisherMessage } from "../shared/messages.ts";
import type { RingPublisher } from "../shared/ring.ts";
import { ENTRY, SLOT, STOP } from "../shared/ring-layout.ts";
import type { OversizeReader } from "./oversize.ts";
import type { Sequencer } from "./sequencer.ts";
import type { ZmqSink } from "./zmq-sink.ts";

const BLOCK_MS = 2;
/** Messages, and milliseconds, after which the event loop gets a turn: payloads are released only there. */
const MESSAGES_PER_TURN = 64;
const MS_PER_TURN = 5;
/** How often subscriptions are polled, at rest and while the start waits for them. */
const SUBSCRIPTION_POLL_MS = 250;
const GATE_POLL_MS = 20;
/** Payloads below this share pages of the allocator's pool; above, each gets its own memory. */
const POOLED_BYTES = 4096;

const DROPPED_REJECTED = PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("rejected");
const DROPPED_SHUTDOWN = PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");
const ERROR_OTHER = PUBLISHER_CELLS.zmqErrors + SINK_ERROR_REASONS.indexOf("other");

export interface PublishLoopParts {
  readonly ring: RingPublisher;
  readonly counters: CounterBlock;
  readonly oversize: OversizeReader;
  readonly sequencer: Sequencer;
  /** null: the sink is off, slots are freed without anyone reading them. */
  readonly sink: ZmqSink | null;
  readonly waitSubscribers: number;
  readonly waitSubscribersTimeoutMs: number;
  readonly report: (message: PublisherMessage) => void;
}

export class PublishLoop {
  readonly #parts: PublishLoopParts;
  readonly #sent: Float64Array = new Float64Array(EVENT_TYPES.length);
  #messagesSinceTurn: number = 0;
  #lastTurnMs: number = 0;
  #nextPollMs: number = 0;

  constructor(parts: PublishLoopParts) {
    this.#parts = parts;
  }

  /** Runs until the stop word is set and obeyed. Resolves with the events that were given up. */
  async run(): Promise<number> {
    const { ring } = this.#parts;
    await this.#waitForSubscribers();
    for (;;) {
      const stop = ring.memory.stop();
      if (stop === STOP.now) return this.#dropAll();
      const slot = ring.peek();
      if (slot !== -1) {
        await this.#publish(slot);
        ring.release(slot);
        if (this.#turnIsDue()) await this.#turn();
        continue;
      }
      if (stop === STOP.drain && ring.isEmpty()) return 0;
      await this.#rest();
    }
  }

  /** Waits for the next slot, first blocking, then not. */
  async #rest(): Promise<void> {
    const { bell } = this.#parts.ring;
    if (this.#messagesSinceTurn > 0 || performance.now() >= this.#nextPollMs) await this.#turn();
    if (!this.#prepareToSleep()) return;
    if (bell.sleep(BLOCK_MS)) return;
    if (!this.#prepareToSleep()) return;
    await bell.sleepAsync(Math.max(1, Math.ceil(this.#nextPollMs - performance.now())));
  }

  /** False: there is something to do after all. */
  #prepareToSleep(): boolean {
    const { ring } = this.#parts;
    ring.bell.prepare();
    const stop = ring.memory.stop();
    if (ring.peek() === -1 && stop !== STOP.now && !(stop === STOP.drain && ring.isEmpty())) return true;
    ring.bell.cancel();
    return false;
  }

  async #publish(slot: number): Promise<void> {
    const { ring, oversize, sink, counters } = this.#parts;
    const { words, doubles } = ring.memory;
    const generation = words[slot + SLOT.oversizeGeneration] as number;
    const view = generation === 0 ? ring.memory : oversize.view(generation);
    const poisoned = words[slot + SLOT.poisonedEvents] as number;
    const startedMicros = monotonicMicros();
    const sent = this.#sent.fill(0);
    let batches = 0;
    let bytes = 0;
    let refusedMessages = 0;
    let refusedEvents = 0;
    let p = (words[slot + SLOT.frameOffset] as number) >>> 0;
    if (sink !== null) {
      for (let left = words[slot + SLOT.entries] as number; left > 0; left--) {
        const header = p >>> 2;
        const length = view.records[header + ENTRY.bytes] as number;
        const payload = length < POOLED_BYTES ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
        p += ENTRY.headerBytes;
        // fill() is a plain memory copy at any alignment; the other ways out of shared memory are several times slower.
        payload.fill(view.bytes.subarray(p, p + length));
        p += length + (-length & 3);
        const sequence = this.#parts.sequencer.take();
        let accepted = true;
        try {
          await sink.send(sequence, payload);
        } catch (error) {
          accepted = false;
          refusedMessages++;
          this.#parts.report({ type: "send-failed", reason: messageOf(error), sequence });
        }
        for (let t = 0; t < EVENT_TYPES.length; t++) {
          const events = view.records[header + ENTRY.stored + t] as number;
          if (accepted) sent[t] = (sent[t] as number) + events;
          else refusedEvents += events;
        }
        if (accepted) {
          batches++;
          bytes += length;
        }
        this.#messagesSinceTurn++;
        if (this.#turnIsDue()) await this.#turn();
      }
    }

    const endedMicros = monotonicMicros();
    counters.begin();
    counters.add(PUBLISHER_CELLS.dequeuedEvents, (words[slot + SLOT.events] as number) - poisoned);
    counters.add(PUBLISHER_CELLS.poisonedEvents, poisoned);
    if (sink !== null) {
      for (let t = 0; t < EVENT_TYPES.length; t++) counters.add(PUBLISHER_CELLS.zmqSentEvents + t, sent[t] as number);
      counters.add(PUBLISHER_CELLS.zmqSentBatches, batches);
      counters.add(PUBLISHER_CELLS.zmqSentBytes, bytes);
      counters.add(DROPPED_REJECTED, refusedEvents);
      counters.add(ERROR_OTHER, refusedMessages);
      counters.set(PUBLISHER_CELLS.publishedSequence, this.#parts.sequencer.next - 1);
      if (batches > 0) counters.set(PUBLISHER_CELLS.zmqLastSuccessSeconds, wallClockSeconds());
      counters.observe(PUBLISHER_CELLS.publishDuration, (endedMicros - startedMicros) / 1e6);
      const acceptedMicros = doubles[slot / 2 + SLOT.monotonicMicrosF64] as number;
      counters.observe(PUBLISHER_CELLS.pipelineLatency, (endedMicros - acceptedMicros) / 1e6);
    }
    counters.end();
  }

  #turnIsDue(): boolean {
    return this.#messagesSinceTurn >= MESSAGES_PER_TURN || performance.now() - this.#lastTurnMs >= MS_PER_TURN;
  }

  /** One turn of the event loop, and the polls that are due. */
  async #turn(): Promise<void> {
    const { sink, counters } = this.#parts;
    await new Promise<void>((resolve) => setImmediate(resolve));
    const nowMs = performance.now();
    if (nowMs >= this.#nextPollMs) {
      const isMore = sink !== null && (await sink.pollSubscriptions());
      // What is left waits in the socket's memory: a storm of subscriptions must not outrun the polls.
      this.#nextPollMs = isMore ? nowMs : nowMs + SUBSCRIPTION_POLL_MS;
      if (sink !== null) counters.set(PUBLISHER_CELLS.zmqSubscribers, sink.subscriptions);
    }
    this.#messagesSinceTurn = 0;
    this.#lastTurnMs = performance.now();
  }

  /** Holds the first event until enough subscribers are there; the ring and then the engine's buffer hold the rest. */
  async #waitForSubscribers(): Promise<void> {
    const { sink, counters, ring, waitSubscribers } = this.#parts;
    if (sink === null || waitSubscribers === 0) return;
    const deadlineMs = performance.now() + this.#parts.waitSubscribersTimeoutMs;
    let timedOut = false;
    for (;;) {
      await sink.pollSubscriptions();
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

  /** Counts everything that is still in the ring as dropped. */
  #dropAll(): number {
    const { ring, counters } = this.#parts;
    const { words } = ring.memory;
    let dropped = 0;
    for (let p = ring.memory.tail(); p !== ring.memory.head(); p = (p + 1) | 0) {
      dropped += words[ring.memory.slotWord(p) + SLOT.events] as number;
    }
    counters.begin();
    counters.add(PUBLISHER_CELLS.dequeuedEvents, dropped);
    counters.add(DROPPED_SHUTDOWN, dropped);
    counters.end();
    return dropped;
  }
}
