/** A real nats-server of a test's own, on a free port, that can be killed, stopped and brought back. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { freePort } from "../../bench/support/free-port.ts";
import { requireTool } from "./tools.ts";

export class NatsServer {
  readonly folder: string;
  readonly port: number;
  readonly #program: string;
  #config: string;
  #child: ChildProcess | null = null;

  private constructor(t: TestContext, program: string, port: number, config: string) {
    this.port = port;
    this.#program = program;
    this.#config = config;
    this.folder = mkdtempSync(path.join(tmpdir(), "kvcast-nats-"));
    t.after(async () => {
      await this.kill();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /**
   * Starts one; resolves when it takes connections. `config` is added to its configuration; `jetstream` there keeps its
   * files in a folder of the test. If null comes back the test has been skipped and must return.
   */
  static async start(t: TestContext, config: string = ""): Promise<NatsServer | null> {
    const program = requireTool(t, "nats-server");
    if (program === null) return null;
    const server = new NatsServer(t, program, await freePort(), config);
    await server.restart();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it again, on the same port, with what it has stored. Or with another configuration. */
  async restart(config: string = this.#config): Promise<void> {
    this.#writeConfig(config);
    const child = spawn(this.#program, ["-c", this.#configFile()], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line);
      if (!line.includes("Server is ready")) continue;
      child.stderr.resume();
      return;
    }
    throw new Error(`nats-server did not start:\n${lines.join("\n")}`);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** SIGSTOP: connections stay, nothing is answered. */
  hang(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Another configuration for the running server. */
  reload(config: string): void {
    this.#writeConfig(config);
    this.#child?.kill("SIGHUP");
  }

  #writeConfig(config: string): void {
    this.#config = config;
    const store = path.join(this.folder, "store");
    const text = `host: 127.0.0.1\nport: ${this.port}\n${config.replace("jetstream", `jetstream: {store_dir: "${store}"}`)}\n`;
    writeFileSync(this.#configFile(), text);
  }

  #configFile(): string {
    return path.join(this.folder, "server.conf");
  }
}
