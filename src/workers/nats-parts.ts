/**
 * The parts of the publisher that have to do with NATS: the connection with its queue, what is fed into it, and the load beside.
 * PUBLISHER THREAD. All of it is imported only where NATS is wanted.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import { SINK_DROP_REASONS } from "../shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { LoadMessage, NatsReport, NatsSinkData } from "../shared/nats-messages.ts";
import type { FedBefore } from "./counted-before.ts";
import { NatsFeed } from "./nats-feed.ts";
import { NatsLoads } from "./nats-loads.ts";
import { NatsSink } from "./nats-sink.ts";
import { NATS_TIMING, NATS_TIMING_BESIDE_ZMQ } from "./nats-timing.ts";

const DROPPED_SHUTDOWN = PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");
/** Kept back from the deadline for what comes after. */
const CLOSE_MS = 200;

export class NatsParts {
  /** Null: events do not go there, only the load does. */
  readonly events: { readonly sink: NatsSink; readonly feed: NatsFeed } | null;
  readonly #sink: NatsSink;
  readonly #loads: NatsLoads;
  readonly #counters: CounterBlock;

  /** Connects in the background. `before` is what an earlier life of this thread has left. Throws HashUnavailableError. */
  constructor(
    data: NatsSinkData,
    kvBlockSizeTokens: number,
    before: FedBefore,
    counters: CounterBlock,
    report: (report: NatsReport) => void,
    isBesideZmq: boolean,
  ) {
    this.#counters = counters;
    const timing = isBesideZmq ? NATS_TIMING_BESIDE_ZMQ : NATS_TIMING;
    this.#sink = NatsSink.start(data, counters, report, timing, before.waitingEvents);
    this.#loads = new NatsLoads(this.#sink, data.place);
    const sink = this.#sink;
    this.events = data.events ? { sink, feed: new NatsFeed(data, sink, kvBlockSizeTokens, before.position) } : null;
  }

  takeLoad(message: LoadMessage): void {
    this.#loads.take(message);
  }

  /** Sends what waits, as far as `lingerMs` go, and closes. Resolves with the events that were given up. */
  async stop(lingerMs: number): Promise<number> {
    const before = this.#counters.read(DROPPED_SHUTDOWN);
    await this.#sink.stop(performance.now() + Math.max(0, lingerMs - CLOSE_MS));
    return this.#counters.read(DROPPED_SHUTDOWN) - before;
  }

  /** Lets go of everything, at the end of a thread that fails; its successor goes on. */
  abandon(): void {
    this.#sink.abandon();
  }
}
