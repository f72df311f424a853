/** `kvcast doctor` against real processes that are well, and against everything that is not. */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import type { Finding, Status } from "../../src/main/doctor/finding.ts";
import { end, type Ended, startKvcast } from "../support/cli-process.ts";
import { eventually } from "../support/fault/deadline.ts";
import { NatsServer } from "../support/nats-server.ts";
import { serve, sim } from "../support/processes.ts";
import {
  EMPTY,
  END_V1,
  END_V2,
  numberFrame,
  replyV1,
  replyV2,
  ScriptedPublisher,
  scriptedReplay,
  storedPayload,
} from "../support/scripted-publisher.ts";
import { scriptedEngine } from "../support/scripted-engine.ts";

interface Diagnosis extends Ended {
  readonly findings: readonly Finding[];
}

/** Without ports of its own: only what is named is examined. */
const NO_PORTS = ["--system-port", "-1", "--zmq-endpoint", "tcp://127.0.0.1:*"];

/** Words of one argument are told apart by spaces. */
async function doctor(t: TestContext, ...args: string[]): Promise<Diagnosis> {
  const words = args.flatMap((arg) => arg.split(" "));
  const child = startKvcast(["doctor", "--json", "--seconds", "1", ...words]);
  t.after(() => child.kill("SIGKILL"));
  const ended = await end(child);
  assert.notEqual(ended.out, "", ended.err);
  const { findings } = JSON.parse(ended.out) as { readonly findings: readonly Finding[] };
  return { ...ended, findings };
}

function statusOf({ findings }: Diagnosis, subject: string, check: string): Status | undefined {
  return findings.find((finding) => finding.subject === subject && finding.check === check)?.status;
}

/** What is to be done, as `subject check`. */
function troubles({ findings }: Diagnosis): string[] {
  const wrong = findings.filter(({ status }) => status === "warn" || status === "fail");
  for (const { why, fix, check } of wrong) assert.ok(why && fix, `${check} says why and what to do`);
  return wrong.filter(({ subject }) => subject !== "machine").map(({ subject, check }) => `${subject} ${check}`);
}

test("a pipeline that is well: the engine, the service, its stream and its replays", async (t) => {
  const engine = await sim(t, "--rate 500");
  const service = await serve(t, `--engine ${engine.url} --replay-endpoint tcp://127.0.0.1:*`);
  const started = await service.log("kvcast is running");
  const replay = String(started["replay_endpoint"]);
  const system = new URL(service.facts.url);
  const zmq = service.facts.zmqEndpoint;
  await eventually("the service has read its engine", 30_000, async () => {
    return (await fetch(`${service.facts.url}/health`)).status === 200 ? true : null;
  });
  const got = await doctor(
    t,
    `--engine ${engine.url} --system-port ${system.port} --zmq-endpoint ${zmq} --replay-endpoint ${replay}`,
  );
  assert.deepEqual(troubles(got), []);
  assert.equal(got.code, 0);
  for (const [subject, check] of [
    ["config", "loads"],
    ["service", "ready"],
    ["address", "free"],
    ["engine", "health"],
    ["engine", "events_page"],
    ["engine", "block_size"],
    ["engine", "event_buffer"],
    ["publisher", "sequence"],
    ["publisher", "conformance"],
    ["publisher", "block_size"],
    ["publisher", "freshness"],
    ["replay", "framing"],
    ["replay", "window"],
  ] as const) {
    assert.equal(statusOf(got, subject, check), "ok", `${subject} ${check}`);
  }
  const spared = await doctor(t, "--engine", engine.url, "--system-port", system.port, "--drain");
  assert.equal(statusOf(spared, "engine", "events"), "skip", "a service reads that engine");
});

test("a second reader of the same engine shows as missing ids in reads that overflow nothing; the wrong block size with it", async (t) => {
  // Every other event went to somebody else.
  let id = 0;
  const engine = await scriptedEngine(t, (response, _, request) => {
    if (request.url === "/server_info") json({ kv_cache_config: { event_buffer_max_size: 65_536 } })(response);
    else if (request.url !== "/kv_cache_events") json({})(response);
    else if (request.method === "POST") json([storedEvent((id += 2), 16)])(response);
    else json({}, 405, { Allow: "POST" })(response);
  });
  const got = await doctor(t, "--engine", engine.url.href, ...NO_PORTS, "--drain");
  const found = troubles(got);
  assert.ok(found.includes("engine second_consumer") && found.includes("engine event_blocks"), found.join());
  assert.equal(got.code, 10);
});

