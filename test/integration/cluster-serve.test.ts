/**
 * `kvcast cluster` and `kvcast serve --cluster-leader` as processes: what each command does to services on their built-in engine,
 * who is missing, and a start that waits for all.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import { inspect } from "node:util";
import { Subscriber } from "zeromq";
import { type Ended, end, startKvcast } from "../support/cli-process.ts";
import { leaderOf, workerOf } from "../support/cluster.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { scrape } from "../support/books.ts";
import { type Kvcast, serve, type ServeFacts } from "../support/processes.ts";
import { decodePayload } from "../support/wire.ts";

type Service = Kvcast & { readonly facts: ServeFacts };

const PATIENCE_MS = 60_000;
const TRAFFIC = "--engine synthetic:?rate=200&ranks=2 --attention-dp-size 2";

/** Addresses of a leader of the test's own. */
function place(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-cluster-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return `ipc://${folder}/leader`;
}

function endpointsOf(leader: string): { readonly pub: string; readonly ack: string } {
  return { pub: leader, ack: `${leader}.ack` };
}

function worker(t: TestContext, leader: string, name: string, more: string = ""): Promise<Service> {
  return serve(t, `${TRAFFIC} --cluster-leader ${leader} --cluster-name ${name} ${more}`.trim());
}

/** `kvcast cluster …` to its end. */
function command(leader: string, line: string): Promise<Ended> {
  return end(startKvcast(["cluster", ...line.split(" "), "--cluster-leader", leader]));
}

type Fields = Readonly<Record<string, unknown>>;

/** What each worker answered, by name. */
function answersOf({ out }: Ended): Readonly<Record<string, Fields>> {
  const lines = out.trimEnd().split("\n").slice(0, -1);
  const objects = lines.map((line) => JSON.parse(line) as { readonly worker: string; readonly answer: Fields });
  return Object.fromEntries(objects.map(({ worker: name, answer }) => [name, answer]));
}

/** The line at the end. */
function endOf({ out }: Ended): unknown {
  return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "");
}

async function hello(): Promise<Buffer> {
  return Buffer.from('{"size":null}');
}

async function health(service: Service): Promise<{ readonly status: number; readonly reasons: readonly string[] }> {
  const response = await fetch(`${service.facts.url}/health`);
  const { reasons } = (await response.json()) as { readonly reasons: readonly string[] };
  return { status: response.status, reasons };
}

/** Resolves when an AllBlocksCleared of each of the ranks has arrived; says for how many events of others that took. */
async function clears(t: TestContext, endpoint: string, ranks: number): Promise<Set<number>> {
  const socket = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  t.after(() => socket.close());
  socket.connect(endpoint);
  socket.subscribe("");
  const cleared = new Set<number>();
  while (cleared.size < ranks) {
    const [, , payload] = await socket.receive();
    const [, events, rank] = decodePayload(payload ?? Buffer.alloc(0));
    for (const event of events) if (inspect(event).includes("AllBlocksCleared")) cleared.add(rank);
  }
  return cleared;
}

