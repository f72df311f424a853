/**
 * The publishers that a flood can be measured with: `kvcast serve` as users run it, and the rival. Both run in a process
 * of their own and hold the first event until the subscriber is there.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { WireFormat } from "../../src/shared/wire-format.ts";
import { assertBooks } from "../../test/support/books.ts";
import type { MetricsPage } from "../../test/support/metrics-text.ts";
import type { RivalUsage } from "../rivals/node-simple.ts";
import { nextMessage } from "../support/child-message.ts";
import { KvcastProcess } from "../support/kvcast-process.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import type { TallyFigures } from "./tally.ts";

const RIVAL = fileURLToPath(new URL("../rivals/node-simple.js", import.meta.url));
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
}

export async function startKvcast(
  order: FloodOrder,
  wireFormat: WireFormat,
  more: readonly string[] = [],
): Promise<FloodPublisher> {
  const traffic = `rate=max&events=${order.events}&blocks=${order.blocks}&tokens=${TOKENS_A_BLOCK}&removed=0&seed=1`;
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

export async function startNodeSimple(order: FloodOrder): Promise<FloodPublisher> {
  const child = fork(RIVAL, [String(order.blocks), String(order.events)]);
  const { endpoint } = (await nextMessage(child, "the rival")) as { endpoint: string };
  return {
    endpoint,
    usage: () => rivalUsage(child),
    async settle(received) {
      const usage = await rivalUsage(child);
      if (usage.sentEvents !== received.events) {
        throw new Error(`the rival sent ${usage.sentEvents} events, the subscriber has ${received.events}`);
      }
      return usage;
    },
    async stop() {
      const closed = once(child, "exit");
      child.disconnect();
      await closed;
    },
    kill: () => {
      child.kill("SIGKILL");
    },
  };
}

async function rivalUsage(child: ChildProcess): Promise<RivalUsage> {
  const answer = nextMessage(child, "the rival");
  child.send("usage");
  return (await answer) as RivalUsage;
}
