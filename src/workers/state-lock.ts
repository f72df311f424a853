/**
 * Who uses a state directory, and whether the last one left it in order. INDEX THREAD.
 *
 * Node offers no lock that ends with its process, so each run leaves a mark, an empty file:
 *
 *   running-PID-START   a run of that process, which began at START
 *   running             a run that is over, and had no orderly end
 *
 * Who comes makes its own mark first and looks for others then: of two that come at once, one at least sees the other. A
 * mark counts as long as its process lives. A number that has been given to another process since is known by the start,
 * which holds the machine's own start too. Processes that cannot see each other, as in two containers, are not kept apart.
 */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { codeOf, StateDirTakenError } from "../shared/errors.ts";
import { makeDirectory } from "./make-directory.ts";

const INTERRUPTED = "running";
const MARK = /^running-([1-9]\d{0,9})-(.+)$/u;
/** Where processes cannot be asked for it. */
const UNKNOWN_START = "0";
/** Of /proc/PID/stat, counted from behind the program's name, which may hold anything. */
const STATE_FIELD = 0;
const START_FIELD = 19;

export class StateLock {
  /** The run before did not end in order, so that what it wrote at an orderly end before that is out of date. */
  readonly wasInterrupted: boolean;
  readonly #directory: string;

  private constructor(directory: string, wasInterrupted: boolean) {
    this.#directory = directory;
    this.wasInterrupted = wasInterrupted;
  }

  /** Makes the directory if need be. Throws StateDirTakenError when a living process has it, or an error of the system. */
  static take(directory: string): StateLock {
    makeDirectory(directory);
    const own = ownMark();
    try {
      closeSync(openSync(path.join(directory, own), "wx", 0o600));
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      throw new StateDirTakenError(directory, process.pid);
    }
    const others = readdirSync(directory).filter((name) => name !== own && isMark(name));
    const holder = others.map(holderOf).find((pid) => pid !== null);
    if (holder !== undefined && holder !== null) {
      rmSync(path.join(directory, own), { force: true });
      throw new StateDirTakenError(directory, holder);
    }
    // At no moment may a crash of the machine leave no mark at all.
    syncDirectory(directory);
    for (const name of others) rmSync(path.join(directory, name), { force: true });
    return new StateLock(directory, others.length > 0);
  }

  /** The lock that a thread of this process took which has died; null if there is none. */
  static inherit(directory: string): StateLock | null {
    return existsSync(path.join(directory, ownMark())) ? new StateLock(directory, true) : null;
  }

  /** Whether the mark is still there: who took this process for dead has taken it away. */
  get isHeld(): boolean {
    return existsSync(path.join(this.#directory, ownMark()));
  }

  /** Leaves the directory in order. Throws an error of the system. */
  release(): void {
    rmSync(path.join(this.#directory, ownMark()), { force: true });
    syncDirectory(this.#directory);
  }

  /** Leaves the directory as after an interruption. Throws an error of the system. */
  abandon(): void {
    renameSync(path.join(this.#directory, ownMark()), path.join(this.#directory, INTERRUPTED));
    syncDirectory(this.#directory);
  }
}

function ownMark(): string {
  return `running-${process.pid}-${startOf(process.pid) ?? UNKNOWN_START}`;
}

function isMark(name: string): boolean {
  return name === INTERRUPTED || MARK.test(name);
}

/** The living process that made a mark; null when there is none. */
function holderOf(name: string): number | null {
  const [, digits, start] = MARK.exec(name) ?? [];
  if (digits === undefined) return null;
  const pid = Number(digits);
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if (codeOf(error) !== "EPERM") return null;
  }
  const itsStart = startOf(pid);
  return itsStart === null || itsStart === start ? pid : null;
}

/** When a process began: the machine's start and the ticks since; null where nobody can tell. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A dead process whose parent has not taken note of it yet.
    if (fields[STATE_FIELD] === "Z" || fields[STATE_FIELD] === "X") return "ended";
    return `${bootId()}-${fields[START_FIELD] ?? UNKNOWN_START}`;
  } catch {
    return null;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
  } catch {
    return UNKNOWN_START;
  }
}

/** Makes the directory's own entries durable; without it a crash of the machine may undo what was done to them. */
function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
