/**
 * The error classes of kvcast, on every thread.
 *
 * Each error carries a stable `code` that other programs may match on, and, where it ends the process, the exit code
 * that the command line documents. A message says what is wrong, with which value, and what to do. It never holds
 * token ids or cache salts: those are people's prompts.
 */

/** Process exit codes of every kvcast command. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  thresholdMissed: 3,
  unhealthy: 10,
  /** A port that is taken, a server that cannot be reached: something outside kvcast is needed first. */
  unavailable: 69,
  badConfig: 78,
} as const;

/** Base of all errors that kvcast throws on purpose. */
export class KvcastError extends Error {
  /** Stable, upper-case identifier, for example `KVCAST_BAD_CONFIG`. */
  readonly code: string;
  /** What the process exits with when this error ends it. */
  readonly exitCode: number;

  constructor(code: string, message: string, exitCode: number = EXIT.failure, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** A flag, an environment variable or a file entry holds a value that is not allowed. Exit code 78. */
export class ConfigError extends KvcastError {
  /** Where the value came from, in the words a user would search for: `--kv-block-size`, `DYN_SYSTEM_PORT`. */
  readonly option: string;

  constructor(option: string, message: string, cause?: unknown) {
    super("KVCAST_BAD_CONFIG", message, EXIT.badConfig, cause);
    this.option = option;
  }
}

/** An address cannot be bound, because it is taken or not ours. Exit code 69. */
export class BindError extends KvcastError {
  readonly endpoint: string;

  constructor(endpoint: string, message: string, cause?: unknown) {
    super("KVCAST_BIND_FAILED", message, EXIT.unavailable, cause);
    this.endpoint = endpoint;
  }
}

/** A process that lives uses the state directory already. Exit code 69. */
export class StateDirTakenError extends KvcastError {
  readonly directory: string;
  /** Of the process that has it. */
  readonly pid: number;

  constructor(directory: string, pid: number) {
    const what = `the state directory ${directory} is in use by process ${pid}`;
    super("KVCAST_STATE_DIR_TAKEN", `${what}; end that one, or choose another with --state-dir`, EXIT.unavailable);
    this.directory = directory;
    this.pid = pid;
  }
}

/** A worker thread ended although nobody had asked it to. */
export class ThreadDiedError extends KvcastError {
  readonly thread: string;

  constructor(thread: string, message: string, cause?: unknown) {
    super("KVCAST_THREAD_DIED", message, EXIT.failure, cause);
    this.thread = thread;
  }
}

/** An event that a library caller hands over cannot be put on the wire. Nothing was published. */
export class InvalidEventError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_INVALID_EVENT", message);
  }
}

/** Memory shared between threads does not have the shape that the other side expects: a bug, never an input. */
export class LayoutError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_LAYOUT", message);
  }
}

/** The `code` of an error of the system or of Node, as `ENOENT`; undefined where there is none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The message of anything that was thrown, for logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