test("status, clear, snapshot-epoch, log-level, drain: each worker does it and says so, on one line each", async (t) => {
  const leader = place(t);
  const starting = [worker(t, leader, "a", "--snapshot --clear-on-start off"), worker(t, leader, "b")] as const;
  const [a, b] = await Promise.all(starting);
  const clearsOfA = clears(t, a.facts.zmqEndpoint, 2);

  const status = await command(leader, "status --cluster-size 2");
  assert.equal(status.code, 0, status.err);
  assert.equal(status.err, "", "no bars where there is no terminal");
  assert.deepEqual(
    status.out
      .trimEnd()
      .split("\n")
      .map((line) => /^(\w) {2}ready {6}epoch \w{8} {2}sequence \d+ {2}engines 1\/1 up/.exec(line)?.[1] ?? line)
      .toSorted(),
    ["a", "b"],
  );

  const clear = await command(leader, "clear --cluster-size 2");
  assert.equal(clear.code, 0, clear.err);
  assert.deepEqual(clear.out.trimEnd().split("\n").toSorted(), ["a  cleared 2 ranks", "b  cleared 2 ranks"]);
  assert.deepEqual(await within("the clears arrive", PATIENCE_MS, clearsOfA), new Set([0, 1]));
  assert.equal((await scrape(b.facts.url)).sum("kvcast_injected_events_total", { reason: "command" }), 2);

  const debug = await command(leader, "log-level debug --cluster-size 2 --json");
  assert.deepEqual(answersOf(debug)["a"], { before: "info", now: "debug" });
  await a.log((record) => record["now"] === "debug");

  const drain = await command(leader, "drain --cluster-size 2 --json");
  assert.equal(drain.code, 0, drain.err);
  for (const [name, service] of Object.entries({ a, b })) {
    const sequence = answersOf(drain)[name]?.["sequence"];
    const page = await scrape(service.facts.url);
    const sum = (metric: string): number => page.sum(`kvcast_${metric}`);
    assert.equal(sum("sink_sent_events_total"), sum("ring_enqueued_events_total"), "all that was taken is published");
    assert.equal(sum("published_sequence"), sequence);
    assert.deepEqual(await health(service), { status: 503, reasons: ["a command of the cluster has drained it"] });
  }
  const before = (await scrape(a.facts.url)).sum("kvcast_source_received_events_total");
  const position = await command(leader, "snapshot-epoch --cluster-size 2 --json");
  const ofA = answersOf(position)["a"];
  const { epoch } = (await (await fetch(`${a.facts.url}/health`)).json()) as {
    readonly epoch: { readonly id: string };
  };
  assert.equal(ofA?.["epoch"], epoch.id);
  assert.equal(ofA?.["sequence"], answersOf(drain)["a"]?.["sequence"]);
  assert.ok(Number(ofA?.["live_blocks"]) > 0);
  assert.equal(answersOf(position)["b"]?.["live_blocks"], null);
  assert.deepEqual(endOf(position), { answered: 2, missing: [], absent: 0, shared_names: [] });
  assert.equal(
    (await scrape(a.facts.url)).sum("kvcast_source_received_events_total"),
    before,
    "nothing is read any more",
  );
  for (const service of [a, b]) {
    service.child.kill("SIGTERM");
    assert.deepEqual(await service.exit, { code: 0, signal: null });
  }
});

test("who is missing, who never came, who will not, who has another's name: exit codes and words", async (t) => {
  const leader = place(t);
  const endpoints = endpointsOf(leader);
  const nobody = await command(leader, "status --gather 0.2");
  assert.deepEqual([nobody.code, nobody.out], [69, ""]);
  assert.match(nobody.err, /no worker came to ipc:.*: is there a kvcast serve --cluster-leader with this address\?/);

  const hanging = { kvcast_hello: hello, kvcast_status: () => new Promise<null>(() => {}) };
  const other = { kvcast_hello: hello };
  await workerOf(t, { endpoints, name: "fine", handlers: { kvcast_hello: hello, kvcast_status: hello } });
  await workerOf(t, { endpoints, name: "other", handlers: other });
  const refused = await command(leader, "status --cluster-size 2");
  assert.equal(refused.code, 1, refused.err);
  assert.match(refused.out, /^other {2}refused: the function is unknown here$/m);

  await workerOf(t, { endpoints, name: "hangs", handlers: hanging });
  const missing = await command(leader, "status --cluster-size 4 --gather 1.5 --timeout 0.3 --json");
  assert.equal(missing.code, 69);
  assert.deepEqual(endOf(missing), { answered: 2, missing: ["hangs"], absent: 1, shared_names: [] });
  assert.equal(
    missing.err,
    "kvcast: no answer of hangs\nkvcast: of 4 workers 1 never came, and nobody knows their names\n",
  );

  const cut = startKvcast(["cluster", "status", "--cluster-leader", leader, "--cluster-size", "3", "--timeout", "600"]);
  const ended = end(cut);
  await within("both others have answered", PATIENCE_MS, once(createInterface({ input: cut.stdout }), "line"));
  cut.kill("SIGINT");
  assert.deepEqual([(await ended).code, /no answer of .*hangs/.test((await ended).err)], [130, true]);

  await workerOf(t, { endpoints, name: "fine", handlers: other });
  const twins = await command(leader, "status --timeout 0.3 --cluster-size 4 --gather 1.5");
  assert.equal(twins.code, 69);
  assert.match(twins.err, /several workers are called fine: give each its own --cluster-name/);

  const elsewhere = await command("tcp://192.0.2.1:5", "status --gather 0.2");
  assert.equal(elsewhere.code, 69);
  assert.match(
    elsewhere.err,
    /bound beyond this machine[\s\S]*runs on the machine whose addresses the workers were given/,
  );

  await leaderOf(t, { endpoints });
  const taken = await command(leader, "status --gather 0.5");
  assert.equal(taken.code, 69);
  assert.match(
    taken.err,
    /cannot bind ipc:.*: another kvcast cluster, or a program that is no kvcast, has the address/,
  );
});

