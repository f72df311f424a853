/**
 * Events to a real nats-server: how many a second it has confirmed, by `kvcast serve` with NATS as its only sink, and by the
 * client library alone. Nothing may be dropped, and the books must balance.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { KvcastProcess } from "../../src/main/flood/kvcast-process.ts";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { assertBooks } from "../../test/support/books.ts";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { atMost, figure, multipleOf } from "../goal.ts";
import type { NatsRivalOrder, NatsRivalReport } from "../rivals/nats-simple.ts";
import { nextMessage } from "../support/child-message.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { ageResult, measuredRun, usageFigures } from "./measured-run.ts";
import { startKvcast } from "./publishers.ts";

const RIVAL = fileURLToPath(new URL("../rivals/nats-simple.js", import.meta.url));
const QUICK_SHARE = 0.2;
/** The first part compiles code, and is not timed. */
const WARM_SHARE = 0.2;
/** A page is handed out again for so long. */
const PAGE_MS = 100;
const MAX_RUNS = 3;
/** The slowest hundredth is moved by little: it takes more runs to know it. */
const MAX_AGE_RUNS = 5;
const BESIDE_RATE = 10_000;
/**
 * V8 goes on compiling for so long at this rate, and what it compiles holds up a message for a millisecond and more: from the 5th
 * to the 25th second 152 functions beside NATS and 34 alone, from the 40th on one a second at most.
 */
const BESIDE_WARM_SECONDS = 40;
const BESIDE_SECONDS = 16;
const NAME = "nats";

class Server {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  static async start(): Promise<Server> {
    const folder = mkdtempSync(path.join(tmpdir(), "kvcast-bench-nats-"));
    const child = spawn("nats-server", ["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", folder], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let url: string | null = null;
    for await (const line of createInterface({ input: child.stderr })) {
      const port = /Listening for client connections on \S+:(\d+)/u.exec(line)?.[1];
      if (port !== undefined) url = `nats://127.0.0.1:${port}`;
      if (line.includes("Server is ready")) break;
    }
    child.stderr.resume();
    if (url === null) throw new Error("nats-server did not start");
    return new Server(url, child, folder);
  }

  /** It answers no more, and its connections stay open. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Null when there is a nats-server to run. */
function absence(): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(path.delimiter)) {
    try {
      accessSync(path.join(folder, "nats-server"), constants.X_OK);
      return null;
    } catch {
      // Not in this folder.
    }
  }
  return "there is no nats-server on the PATH (Debian: apt-get install nats-server)";
}

function confirmed(page: MetricsPage): number {
  return page.sum("kvcast_sink_sent_events_total", { sink: "nats" });
}

interface NatsSpec {
  readonly events: number;
  readonly encoding: "dynamo" | "raw";
  readonly stream: string | null;
}

async function throughKvcast(spec: NatsSpec, context: RunContext): Promise<RunResult> {
  const events = Math.round(spec.events * (context.quick ? QUICK_SHARE : 1));
  const server = await Server.start();
  try {
    const traffic = `rate=max&events=${events}&blocks=1&tokens=${TOKENS_A_BLOCK}&removed=0&seed=1`;
    const engine = ["--engine", `synthetic:?${traffic}`, "--kv-block-size", String(TOKENS_A_BLOCK)];
    const sink = ["--sink", "nats", "--nats-url", server.url, "--nats-encoding", spec.encoding, "--worker-id", "1"];
    const stream = spec.stream === null ? [] : ["--nats-jetstream", spec.stream];
    // So that the server has what the engine made, and nothing else.
    const bare = ["--clear-on-start", "off", "--load", "off"];
    const service = await KvcastProcess.serve([...engine, ...sink, ...stream, ...bare]);
    const result = await measure(service, events, context);
    await service.stop();
    return result;
  } finally {
    await server.stop();
  }
}

async function measure(service: KvcastProcess, events: number, context: RunContext): Promise<RunResult> {
  let warm: { readonly ms: number; readonly events: number; readonly cpuSeconds: number } | null = null;
  for (;;) {
    const page = await service.metrics();
    const nowMs = performance.now();
    const sent = confirmed(page);
    const cpuSeconds = page.value("process_cpu_seconds_total");
    context.progress(`${Math.floor((100 * sent) / events)} %`);
    if (warm === null && sent >= WARM_SHARE * events) warm = { ms: nowMs, events: sent, cpuSeconds };
    if (sent < events) {
      await setTimeout(PAGE_MS);
      continue;
    }
    assertBooks(page, true);
    const dropped = page.sum("kvcast_sink_dropped_events_total") + page.sum("kvcast_ring_dropped_events_total");
    if (dropped > 0) throw new Error(`${dropped} events were dropped`);
    if (warm === null || warm.events === sent) throw new Error("it was over before it was warm");
    const timed = sent - warm.events;
    const messages = page.sum("kvcast_sink_sent_batches_total", { sink: "nats" });
    return {
      main: (timed * 1000) / (nowMs - warm.ms),
      more: {
        CPU: { value: ((cpuSeconds - warm.cpuSeconds) * 1e6) / timed, unit: "µs/event" },
        "events a message": { value: events / messages, unit: "" },
        peak: { value: (service.peakRssBytes() ?? Number.NaN) / 2 ** 20, unit: "MiB" },
      },
    };
  }
}

