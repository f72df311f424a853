/**
 * The accounts of a service, read from its metrics page: whether they balance, and which events did not become messages.
 * MAIN THREAD; pure.
 */
import type { MetricsPage } from "./metrics-text.ts";

/** The sink that the test subscribes to; the books of each are its own. */
const ZMQ = { sink: "zmq" };

/** Events that a service took in, or should have, and did not publish, by where they ended; since it started. */
export interface ServiceLosses {
  /** Ids that the engine gave out and that never came: its own buffer overflowed, or someone else reads it too. */
  readonly beforeService: number;
  readonly invalid: number;
  readonly notEncoded: number;
  /** By a full ring at the end, or refused by the socket. */
  readonly dropped: number;
  /** Times that the queue of a subscriber became full; what it missed then is known to that subscriber only. */
  readonly queueFull: number;
  /** Threads of the service that died. */
  readonly restarts: number;
}

/** What does not balance, with its figures; null when all does. Holds for every page, under any load. */
export function booksFault(page: MetricsPage): string | null {
  const sum = (name: string): number => page.sum(`kvcast_${name}_events_total`);
  const taken = sum("source_received") + page.sum("kvcast_injected_events_total");
  const placed =
    sum("source_duplicate") + sum("filtered") + sum("invalid") + sum("ring_dropped") + sum("ring_enqueued");
  if (taken !== placed) return `${taken} events received or added, but ${placed} filtered, dropped or enqueued`;
  const dequeued = sum("ring_dequeued");
  const inRing = sum("ring_enqueued") - dequeued - sum("encode_dropped");
  if (inRing < 0) return `${-inRing} events more left the ring than entered it`;
  const handled = page.sum("kvcast_sink_sent_events_total", ZMQ) + page.sum("kvcast_sink_dropped_events_total", ZMQ);
  return dequeued === handled ? null : `${dequeued} events left the ring, but ${handled} were sent or dropped`;
}

export function lossesOf(page: MetricsPage): ServiceLosses {
  const sum = (name: string): number => page.sum(`kvcast_${name}`);
  return {
    beforeService: sum("source_sequence_gaps_total"),
    invalid: sum("invalid_events_total"),
    notEncoded: sum("encode_dropped_events_total"),
    dropped: sum("ring_dropped_events_total") + page.sum("kvcast_sink_dropped_events_total", ZMQ),
    queueFull: sum("zmq_subscriber_queue_full_total"),
    restarts: sum("worker_restarts_total"),
  };
}

export function lossesSince(now: ServiceLosses, before: ServiceLosses): ServiceLosses {
  return {
    beforeService: now.beforeService - before.beforeService,
    invalid: now.invalid - before.invalid,
    notEncoded: now.notEncoded - before.notEncoded,
    dropped: now.dropped - before.dropped,
    queueFull: now.queueFull - before.queueFull,
    restarts: now.restarts - before.restarts,
  };
}

/** Events sent and CPU seconds used, of one moment. */
export interface ServiceUsage {
  readonly sentEvents: number;
  readonly cpuSeconds: number;
}

/** Throws when the page is not that of a kvcast. */
export function usageOf(page: MetricsPage): ServiceUsage {
  return {
    sentEvents: page.sum("kvcast_sink_sent_events_total", ZMQ),
    cpuSeconds: page.value("process_cpu_seconds_total"),
  };
}
