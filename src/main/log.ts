/**
 * The log of the service: one line a record, on standard error, as text or as JSON. MAIN THREAD; the one user of pino.
 *
 * Fields are flat and primitive by type and by check, so that no token array and no salt can slip in with an object.
 * Writing is synchronous (the last words of a dying process must arrive) but never waits and never throws: a line that
 * the stream cannot take is dropped. Lines are counted by level for `kvcast_log_messages_total`.
 */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { pino } from "pino";
import type { LogFormat, LogLevel } from "./log-level.ts";
import { formatTextLine } from "./log-text.ts";

export const LOG_LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

/** At most one line per key in this time. */
const DEFAULT_LIMIT_MS = 10_000;
/** Keys come from code, not from input; this only guards against a mistake there. */
const MAX_LIMITED_KEYS = 1024;
/** A longer value is cut: a line stays readable, whatever an engine answers. */
const MAX_VALUE_CHARS = 2048;
const STDERR = 2;
/** Keys that pino writes itself; a field of that name would make a second one in the same object. */
const RESERVED: ReadonlySet<string> = new Set(["level", "time", "msg"]);

export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface LineLogger {
  trace(msg: string, fields?: LogFields): void;
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  error(msg: string, fields?: LogFields): void;
}

export interface Logger extends LineLogger {
  /**
   * A logger that writes at most one line per `key` in `everyMs` milliseconds. The next line that passes carries the
   * number of those held back as `suppressed`. Take keys from a closed set, never from input.
   */
  limited(key: string, everyMs?: number): LineLogger;
  /** Lines written so far, by level. */
  readonly counts: Readonly<Record<LogLevel, number>>;
  /** The least severe level that is written. May be set at any time. */
  level: LogLevel;
}

/** What takes finished lines, newline included. Must not throw. */
export interface LogStream {
  write(line: string): unknown;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Default: standard error. */
  readonly stream?: LogStream;
  /** Colours in text lines. Default: standard error is a terminal and NO_COLOR is not set. */
  readonly colour?: boolean;
  /** Monotonic milliseconds, for the rate limit. */
  readonly now?: () => number;
}

/** Standard error without a queue. A full non-blocking pipe or a closed one costs the line, not the service. */
const standardError: LogStream = {
  write(line: string): void {
    const bytes = Buffer.from(line, "utf8");
    try {
      let written = 0;
      while (written < bytes.length) written += writeSync(STDERR, bytes, written);
    } catch {
      // Nowhere left to report it.
    }
  },
};

/** What pino was told to write. */
interface JsonLine {
  readonly level: LogLevel;
  readonly time: string;
  readonly msg: string;
}

/** Turns pino's JSON lines into text. */
function textStream(out: LogStream, colour: boolean): LogStream {
  return {
    write(line: string): void {
      const parsed: JsonLine = JSON.parse(line);
      const { level, time, msg, ...fields } = parsed;
      out.write(formatTextLine(new Date(time), level, msg, Object.entries(fields), colour));
    },
  };
}

function cut(text: string): string {
  return text.length <= MAX_VALUE_CHARS ? text : `${text.slice(0, MAX_VALUE_CHARS)}…`;
}

function cleanFields(fields: LogFields): Record<string, string | number | boolean | null> {
  const clean: Record<string, string | number | boolean | null> = {};
  for (const [key, value] of Object.entries<unknown>(fields)) {
    const name = RESERVED.has(key) ? `${key}_` : key;
    if (typeof value === "string") clean[name] = cut(value);
    else if (typeof value === "number" || typeof value === "boolean" || value === null) clean[name] = value;
    // The types forbid anything else. Should a cast smuggle it in, its kind is all that may be shown.
    else clean[name] = `[${typeof value}]`;
  }
  return clean;
}

function perLevel(write: (level: LogLevel, msg: string, fields: LogFields | undefined) => void): LineLogger {
  return {
    trace: (msg, fields) => write("trace", msg, fields),
    debug: (msg, fields) => write("debug", msg, fields),
    info: (msg, fields) => write("info", msg, fields),
    warn: (msg, fields) => write("warn", msg, fields),
    error: (msg, fields) => write("error", msg, fields),
  };
}

export function createLogger(options: LogOptions): Logger {
  const out = options.stream ?? standardError;
  const colour = options.colour ?? (options.stream === undefined && isatty(STDERR) && !process.env["NO_COLOR"]);
  const now = options.now ?? ((): number => performance.now());
  let threshold = options.level;
  const sink = pino(
    {
      level: threshold,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.format === "json" ? out : textStream(out, colour),
  );

  const counts: Record<LogLevel, number> = { trace: 0, debug: 0, info: 0, warn: 0, error: 0 };
  function write(level: LogLevel, msg: string, fields: LogFields | undefined): void {
    if (!sink.isLevelEnabled(level)) return;
    counts[level]++;
    sink[level](fields === undefined ? {} : cleanFields(fields), cut(msg));
  }

  const limits = new Map<string, { nextMs: number; suppressed: number }>();
  function writeLimited(key: string, everyMs: number): LineLogger {
    return perLevel((level, msg, fields) => {
      if (!sink.isLevelEnabled(level)) return;
      const at = now();
      let limit = limits.get(key);
      if (limit === undefined) {
        if (limits.size >= MAX_LIMITED_KEYS) limits.clear();
        limit = { nextMs: at, suppressed: 0 };
        limits.set(key, limit);
      }
      if (at < limit.nextMs) {
        limit.suppressed++;
        return;
      }
      write(level, msg, limit.suppressed === 0 ? fields : { ...fields, suppressed: limit.suppressed });
      limit.nextMs = at + everyMs;
      limit.suppressed = 0;
    });
  }

  return {
    ...perLevel(write),
    limited: (key, everyMs = DEFAULT_LIMIT_MS) => writeLimited(key, everyMs),
    counts,
    get level() {
      return threshold;
    },
    set level(to) {
      sink.level = threshold = to;
    },
  };
}
