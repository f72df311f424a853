/**
 * What a publisher is that a bench can measure, and the one that users run: `kvcast serve` in a process of its own, which
 * holds the first event until the subscriber is there. Its rivals are in `rival-publishers.ts`.
 */
import type { WireFormat } from "../../src/shared/wire-format.ts";
import { assertBooks } from "../../test/support/books.ts";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { KvcastProcess } from "../../src/main/flood/kvcast-process.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import type { TallyFigures } from "../../src/main/flood/tally.ts";

/** Pages are shared for 100 ms; the one that has the last event is there after a few of those. */
const MAX_LAST_PAGES = 50;
/** The first event waits for the subscriber, which then has what the engine made, and nothing else. */
export const HELD_AND_BARE: readonly string[] = ["--wait-subscribers", "1", "--clear-on-start", "off"];

/** The sink that the subscriber is at. */
const ZMQ = { sink: "zmq" };

export interface Usage {
  /** Events sent so far, and the CPU time so far, of one moment. */
  readonly sentEvents: number;
  readonly cpuSeconds: number;
}

export interface FloodPublisher {
  readonly endpoint: string;
  usage(): Promise<Usage>;
  /** After the subscriber has all: checks the publisher's own accounts against it. Throws when they do not agree. */
  settle(
    received: TallyFigures,
  ): Promise<Usage & { readonly peakRssBytes: number | null; readonly lastSentMs: number }>;
  /** Ends it; throws when it does not end as it should. */
  stop(): Promise<void>;
  /** Ends it whatever its state. */
  kill(): void;
}

export interface FloodOrder {
  readonly blocks: number;
  readonly events: number;
  /** Events a second; null, or not given, for as fast as it goes. */
  readonly ratePerSecond?: number | null;
}

/** What the service alone can be asked for. */
export interface ServiceOrder extends FloodOrder {
  /** In each block; also the size that a full block has. Default: 32. */
  readonly tokens?: number;
  /** Attention-DP ranks. Default: 1. */
  readonly ranks?: number;
}

/** What is needed of a running `kvcast serve`. */
export interface RunningService {
  /** Of its HTTP server, without a slash at the end. */
  readonly url: string;
  readonly zmqEndpoint: string;
  metrics(): Promise<MetricsPage>;
  peakRssBytes(): number | null;
  /** Throws unless it ends with 0. */
  stop(): Promise<unknown>;
  kill(): void;
}

/** Options with which a service makes the events of the order and nothing else, once a subscriber is there. */
export function serviceOptions(order: ServiceOrder): readonly string[] {
  const { blocks, events, ratePerSecond, tokens = TOKENS_A_BLOCK, ranks = 1 } = order;
  const traffic = `rate=${ratePerSecond ?? "max"}&events=${events}&blocks=${blocks}&tokens=${tokens}&removed=0&seed=1`;
  const sizes = ["--kv-block-size", String(tokens), "--attention-dp-size", String(ranks)];
  return ["--engine", `synthetic:?${traffic}`, ...sizes, ...HELD_AND_BARE];
}

export async function startKvcast(
  order: ServiceOrder,
  wireFormat: WireFormat,
  more: readonly string[] = [],
): Promise<FloodPublisher & { readonly url: string }> {
  const service = await KvcastProcess.serve([...serviceOptions(order), "--wire-format", wireFormat, ...more]);
  return { ...publisherOf(service, order.events), url: service.url };
}

/** The service as a publisher of so many events. */
export function publisherOf(service: RunningService, events: number): FloodPublisher {
  return {
    endpoint: service.zmqEndpoint,
    async usage() {
      const page = await service.metrics();
      // Also in full flood: every page balances.
      assertBooks(page, false);
      return usageOf(page);
    },
    async settle(received) {
      // The subscriber may have the last message before the publisher has counted it.
      let page = await service.metrics();
      for (let i = 0; i < MAX_LAST_PAGES && usageOf(page).sentEvents < received.events; i++)
        page = await service.metrics();
      // A sink beside this one may be away, and hold what it has.
      assertBooks(page, !page.has("kvcast_sink_up", { sink: "nats" }));
      checkAccounts(page, events, received);
      return {
        ...usageOf(page),
        peakRssBytes: service.peakRssBytes(),
        lastSentMs: page.sum("kvcast_sink_last_success_timestamp_seconds", ZMQ) * 1000,
      };
    },
    async stop() {
      await service.stop();
    },
    kill: () => service.kill(),
  };
}

function usageOf(page: MetricsPage): Usage {
  return {
    sentEvents: page.sum("kvcast_sink_sent_events_total", ZMQ),
    cpuSeconds: page.value("process_cpu_seconds_total"),
  };
}

/** What the service says it published must be what it was asked for and what the subscriber has. */
function checkAccounts(page: MetricsPage, events: number, received: TallyFigures): void {
  const sum = (name: string): number => page.sum(`kvcast_${name}`);
  const zmq = (name: string): number => page.sum(`kvcast_sink_${name}`, ZMQ);
  const mustBe: readonly (readonly [name: string, is: number, should: number])[] = [
    ["events sent", zmq("sent_events_total"), events],
    ["events sent as the subscriber counts", received.events, events],
    ["messages sent", zmq("sent_batches_total"), received.messages],
    ["bytes sent", zmq("sent_bytes_total"), received.bytes],
    ["last sequence number", sum("published_sequence"), received.lastSequence],
    ["events dropped", zmq("dropped_events_total") + sum("ring_dropped_events_total"), 0],
    ["events that could not be encoded", sum("encode_dropped_events_total"), 0],
    ["invalid events", sum("invalid_events_total"), 0],
    ["events that the engine lost", sum("source_sequence_gaps_total"), 0],
    ["restarts of threads", sum("worker_restarts_total"), 0],
  ];
  for (const [name, is, should] of mustBe) if (is !== should) throw new Error(`${name}: ${is}, not ${should}`);
}
