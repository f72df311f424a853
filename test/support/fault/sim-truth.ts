/**
 * The obligation log of a `kvcast sim`, worked out from its seed: for runs in which the engine is a process of its own that
 * can be stopped. What became of its answers is not known here, so every event is one that may be delivered or lost.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { TrafficConfig } from "../../../src/main/config/config.ts";
import { PARENT, RAW_KIND, RawEvent } from "../../../src/main/engine/raw-event.ts";
import type { FeedStats } from "../../../src/main/sim/event-feed.ts";
import { RestartingTraffic } from "../../../src/main/sim/restarting-traffic.ts";
import { runSim } from "../../../src/main/sim/run-sim.ts";
import { SIM_DEFAULTS } from "../../../src/main/sim/sim-config.ts";
import { trafficConfig } from "../expected-stream.ts";
import { type Kvcast, sim } from "../processes.ts";
import { hashAt, u64 } from "../traffic-model.ts";
import { eventually } from "./deadline.ts";
import { Ledger } from "./ledger.ts";
import { BLOCK_TOKENS, type OracleEvent } from "./oracle-event.ts";

export interface SimTraffic {
  readonly seed: number;
  readonly events: number;
  /** Events a second. */
  readonly rate: number;
  readonly ranks: number;
}

export interface SimRun {
  readonly url: string;
  readonly ledger: Ledger;
  stats(): Promise<FeedStats>;
  /** Waits until the last event has been made and fetched. */
  finished(limitMs: number): Promise<FeedStats>;
}

/** A stand-in engine in a process of its own. */
export async function startSim(
  t: TestContext,
  traffic: SimTraffic,
): Promise<SimRun & { readonly process: Kvcast & { readonly url: string } }> {
  const config = configOf(traffic);
  const { seed, events, rate, ranks } = traffic;
  const process = await sim(
    t,
    `--seed ${seed} --events ${events} --rate ${rate} --ranks ${ranks} --tokens ${BLOCK_TOKENS} ` +
      `--blocks ${config.blocks} --removed ${config.removed} --kv-block-size ${BLOCK_TOKENS}`,
  );
  const stats = async (): Promise<FeedStats> => (await (await fetch(`${process.url}/sim/stats`)).json()) as FeedStats;
  return { ...simRun(config, process.url, stats), process };
}

/** One in the test's process, whose traffic begins with the first drain: nothing is lost before kvcast is there. */
export async function startSimHere(t: TestContext, traffic: SimTraffic, bufferMaxEvents: number): Promise<SimRun> {
  const config = configOf(traffic);
  const server = await runSim({ ...SIM_DEFAULTS, port: 0, traffic: config, bufferMaxEvents, startEmpty: true });
  t.after(() => server.close());
  return simRun(config, server.url, () => Promise.resolve(server.stats()));
}

function configOf({ seed, events, rate, ranks }: SimTraffic): TrafficConfig {
  return trafficConfig({ seed, events, ranks, ratePerSecond: rate, tokens: BLOCK_TOKENS });
}

function simRun(config: TrafficConfig, url: string, stats: () => Promise<FeedStats>): SimRun {
  return {
    url,
    ledger: ledgerOf(config),
    stats,
    finished: (limitMs) =>
      eventually("the stand-in engine has given everything away", limitMs, async () => {
        const now = await stats();
        return now.published === config.events && now.buffered === 0 ? now : null;
      }),
  };
}

function ledgerOf(config: TrafficConfig): Ledger {
  const traffic = new RestartingTraffic(config, []);
  const ledger = new Ledger(config.ranks);
  const raw = new RawEvent();
  // The first event of each rank is asked for long before anything goes wrong.
  while (traffic.next(raw)) ledger.add(eventOf(raw), raw.kind === RAW_KIND.created ? "handed" : "sent");
  return ledger;
}

function eventOf(raw: RawEvent): OracleEvent {
  const kind = raw.kind === RAW_KIND.created ? "created" : raw.kind === RAW_KIND.stored ? "stored" : "removed";
  assert.equal(raw.defect, null);
  return {
    life: 0,
    rank: raw.rank,
    id: raw.eventId,
    kind,
    hashes: Array.from({ length: raw.blockCount }, (_, i) => hashAt(raw, i)),
    parent: kind === "stored" && raw.parent === PARENT.given ? u64(raw.parentLo, raw.parentHi) : null,
    tokens: [...raw.tokens.subarray(0, raw.tokenCount)],
  };
}
