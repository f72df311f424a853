/**
 * Makes snapshots of the service and keeps ten minutes of its past. MAIN THREAD.
 *
 *   tick(), once a second, always ─► totals ─► window ─► row of the history, markers
 *   snapshot(), while someone looks ─► totals ─► what grew since ─► LiveSnapshot
 *
 * It reads counters that are there anyway. Both take a fraction of a millisecond and allocate what they return.
 */
import { wallClockSeconds } from "../../shared/clock.ts";
import { PUBLISH_DURATION_BUCKETS } from "../../shared/counter-buckets.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import {
  HISTORY_COLUMNS,
  HISTORY_SECONDS,
  LIVE_VERSION,
  type LiveEvent,
  type LiveMarker,
  type LiveRow,
  type LiveSink,
  type LiveSnapshot,
} from "../../shared/live-snapshot.ts";
import { EVENT_AGE_BUCKETS } from "../metrics/engine-counters.ts";
import { SharedSnapshot } from "../metrics/shared-snapshot.ts";
import { type Growth, LATELY_MS, TotalsWindow } from "./growth.ts";
import { liveEngines } from "./live-engines.ts";
import { Markers } from "./live-markers.ts";
import type { LiveHealth, LiveParts } from "./live-parts.ts";
import { joined, liveStages, ofSink, overEngines } from "./live-stages.ts";
import { LiveTail } from "./live-tail.ts";
import { readTotals, type Totals } from "./totals.ts";

