/**
 * `kvcast serve` as a child process of which everything can be watched from outside: its pid, when it was started, and the
 * record that says it is up. For the cases in which those are what is measured.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type MetricsPage, parseMetrics } from "../../src/main/flood/metrics-text.ts";
import type { RunningService } from "../e2e/publishers.ts";
import { rssBytes } from "./proc.ts";

const KVCAST = fileURLToPath(new URL("../../src/main/index.js", import.meta.url));
const MIB = 2 ** 20;
/** Kept for the message of a failure. */
const KEPT_LINES = 20;

interface StartRecord {
  readonly msg: "kvcast is running";
  readonly metrics_url: string;
  readonly zmq_endpoint: string;
  readonly memory_bound_mib: number;
}

export class WatchedService implements RunningService {
  /** By `performance.now()`. */
  readonly startedMs: number;
  url: string = "";
  zmqEndpoint: string = "";
  /** Most memory for events, as it says itself at start. */
  memoryBoundBytes: number = 0;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #up: Promise<StartRecord>;

  private constructor(args: readonly string[]) {
    this.startedMs = performance.now();
    this.#child = spawn(process.execPath, [KVCAST, "serve", ...args, "--log-format", "json"], {
      // No variable of the caller may change what is measured.
      env: { PATH: process.env["PATH"] },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#up = this.#firstRecord();
    // Not everyone waits for it.
    this.#up.catch(() => {});
  }

  /** Started, and not waited for: what its addresses will be must have been said in `args`. */
  static spawn(args: readonly string[]): WatchedService {
    return new WatchedService(args);
  }

  /** On free ports. Resolves when it is up. */
  static async serve(args: readonly string[]): Promise<WatchedService> {
    const service = new WatchedService(["--system-port", "0", "--zmq-endpoint", "tcp://127.0.0.1:0", ...args]);
    const record = await service.#up;
    service.url = record.metrics_url.replace("/metrics", "");
    service.zmqEndpoint = record.zmq_endpoint;
    service.memoryBoundBytes = record.memory_bound_mib * MIB;
    return service;
  }

  /** Rejects when it ends instead. */
  async up(): Promise<void> {
    await this.#up;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("kvcast could not be started");
    return pid;
  }

  async metrics(): Promise<MetricsPage> {
    const response = await fetch(`${this.url}/metrics`);
    return parseMetrics(await response.text());
  }

  peakRssBytes(): number {
    return rssBytes(this.pid, "peak");
  }

  async stop(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    const [code, signal] = (await closed) as [number | null, string | null];
    if (code !== 0) throw new Error(`kvcast ended with ${code ?? signal ?? "nothing"}:\n${this.#lines.join("\n")}`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #firstRecord(): Promise<StartRecord> {
    const { stderr } = this.#child;
    return new Promise((resolve, reject) => {
      if (stderr === null) throw new Error("kvcast has no stderr");
      createInterface({ input: stderr }).on("line", (line) => {
        this.#lines.push(line);
        if (this.#lines.length > KEPT_LINES) this.#lines.shift();
        const record = line.startsWith("{") ? (JSON.parse(line) as { readonly msg: string }) : { msg: line };
        if (record.msg === "kvcast is running") resolve(record as StartRecord);
      });
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        reject(new Error(`kvcast ended with ${code ?? signal ?? "nothing"}:\n${this.#lines.join("\n")}`));
      });
    });
  }
}
