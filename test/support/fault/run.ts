/** A whole fault run: the oracle's engine, a proxy in front of it, `kvcast serve`, and the checker behind it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Kvcast, type ProcessOptions, serve, type ServeFacts } from "../processes.ts";
import { Checker } from "./checker.ts";
import { eventually } from "./deadline.ts";
import { type Expectation, judge, type Verdict } from "./judge.ts";
import { BLOCK_TOKENS } from "./oracle-event.ts";
import { OracleEngine } from "./oracle-engine.ts";
import { faultSeed } from "./seed.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** A fresh event must get through in this time once all faults are over; waits after failures take one second. */
const PROBE_MS = 2000;

export interface FaultRunOptions {
  readonly ranks?: number;
  readonly perDrain?: number;
  /** kvcast reaches the engine through the proxy. */
  readonly proxied?: boolean;
  /** Further flags of `kvcast serve`. */
  readonly flags?: string;
  readonly process?: ProcessOptions;
}

export interface FaultRun {
  readonly seed: number;
  readonly engine: OracleEngine;
  readonly proxy: TcpProxy;
  readonly service: Kvcast & { readonly facts: ServeFacts };
  readonly checker: Checker;
  readonly pid: number;
  /** Brings the run to rest and judges it. By default clears are those of a start. */
  settle(expected: Omit<Expectation, "injected"> & Partial<Pick<Expectation, "injected">>): Promise<Verdict>;
}

/** Flags of a service that reads this engine. */
export function serveFlags(engineUrl: string, ranks: number, more: string = ""): string {
  return (
    `--engine ${engineUrl} --kv-block-size ${BLOCK_TOKENS} --attention-dp-size ${ranks} --wait-subscribers 1` +
    (more === "" ? "" : ` ${more}`)
  );
}

export async function faultRun(t: TestContext, options: FaultRunOptions = {}): Promise<FaultRun> {
  const { ranks = 1, flags = "" } = options;
  const seed = faultSeed(t);
  const { perDrain = Infinity, proxied = false } = options;
  const engine = await OracleEngine.start(t, { seed, ranks, perDrain });
  const proxy = await TcpProxy.start(t, engine.port);
  // Where connections are cut and counted, they are those of the drains.
  const more = proxied ? `--iteration-stats off --perf-metrics off ${flags}`.trimEnd() : flags;
  const service = await serve(t, serveFlags(proxied ? proxy.url : engine.url, ranks, more), options.process);
  const checker = Checker.connect(t, service.facts.zmqEndpoint, engine.ledger);
  const { pid } = service.child;
  assert.ok(pid);
  const settle: FaultRun["settle"] = async (expected) => {
    await probe(engine, checker);
    return judge(service.facts.url, engine.ledger, checker, { injected: startClears(ranks), ...expected });
  };
  return { seed, engine, proxy, service, checker, pid, settle };
}

/** What kvcast adds when it starts: one clear a rank. */
export function startClears(ranks: number): Expectation["injected"] {
  return { start: ranks, restart: 0, gap: 0 };
}

/** The same, and one clear for each restart of a rank. */
export function restartClears(ranks: number, restarts: number): Expectation["injected"] {
  return { ...startClears(ranks), restart: restarts };
}

/** One fresh event of each rank gets through in time; then whatever came before it on that rank has come, or never will. */
export async function probe(engine: OracleEngine, checker: Checker): Promise<void> {
  engine.eventsPerDrain = 0;
  // Behind what is still queued, however much that is.
  await eventually("the engine is drained", 10_000, () => (engine.queued === 0 ? true : null));
  const probes = Array.from({ length: engine.ledger.ranks }, (_, rank) => {
    // The first event of a rank is never published, and a probe must be.
    engine.emitOn(rank);
    return engine.emitOn(rank);
  });
  await checker.until("fresh events arrive", PROBE_MS, () => probes.every((entry) => checker.hasArrived(entry)));
  // The poll that follows an answer is the proof that the answer was read to its end.
  await eventually("answers are confirmed", PROBE_MS, () =>
    probes.every((entry) => entry.fate === "handed") ? true : null,
  );
}