/** As an engine tells of one block. */
function storedEvent(id: number, tokens: number): object {
  const block = {
    type: "stored_block",
    block_hash: id,
    cache_level: 0,
    priority: 35,
    tokens: Array.from({ length: tokens }, () => ({ type: "unique_token", token_id: 1, token_extra_id: 0 })),
  };
  return { event_id: id, data: { type: "stored", parent_hash: null, blocks: [block] } };
}

type Pages = Readonly<Record<string, (response: ServerResponse) => void>>;

function json(value: unknown, status: number = 200, headers: Readonly<Record<string, string>> = {}) {
  return (response: ServerResponse): void => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };
}

function paged(pages: Pages): (response: ServerResponse, n: number, request: IncomingMessage) => void {
  return (response, _, request) => (pages[request.url ?? ""] ?? json({}, 404))(response);
}

test("each thing that can be wrong with an engine is named, and nothing is taken from it", async (t) => {
  const engine = await scriptedEngine(
    t,
    paged({
      "/version": json({ version: "1.2.0" }, 200, { Date: "Thu, 01 Jan 2015 00:00:00 GMT" }),
      "/health": json({}, 503),
      "/kv_cache_events": json({}, 405, { Allow: "GET" }),
      "/server_info": json({
        enable_iter_perf_stats: false,
        kv_cache_event_hash_algo: "v9_md5",
        kv_cache_config: { tokens_per_block: 64, event_buffer_max_size: 0, enable_block_reuse: false },
      }),
    }),
  );
  const got = await doctor(t, "--engine", engine.url.href, ...NO_PORTS);
  assert.deepEqual(
    troubles(got).toSorted(),
    [
      "health",
      "block_size",
      "event_buffer",
      "hash_algorithm",
      "block_reuse",
      "iteration_stats",
      "metrics_page",
      "clock",
    ]
      .map((check) => `engine ${check}`)
      .toSorted(),
  );
  assert.equal(statusOf(got, "engine", "events_page"), "ok");
  assert.equal(got.code, 10);
  const taken = engine.requests.filter(
    ({ method, url }) => method === "POST" || /^\/(metrics|perf_metrics)$/.test(url),
  );
  assert.deepEqual(taken, []);
});

test("an engine that is not there, one that hides behind a login, one that never answers", async (t) => {
  const locked = await scriptedEngine(t, (response) => json({}, 401)(response));
  const silent = await scriptedEngine(t, () => {});
  const got = await doctor(
    t,
    `--engine gone=http://127.0.0.1:1 --engine locked=${locked.url.href} --engine silent=${silent.url.href}`,
    ...NO_PORTS,
  );
  const says = got.findings.filter(({ check }) => check === "reachable").map((finding) => finding.says);
  assert.deepEqual(says, ["no connection (ECONNREFUSED)", "HTTP status 401", "no answer within 5 s"]);
});

test("a publisher with every bad manner: gaps, steps back, frames, forms, clock, and a replay of another framing", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const replay = await scriptedReplay(t, async ({ from, answer }) => {
    await answer(replyV1((from ?? 0) + 1, storedPayload(1)));
    await answer(replyV1((from ?? 0) + 3, storedPayload(1)));
    await answer(END_V1);
  });
  const asked = doctor(t, ...NO_PORTS, "--publisher", `${publisher.endpoint}?replay=${replay}&framing=v2`);
  await publisher.subscribed();
  const now = Date.now() / 1000;
  await publisher.send(5, storedPayload(1, { seconds: now + 60.5 }));
  await publisher.send(9, Buffer.from(encode([Math.floor(now), [], null])));
  await publisher.send(2, Buffer.from("no msgpack at all"));
  await publisher.frames([EMPTY, numberFrame(3)]);
  await publisher.frames([EMPTY, Buffer.from("short"), storedPayload(1)]);
  const got = await asked;
  assert.deepEqual(
    troubles(got).toSorted(),
    [
      "publisher clock",
      "publisher compact_hash",
      "publisher frames",
      "publisher integer_timestamp",
      "publisher missing_keys",
      "publisher nil_rank",
      "publisher sequence",
      "publisher unreadable",
      "replay framing",
      "replay window",
    ].toSorted(),
  );
});

