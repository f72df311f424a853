/**
 * How long `kvcast serve` takes from its start to the first event at a subscriber that was there before it, and to `/live`.
 */
import { request } from "node:http";
import { setTimeout } from "node:timers/promises";
import { Subscriber } from "zeromq";
import type { BenchCase } from "../bench-case.ts";
import { below } from "../goal.ts";
import { freePort } from "../support/free-port.ts";
import { spreadOf } from "../support/spread.ts";
import { WatchedService } from "../support/watched-service.ts";

/** Starts of one run; its figures are their medians. */
const STARTS = 5;
const QUICK_STARTS = 2;
/** How soon the subscriber tries again, and how often `/live` is asked: both are in what is measured. */
const RETRY_MS = 10;
const LIMIT_MS = 10_000;

interface Start {
  readonly firstEventMs: number;
  readonly liveMs: number;
  readonly saidMs: number;
}

async function isLive(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request({ host: "127.0.0.1", port, path: "/live", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asking.once("error", () => resolve(false));
    asking.end();
  });
}

async function untilLive(port: number): Promise<void> {
  for (const startMs = performance.now(); !(await isLive(port));) {
    if (performance.now() - startMs > LIMIT_MS) throw new Error("/live does not answer");
    await setTimeout(RETRY_MS);
  }
}

async function oneStart(): Promise<Start> {
  const zmqEndpoint = `tcp://127.0.0.1:${await freePort()}`;
  const port = await freePort();
  const subscriber = new Subscriber({ reconnectInterval: RETRY_MS, receiveTimeout: LIMIT_MS, linger: 0 });
  subscriber.connect(zmqEndpoint);
  subscriber.subscribe();
  const received = subscriber.receive();
  const addresses = ["--zmq-endpoint", zmqEndpoint, "--system-port", String(port)];
  // Without it the first message would be one that tells subscribers to forget.
  const service = WatchedService.spawn(["--engine", "synthetic:?rate=1000", ...addresses, "--clear-on-start", "off"]);
  try {
    const since = (): number => performance.now() - service.startedMs;
    const [firstEventMs, liveMs, saidMs] = await Promise.all([
      received.then(since),
      untilLive(port).then(since),
      service.up().then(since),
    ]);
    await service.stop();
    return { firstEventMs, liveMs, saidMs };
  } finally {
    service.kill();
    subscriber.close();
  }
}

export const START_CASE: BenchCase = {
  name: "start",
  unit: "ms",
  better: "less",
  goals: [below(700, "< 700 ms")],
  async run({ quick, progress }) {
    const starts: Start[] = [];
    const count = quick ? QUICK_STARTS : STARTS;
    while (starts.length < count) {
      progress(`start ${starts.length + 1} of ${count}`);
      starts.push(await oneStart());
    }
    const firsts = spreadOf(starts.map(({ firstEventMs }) => firstEventMs));
    return {
      main: firsts.median,
      more: {
        slowest: { value: firsts.max, unit: "ms" },
        "/live": { value: spreadOf(starts.map(({ liveMs }) => liveMs)).median, unit: "ms" },
        "start record": { value: spreadOf(starts.map(({ saidMs }) => saidMs)).median, unit: "ms" },
      },
    };
  },
};
