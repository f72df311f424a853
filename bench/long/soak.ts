/**
 * A service under steady load for as long as one likes: `kvcast sim` with mild faults, `kvcast serve` on it over HTTP, and a
 * subscriber that follows the sequence. What is looked at is in `soak-checks.ts`; at the end the service is told to
 * stop, and its last words must agree with what the subscriber has.
 */
import { setTimeout } from "node:timers/promises";
import { FloodSubscriber } from "../../src/main/flood/subscriber.ts";
import { KvcastProcess } from "../../src/main/flood/kvcast-process.ts";
import { SoakChecks } from "./soak-checks.ts";

const SCRAPE_MS = 5000;
const LINE_MS = 60_000;
const MAX_WARM_UP_SECONDS = 60;
/** What was sent is there within this, or not at all. */
const LAST_MESSAGE_MS = 5000;
const LOOK_MS = 50;

const RANKS = 2;
const BLOCK_TOKENS = 32;
/** A busy engine; the machine stays free for other work. */
const TRAFFIC = `--rate 2000 --blocks 2 --tokens ${BLOCK_TOKENS} --ranks ${RANKS} --removed 0.2`;
/** Some hundred polls a second: each kind of fault comes every few seconds, too little to fall behind. */
const FAULTS = [
  "gap:0.05%",
  "http500:0.05%",
  "garbage:0.05%",
  "truncate:0.05%",
  "drop-connection:0.05%",
  "slow:200000B/s:0.05%",
];

export interface SoakOrder {
  readonly minutes: number;
  readonly seed: number;
  /** Takes a line a minute. */
  readonly say: (line: string) => void;
}

/** Runs for the time given. Resolves with what was wrong, one line each; none means all held. */
export async function runSoak({ minutes, seed, say }: SoakOrder): Promise<readonly string[]> {
  const totalMs = minutes * 60_000;
  const checks = new SoakChecks({
    warmUpSeconds: Math.min(MAX_WARM_UP_SECONDS, (totalMs / 1000) * 0.25),
    allIds: true,
  });
  const faults = FAULTS.flatMap((fault) => ["--fault", fault]);
  const engine = await KvcastProcess.sim([...TRAFFIC.split(" "), "--seed", String(seed), ...faults]);
  let service: KvcastProcess | null = null;
  let counter: FloodSubscriber | null = null;
  try {
    const size = ["--attention-dp-size", String(RANKS), "--kv-block-size", String(BLOCK_TOKENS)];
    service = await KvcastProcess.serve(["--engine", engine.url, ...size, "--wait-subscribers", "1"]);
    counter = new FloodSubscriber({
      endpoint: service.zmqEndpoint,
      blockSizeTokens: BLOCK_TOKENS,
      warmEvents: 1,
      events: null,
    });
    await watch(service, counter, checks, totalMs, say);
    const growth = checks.finish();
    say(
      growth === null
        ? "too few samples to say anything about growth: run it for longer"
        : `memory ${(growth.rss * 100).toFixed(1)} %, ${(growth.rssBytesPerHour / 2 ** 20).toFixed(1)} MiB an hour; ` +
            `open files ${growth.fds >= 0 ? "+" : ""}${growth.fds}`,
    );
    await compareEnds(service, counter);
  } catch (error) {
    checks.failures.add(error instanceof Error ? error.message : String(error));
  } finally {
    counter?.stop();
    service?.kill();
    engine.kill();
  }
  return [...checks.failures];
}

async function watch(
  service: KvcastProcess,
  counter: FloodSubscriber,
  checks: SoakChecks,
  totalMs: number,
  say: (line: string) => void,
): Promise<void> {
  const startMs = performance.now();
  let nextLineMs = LINE_MS;
  for (let elapsedMs = 0; elapsedMs < totalMs;) {
    await Promise.race([setTimeout(Math.min(SCRAPE_MS, totalMs - elapsedMs)), counter.broken()]);
    const page = await service.metrics();
    elapsedMs = performance.now() - startMs;
    checks.add(elapsedMs / 1000, page);
    if (elapsedMs < nextLineMs && elapsedMs < totalMs) continue;
    nextLineMs += LINE_MS;
    const { events = 0, messages = 0 } = counter.figures ?? {};
    const rss = page.value("process_resident_memory_bytes") / 2 ** 20;
    say(
      `${(elapsedMs / 60_000).toFixed(1)} of ${totalMs / 60_000} min: ${events} events in ${messages} messages, ` +
        `${page.sum("kvcast_source_errors_total")} failed polls, ` +
        `${page.sum("kvcast_source_sequence_gaps_total")} ids missing, ` +
        `${rss.toFixed(0)} MiB, ${page.value("process_open_fds")} open files, ` +
        `${checks.pages} pages, ${checks.failures.size} faults`,
    );
  }
}

/** Stops the service and compares what it says it published with what arrived. */
async function compareEnds(service: KvcastProcess, counter: FloodSubscriber): Promise<void> {
  const last = await service.stop();
  if (last === null) throw new Error("the service ended without its last words");
  const lastSequence = Number(last["last_sequence"]);
  const deadlineMs = performance.now() + LAST_MESSAGE_MS;
  let report = await counter.report();
  while (report.lastSequence < lastSequence && performance.now() < deadlineMs) {
    await setTimeout(LOOK_MS);
    report = await counter.report();
  }
  const mustBe: readonly (readonly [name: string, is: number, should: unknown])[] = [
    ["last sequence number at the subscriber", report.lastSequence, lastSequence],
    ["messages at the subscriber", report.messages, lastSequence + 1],
    ["events at the subscriber", report.events, last["published_events"]],
    ["events dropped", Number(last["dropped_events"]), 0],
  ];
  for (const [name, is, should] of mustBe) if (is !== should) throw new Error(`${name}: ${is}, not ${String(should)}`);
}
