/** `kvcast cluster`: has all workers of a cluster carry out one command, and prints what each says. MAIN THREAD. */
import { ClusterCancelledError } from "../cluster/cluster-error.ts";
import type { WorkerAnswer } from "../cluster/pending-call.ts";
import type { ClusterCommandConfig } from "../config/load-cluster.ts";
import { ask, type Asked } from "../control/ask.ts";
import { EXIT } from "../../shared/errors.ts";
import { answerOf, workerLine } from "./cluster-text.ts";

const ERASE_LINE = "\r\u001B[2K";
const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export interface ClusterIo {
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

/** Resolves with the exit code. Rejects with BindError when the leader's addresses cannot be had. */
export async function runCluster(
  config: ClusterCommandConfig,
  stopped: Promise<NodeJS.Signals>,
  io: ClusterIo,
): Promise<number> {
  for (const warning of config.warnings) io.err(`kvcast: warning: ${warning}\n`);
  const cancelling = new AbortController();
  void stopped.then((signal) => cancelling.abort(signal));
  const page = new AnswerPage(config, io);
  try {
    const asked = await ask(config, {
      signal: cancelling.signal,
      onGathered: (there, wanted) =>
        page.progress(`${there}${wanted === null ? "" : ` of ${wanted}`} workers are there`),
      onAsked: (names) => page.begin(names),
      onAnswer: (answer) => page.answer(answer),
    });
    page.end(asked);
    return exitCodeOf(asked);
  } catch (error) {
    page.progress("");
    if (!(error instanceof ClusterCancelledError) || !cancelling.signal.aborted) throw error;
    io.err(`kvcast: cut short; ${page.waiting}\n`);
    return (await stopped) === "SIGINT" ? SIGNAL_CODES.SIGINT : SIGNAL_CODES.SIGTERM;
  }
}

function exitCodeOf({ answers, missing, absent, shared }: Asked): number {
  if (answers.length === 0 || missing.length + absent + shared.length > 0) return EXIT.unavailable;
  return answers.every(({ outcome }) => outcome === "done") ? EXIT.ok : EXIT.failure;
}

class AnswerPage {
  readonly #config: ClusterCommandConfig;
  readonly #io: ClusterIo;
  #waiting: Set<string> | null = null;
  #nameColumns: number = 0;

  constructor(config: ClusterCommandConfig, io: ClusterIo) {
    this.#config = config;
    this.#io = io;
  }

  /** A line that is written over, on a terminal only; an empty one takes it away. */
  progress(line: string): void {
    if (process.stderr.isTTY) this.#io.err(`${ERASE_LINE}${line}`);
  }

  begin(names: readonly string[]): void {
    this.#waiting = new Set(names);
    this.#nameColumns = Math.max(0, ...names.map(({ length }) => length));
    this.progress(this.waiting);
  }

  answer(answer: WorkerAnswer): void {
    this.progress("");
    const { worker, outcome, error, afterMs } = answer;
    if (worker !== null) this.#waiting?.delete(worker);
    const line = this.#config.json
      ? JSON.stringify({ worker, outcome, error, after_ms: Math.round(afterMs * 10) / 10, answer: answerOf(answer) })
      : workerLine(this.#config.command, answer, this.#nameColumns);
    this.#io.out(`${line}\n`);
    this.progress(this.waiting);
  }

  /** Who has not answered, in words. */
  get waiting(): string {
    if (this.#waiting === null) return "no worker was asked";
    return this.#waiting.size === 0 ? "all were heard" : `no answer of ${[...this.#waiting].toSorted().join(", ")}`;
  }

  end({ answers, missing, absent, shared }: Asked): void {
    this.progress("");
    const { json, leader, size } = this.#config;
    if (json) this.#io.out(`${JSON.stringify({ answered: answers.length, missing, absent, shared_names: shared })}\n`);
    if (missing.length > 0) this.#io.err(`kvcast: no answer of ${missing.join(", ")}\n`);
    if (shared.length > 0) {
      this.#io.err(`kvcast: several workers are called ${shared.join(", ")}: give each its own --cluster-name\n`);
    }
    const known = answers.length + missing.length;
    if (known === 0) {
      this.#io.err(
        `kvcast: no worker came to ${leader.pub}: is there a kvcast serve --cluster-leader with this address?\n`,
      );
    } else if (absent > 0) {
      const total = size ?? known + absent;
      this.#io.err(`kvcast: of ${total} workers ${absent} never came, and nobody knows their names\n`);
    }
  }
}
