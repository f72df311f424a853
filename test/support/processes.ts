/** kvcast and subscribers as child processes, steered by what they say and not by time. */
import assert from "node:assert/strict";
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../bench/support/free-port.ts";
import type { SubscriberOrder, SubscriberReport } from "./subscriber-process.ts";

const KVCAST = fileURLToPath(new URL("../../src/main/index.js", import.meta.url));
const SUBSCRIBER = fileURLToPath(new URL("./subscriber-process.js", import.meta.url));

export type LogRecord = Readonly<Record<string, unknown>> & { readonly msg: string };

/** How a `kvcast` is started, where that is not the usual way. */
export interface ProcessOptions {
  /** Variables besides PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** A program, and its arguments, that starts it in its own place: `["prlimit", "--nofile=64"]`. */
  readonly under?: readonly string[];
  /** The Node that runs it. Default: the tests' own. */
  readonly node?: string;
}

/** A running `kvcast` with JSON logs. Ended with the test at the latest. */
export class Kvcast {
  readonly child: ChildProcess;
  readonly logs: LogRecord[] = [];
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #waiting: Set<{ match: (record: LogRecord) => boolean; found: (record: LogRecord) => void }> = new Set();
  readonly #lost: Promise<never>;

  /** `line` is what a user would type behind `kvcast`, with single spaces between the words. */
  constructor(t: TestContext, line: string, { env = {}, under = [], node = process.execPath }: ProcessOptions = {}) {
    const [command, ...args] = [...under, node, KVCAST, ...line.split(" "), "--log-format", "json"];
    this.child = spawn(command, args, {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.exit = once(this.child, "exit").then(([code, signal]) => ({ code, signal }));
    this.#lost = this.exit.then(({ code, signal }) => {
      throw new Error(`kvcast ended (${code ?? signal}) before it said what was waited for:\n${this.text()}`);
    });
    this.#lost.catch(() => {});
    const { stderr } = this.child;
    assert.ok(stderr);
    createInterface({ input: stderr }).on("line", (text) => this.#onLine(text));
    t.after(() => this.child.kill("SIGKILL"));
  }

  text(): string {
    return this.logs.map((record) => JSON.stringify(record)).join("\n");
  }

  /** The first record, past or to come, that matches. */
  async log(match: string | ((record: LogRecord) => boolean)): Promise<LogRecord> {
    const matches = typeof match === "string" ? (record: LogRecord): boolean => record.msg === match : match;
    const past = this.logs.find(matches);
    if (past !== undefined) return past;
    return Promise.race([new Promise<LogRecord>((found) => this.#waiting.add({ match: matches, found })), this.#lost]);
  }

  #onLine(line: string): void {
    const record: LogRecord = line.startsWith("{") ? JSON.parse(line) : { msg: line };
    this.logs.push(record);
    for (const each of this.#waiting) {
      if (!each.match(record)) continue;
      this.#waiting.delete(each);
      each.found(record);
    }
  }
}

export interface ServeFacts {
  readonly zmqEndpoint: string;
  readonly url: string;
}

/** `kvcast serve` on free ports; resolves when it is up. */
export async function serve(
  t: TestContext,
  flags: string,
  options: ProcessOptions = {},
): Promise<Kvcast & { facts: ServeFacts }> {
  const process = new Kvcast(t, `serve --system-port 0 --zmq-endpoint tcp://127.0.0.1:* ${flags}`, options);
  const started = await process.log("kvcast is running");
  return Object.assign(process, {
    facts: {
      zmqEndpoint: String(started["zmq_endpoint"]),
      url: String(started["metrics_url"]).replace("/metrics", ""),
    },
  });
}

/** `kvcast consolidate` on free ports; resolves when it is up. */
export async function consolidate(
  t: TestContext,
  flags: string,
  options: ProcessOptions = {},
): Promise<Kvcast & { facts: ServeFacts }> {
  const process = new Kvcast(
    t,
    `consolidate --system-port 0 --output-endpoint tcp://127.0.0.1:* ${flags}`.trim(),
    options,
  );
  const started = await process.log("the consolidator is running");
  return Object.assign(process, {
    facts: {
      zmqEndpoint: String(started["zmq_endpoint"]),
      url: String(started["metrics_url"]).replace("/metrics", ""),
    },
  });
}

/** `kvcast index` on a free port; resolves when it is up. */
export async function index(
  t: TestContext,
  flags: string,
  options: ProcessOptions = {},
): Promise<Kvcast & { url: string }> {
  const process = new Kvcast(t, `index --port 0 ${flags}`.trim(), options);
  const started = await process.log("the index is running");
  return Object.assign(process, { url: String(started["url"]) });
}

/** `kvcast sim` on a free port, to which another one can come back; resolves with its URL when it listens. */
export async function sim(t: TestContext, flags: string): Promise<Kvcast & { url: string }> {
  const process = new Kvcast(t, `sim --port ${await freePort()} ${flags}`);
  const line = await process.log((record) => record.msg.includes("listens on http"));
  return Object.assign(process, { url: /http:\S+/.exec(line.msg)?.[0] ?? "" });
}

/** A subscriber process; connected, but perhaps not subscribed yet: hold the stream with --wait-subscribers. */
export class SubscriberProcess {
  readonly child: ChildProcess;

  constructor(t: TestContext, endpoint: string) {
    this.child = fork(SUBSCRIBER, [endpoint]);
    t.after(() => this.child.kill("SIGKILL"));
  }

  async connected(): Promise<this> {
    await once(this.child, "message");
    return this;
  }

  /** What it has seen, once that is so much. */
  async until(order: SubscriberOrder): Promise<SubscriberReport> {
    this.child.send(order);
    const [message] = (await once(this.child, "message")) as [{ report: SubscriberReport }];
    return message.report;
  }
}