test("--cluster-size: no event before all are there; whoever leads dies, and one that starts anew starts at once", async (t) => {
  const leader = place(t);
  const size = "--cluster-size 3";
  const [first, second] = await Promise.all([worker(t, leader, "w1", size), worker(t, leader, "w2", size)]);
  await eventually("one of them leads", PATIENCE_MS, () => [first, second].find(isLeading) ?? null);
  const early = await command(leader, "status --json --gather 1.5");
  assert.equal(early.code, 69);
  assert.deepEqual(endOf(early), { answered: 2, missing: [], absent: 1, shared_names: [] });
  for (const service of [first, second]) {
    const reasons = ["not all of the 3 workers of the cluster are ready"];
    assert.deepEqual(await health(service), { status: 503, reasons });
    assert.equal((await scrape(service.facts.url)).sum("kvcast_ring_enqueued_events_total"), 0, "not even a clear");
  }
  const third = await worker(t, leader, "w3", size);
  for (const service of [first, second, third]) {
    await within("all start", PATIENCE_MS, service.log("the cluster is ready"));
    await eventually("events flow", PATIENCE_MS, async () => ((await health(service)).status === 200 ? true : null));
  }

  const all = [first, second, third];
  const leading = await eventually("one leads again", PATIENCE_MS, () => all.find(isLeading) ?? null);
  leading.child.kill("SIGKILL");
  const others = all.filter((each) => each !== leading);
  await eventually("another one takes over", PATIENCE_MS, () => others.find(isLeading) ?? null);
  const without = await command(leader, "status --gather 1.5 --json");
  assert.deepEqual(endOf(without), { answered: 2, missing: [nameOf(leading)], absent: 0, shared_names: [] });
  const again = await worker(t, leader, "w4", size);
  await within("it starts, as there are three", PATIENCE_MS, again.log("the cluster is ready"));
  const whole = await command(leader, "status");
  assert.equal(whole.code, 0, whole.out + whole.err + [...others, again].map((each) => each.text()).join("\n\n"));

  const alone = await worker(t, place(t), "alone", "--cluster-size 2 --cluster-timeout 0.2");
  await alone.log("starting without all workers of the cluster");
  await eventually("it flows", PATIENCE_MS, async () => ((await health(alone)).status === 200 ? true : null));

  const held = await worker(t, place(t), "held", "--cluster-size 2");
  held.child.kill("SIGTERM");
  assert.deepEqual(await held.exit, { code: 0, signal: null }, "one that waits can be ended");
});

function nameOf({ logs }: Service): unknown {
  return logs.find(({ msg }) => msg === "kvcast is running")?.["cluster_name"];
}

/** Whether it leads, as far as it has said. */
function isLeading({ logs }: Service): boolean {
  return logs.findLast(({ msg }) => msg.startsWith("leading the cluster"))?.msg === "leading the cluster";
}
