/**
 * A `kvcast` command as a child process with JSON logs: what a user runs, steered by what it says. The built file beside
 * this one is run, by the same Node. It ends when this process does, however that happens. MAIN THREAD.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { EXIT, KvcastError } from "../../shared/errors.ts";
import { type MetricsPage, parseMetrics } from "./metrics-text.ts";

const KVCAST = fileURLToPath(new URL("./kvcast-child-process.js", import.meta.url));
/** Log lines kept, for the message of a failure. */
const KEPT_LINES = 30;
/** Beyond what an orderly shutdown may take. */
const STOP_MS = 10_000;

export type LogRecord = Readonly<Record<string, unknown>> & { readonly msg: string };

const MIB = 1024 * 1024;
/** Endings of a child that are about its arguments or surroundings: those of ours, then, too. */
const PASSED_ON: readonly (number | null)[] = [EXIT.usage, EXIT.badConfig, EXIT.unavailable];

/** A kvcast that was started ended when it should not have. Its exit code, where that says more than "failed". */
class ChildEndedError extends KvcastError {
  constructor(what: string, { exitCode, signalCode }: ChildProcess, lines: readonly LogRecord[]) {
    const how = exitCode ?? signalCode ?? "nothing";
    super(
      "KVCAST_CHILD_ENDED",
      `${what} ended with ${how}:\n${textOf(lines)}`,
      exitCode !== null && PASSED_ON.includes(exitCode) ? exitCode : EXIT.failure,
    );
  }
}

export class KvcastProcess {
  /** `--engine http://…` for a sim, the metrics page for a service. */
  readonly url: string;
  /** Of a service; empty for a sim. */
  readonly zmqEndpoint: string;
  /** Bytes that events may take up, as a service says at its start; null where it says nothing. */
  readonly memoryBoundBytes: number | null;
  readonly #child: ChildProcess;
  readonly #lines: LogRecord[];
  #ending: boolean = false;

  private constructor({ child, lines, record }: Started, url: string, zmqEndpoint: string) {
    this.#child = child;
    this.#lines = lines;
    this.url = url;
    this.zmqEndpoint = zmqEndpoint;
    const boundMib = record["memory_bound_mib"];
    this.memoryBoundBytes = typeof boundMib === "number" ? boundMib * MIB : null;
  }

  /** `kvcast serve` on free ports. Resolves when it is up. */
  static async serve(args: readonly string[]): Promise<KvcastProcess> {
    const ports = ["--system-port", "0", "--zmq-endpoint", "tcp://127.0.0.1:0"];
    const started = await start(["serve", ...ports, ...args], (line) => line.msg === "kvcast is running");
    const { record } = started;
    const url = String(record["metrics_url"]).replace("/metrics", "");
    return new KvcastProcess(started, url, String(record["zmq_endpoint"]));
  }

  /** `kvcast consolidate` on free ports. Resolves when it is up. */
  static async consolidate(args: readonly string[]): Promise<KvcastProcess> {
    const ports = ["--system-port", "0", "--output-endpoint", "tcp://127.0.0.1:0"];
    const started = await start(["consolidate", ...ports, ...args], ({ msg }) => msg === "the consolidator is running");
    const { record } = started;
    return new KvcastProcess(
      started,
      String(record["metrics_url"]).replace("/metrics", ""),
      String(record["zmq_endpoint"]),
    );
  }

  /** `kvcast sim` on a free port. Resolves when it listens. */
  static async sim(args: readonly string[]): Promise<KvcastProcess> {
    const started = await start(["sim", "--port", "0", ...args], ({ msg }) => msg.includes("listens on"));
    return new KvcastProcess(started, /http:\S+/.exec(started.record.msg)?.[0] ?? "", "");
  }

  /** The metrics page. Throws when it is not to be had. */
  async metrics(): Promise<MetricsPage> {
    const response = await fetch(`${this.url}/metrics`);
    if (!response.ok) throw new Error(`/metrics answers ${response.status}`);
    return parseMetrics(await response.text());
  }

  /** Most memory that the process ever held, bytes; null where the system does not tell (it does on Linux). */
  peakRssBytes(): number | null {
    try {
      const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, "utf8"))?.[1];
      return kib === undefined ? null : Number(kib) * 1024;
    } catch {
      return null;
    }
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Never resolves; rejects when it ends before `stop` or `kill` was called. */
  died(): Promise<never> {
    return new Promise((_, reject) => {
      const onClose = (): void => {
        if (!this.#ending) reject(new ChildEndedError("kvcast", this.#child, this.#lines));
      };
      if (this.isRunning) this.#child.once("close", onClose);
      else onClose();
    });
  }

  /** Ends it by SIGTERM. Resolves with its last words; throws unless it ended with 0. */
  async stop(): Promise<LogRecord | null> {
    this.#ending = true;
    if (this.isRunning) {
      const closed = once(this.#child, "close");
      this.#child.kill("SIGTERM");
      const kill = setTimeout(() => this.kill(), STOP_MS);
      await closed;
      clearTimeout(kill);
    }
    if (this.#child.exitCode !== 0) throw new ChildEndedError("kvcast", this.#child, this.#lines);
    return this.#lines.findLast(({ msg }) => msg.startsWith("stopped, ")) ?? null;
  }

  kill(): void {
    this.#ending = true;
    this.#child.kill("SIGKILL");
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly lines: LogRecord[];
  /** The line that said it is up. */
  readonly record: LogRecord;
}

async function start(args: readonly string[], isUp: (record: LogRecord) => boolean): Promise<Started> {
  const child = fork(KVCAST, [...args, "--log-format", "json"], {
    // No variable of the caller may change what is measured, and no option of its Node.
    env: { PATH: process.env["PATH"] },
    execArgv: [],
    // A Ctrl-C is for this process, which ends its children in order.
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const { stderr } = child;
  if (stderr === null) throw new Error("a child without the pipe that was asked for");
  const lines: LogRecord[] = [];
  const record = await new Promise<LogRecord>((resolve, reject) => {
    createInterface({ input: stderr }).on("line", (text) => {
      const line: LogRecord = text.startsWith("{") ? JSON.parse(text) : { msg: text };
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      if (isUp(line)) resolve(line);
    });
    child.once("error", reject);
    child.once("close", () => {
      reject(new ChildEndedError("kvcast, before it was up,", child, lines));
    });
  });
  return { child, lines, record };
}

function textOf(lines: readonly LogRecord[]): string {
  return lines
    .map((line) => (Object.keys(line).length === 1 ? line.msg : JSON.stringify(line)))
    .join("\n")
    .trimEnd();
}
