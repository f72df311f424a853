/** What serve says when it is up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCard, startFields } from "../../src/main/cli/start-card.ts";
import type { BoundFacts } from "../../src/main/cli/start-card.ts";
import type { LoadedConfig } from "../../src/main/config/config.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { VERSION } from "../../src/main/cli/version.ts";

const FACTS: BoundFacts = {
  zmqEndpoint: "tcp://127.0.0.1:41234",
  replayEndpoint: "tcp://127.0.0.1:41235",
  httpUrl: "http://127.0.0.1:8081",
  pageUrl: "http://127.0.0.1:8081/",
  httpImplementation: "hyper-express",
  memoryBoundBytes: 300 * 1024 * 1024 + 1,
};

function load(
  flags: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<LoadedConfig> {
  return loadServeConfig(new Map(Object.entries(flags).map(([name, value]) => [name, [value]])), env);
}

test("the card of the built-in engine", async () => {
  const loaded = await load({ engine: "synthetic:?rate=1000&blocks=2", "system-port": "0" }, { DYN_LOG: "info" });
  assert.equal(
    startCard(loaded, FACTS),
    [
      `kvcast ${VERSION}`,
      "  engine  engine0: built-in, 1000 events/s, 2 × 32 tokens each, 1 rank",
      "  zmq     tcp://127.0.0.1:41234, wire format vllm, no topic",
      "  replay  tcp://127.0.0.1:41235, framing v2: the last 10000 messages or 64 MiB",
      "  metrics http://127.0.0.1:8081/metrics",
      "  health  http://127.0.0.1:8081/health (served by hyper-express)",
      "  memory  events take up at most 301 MiB",
      "  config  flag: engine, system-port; env: log-level; the rest are defaults",
      "  watch   http://127.0.0.1:8081/ in a browser",
      "",
    ].join("\n"),
  );
});

test("what is off says so, and the card stays within nine lines", async () => {
  const loaded = await load({
    engine: "e=synthetic:?rate=max&events=5&ranks=2",
    "attention-dp-size": "2",
    "zmq-topic": "a\nb",
  });
  const off = startCard(loaded, {
    zmqEndpoint: null,
    replayEndpoint: null,
    httpUrl: null,
    pageUrl: null,
    httpImplementation: null,
    memoryBoundBytes: 0,
  });
  assert.match(off, /engine {2}e: built-in, events as fast as it goes, 5 in all, 2 × 32 tokens each, 2 ranks\n/);
  assert.match(off, /zmq {5}off\n.*metrics off\n.*health {2}off\n/s);
  const on = startCard(loaded, FACTS);
  assert.match(on, /topic "a\\nb"\n/);
  const closed = startCard(loaded, { ...FACTS, pageUrl: null });
  assert.match(closed, /watch {3}curl -s http:\/\/127\.0\.0\.1:8081\/metrics \| grep _events_total\n/);
  for (const card of [off, on]) assert.ok(card.trimEnd().split("\n").length <= 9, card);
});

test("the fields of a log record are flat, stable and hold no secret", async () => {
  const loaded = await load({ engine: "prod=https://h.example:8443/base", "wire-format": "dynamo" });
  assert.deepEqual(startFields(loaded, FACTS), {
    version: VERSION,
    engine: "prod",
    engine_source: "trtllm-serve at https://h.example:8443/base",
    zmq_endpoint: "tcp://127.0.0.1:41234",
    replay_endpoint: "tcp://127.0.0.1:41235",
    zmq_topic: "",
    wire_format: "dynamo",
    nats_servers: null,
    nats_stream: null,
    metrics_url: "http://127.0.0.1:8081/metrics",
    page_url: "http://127.0.0.1:8081/",
    health_url: "http://127.0.0.1:8081/health",
    http_server: "hyper-express",
    memory_bound_mib: 301,
    config_origin: "flag: engine, wire-format; the rest are defaults",
  });
});

test("several engines: a line for each, with the ranks that it is published under", async () => {
  const flags = new Map([
    ["engine", ["a=http://h:1", "synthetic:", "http://h:2/base"]],
    ["attention-dp-size", ["2"]],
  ]);
  const loaded = await loadServeConfig(flags, {});
  assert.deepEqual(startCard(loaded, FACTS).split("\n").slice(1, 5), [
    "  engine  a: trtllm-serve at http://h:1, published as ranks 0-1",
    "          engine1: built-in, 1000 events/s, 2 × 32 tokens each, 2 ranks, published as ranks 2-3",
    "          engine2: trtllm-serve at http://h:2/base, published as ranks 4-5",
    "  zmq     tcp://127.0.0.1:41234, wire format vllm, no topic",
  ]);
  const fields = startFields(loaded, FACTS);
  assert.deepEqual([fields["engine"], fields["engine_ranks"]], ["a,engine1,engine2", "0-1,2-3,4-5"]);
  assert.match(
    String(fields["engine_source"]),
    /^trtllm-serve at http:\/\/h:1, built-in, .*, trtllm-serve at http:\/\/h:2\/base$/,
  );
  const single = await loadServeConfig(new Map([["engine", ["synthetic:", "b=http://h:2"]]]), {});
  assert.match(startCard(single, FACTS), /^ {10}b: trtllm-serve at http:\/\/h:2, published as rank 1$/m);
});

test("NATS: where, what and for whom; no secret", async () => {
  const loaded = await load(
    { engine: "synthetic:", sink: "both", "worker-id": "7", "nats-jetstream": "KV" },
    { NATS_AUTH_TOKEN: "s3cret" },
  );
  assert.match(
    startCard(loaded, FACTS),
    /^ {2}nats {4}nats:\/\/localhost:4222: events as dynamo and load of worker 7, stream KV$/m,
  );
  const { nats_servers: servers, nats_stream: stream } = startFields(loaded, FACTS);
  assert.deepEqual([servers, stream], ["nats://localhost:4222", "KV"]);
  assert.doesNotMatch(startCard(loaded, FACTS) + JSON.stringify(startFields(loaded, FACTS)), /s3cret/);
});

test("a cluster: what the worker is called, where it is led from, and whom it waits for", async () => {
  const alone = await load({ engine: "synthetic:", "cluster-leader": "default" });
  const facts = { ...FACTS, clusterName: "host:8081" };
  assert.match(startCard(alone, facts), /\n {2}cluster worker host:8081, led from tcp:\/\/127\.0\.0\.1:56101\n/);
  const eight = await load({ engine: "synthetic:", "cluster-leader": "ipc:///run/kv", "cluster-size": "8" });
  assert.match(
    startCard(eight, facts),
    /led from ipc:\/\/\/run\/kv; reads no engine before all of 8 workers are ready\n/,
  );
  const { cluster_leader: leader, cluster_name: name } = startFields(eight, facts);
  assert.deepEqual([leader, name], ["ipc:///run/kv", "host:8081"]);
});
