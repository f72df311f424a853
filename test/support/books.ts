/** Reads a metrics page and checks that every event on it is accounted for. */
import assert from "node:assert/strict";
import { type MetricsPage, parseMetrics } from "../../src/main/flood/metrics-text.ts";

export async function scrape(url: string): Promise<MetricsPage> {
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.status, 200);
  return parseMetrics(await response.text());
}

/** The three equations. `quiet`: nothing is under way, so the ring must be empty too. */
export function assertBooks(page: MetricsPage, quiet: boolean): void {
  const sum = (name: string): number => page.sum(`kvcast_${name}`);
  assert.equal(
    sum("source_received_events_total") + sum("injected_events_total"),
    sum("source_duplicate_events_total") +
      sum("filtered_events_total") +
      sum("invalid_events_total") +
      sum("ring_dropped_events_total") +
      sum("ring_enqueued_events_total"),
    "received + injected = duplicate + filtered + invalid + dropped + enqueued",
  );
  const dequeued = sum("ring_dequeued_events_total");
  const inRing = sum("ring_enqueued_events_total") - dequeued - sum("encode_dropped_events_total");
  assert.ok(inRing >= 0, "nothing leaves the ring that was not put in");
  if (quiet) assert.equal(inRing, 0, "a quiet ring is empty");
  const has = (sink: string): boolean => page.has("kvcast_sink_sent_batches_total", { sink });
  for (const sink of has("nats") ? ["nats", ...(has("zmq") ? ["zmq"] : [])] : ["zmq"]) {
    const of = (name: string): number => page.sum(`kvcast_sink_${name}`, { sink });
    const pending = of("pending_events");
    assert.equal(
      dequeued,
      of("sent_events_total") + of("dropped_events_total") + pending,
      `${sink}: dequeued = sent + dropped + pending`,
    );
    if (quiet) assert.equal(pending, 0, "a quiet sink holds nothing");
  }
}
