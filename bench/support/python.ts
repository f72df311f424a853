/**
 * The rival in Python as a child process. It needs pyzmq and msgpack, which Debian has for its own Python; another Python that
 * comes first on the PATH has neither, as a rule, so that one is not asked.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";

const PYTHON = "/usr/bin/python3";
/** Run in place: the compiler does not copy it. Benches and tests run from the root of the project. */
const FOLDER = path.resolve("bench/rivals/python");
/** Neither the caller's variables nor packages of a user's own; no files left in the source tree. */
const ISOLATED = ["-B", "-E", "-s"];
const PROBE = [
  "import platform, msgpack, zmq",
  "version = '.'.join(map(str, msgpack.version))",
  "print(f'{platform.python_version()} (pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}, msgpack {version})')",
].join("\n");

/** Which of the two publisher classes, by the month from which it is. */
export type PythonClass = "august" | "january";

export type PythonFound = { readonly versions: string } | { readonly missing: string };

let found: PythonFound | null = null;

/** Whether the rival can run here. Asked once. */
export function findPython(): PythonFound {
  found ??= probe();
  return found;
}

function probe(): PythonFound {
  const run = spawnSync(PYTHON, [...ISOLATED, "-c", PROBE], { encoding: "utf8" });
  if (run.status === 0) return { versions: run.stdout.trim() };
  const reason = run.error?.message ?? run.stderr.trim().split("\n").at(-1);
  return { missing: `${PYTHON} with zmq and msgpack: ${reason ?? "not to be had"} (node scripts/setup-test-tools.js)` };
}

/** What the class of that month sends for scripts of engine events: for each script its messages, each as frames in hex. */
export function pythonFrames(scripts: readonly PythonScript[]): readonly (readonly (readonly string[])[])[] {
  const file = path.join(FOLDER, "frames.py");
  const text = execFileSync(PYTHON, [...ISOLATED, file], { input: JSON.stringify(scripts), encoding: "utf8" });
  return JSON.parse(text) as string[][][];
}

export interface PythonScript {
  readonly class: PythonClass;
  readonly blockSize: number;
  /** What the publisher's clock says, seconds since 1970. */
  readonly seconds: number;
  /** As the engine's server lists them; hashes may be decimal strings. */
  readonly events: readonly unknown[];
}

export class PythonProcess {
  readonly #child: ChildProcess;
  readonly #answers: ((answer: Record<string, unknown> | Error) => void)[] = [];
  #ended: Error | null = null;

  constructor(args: readonly string[]) {
    const child = spawn(PYTHON, [...ISOLATED, path.join(FOLDER, "main.py"), ...args], {
      env: { PATH: process.env["PATH"] },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line) as Record<string, unknown>;
      // The summary comes by itself, at the end; nobody asked for it.
      if (!("events" in answer)) this.#answers.shift()?.(answer);
    });
    // A pipe whose reader is gone: that the process ended says it better.
    child.stdin.on("error", () => {});
    child.once("error", (error) => this.#end(error));
    child.once("exit", (code, signal) => {
      this.#end(new Error(`the rival in Python ended with ${code ?? signal ?? "nothing"} before it answered`));
    });
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Writes a line, resolves with the next answer. Rejects when the process ends instead. */
  ask(line: string): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) {
        reject(this.#ended);
        return;
      }
      this.#answers.push((answer) => {
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
      this.#child.stdin?.write(`${line}\n`);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, "exit");
    this.#child.stdin?.end();
    await closed;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const answer of this.#answers.splice(0)) answer(error);
  }
}
