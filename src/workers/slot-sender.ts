/**
 * Sends one encoded slot: numbers its messages, keeps them for replay, hands them to the socket, and counts. PUBLISHER
 * THREAD.
 *
 * All that a slot changes in the counters becomes visible in one step, its position and its last sequence number included,
 * before the slot is let go. So a publisher that takes over from one that died finds a slot either counted, and lets go
 * of it, or not, and sends it again under the same numbers: subscribers may then get a message twice, never two messages
 * under one number.
 */
import { monotonicMicros, wallClockSeconds } from "../shared/clock.ts";
import type { CounterBlock } from "../shared/counter-block.ts";
import { EVENT_TYPES, SINK_DROP_REASONS, SINK_ERROR_REASONS } from "../shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { messageOf } from "../shared/errors.ts";
import type { PublisherMessage } from "../shared/messages.ts";
import type { RingPublisher } from "../shared/ring.ts";
import { ENTRY, SLOT } from "../shared/ring-layout.ts";
import { eventsOf, isCounted } from "./counted-before.ts";
import type { OversizeReader } from "./oversize.ts";
import { copyOut } from "./payload-copy.ts";
import type { NatsFeed } from "./nats-feed.ts";
import type { NatsSink } from "./nats-sink.ts";
import type { ReplayWindow } from "./replay-window.ts";
import type { Sequencer } from "./sequencer.ts";
import type { SlotFeeder } from "./slot-feeder.ts";
import type { ZmqSink } from "./zmq-sink.ts";

const DROPPED_REJECTED = PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("rejected");
const DROPPED_SHUTDOWN = PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");
const NATS_DROPPED_SHUTDOWN = PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");
const ERROR_OTHER = PUBLISHER_CELLS.zmqErrors + SINK_ERROR_REASONS.indexOf("other");

export interface SlotSenderParts {
  readonly ring: RingPublisher;
  readonly counters: CounterBlock;
  readonly oversize: OversizeReader;
  readonly sequencer: Sequencer;
  /** null: the sink is off, slots are let go without anyone reading them. */
  readonly sink: ZmqSink | null;
  /** null: nothing is kept. */
  readonly window: ReplayWindow | null;
  /** null: no events go to NATS. */
  readonly nats: { readonly sink: NatsSink; readonly feed: NatsFeed } | null;
  /** Not null: slots go to the event plane later, by way of it. */
  readonly feeder: SlotFeeder | null;
  readonly report: (message: PublisherMessage) => void;
  /** Called after each message: the event loop may need a turn. */
  readonly afterMessage: () => Promise<void> | null;
}

/** What the messages of one slot came to. */
interface Tally {
  batches: number;
  bytes: number;
  refusedMessages: number;
  refusedEvents: number;
  queueFull: number;
}

export class SlotSender {
  readonly #parts: SlotSenderParts;
  readonly #sent: Float64Array = new Float64Array(EVENT_TYPES.length);
  #tally: Tally = emptyTally();

  constructor(parts: SlotSenderParts) {
    this.#parts = parts;
  }

  /** Sends the slot that `peek` returned, and lets go of it. */
  async send(slot: number): Promise<void> {
    const { ring, sequencer } = this.#parts;
    const { words } = ring.memory;
    const startedMicros = monotonicMicros();
    const first = sequencer.next;
    words[slot + SLOT.sequenceLo] = first | 0;
    words[slot + SLOT.sequenceHi] = Math.floor(first / 0x1_0000_0000) | 0;
    ring.begin();
    this.#sent.fill(0);
    this.#tally = emptyTally();
    await this.#sendMessages(slot);
    this.#count(slot, startedMicros);
    ring.release(slot);
    this.#parts.feeder?.plane.noteSent();
  }

  /** Lets go of a slot that a publisher before this one has sent and counted, and died. */
  skipCounted(): void {
    const { ring, counters } = this.#parts;
    const tail = ring.memory.tail();
    if (!isCounted(ring.memory, counters)) return;
    if (tail !== ring.memory.head()) ring.release(ring.memory.slotWord(tail));
  }

  /** Counts everything that is still in the ring as dropped. Returns the number of events. */
  dropAll(): number {
    const { ring, counters, nats, feeder } = this.#parts;
    const { words } = ring.memory;
    let dropped = 0;
    for (let p = ring.memory.tail(); p !== ring.memory.head(); p = (p + 1) | 0) {
      dropped += words[ring.memory.slotWord(p) + SLOT.events] as number;
    }
    counters.begin();
    counters.add(PUBLISHER_CELLS.dequeuedEvents, dropped);
    counters.add(DROPPED_SHUTDOWN, dropped);
    if (nats !== null) counters.add(NATS_DROPPED_SHUTDOWN, dropped);
    const unfed = feeder?.dropAll() ?? 0;
    counters.end();
    return dropped + unfed;
  }

