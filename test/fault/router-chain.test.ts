/**
 * The whole chain in real processes, from engines to the router's index, while parts of it fail and come back: what the index says at
 * the end is what the engines hold, block by block.
 *
 *   2 × ( 2 engines → serve → consolidate ) → nats-server → index
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import type { FeedStats } from "../../src/main/sim/event-feed.ts";
import { scrape } from "../support/books.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { type Contents, contentsOfIndex, contentsOfSim, isSame } from "../support/index-contents.ts";
import { NatsServer } from "../support/nats-server.ts";
import { consolidate, index, type Kvcast, serve, sim } from "../support/processes.ts";

const PATIENCE_MS = 60_000;
const EVENTS = 800;
const WORKERS = ["1", "2"] as const;

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "kvcast-chain-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function statsOf({ url }: { readonly url: string }): Promise<FeedStats> {
  return (await (await fetch(`${url}/sim/stats`)).json()) as FeedStats;
}

/** The rest of the test can be begun when so much was published. */
async function published(engine: { readonly url: string }, events: number): Promise<void> {
  await eventually(`${events} events of an engine`, PATIENCE_MS, async () =>
    (await statsOf(engine)).published >= events ? true : null,
  );
}

async function gone({ child, exit }: Kvcast, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await within("it ends", PATIENCE_MS, exit);
}

/** Blocks of both that are the same, for the message of a failure. */
function sizes(contents: Contents): string {
  return [...contents].map(([rank, set]) => `${rank}: ${set.size}`).join(", ");
}

test(
  "four engines, two workers: after faults of every part the index holds what the engines hold",
  { timeout: 180_000 },
  async (t) => {
    const server = await NatsServer.start(t, "jetstream");
    if (server === null) return;
    const folder = await folderOf(t);
    const at = (name: string): string => `ipc://${path.join(folder, name)}`;
    const nats = `--nats-url ${server.url} --nats-jetstream KV`;
    const flags = `--block-size 32 --nats ${nats}`;

    // One of the engines begins anew in the middle, and all answer slowly or not at all now and then.
    const engines = await Promise.all(
      [1, 2, 3, 4].map((seed) => {
        const restart = seed === 2 ? ` --fault restart-at:${EVENTS / 2}` : "";
        return sim(t, `--events ${EVENTS} --rate 250 --removed 0.3 --seed ${seed} --fault http500:5%${restart}`);
      }),
    );
    const startServe = (worker: number): Promise<Kvcast> => {
      const two = engines.slice(2 * worker, 2 * worker + 2).map(({ url }, i) => `--engine e${i}=${url}`);
      const state = `--state-dir ${path.join(folder, `state${worker}`)} --snapshot`;
      return serve(
        t,
        `${two.join(" ")} --zmq-endpoint ${at(`s${worker}`)} --replay-endpoint ${at(`r${worker}`)} ${state}`,
      );
    };
    const startConsolidate = (worker: number): Promise<Kvcast> => {
      const source = `--engine-endpoint trtllm=${at(`s${worker}`)}?replay=${at(`r${worker}`)}`;
      const sinks = `--sink both ${nats} --worker-id ${WORKERS[worker] ?? ""} --kv-block-size 32`;
      const zmq = `--output-endpoint ${at(`c${worker}`)} --replay-endpoint ${at(`cr${worker}`)}`;
      return consolidate(t, `${source} ${sinks} ${zmq} --wire-format vllm`);
    };
    const zmqWorkers = WORKERS.map((id, i) => `${id}=${at(`c${i}`)}?replay=${at(`cr${i}`)}`).join(",");
    const [core, zmq] = await Promise.all([
      index(t, `--block-size 32 --nats --nats-url ${server.url}`),
      index(t, `--block-size 32 --workers ${zmqWorkers}`),
    ]);
    const [consolidates, serves] = await Promise.all([
      Promise.all([startConsolidate(0), startConsolidate(1)]),
      Promise.all([startServe(0), startServe(1)]),
    ]);
    const early = await index(t, flags);

    const [first] = engines;
    assert.ok(first);
    await published(first, 150);
    // A worker's service ends in order, and goes on where it was; a consolidator dies, and reads again what there was.
    const [, secondServe] = serves;
    const [firstConsolidate] = consolidates;
    assert.ok(secondServe && firstConsolidate);
    await Promise.all([gone(secondServe, "SIGTERM"), gone(firstConsolidate, "SIGKILL")]);
    await Promise.all([startServe(1), startConsolidate(0)]);
    await published(first, 350);
    await server.kill();
    await gone(early, "SIGKILL");
    await published(first, 500);
    await server.restart();
    const late = await index(t, flags);

    await Promise.all(engines.map((engine) => published(engine, EVENTS)));
    const truth = new Map<string, ReadonlySet<bigint>>();
    for (const [i, { url }] of engines.entries()) {
      const held = await contentsOfSim(url);
      assert.deepEqual([...held.keys()], [0]);
      truth.set(`${WORKERS[i >> 1] ?? ""}:${i & 1}`, held.get(0) ?? new Set());
    }
    for (const set of truth.values()) assert.ok(set.size > 50, "an engine holds something");

    for (const [what, one] of Object.entries({ "over JetStream": late, "over ZMQ": zmq })) {
      let seen: Contents = new Map();
      const isThere = async (): Promise<true | null> => {
        seen = await contentsOfIndex(one.url);
        return isSame(seen, truth) ? true : null;
      };
      await eventually(`the index ${what} is as the engines`, PATIENCE_MS, isThere).catch((error: unknown) => {
        throw new Error(`${String(error)}: engines ${sizes(truth)}; index ${sizes(seen)}\n${one.text()}`);
      });
      const page = await scrape(one.url);
      assert.equal(page.sum("kvcast_router_index_refused_messages_total"), 0, what);
      assert.equal(page.sum("kvcast_router_index_lost_messages_total"), 0, what);
    }
    // Over core NATS nobody keeps what is published while a connection is away, and it shows with the next event only.
    const page = await scrape(core.url);
    assert.ok(page.sum("kvcast_router_index_messages_total", { input: "nats" }) > 0);
    assert.equal(page.sum("kvcast_router_index_refused_messages_total"), 0, "over core NATS");
    await Promise.all([late, zmq, core].map((one) => gone(one, "SIGTERM")));
  },
);
