/**
 * The line that says whether events flow: soon after the start, then now and then. MAIN THREAD.
 */
import { EVENT_TYPES, SINK_DROP_REASONS } from "../../shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import type { Logger } from "../log.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { StopReport } from "../pipeline/pipeline-contract.ts";

const FIRST_MS = 1000;
const EVERY_MS = 10_000;

export class FlowReport {
  readonly #engines: readonly EngineCounters[];
  readonly #pipeline: Pipeline;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | null = null;
  #lastMs: number = performance.now();
  #lastReceived: number = 0;
  #lastPublished: number = 0;

  constructor(engines: readonly EngineCounters[], pipeline: Pipeline, log: Logger) {
    this.#engines = engines;
    this.#pipeline = pipeline;
    this.#log = log;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#report();
      this.#timer = setInterval(() => this.#report(), EVERY_MS);
    }, FIRST_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** The totals at the end, for whoever compares them with what arrived elsewhere. */
  final(report: StopReport): void {
    const fields = {
      received_events: this.#received(),
      injected_events: this.#sum(({ injected }) => injected.start + injected.restart + injected.gap + injected.command),
      published_events: this.#published(),
      dropped_events: report.droppedEvents + this.#sum((counters) => counters.droppedAtShutdown),
      last_sequence: this.#pipeline.publisher.read(PUBLISHER_CELLS.publishedSequence),
    };
    if (fields.dropped_events > 0) this.#log.warn("stopped, with events that could not be delivered", fields);
    else if (this.#hasSink) this.#log.info("stopped, everything taken was published", fields);
    else this.#log.info("stopped, everything taken was counted: there was no sink", fields);
  }

  #report(): void {
    const nowMs = performance.now();
    const received = this.#received();
    const published = this.#published();
    const perSecond = (count: number): number => Math.round((count * 1000) / (nowMs - this.#lastMs));
    this.#log.info("flow", {
      in_per_s: perSecond(received - this.#lastReceived),
      published_per_s: perSecond(published - this.#lastPublished),
      published_total: published,
      subscribers: this.#pipeline.publisher.read(PUBLISHER_CELLS.zmqSubscribers),
    });
    this.#lastMs = nowMs;
    this.#lastReceived = received;
    this.#lastPublished = published;
  }

  get #hasSink(): boolean {
    return this.#pipeline.sinks().length > 0;
  }

  #received(): number {
    return this.#sum((counters) => counters.receivedEvents);
  }

  /** Over all engines. */
  #sum(figure: (counters: EngineCounters) => number): number {
    return this.#engines.reduce((sum, counters) => sum + figure(counters), 0);
  }

  /** Events that left the ring and were not given up; where there is only NATS, those that it has confirmed. */
  #published(): number {
    if (!this.#hasSink) return 0;
    const { publisher } = this.#pipeline;
    if (this.#pipeline.zmqEndpoint() === null) {
      return EVENT_TYPES.reduce((sum, _type, i) => sum + publisher.read(PUBLISHER_CELLS.natsSentEvents + i), 0);
    }
    let events = publisher.read(PUBLISHER_CELLS.dequeuedEvents);
    for (let i = 0; i < SINK_DROP_REASONS.length; i++) events -= publisher.read(PUBLISHER_CELLS.zmqDroppedEvents + i);
    return events;
  }
}
