/**
 * What live publishing notes of those who ask for more: snapshots of a million blocks over HTTP, and clients that replay the
 * whole window again and again, beside a steady stream. The first case is the same stream with nobody asking.
 */
import { Dealer } from "zeromq";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { below, type Goal, figure } from "../goal.ts";
import { freePort } from "../support/free-port.ts";
import { agesOf, type Meanwhile, measuredRun, usageFigures } from "./measured-run.ts";
import { startKvcast } from "./publishers.ts";

/** 1.04 million blocks by the end of the warm-up. */
const RATE = 10_000;
const BLOCKS = 8;
const TOKENS = 4;
const WARM_SECONDS = 13;
const TIMED_SECONDS = 10;
const QUICK_SHARE = 0.2;
const MAX_RUNS = 3;
const REPLAY_CLIENTS = 8;
/** Longest wait for the next message of an answer. */
const REPLAY_TIMEOUT_MS = 10_000;
const NAME = "beside";
const ALONE = `${NAME}/nobody`;

interface Asking {
  readonly meanwhile: Meanwhile;
  /** What was asked, once the run is over. */
  readonly figures: () => RunResult["more"];
}

async function run(context: RunContext, ask: (url: string, replayEndpoint: string) => Asking): Promise<RunResult> {
  const share = context.quick ? QUICK_SHARE : 1;
  const warmEvents = Math.round(RATE * WARM_SECONDS * share);
  const events = warmEvents + Math.round(RATE * TIMED_SECONDS * share);
  const replayEndpoint = `tcp://127.0.0.1:${await freePort()}`;
  const options = ["--snapshot", "--snapshot-max-blocks", "4000000", "--replay-endpoint", replayEndpoint];
  const order = { blocks: BLOCKS, events, ratePerSecond: RATE, tokens: TOKENS };
  const publisher = await startKvcast(order, "vllm", options);
  const asking = ask(publisher.url, replayEndpoint);
  const sizes = { events, warmEvents, tokens: TOKENS };
  const measured = await measuredRun(publisher, sizes, context, asking.meanwhile);
  const ages = agesOf(measured);
  return {
    main: ages.p99Micros / 1000,
    more: {
      p50: { value: ages.p50Micros / 1000, unit: "ms" },
      "p99.9": { value: ages.p999Micros / 1000, unit: "ms" },
      max: { value: ages.maxMicros / 1000, unit: "ms" },
      ...asking.figures(),
      ...usageFigures(measured),
    },
  };
}

function nobody(): Asking {
  return { meanwhile: async () => {}, figures: () => ({}) };
}

/** One snapshot after the other, read and thrown away. */
function snapshots(url: string): Asking {
  const seconds: number[] = [];
  let bytes = 0;
  return {
    meanwhile: async (ended) => {
      while (!ended()) {
        const startMs = performance.now();
        const response = await fetch(`${url}/v1/kv/snapshot`);
        if (!response.ok) throw new Error(`the snapshot answers ${response.status}`);
        bytes = 0;
        for await (const part of response.body ?? []) bytes += (part as Uint8Array).length;
        seconds.push((performance.now() - startMs) / 1000);
      }
    },
    figures: () => ({
      snapshot: { value: Math.max(...seconds), unit: "s" },
      taken: { value: seconds.length, unit: "" },
      size: { value: bytes / 2 ** 20, unit: "MiB" },
    }),
  };
}

/** Some clients, each of which asks for everything from 0 on as soon as it has its answer. */
function replays(_url: string, endpoint: string): Asking {
  let messages = 0;
  let answers = 0;
  const one = async (ended: () => boolean): Promise<void> => {
    const dealer = new Dealer({ linger: 0, receiveTimeout: REPLAY_TIMEOUT_MS });
    try {
      dealer.connect(endpoint);
      while (!ended()) {
        await dealer.send(["", Buffer.alloc(8)]);
        for (let isOver = false; !isOver; messages++) {
          const [, , , payload] = await dealer.receive();
          isOver = payload?.length === 0;
        }
        answers++;
      }
    } finally {
      dealer.close();
    }
  };
  return {
    meanwhile: async (ended) => {
      await Promise.all(Array.from({ length: REPLAY_CLIENTS }, () => one(ended)));
    },
    figures: () => ({
      replayed: { value: messages / TIMED_SECONDS, unit: "messages/s" },
      answers: { value: answers, unit: "" },
    }),
  };
}

/** By how many milliseconds the slowest hundredth is later than with nobody asking. */
const ADDED: Goal["of"] = (view) => {
  const alone = view.rival(ALONE);
  return alone === null ? null : view.main - alone.main;
};

const CASE = { unit: "ms", better: "less", maxRuns: MAX_RUNS } as const;

export const BESIDE_CASES: readonly BenchCase[] = [
  {
    ...CASE,
    name: `${NAME}/snapshots`,
    rival: ALONE,
    compared: ["p50"],
    goals: [below(5, "p99 + < 5 ms", ADDED), below(2, "snapshot < 2 s", figure("snapshot"))],
    run: (context) => run(context, snapshots),
  },
  {
    ...CASE,
    name: `${NAME}/replays`,
    rival: ALONE,
    compared: ["p50"],
    goals: [below(5, "p99 + < 5 ms", ADDED)],
    run: (context) => run(context, replays),
  },
  { ...CASE, name: ALONE, run: (context) => run(context, nobody) },
];