async function alone(fullEvents: number, stream: string | null, context: RunContext): Promise<RunResult> {
  const events = Math.round(fullEvents * (context.quick ? QUICK_SHARE : 1));
  const server = await Server.start();
  try {
    const order: NatsRivalOrder = { blocks: 1, events, ratePerSecond: null, url: server.url, stream };
    const child = fork(RIVAL, [JSON.stringify(order)]);
    const { seconds, cpuSeconds } = (await nextMessage(child, "the client alone")) as NatsRivalReport;
    return { main: events / seconds, more: { CPU: { value: (cpuSeconds * 1e6) / events, unit: "µs/event" } } };
  } finally {
    await server.stop();
  }
}

/** What becomes of the server when the warm-up is over. */
type Fate = "lives" | "freezes" | "dies";

/** Ages of events over ZMQ at a steady rate; null: without NATS. */
async function zmqBeside(fate: Fate | null, context: RunContext): Promise<RunResult> {
  const share = context.quick ? QUICK_SHARE : 1;
  const warmEvents = Math.round(BESIDE_RATE * BESIDE_WARM_SECONDS * share);
  const events = warmEvents + Math.round(BESIDE_RATE * BESIDE_SECONDS * share);
  const server = fate === null ? null : await Server.start();
  try {
    const both =
      server === null ? [] : ["--sink", "both", "--worker-id", "1", "--load", "off", "--nats-url", server.url];
    const publisher = await startKvcast({ blocks: 1, events, ratePerSecond: BESIDE_RATE }, "vllm", both);
    const run = await measuredRun(publisher, { events, warmEvents }, context, async () => {
      if (fate === "freezes") server?.freeze();
      if (fate === "dies") await server?.stop();
    });
    const { main, more } = ageResult(run);
    return { main, more: { ...more, ...usageFigures(run) } };
  } finally {
    if (fate !== "dies") await server?.stop();
  }
}

/**
 * The same, with a run without NATS right before it: what the machine does meanwhile changes within minutes by more than what is
 * to be measured, so each run has its own to be compared with.
 */
async function zmqAloneThenBeside(fate: Fate, context: RunContext): Promise<RunResult> {
  const { main: aloneMicros } = await zmqBeside(null, context);
  const beside = await zmqBeside(fate, context);
  return { main: beside.main, more: { [BY_ALONE]: { value: beside.main / aloneMicros, unit: "×" }, ...beside.more } };
}

/**
 * The same without NATS, while another process sends as many events to a server by the client library: what the machine's
 * other work costs by itself.
 */
async function zmqBesideStranger(context: RunContext): Promise<RunResult> {
  const server = await Server.start();
  const events = Math.round(BESIDE_RATE * (BESIDE_WARM_SECONDS + BESIDE_SECONDS) * (context.quick ? QUICK_SHARE : 1));
  const order: NatsRivalOrder = { blocks: 1, events, ratePerSecond: BESIDE_RATE, url: server.url, stream: null };
  const stranger = fork(RIVAL, [JSON.stringify(order)]);
  try {
    return await zmqBeside(null, context);
  } finally {
    stranger.kill("SIGKILL");
    await server.stop();
  }
}

/** p99 by that of the run without NATS right before it. */
const BY_ALONE = "by the run before";
const ZMQ_ALONE = `${NAME}/zmq-alone`;
const STRANGER = `${NAME}/zmq-beside-a-stranger`;
const BESIDE_LIVE = `${NAME}/zmq-beside-one-that-lives`;
const AGE_CASE = { unit: "µs", better: "less", maxRuns: MAX_AGE_RUNS, absence } as const;
const NEAR_ALONE = atMost(1.2, "p99 ≤ 1.2 × alone, run by run", figure(BY_ALONE));
const BESIDE_CASES: readonly BenchCase[] = [
  {
    ...AGE_CASE,
    name: BESIDE_LIVE,
    rival: ZMQ_ALONE,
    otherRivals: [STRANGER],
    compared: ["p50", "CPU"],
    goals: [NEAR_ALONE, atMost(1.2, "p99 ≤ 1.2 × beside a stranger", multipleOf([STRANGER]))],
    run: (context) => zmqAloneThenBeside("lives", context),
  },
  ...(["freezes", "dies"] as const).map((fate) => ({
    ...AGE_CASE,
    name: `${NAME}/zmq-beside-one-that-${fate}`,
    rival: BESIDE_LIVE,
    otherRivals: [ZMQ_ALONE],
    compared: ["p50"],
    goals: [atMost(1.2, "p99 ≤ 1.2 × beside one that lives", multipleOf([BESIDE_LIVE])), NEAR_ALONE],
    run: (context: RunContext) => zmqAloneThenBeside(fate, context),
  })),
  { ...AGE_CASE, name: STRANGER, rival: ZMQ_ALONE, compared: ["p50"], run: zmqBesideStranger },
  { ...AGE_CASE, name: ZMQ_ALONE, run: (context) => zmqBeside(null, context) },
];

const CASE = { unit: "events/s", maxRuns: MAX_RUNS, absence } as const;

const RATE_CASES: readonly BenchCase[] = (["core", "jetstream"] as const).flatMap((way) => {
  const stream = way === "core" ? null : "KV";
  const rival = `${NAME}/${way}-client-alone`;
  const rivalEvents = way === "core" ? 400_000 : 100_000;
  return [
    ...(["dynamo", "raw"] as const).map((encoding) => ({
      ...CASE,
      name: `${NAME}/${way}-${encoding}`,
      rival,
      compared: ["CPU"],
      run: (context: RunContext) => throughKvcast({ events: 2_000_000, encoding, stream }, context),
    })),
    { ...CASE, name: rival, run: (context: RunContext) => alone(rivalEvents, stream, context) },
  ];
});

export const NATS_CASES: readonly BenchCase[] = [...RATE_CASES, ...BESIDE_CASES];
