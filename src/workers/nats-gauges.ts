/**
 * What the NATS sink has in the shared counters: what its tally has gathered, and its gauges as they are. PUBLISHER THREAD.
 *
 * An update of the shared block costs a copy of all of it, so there is none without news.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { NatsFlight } from "./nats-flight.ts";
import type { NatsLink } from "./nats-link.ts";

export class NatsGauges {
  readonly #counters: CounterBlock;
  readonly #flight: NatsFlight;
  readonly #link: NatsLink;
  /** As they were shown last. */
  #up: number = -1;
  #inFlight: number = -1;
  #bytes: number = -1;

  constructor(counters: CounterBlock, flight: NatsFlight, link: NatsLink) {
    this.#counters = counters;
    this.#flight = flight;
    this.#link = link;
  }

  /** Puts everything into the counters, inside an update that the caller has opened. */
  show(): void {
    const counters = this.#counters;
    const { queue, tally, lastSuccessSeconds } = this.#flight;
    tally.commit(counters);
    this.#up = this.#upNow();
    this.#inFlight = queue.flightCount;
    this.#bytes = queue.bytes;
    counters.set(PUBLISHER_CELLS.natsUp, this.#up);
    counters.set(PUBLISHER_CELLS.natsInflightBatches, this.#inFlight);
    counters.set(PUBLISHER_CELLS.natsPendingBytes, this.#bytes);
    if (lastSuccessSeconds > 0) counters.set(PUBLISHER_CELLS.natsLastSuccessSeconds, lastSuccessSeconds);
  }

  /** The same in an update of its own, if there is anything new. */
  commit(): void {
    const { queue, tally } = this.#flight;
    const isShown = this.#upNow() === this.#up && queue.flightCount === this.#inFlight && queue.bytes === this.#bytes;
    if (isShown && !tally.changed) return;
    this.#counters.begin();
    this.show();
    this.#counters.end();
  }

  #upNow(): number {
    return this.#link.connection === null ? 0 : 1;
  }
}
