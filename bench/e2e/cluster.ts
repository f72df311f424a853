/**
 * A broadcast to all workers of a cluster and back: the leader in this process, the workers in another one, all on TCP. The rival
 * is the same way with the bare sockets, which nobody can go below: PUB and PULL here, a SUB and a PUSH for each worker.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Publisher, Pull } from "zeromq";
import { ClusterLeader } from "../../src/main/cluster/leader.ts";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { nextMessage } from "../support/child-message.ts";
import { percentile } from "../support/spread.ts";
import { ECHO, type WorkersOrder } from "./cluster-order.ts";

const WORKERS = fileURLToPath(new URL("./cluster-workers-process.js", import.meta.url));
const ANY = "tcp://127.0.0.1:*";
const SIZES = [1, 8, 64] as const;
const ROUND_TRIPS = 4000;
/** With many workers one takes longer. */
const ANSWERS = 64_000;
const QUICK_SHARE = 0.2;
/** Of the round trips, before any is measured: code is compiled by then. */
const WARM_SHARE = 0.25;
const TIMEOUT_MS = 10_000;

interface Side {
  readonly pub: string;
  readonly ack: string;
  /** Resolves when all workers have answered once. */
  ready(): Promise<void>;
  roundTrip(): Promise<void>;
  close(): void;
}

async function ours(workers: number): Promise<Side> {
  const leader = await ClusterLeader.bind({ endpoints: { pub: ANY, ack: ANY }, numWorkers: workers });
  return {
    ...leader.endpoints,
    ready: async () => void (await leader.handshake({ timeoutMs: TIMEOUT_MS, pingEveryMs: 50 })),
    async roundTrip(): Promise<void> {
      const { isComplete } = await leader.broadcast(ECHO, [], { timeoutMs: TIMEOUT_MS });
      if (!isComplete) throw new Error("a worker did not answer");
    },
    close: () => leader.close(),
  };
}

async function bare(workers: number): Promise<Side> {
  const pub = new Publisher({ linger: 0 });
  const pull = new Pull({ linger: 0, receiveTimeout: TIMEOUT_MS });
  await pub.bind(ANY);
  await pull.bind(ANY);
  let id = 0n;
  const send = async (): Promise<Buffer> => {
    const frame = Buffer.alloc(8);
    frame.writeBigUInt64BE(++id);
    await pub.send([frame, ECHO]);
    return frame;
  };
  const answers = async (frame: Buffer): Promise<void> => {
    for (let heard = 0; heard < workers;) {
      const [answer] = await pull.receive();
      if (answer?.equals(frame) === true) heard++;
    }
  };
  return {
    pub: pub.lastEndpoint ?? "",
    ack: pull.lastEndpoint ?? "",
    async ready(): Promise<void> {
      // Who is not subscribed yet hears nothing: so it is said again and again, until the first one of them is heard by all.
      const counts = new Map<string, number>();
      const again = setInterval(() => void send(), 20);
      try {
        for (let most = 0; most < workers;) {
          const [answer] = await pull.receive();
          const key = answer?.toString("hex") ?? "";
          most = (counts.get(key) ?? 0) + 1;
          counts.set(key, most);
        }
      } finally {
        clearInterval(again);
      }
    },
    roundTrip: async () => answers(await send()),
    close(): void {
      pub.close();
      pull.close();
    },
  };
}

async function run(workers: number, isBare: boolean, { quick, progress }: RunContext): Promise<RunResult> {
  const side = await (isBare ? bare(workers) : ours(workers));
  const order: WorkersOrder = { pub: side.pub, ack: side.ack, workers, isBare };
  const child = fork(WORKERS, [JSON.stringify(order)]);
  try {
    await nextMessage(child, "the workers");
    await side.ready();
    const count = Math.floor(Math.min(ROUND_TRIPS, ANSWERS / workers) * (quick ? QUICK_SHARE : 1));
    const timesUs: number[] = [];
    for (let n = 0; n < count; n++) {
      const startMs = performance.now();
      await side.roundTrip();
      if (n >= count * WARM_SHARE) timesUs.push((performance.now() - startMs) * 1000);
      if (n % 100 === 0) progress(`${Math.floor((100 * n) / count)} %`);
    }
    return { main: percentile(timesUs, 0.5), more: { p99: { value: percentile(timesUs, 0.99), unit: "µs" } } };
  } finally {
    child.kill();
    side.close();
  }
}

/** Round trips, one after the other; the figure is p50. */
export const CLUSTER_CASES: readonly BenchCase[] = SIZES.flatMap((workers) => {
  const common = { unit: "µs", better: "less" } as const;
  const rival = `cluster/${workers}-sockets`;
  return [
    {
      ...common,
      name: `cluster/${workers}`,
      rival,
      compared: ["p99"],
      run: (context: RunContext) => run(workers, false, context),
    },
    { ...common, name: rival, run: (context: RunContext) => run(workers, true, context) },
  ];
});
