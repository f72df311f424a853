/**
 * The verdict on a fault run, after it has come to rest: what the engine emitted is what was delivered plus what was
 * reported lost, to the event, and every counter says what really happened.
 */
import assert from "node:assert/strict";
import { assertBooks, scrape } from "../books.ts";
import type { MetricsPage } from "../../../src/main/flood/metrics-text.ts";
import type { Checker } from "./checker.ts";
import { eventually } from "./deadline.ts";
import type { LedgerEntry, Truth } from "./ledger.ts";

const QUIET_MS = 2000;

/** What else is known of the run. Counts are exact. */
export interface Expectation {
  /** `AllBlocksCleared` that kvcast adds, by reason. */
  readonly injected: Readonly<Record<"start" | "restart" | "gap", number>>;
  /** `--on-engine-gap clear`: one clear more for each hole in the ids of a rank. */
  readonly clearsGaps?: boolean;
  /** Restarts of engine ranks. */
  readonly resets?: number;
  readonly duplicates?: number;
  readonly outOfOrder?: number;
  /** Events that are invalid although they are in no ledger. */
  readonly strayInvalid?: number;
  /** Messages may have come twice, under their number and byte for byte. */
  readonly repeatsAllowed?: boolean;
  /** What must have happened for the run to mean something. */
  readonly atLeast: { readonly delivered: number; readonly lost?: number; readonly repeats?: number };
}

export interface Verdict {
  readonly delivered: number;
  /** Events that the engine gave away or lost, and that kvcast reported as missing. */
  readonly lost: number;
  /** Holes in the ids that those have left. */
  readonly holes: number;
  readonly received: number;
  readonly page: MetricsPage;
}

/**
 * A page of a service that has come to rest: as much taken out of the ring as was put in, and as much sent as it must be.
 * Pages are up to 100 ms old, so the first one may tell of the time before. One that never comes right is given as it is:
 * the judge says what is wrong with it.
 */
export async function quietPage(url: string, sentEvents: number): Promise<MetricsPage> {
  const ask = async (): Promise<MetricsPage | null> => {
    const page = await scrape(url);
    const dequeued = page.sum("kvcast_ring_dequeued_events_total") + page.sum("kvcast_encode_dropped_events_total");
    const quiet = page.sum("kvcast_ring_enqueued_events_total") === dequeued;
    return quiet && page.sum("kvcast_sink_sent_events_total") === sentEvents ? page : null;
  };
  return eventually("the service comes to rest", QUIET_MS, ask).catch(() => scrape(url));
}

/** Judges a run whose last event of each rank has been delivered. Fails at the first thing that is not as it must be. */
export async function judge(url: string, truth: Truth, checker: Checker, expected: Expectation): Promise<Verdict> {
  const page = await quietPage(url, checker.delivered + checker.clears);
  assert.deepEqual(checker.problems, []);
  assert.deepEqual(checker.missing(), [], "every sequence number has arrived");
  if (expected.repeatsAllowed !== true) assert.equal(checker.repeats, 0, "no message came twice");

  let received = 0;
  let lost = 0;
  let holes = 0;
  for (let rank = 0; rank < truth.ranks; rank++) {
    const result = judgeRank(truth.entries(rank), rank, checker);
    received += result.received;
    lost += result.lost;
    holes += result.holes;
    const labels = { engine: "engine0", dp_rank: String(rank) };
    assert.equal(page.value("kvcast_source_sequence_gaps_total", labels), result.lost, `events lost on rank ${rank}`);
  }
  const injected = { ...expected.injected, gap: expected.clearsGaps === true ? holes : expected.injected.gap };
  judgeCounters(page, checker, { ...expected, injected }, received);
  assertBooks(page, true);

  const { atLeast } = expected;
  assert.ok(checker.delivered >= atLeast.delivered, `only ${checker.delivered} events were delivered`);
  assert.ok(lost >= (atLeast.lost ?? 0), `only ${lost} events were lost`);
  assert.ok(checker.repeats >= (atLeast.repeats ?? 0), `only ${checker.repeats} messages came twice`);
  return { delivered: checker.delivered, lost, holes, received, page };
}

/** One rank: order, obligations, and what must have been reported lost. */
function judgeRank(
  entries: readonly LedgerEntry[],
  rank: number,
  checker: Checker,
): Pick<Verdict, "received" | "lost" | "holes"> {
  const position = new Map(entries.map((entry, i) => [entry, i]));
  let before = -1;
  for (const entry of checker.stream(rank)) {
    if (entry === null) continue;
    const at = position.get(entry) ?? -1;
    assert.ok(at > before, `rank ${rank}: event ${entry.event.id} came after event ${entries[before]?.event.id}`);
    before = at;
  }

  const arrived = (entry: LedgerEntry): boolean =>
    checker.hasArrived(entry) || (entry.fate === "handed" && (entry.spoilt || entry.event.kind === "created"));
  for (const entry of entries) {
    const { kind, id, life } = entry.event;
    const name = `rank ${rank}, event ${id} of life ${life}`;
    if (entry.fate === "handed" && kind !== "created" && !entry.spoilt) assert.ok(arrived(entry), `${name} is missing`);
    if (entry.fate === "queued" || entry.fate === "gone") assert.ok(!arrived(entry), `${name} was never sent`);
  }

  let received = 0;
  let lost = 0;
  let holes = 0;
  let reached = -1;
  for (const [i, entry] of entries.entries()) {
    if (!arrived(entry)) continue;
    received++;
    // From the event before it in the same life of the engine, or else from that life's first.
    const sameLife = reached >= 0 && entries[reached]?.event.life === entry.event.life;
    // Whoever comes late does not know what was before.
    const missing = reached < 0 ? 0 : sameLife ? i - reached - 1 : entry.event.id;
    lost += missing;
    if (missing > 0) holes++;
    reached = i;
  }
  return { received, lost, holes };
}

function judgeCounters(page: MetricsPage, checker: Checker, expected: Expectation, received: number): void {
  const sum = (name: string, labels: Record<string, string> = {}): number => page.sum(`kvcast_${name}`, labels);
  const { injected, resets = 0, duplicates = 0, outOfOrder = 0, strayInvalid = 0 } = expected;
  const clears = Object.values(injected).reduce((a, b) => a + b);
  for (const [reason, count] of Object.entries(injected)) {
    assert.equal(sum("injected_events_total", { reason }), count, `clears for ${reason}`);
  }
  assert.equal(checker.clears, clears, "every clear has arrived");
  assert.equal(sum("sink_sent_events_total", { sink: "zmq" }), checker.delivered + clears, "events sent");
  assert.equal(sum("source_received_events_total"), received + duplicates + strayInvalid, "events received");
  assert.equal(sum("source_duplicate_events_total"), duplicates, "duplicates");
  assert.equal(sum("source_out_of_order_events_total"), outOfOrder, "events out of order");
  assert.equal(sum("source_sequence_resets_total"), resets, "restarts of engine ranks");
  assert.equal(sum("sink_dropped_events_total"), 0, "events dropped by the sink");
  assert.equal(sum("encode_dropped_events_total"), 0, "events that could not be encoded");
  assert.equal(sum("published_sequence"), checker.lastSequence, "last sequence number");
  assert.equal(sum("sink_sent_batches_total"), checker.messages, "messages sent");
}
