/** `kvcast flood` as a process: real services, exit codes, and that nothing is left behind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";
import { measure } from "../../src/main/flood/measure.ts";
import { attach } from "../../src/main/flood/target.ts";
import { type Child, end, type Ended, startKvcast } from "../support/cli-process.ts";
import { serve } from "../support/processes.ts";
import { ScriptedPublisher, storedPayload } from "../support/scripted-publisher.ts";

const LIMIT = { timeout: 60_000 };
const SHORT = ["--warm-up", "0.2", "--duration", "1", "--json"];

function flood(t: TestContext, ...args: readonly string[]): Child {
  const child = startKvcast(["flood", ...args]);
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** The figures of one JSON object that a test looks at. */
interface Json {
  readonly rate_per_s: { readonly mean: number };
  readonly events: number;
  readonly messages: number;
  readonly loss: Readonly<Record<string, number | null>>;
  readonly age_ms: { readonly warm: { readonly p50: number; readonly p99: number; readonly max: number } };
  readonly cpu_us_per_event: number | null;
  readonly peak_rss_bytes: number | null;
  readonly memory_bound_bytes: number | null;
  readonly exit_code: number;
  readonly command: string;
}

function json({ out, err }: Ended): Json {
  assert.match(out, /^\{[^\n]*\}\n$/, `one object on one line, not ${out} with ${err}`);
  return JSON.parse(out) as Json;
}

test("the built-in engine at a fixed rate: everything arrives, everything is measured, exit 0", LIMIT, async (t) => {
  const ended = await end(flood(t, "--rate", "5000", "--ranks", "2", ...SHORT, "--", "--wire-format", "vllm-array"));
  assert.equal(ended.code, 0, ended.err);
  assert.match(ended.err, /^kvcast: done after \d+\.\d s\n$/);
  const result = json(ended);
  assert.equal(result.exit_code, 0);
  // Made by the clock: a machine that stands still catches up.
  assert.ok(result.rate_per_s.mean > 2500, String(result.rate_per_s.mean));
  assert.ok(result.events >= 5000 && result.messages > 10);
  assert.deepEqual(
    [...new Set(Object.entries(result.loss).filter(([, count]) => count !== 0))],
    [["first_missing_sequence", null]],
  );
  const { p50, p99, max } = result.age_ms.warm;
  assert.ok(p50 > 0 && p50 <= p99 && p99 <= max);
  assert.ok((result.cpu_us_per_event ?? 0) > 0);
  assert.ok((result.peak_rss_bytes ?? 0) > 2 ** 20 && (result.memory_bound_bytes ?? 0) > 2 ** 20);
  assert.match(result.command, /^kvcast flood --source builtin .*--rate 5000 .* -- --wire-format vllm-array$/);
});

test("over HTTP from a stand-in engine; a rate that is not reached is exit 3", LIMIT, async (t) => {
  const rate = ["--rate", "500", "--min-rate", "100000"];
  const ended = await end(flood(t, "--source", "sim", ...rate, "--blocks", "1", "--tokens", "16", ...SHORT));
  assert.equal(ended.code, 3, ended.err);
  assert.match(ended.err, /error: [\d,]+ events\/s, and --min-rate asks for 100,000\n/);
  const result = json(ended);
  assert.ok(result.events >= 500 && result.loss["missing_events"] === 0);
});

test("a running service, with its books; afterwards it still runs", LIMIT, async (t) => {
  const { facts, child } = await serve(t, "--engine synthetic:?rate=3000");
  const target = ["--zmq-endpoint", facts.zmqEndpoint, "--metrics-url", facts.url];
  const ended = await end(flood(t, ...target, ...SHORT));
  assert.equal(ended.code, 0, ended.err);
  const result = json(ended);
  assert.ok(result.events > 500);
  assert.equal(result.loss["missing_messages"], 0);
  assert.equal(result.loss["missing_events"], null, "what was sent before is not known");
  assert.equal(result.loss["dropped_events"], 0);
  assert.ok((result.cpu_us_per_event ?? 0) > 0 && (result.peak_rss_bytes ?? 0) > 2 ** 20);
  assert.equal(child.exitCode, null);
});

