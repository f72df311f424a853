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

export async function startKvcast(
  order: FloodOrder,
  wireFormat: WireFormat,
  more: readonly string[] = [],
): Promise<FloodPublisher> {
  const rate = order.ratePerSecond ?? "max";
  const traffic = `rate=${rate}&events=${order.events}&blocks=${order.blocks}&tokens=${TOKENS_A_BLOCK}&removed=0&seed=1`;
  const engine = ["--engine", `synthetic:?${traffic}`, "--kv-block-size", String(TOKENS_A_BLOCK)];
  const service = await KvcastProcess.serve([
    ...engine,
    "--wire-format",
    wireFormat,
    "--wait-subscribers",
    "1",
    // So that the subscriber has what the engine made, and nothing else.
    "--clear-on-start",
    "off",
    ...more,
  ]);
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
      assertBooks(page, true);
      checkAccounts(page, order, received);
      return {
        ...usageOf(page),
        peakRssBytes: service.peakRssBytes(),
        lastSentMs: page.sum("kvcast_sink_last_success_timestamp_seconds") * 1000,
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
    sentEvents: page.sum("kvcast_sink_sent_events_total"),
    cpuSeconds: page.value("process_cpu_seconds_total"),
  };
}

/** What the service says it published must be what it was asked for and what the subscriber has. */
function checkAccounts(page: MetricsPage, order: FloodOrder, received: TallyFigures): void {
  const sum = (name: string): number => page.sum(`kvcast_${name}`);
  const mustBe: readonly (readonly [name: string, is: number, should: number])[] = [
    ["events sent", sum("sink_sent_events_total"), order.events],
    ["events sent as the subscriber counts", received.events, order.events],
    ["messages sent", sum("sink_sent_batches_total"), received.messages],
    ["bytes sent", sum("sink_sent_bytes_total"), received.bytes],
    ["last sequence number", sum("published_sequence"), received.lastSequence],
    ["events dropped", sum("sink_dropped_events_total") + sum("ring_dropped_events_total"), 0],
    ["events that could not be encoded", sum("encode_dropped_events_total"), 0],
    ["invalid events", sum("invalid_events_total"), 0],
    ["restarts of threads", sum("worker_restarts_total"), 0],
  ];
  for (const [name, is, should] of mustBe) if (is !== should) throw new Error(`${name}: ${is}, not ${should}`);
}