test("replay sockets that say nothing, or something strange, or do not end", async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const mute = await scriptedReplay(t, () => Promise.resolve());
  const strange = await scriptedReplay(t, ({ answer }) => answer([EMPTY, EMPTY]));
  const endless = await scriptedReplay(t, ({ from, answer }) => answer(replyV2(from ?? 0, storedPayload(1))));
  const honest = await scriptedReplay(t, async ({ answer }) => {
    await answer(END_V2);
  });
  const args = [mute, strange, endless, honest].flatMap((each) => [
    "--publisher",
    `${publisher.endpoint}?replay=${each}`,
  ]);
  const got = await doctor(t, ...NO_PORTS, ...args);
  const says = got.findings.filter(({ subject, status }) => subject === "replay" && status !== "ok");
  assert.deepEqual(
    says.map(({ check, says: words }) => `${check}: ${words}`),
    [
      "answer: no answer within 3 s",
      "answer: the answer has frames that no replay has",
      "answer: 1 messages, and then no end marker within 3 s",
      "window: nothing is kept from number 0 on",
    ],
  );
  assert.equal(statusOf(got, "publisher", "traffic"), "warn", "silence is told");
  assert.equal((await doctor(t, ...NO_PORTS, "--publisher", "tcp://127.0.0.1:1")).code, 10);
});

test("addresses that are taken, and values that are not allowed, are findings and no errors", async (t) => {
  const squatter = await scriptedEngine(t, (response) => json({ hello: "world" })(response));
  const taken = await doctor(t, "--system-port", squatter.url.port, "--zmq-endpoint", "tcp://0.0.0.0:*");
  assert.deepEqual(troubles(taken), ["config values", "address free"]);
  const bad = await doctor(t, "--kv-block-size", "many");
  assert.deepEqual([troubles(bad), bad.code], [["config loads"], 10]);
  assert.equal(statusOf(bad, "machine", "node_version"), "ok", "the rest is examined all the same");
});

test("warnings end with 1 where they are to count, text says why and what to do, progress is for terminals", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-doctor-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "kvcast.yaml");
  writeFileSync(file, "engine: 'synthetic:'\nsystem-port: -1\nzmq-endpoint: 'tcp://*:*'\n");
  const lax = startKvcast(["doctor", "--config", file]);
  const strict = startKvcast(["doctor", "--config", file, "--strict"]);
  const [told, counted] = await Promise.all([end(lax), end(strict)]);
  assert.deepEqual([told.code, counted.code], [0, 1]);
  assert.match(told.out, /^WARN {2}config: values: .*token ids.*\n {9}why: .*\n {9}fix: /m);
  assert.match(told.out, /\n0 failed, \d+ warnings?, \d+ ok, \d+ not examined\n$/);
  assert.equal(told.err, "");
});

test("NATS: a server that is well, a missing stream, a wrong password, nobody", async (t) => {
  const server = await NatsServer.start(t, "jetstream\nauthorization { user: worker, password: right }\n");
  if (server === null) return;
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-doctor-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const login = (password: string): string[] => {
    const file = path.join(folder, password);
    writeFileSync(file, password);
    return ["--nats-user", "worker", "--nats-password-file", file];
  };
  const nats = ["--sink", "nats", "--worker-id", "7", "--nats-url", server.url, "--nats-jetstream", "KV"];
  const well = await doctor(t, ...NO_PORTS, ...nats, ...login("right"));
  assert.deepEqual(troubles(well), []);
  assert.match(
    well.findings.find(({ check }) => check === "stream")?.says ?? "",
    /no stream KV: kvcast serve makes it/,
  );
  const refused = await doctor(t, ...NO_PORTS, ...nats, ...login("wrong"));
  assert.match(refused.findings.find(({ subject }) => subject === "nats")?.says ?? "", /^the login is refused/);
  await server.kill();
  const gone = await doctor(t, ...NO_PORTS, ...nats, ...login("right"));
  assert.match(gone.findings.find(({ subject }) => subject === "nats")?.says ?? "", /^no connection/);
  assert.deepEqual([well.code, refused.code, gone.code], [0, 10, 10]);
  for (const { out } of [well, refused, gone]) assert.ok(!/right|wrong/.test(out), "no password is printed");
});
