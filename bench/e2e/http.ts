/**
 * Events of an engine that is read over HTTP: drained, scanned, published, received. Once with `kvcast sim` in the engine's
 * place, which makes its JSON as it goes, and once with ready-made answers, so that the engine is not what is measured.
 * `…-alone` are the same two with a client that throws away what it reads: more than that no reader can have.
 */
import { fork } from "node:child_process";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { atLeast } from "../goal.ts";
import { nextMessage } from "../support/child-message.ts";
import { KvcastProcess } from "../../src/main/flood/kvcast-process.ts";
import { measuredRun, usageFigures } from "./measured-run.ts";
import { HELD_AND_BARE, publisherOf } from "./publishers.ts";
import type { ReplayOrder } from "./replay-engine-process.ts";

const REPLAY_PROCESS = fileURLToPath(new URL("./replay-engine-process.js", import.meta.url));
const QUICK_SHARE = 0.2;
const WARM_SHARE = 0.2;
/** Each event is one block. */
const EVENTS = { sim: 500_000, replayed: 800_000 };

/** Stands where a trtllm-serve would. */
interface Engine {
  readonly url: string;
  readonly kill: () => void;
}

type StartEngine = (events: number) => Promise<Engine>;

async function startSim(events: number): Promise<Engine> {
  const traffic = ["--rate", "max", "--events", String(events), "--blocks", "1", "--removed", "0"];
  const sim = await KvcastProcess.sim(traffic);
  return { url: sim.url, kill: () => sim.kill() };
}

async function startReplay(events: number): Promise<Engine> {
  const order: ReplayOrder = { events };
  const child = fork(REPLAY_PROCESS, [JSON.stringify(order)]);
  const { url } = (await nextMessage(child, "the replaying engine")) as { url: string };
  return { url, kill: () => void child.kill("SIGKILL") };
}

async function throughKvcast(events: number, start: StartEngine, context: RunContext): Promise<RunResult> {
  const engine = await start(events);
  try {
    const service = await KvcastProcess.serve(["--engine", engine.url, ...HELD_AND_BARE]);
    const sizes = { events, warmEvents: Math.round(events * WARM_SHARE) };
    const run = await measuredRun(publisherOf(service, events), sizes, context);
    const { timedEvents, timedMs, totalMs } = run.report;
    return {
      main: (timedEvents * 1000) / timedMs,
      more: {
        ...usageFigures(run),
        cold: { value: (events * 1000) / totalMs, unit: "blocks/s" },
      },
    };
  } finally {
    engine.kill();
  }
}

/** Bytes of one drain's answer. */
function drain(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(`${url}/kv_cache_events`, { method: "POST", agent }, (response) => {
      let bytes = 0;
      response.on("data", (part: Buffer) => (bytes += part.length));
      response.once("error", reject);
      response.once("end", () => resolve(bytes));
    });
    asking.once("error", reject);
    asking.end();
  });
}

/** `[]` */
const EMPTY_BYTES = 2;

async function alone(events: number, start: StartEngine): Promise<RunResult> {
  const engine = await start(events);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const startMs = performance.now();
    let total = 0;
    let drains = 0;
    for (let bytes = await drain(engine.url, agent); bytes > EMPTY_BYTES; bytes = await drain(engine.url, agent)) {
      total += bytes;
      drains++;
    }
    const seconds = (performance.now() - startMs) / 1000;
    return {
      main: events / seconds,
      more: {
        read: { value: total / seconds, unit: "B/s" },
        drains: { value: drains / seconds, unit: "drains/s" },
      },
    };
  } finally {
    agent.destroy();
    engine.kill();
  }
}

function pair(name: keyof typeof EVENTS, start: StartEngine): readonly BenchCase[] {
  const events = (quick: boolean): number => Math.round(EVENTS[name] * (quick ? QUICK_SHARE : 1));
  return [
    {
      name: `http/${name}`,
      unit: "blocks/s",
      rival: `http/${name}-alone`,
      goals: [atLeast(120_000, "≥ 120 k")],
      run: (context) => throughKvcast(events(context.quick), start, context),
    },
    { name: `http/${name}-alone`, unit: "blocks/s", run: ({ quick }) => alone(events(quick), start) },
  ];
}

export const HTTP_CASES: readonly BenchCase[] = [...pair("sim", startSim), ...pair("replayed", startReplay)];