export class LiveBuilder {
  readonly #parts: LiveParts;
  readonly #shared: SharedSnapshot;
  readonly #window: TotalsWindow = new TotalsWindow();
  readonly #markers: Markers = new Markers();
  readonly #history: LiveRow[] = [];
  readonly #startedMs: number = performance.now();
  /** The last totals; kept where new ones could not be had as of one moment. */
  #totals: Totals | null = null;
  /** Of the last second. */
  #health: LiveHealth | null = null;
  readonly #tail: LiveTail;

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#shared = new SharedSnapshot(parts.pipeline);
    this.#tail = new LiveTail(parts);
  }

  /** Names of the numbers of a row. */
  get columns(): readonly string[] {
    return [...HISTORY_COLUMNS, ...this.#parts.engines.map(({ engine }) => `usage ${engine}`)];
  }

  /** Rows behind that moment, Unix seconds; oldest first. */
  historySince(at: number): readonly LiveRow[] {
    return this.#history.filter(([rowAt]) => (rowAt ?? 0) > at);
  }

  markersSince(at: number): readonly LiveMarker[] {
    return this.#markers.since(at);
  }

  /** One more second. */
  tick(): LiveRow {
    const { engines } = this.#parts;
    this.#health = this.#parts.health();
    const totals = this.#readTotals();
    const at = Math.round(wallClockSeconds());
    this.#window.add(totals);
    this.#markers.note(totals, engines, this.#health.checks, at);
    const row = this.#rowOf(this.#window.growth(totals), at);
    this.#history.push(row);
    if (this.#history.length > HISTORY_SECONDS) this.#history.shift();
    return row;
  }

  /** As it is now, for one that asks once: with the newest events, whoever else has had them. */
  peek(viewers: number): LiveSnapshot {
    return this.#snapshot(viewers, this.#tail.all());
  }

  /** The next one of a stream: with the events since the one before. */
  snapshot(viewers: number): LiveSnapshot {
    return this.#snapshot(viewers, this.#tail.next());
  }

  #snapshot(viewers: number, tail: LiveSnapshot["tail"]): LiveSnapshot {
    const { pipeline } = this.#parts;
    const totals = this.#readTotals();
    const growth = this.#window.growth(totals);
    const at = wallClockSeconds();
    const { ready, checks } = (this.#health ??= this.#parts.health());
    const sequence = this.#shared.publisher(PUBLISHER_CELLS.publishedSequence);
    const latency = (q: number): number | null => growth.quantile(q, PUBLISH_DURATION_BUCKETS, (each) => each.latency);
    return {
      version: LIVE_VERSION,
      at,
      uptimeSeconds: (totals.atMs - this.#startedMs) / 1000,
      ready,
      stages: liveStages(this.#parts, growth, this.#shared),
      engines: liveEngines(this.#parts, growth, this.#shared),
      ring: {
        occupied: pipeline.occupiedSlots(),
        capacity: pipeline.ringCapacitySlots,
        fullSeconds: pipeline.ringFullSeconds(),
      },
      sinks: this.#sinks(growth),
      threads: this.#shared.workers.map(({ name, up, restarts }) => ({
        name,
        up,
        restarts: Object.values(restarts).reduce((sum, count) => sum + count, 0),
      })),
      sequence: sequence < 0 ? null : sequence,
      unaccounted: unaccounted(totals),
      latencyP50: latency(0.5),
      latencyP99: latency(0.99),
      checks,
      markers: this.#markers.since(at - LATELY_MS / 1000),
      tail,
      viewers,
    };
  }

  #readTotals(): Totals {
    const { pipeline, engines } = this.#parts;
    if (this.#shared.refresh() || this.#totals === null) {
      this.#totals = readTotals(pipeline, this.#shared, engines, performance.now());
    }
    return this.#totals;
  }

  #rowOf(growth: Growth, at: number): LiveRow {
    const { pipeline, data } = this.#parts;
    const age = (q: number): number | null =>
      growth.quantile(q, EVENT_AGE_BUCKETS, (totals) => joined(totals, (engine) => engine.age));
    return [
      at,
      rounded(growth.rate(overEngines(({ received }) => received))),
      rounded(growth.rate(sentEvents)),
      rounded(growth.rate(lostEvents)),
      rounded(age(0.5)),
      rounded(age(0.99)),
      rounded(growth.quantile(0.99, PUBLISH_DURATION_BUCKETS, ({ latency }) => latency)),
      rounded(pipeline.occupiedSlots() / pipeline.ringCapacitySlots),
      ...data.map(({ load }) => rounded(load.table.fullestUsage)),
    ];
  }

  #sinks(growth: Growth): readonly LiveSink[] {
    const { pipeline } = this.#parts;
    return growth.now.sinks.map(({ name, sent, batches, dropped, errors }) => {
      const isZmq = name === "zmq";
      const lastSuccess = this.#shared.publisher(
        isZmq ? PUBLISHER_CELLS.zmqLastSuccessSeconds : PUBLISHER_CELLS.natsLastSuccessSeconds,
      );
      return {
        name,
        up: this.#shared.publisher(isZmq ? PUBLISHER_CELLS.zmqUp : PUBLISHER_CELLS.natsUp) === 1,
        endpoint: isZmq ? (pipeline.zmqEndpoint() ?? "") : pipeline.natsServers,
        rate: growth.rate(ofSink(name, (sink) => sink.sent)),
        sent,
        batches,
        dropped,
        errors,
        pendingEvents: isZmq ? 0 : this.#shared.publisher(PUBLISHER_CELLS.natsPendingEvents),
        lastSuccessAt: lastSuccess > 0 ? lastSuccess : null,
      };
    });
  }

  /** The newest events that have been looked at. */
  get newest(): readonly LiveEvent[] {
    return this.#tail.newest;
  }
}

/** Of the sink that has most; both get the same events. */
function sentEvents({ sinks }: Totals): number {
  return Math.max(0, ...sinks.map(({ sent }) => sent));
}

/** In all places: in the engine, by the rules, in the ring, by an encoder, by a sink. */
function lostEvents(totals: Totals): number {
  const dropped = totals.sinks.reduce((sum, sink) => sum + sink.dropped, 0);
  const ours = totals.ringDropped + totals.encodeDropped + dropped;
  return ours + overEngines((engine) => engine.missing + engine.invalid)(totals);
}

/** The first equation of the books; the others have terms that are on their way. */
function unaccounted(totals: Totals): number {
  const { enqueued, ringDropped } = totals;
  const taken = overEngines((engine) => engine.received + engine.injected)(totals);
  const ended = overEngines((engine) => engine.duplicates + engine.filtered + engine.invalid)(totals);
  return taken - ended - ringDropped - enqueued;
}

/** To four digits: nobody sees more on a chart. */
function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(4));
}