test("messages that are missing are exit 1, with their number and place", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const ended = end(flood(t, "--zmq-endpoint", publisher.endpoint, "--warm-up", "0", "--duration", "0.5"));
  await publisher.subscribed();
  for (const sequence of [5, 6, 9]) await publisher.send(sequence);
  const { code, out, err } = await ended;
  assert.equal(code, 1);
  assert.match(err, /error: 2 of 5 messages were lost .*; the first of them is number 7\n/);
  assert.match(out, /^loss {5}1 faults, see below$/m);
  assert.match(out, /^cpu {6}unknown/m);
});

test("what is no stream of events is exit 1, no page and no service are exit 69", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const garbage = end(flood(t, "--zmq-endpoint", publisher.endpoint, ...SHORT));
  await publisher.subscribed();
  await publisher.send(0, Buffer.from("garbage"));
  const page = ["--metrics-url", "http://127.0.0.1:1"];
  const pageless = end(flood(t, "--zmq-endpoint", publisher.endpoint, ...page, ...SHORT));
  const [broken, unreachable] = await Promise.all([garbage, pageless]);
  assert.equal(broken.code, 1);
  assert.match(broken.err, /error: the subscriber cannot go on: /);
  assert.equal(unreachable.code, 69);
  assert.match(unreachable.err, /error: no metrics at http:\/\/127\.0\.0\.1:1\/metrics: /);
  assert.equal(broken.out + unreachable.out, "");
});

test("a service that refuses its arguments is quoted, with its exit code", LIMIT, async (t) => {
  const ended = await end(flood(t, ...SHORT, "--", "--encoders", "99"));
  assert.equal(ended.code, 78);
  assert.match(ended.err, /--encoders: "99" is not allowed/);
});

test("cut short, there is what was measured until then", LIMIT, async (t) => {
  const publisher = await ScriptedPublisher.bind(t);
  const target = attach({ source: "running", zmqEndpoint: publisher.endpoint, metricsUrl: null });
  const state = { isOver: false, stop: (): void => {} };
  const stopped = new Promise<void>((resolve) => (state.stop = resolve));
  const onProgress = (_: unknown, sinceMs: number | null): void => {
    if (sinceMs !== null) state.stop();
  };
  const order = { warmUpMs: 0, durationMs: 50_000, offeredPerSecond: null };
  const payload = storedPayload(1);
  const figures = measure(target, order, { onProgress, stopped }).finally(() => (state.isOver = true));
  await publisher.subscribed();
  for (let sequence = 0; !state.isOver; sequence++) {
    await publisher.send(sequence, payload);
    await setImmediate();
  }
  const result = await figures;
  assert.ok(result !== null && result.interrupted);
  assert.ok(result.messages > 1 && result.windowMs > 0 && result.windowMs < 40_000);
  assert.equal(result.loss.missingMessages, 0);
});

/** Processes whose parent is `pid`. */
function childrenOf(pid: number | undefined): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return list === "" ? [] : list.split(" ").map(Number);
}

/** False for one that has ended, and only waits for somebody to ask how. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** A flood whose service is up, seen by a socket file of it; and its children then. */
async function flooding(t: TestContext): Promise<{ readonly child: Child; readonly children: readonly number[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-flood-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const socket = path.join(folder, "replay");
  const watcher = watch(folder);
  const long = ["--source", "sim", "--rate", "1000", "--duration", "600", "--json"];
  const child = flood(t, ...long, "--", "--replay-endpoint", `ipc://${socket}`);
  while (!existsSync(socket)) await once(watcher, "change");
  watcher.close();
  return { child, children: childrenOf(child.pid) };
}

test("SIGINT ends it with 130 and all that it started", LIMIT, async (t) => {
  if (process.platform !== "linux") return t.skip("children are counted in /proc");
  const { child, children } = await flooding(t);
  assert.ok(children.length >= 2, "the stand-in engine and the service");
  const ended = end(child);
  child.kill("SIGINT");
  const { code, out, err } = await ended;
  assert.equal(code, 130, err);
  assert.match(err, /kvcast: cut short by SIGINT after/);
  assert.equal((JSON.parse(out) as Json).exit_code, 130);
  // What it has killed may take a moment to be gone. A time-out is the failure.
  while (children.some(isAlive)) await setImmediate();
});

test("killed, it takes with it what it started", LIMIT, async (t) => {
  if (process.platform !== "linux") return t.skip("children are counted in /proc");
  const { child, children } = await flooding(t);
  assert.ok(children.length >= 2);
  child.kill("SIGKILL");
  await once(child, "exit");
  // Nobody is told of the end of a process that is not its child: it has to be looked for. A time-out is the failure.
  while (children.some(isAlive)) await setImmediate();
});
