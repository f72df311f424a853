/**
 * A `kvcast` command as a child process with JSON logs: what a user runs, steered by what it says. The built file beside
 * this one is run, by the same Node.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type MetricsPage, parseMetrics } from "./metrics-text.ts";

const KVCAST = fileURLToPath(new URL("../index.js", import.meta.url));
/** Log lines kept, for the message of a failure. */
const KEPT_LINES = 30;
/** Beyond what an orderly shutdown may take. */
const STOP_MS = 10_000;

export type LogRecord = Readonly<Record<string, unknown>> & { readonly msg: string };

export class KvcastProcess {
  /** `--engine http://…` for a sim, the metrics page for a service. */
  readonly url: string;
  /** Of a service; empty for a sim. */
  readonly zmqEndpoint: string;
  readonly #child: ChildProcess;
  readonly #lines: LogRecord[];

  private constructor(child: ChildProcess, lines: LogRecord[], url: string, zmqEndpoint: string) {
    this.#child = child;
    this.#lines = lines;
    this.url = url;
    this.zmqEndpoint = zmqEndpoint;
  }

  /** `kvcast serve` on free ports. Resolves when it is up. */
  static async serve(args: readonly string[]): Promise<KvcastProcess> {
    const ports = ["--system-port", "0", "--zmq-endpoint", "tcp://127.0.0.1:0"];
    const { child, lines, record } = await start(
      ["serve", ...ports, ...args],
      (line) => line.msg === "kvcast is running",
    );
    return new KvcastProcess(
      child,
      lines,
      String(record["metrics_url"]).replace("/metrics", ""),
      String(record["zmq_endpoint"]),
    );
  }

  /** `kvcast sim` on a free port. Resolves when it listens. */
  static async sim(args: readonly string[]): Promise<KvcastProcess> {
    const { child, lines, record } = await start(["sim", "--port", "0", ...args], ({ msg }) =>
      msg.includes("listens on"),
    );
    return new KvcastProcess(child, lines, /http:\S+/.exec(record.msg)?.[0] ?? "", "");
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

  /** Ends it by SIGTERM. Resolves with its last words; throws unless it ended with 0. */
  async stop(): Promise<LogRecord | null> {
    if (this.isRunning) {
      const closed = once(this.#child, "close");
      this.#child.kill("SIGTERM");
      const kill = setTimeout(() => this.kill(), STOP_MS);
      await closed;
      clearTimeout(kill);
    }
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== 0) throw new Error(`kvcast ended with ${exitCode ?? signalCode}:\n${textOf(this.#lines)}`);
    return this.#lines.findLast(({ msg }) => msg.startsWith("stopped, ")) ?? null;
  }

  kill(): void {
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
  const child = spawn(process.execPath, [KVCAST, ...args, "--log-format", "json"], {
    // No variable of the caller may change what is measured.
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: LogRecord[] = [];
  const record = await new Promise<LogRecord>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (text) => {
      const line = text.startsWith("{") ? (JSON.parse(text) as LogRecord) : { msg: text };
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      if (isUp(line)) resolve(line);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      reject(new Error(`kvcast ended with ${code ?? signal ?? "nothing"} before it was up:\n${textOf(lines)}`));
    });
  });
  return { child, lines, record };
}

function textOf(lines: readonly LogRecord[]): string {
  return lines.map((line) => JSON.stringify(line)).join("\n");
}
