/**
 * A whole installation under load, with faults, and a Prometheus that scrapes it: two engines over HTTP, one of which has no metrics
 * page of its own, a third that is another kvcast over ZMQ; both sinks, replay, snapshots, a consolidator, an index, subscribers.
 */
import path from "node:path";
import type { TestContext } from "node:test";
import { startKvcast } from "../cli-process.ts";
import { NatsServer } from "../nats-server.ts";
import { eventually } from "../fault/deadline.ts";
import { consolidate, index, type Kvcast, serve, sim } from "../processes.ts";
import { requireTool } from "../tools.ts";
import { foreignExporter } from "./foreign-exporter.ts";
import { PrometheusServer } from "./prometheus-server.ts";

const RULES = path.join(process.cwd(), "deploy/prometheus/rules/kvcast.yml");
const SCRAPE_LIMIT_MS = 30_000;
const REPLAY = "--replay-endpoint tcp://127.0.0.1:*";

/** Null: the test was skipped for want of a program. */
export async function observedScene(t: TestContext): Promise<PrometheusServer | null> {
  const program = requireTool(t, "prometheus");
  const nats = await NatsServer.start(t, "jetstream");
  if (program === null || nats === null) return null;
  const [busy, quiet, third] = await Promise.all([
    sim(t, "--rate 400 --ranks 2 --burst 4 --fault gap:1% --fault http500:2% --perf-metrics decode"),
    sim(t, "--rate 120 --prometheus off --fault garbage:1%"),
    sim(t, "--rate 80"),
  ]);
  const single = await serve(t, `--engine ${third.url} ${REPLAY}`);
  const singleReplay = new URL(await replayEndpoint(single)).port;
  const all = await serve(
    t,
    `--engine busy=${busy.url} --engine quiet=${quiet.url} ` +
      `--engine peer=zmq+${single.facts.zmqEndpoint}?replay=${singleReplay}&ports=one --attention-dp-size 2 --canary on ` +
      `--sink both --worker-id 1 --nats-url ${nats.url} --nats-jetstream KV --snapshot on --on-engine-gap clear ${REPLAY}`,
  );
  const both = await consolidate(
    t,
    `--engine-endpoint trtllm=${single.facts.zmqEndpoint} --engine-endpoint vllm=${all.facts.zmqEndpoint}`,
  );
  const router = await index(
    t,
    `--block-size 32 --workers 1=${all.facts.zmqEndpoint} --nats --nats-url ${nats.url} --nats-jetstream KV`,
  );
  const hosts = [all.facts, single.facts, both.facts, router].map(({ url }) => new URL(url).host);
  const foreign = await foreignExporter(t);
  const prometheus = await PrometheusServer.start(
    t,
    program,
    [
      { job: "kvcast", targets: hosts },
      { job: "kvcast-engine", targets: [foreign], path: "/prometheus/metrics" },
      { job: "dynamo", targets: [foreign] },
    ],
    [RULES],
  );
  // What happens once is no rate unless it was seen before.
  await eventually("a first scrape of each", SCRAPE_LIMIT_MS, async () => {
    const up = await prometheus.query('up{job="kvcast"} == 1');
    return up.length === hosts.length ? true : null;
  });
  // Begins with a snapshot, and asks for what came before it.
  const reader = startKvcast([
    "tail",
    all.facts.zmqEndpoint,
    "--replay",
    await replayEndpoint(all),
    "--sync",
    "--stats",
  ]);
  reader.stdout.resume();
  reader.stderr.resume();
  t.after(() => reader.kill("SIGKILL"));
  return prometheus;
}

async function replayEndpoint(service: Kvcast): Promise<string> {
  const started = await service.log("kvcast is running");
  return String(started["replay_endpoint"]);
}