  async #sendMessages(slot: number): Promise<void> {
    const { ring, oversize, sink, window, nats, feeder, sequencer } = this.#parts;
    const { words } = ring.memory;
    const feed = feeder === null ? nats?.feed : undefined;
    const generation = words[slot + SLOT.oversizeGeneration] as number;
    const view = generation === 0 ? ring.memory : oversize.view(generation);
    feed?.beginSlot(ring.memory, slot, view);
    let p = (words[slot + SLOT.frameOffset] as number) >>> 0;
    for (let left = words[slot + SLOT.entries] as number; left > 0; left--) {
      const header = p >>> 2;
      const length = view.records[header + ENTRY.bytes] as number;
      p += ENTRY.headerBytes;
      const frame = view.bytes.subarray(p, p + length);
      p += length + (-length & 3);
      const sequence = sequencer.take();
      // Before it is sent: a number that anyone has seen can be asked for.
      window?.append(sequence, frame);
      feed?.offerPayload(sequence, frame, header);
      if (sink === null) continue;
      const accepted = await this.#sendMessage(sink, sequence, copyOut(length, frame));
      for (let t = 0; t < EVENT_TYPES.length; t++) {
        const events = view.records[header + ENTRY.stored + t] as number;
        if (accepted) this.#sent[t] = (this.#sent[t] as number) + events;
        else this.#tally.refusedEvents += events;
      }
      const turn = this.#parts.afterMessage();
      if (turn !== null) await turn;
    }
    feed?.offerPlane(ring.memory.tail(), view);
  }

  /** False: the socket refused it. */
  async #sendMessage(sink: ZmqSink, sequence: number, payload: Buffer): Promise<boolean> {
    const tally = this.#tally;
    try {
      if (await sink.send(sequence, payload)) tally.queueFull++;
      tally.batches++;
      tally.bytes += payload.length;
      return true;
    } catch (error) {
      tally.refusedMessages++;
      this.#parts.report({ type: "send-failed", reason: messageOf(error), sequence });
      return false;
    }
  }

  #count(slot: number, startedMicros: number): void {
    const { ring, counters, sink, nats, feeder, sequencer } = this.#parts;
    const { words, doubles } = ring.memory;
    const tally = this.#tally;
    const poisoned = words[slot + SLOT.poisonedEvents] as number;
    const endedMicros = monotonicMicros();
    counters.begin();
    counters.add(PUBLISHER_CELLS.dequeuedEvents, (words[slot + SLOT.events] as number) - poisoned);
    counters.add(PUBLISHER_CELLS.poisonedEvents, poisoned);
    counters.set(PUBLISHER_CELLS.countedPosition, (ring.memory.tail() + 1) >>> 0);
    counters.set(PUBLISHER_CELLS.publishedSequence, sequencer.next - 1);
    if (sink !== null) {
      for (let t = 0; t < EVENT_TYPES.length; t++)
        counters.add(PUBLISHER_CELLS.zmqSentEvents + t, this.#sent[t] as number);
      counters.add(PUBLISHER_CELLS.zmqSentBatches, tally.batches);
      counters.add(PUBLISHER_CELLS.zmqSentBytes, tally.bytes);
      counters.add(PUBLISHER_CELLS.zmqQueueFull, tally.queueFull);
      if (tally.refusedMessages > 0) {
        counters.add(DROPPED_REJECTED, tally.refusedEvents);
        counters.add(ERROR_OTHER, tally.refusedMessages);
      }
      if (tally.batches > 0) counters.set(PUBLISHER_CELLS.zmqLastSuccessSeconds, wallClockSeconds());
      counters.observe(PUBLISHER_CELLS.publishDuration, (endedMicros - startedMicros) / 1e6);
      const acceptedMicros = doubles[slot / 2 + SLOT.monotonicMicrosF64] as number;
      counters.observe(PUBLISHER_CELLS.pipelineLatency, (endedMicros - acceptedMicros) / 1e6);
    }
    // In the same step: what the slot held is then pending there, sent or dropped.
    if (feeder === null) nats?.sink.countOffers();
    else counters.add(PUBLISHER_CELLS.natsPendingEvents, eventsOf(ring.memory, slot));
    counters.end();
  }
}

function emptyTally(): Tally {
  return { batches: 0, bytes: 0, refusedMessages: 0, refusedEvents: 0, queueFull: 0 };
}
