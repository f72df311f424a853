/** `kvcast perf`: asks a running service for its slow requests and prints where their time went. MAIN THREAD. */
import { objectOf } from "../../shared/json-object.ts";
import { parseBoundedJson } from "../bounded-json.ts";
import { guardedGet } from "../http/guarded-get.ts";
import type { EngineCredentials } from "../config/config.ts";
import type { PerfConfig } from "../config/load-perf.ts";
import { ConfigError, EXIT, KvcastError } from "../../shared/errors.ts";
import type { PerfReport } from "../perf/perf-report.ts";
import { perfText, stateLines } from "./perf-text.ts";

/** Far more than the most requests that can be asked for have. */
const MAX_ANSWER_BYTES: number = 16 * 1024 * 1024;
const NOT_SERVE =
  "it does not answer as kvcast serve does: give the address of its system port, as its start card shows";

/** There is no service, or it has no data to show. Exit code 69. */
class NoPerfError extends KvcastError {
  constructor(message: string, cause?: unknown) {
    super("KVCAST_NO_PERF_DATA", message, EXIT.unavailable, cause);
  }
}

export interface PerfIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

/**
 * Resolves with the exit code: 69 where no engine gives performance data, which is then said with what to do. Throws
 * KvcastError when the service cannot be asked.
 */
export async function runPerf(config: PerfConfig, io: PerfIo): Promise<number> {
  const { report, text } = await ask(config);
  const isTerminal = process.stdout.isTTY && io.env["TERM"] !== "dumb";
  if (config.json) io.out(text.endsWith("\n") ? text : `${text}\n`);
  else io.out(perfText(report, { colour: isTerminal && !io.env["NO_COLOR"] }));
  for (const line of stateLines(report)) io.err(`kvcast: ${line}\n`);
  const states = Object.values(report.engines).map(({ state }) => state);
  return states.some((state) => state === "reading" || state === "waiting") || report.requests.length > 0
    ? EXIT.ok
    : EXIT.unavailable;
}

async function ask({
  url,
  timeoutMs,
  login,
}: PerfConfig): Promise<{ readonly report: PerfReport; readonly text: string }> {
  const answer = await fetchText(url, timeoutMs, login);
  if (answer.status === 400) throw new ConfigError("the query", `the service refuses: ${messageOf(answer.text)}`);
  if (answer.status === 404) {
    throw new NoPerfError(`${url.origin} has no performance data: an older kvcast, or no kvcast serve`);
  }
  if (answer.status === 401) throw new NoPerfError(`${url.origin} asks for a password: give --header-file`);
  if (answer.status !== 200) throw new NoPerfError(`${url.origin} answers with HTTP status ${answer.status}`);
  const report = parsed(answer.text);
  if (!isReport(report)) throw new NoPerfError(`${url.origin}: ${NOT_SERVE}`);
  return { report, text: answer.text };
}

async function fetchText(
  url: URL,
  timeoutMs: number,
  credentials: EngineCredentials,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const { status, body } = await guardedGet(url, { signal: AbortSignal.timeout(timeoutMs), credentials });
    return { status, text: await bounded(url, body) };
  } catch (cause) {
    if (cause instanceof KvcastError) throw cause;
    const reason =
      cause instanceof Error && cause.name === "TimeoutError"
        ? `no answer within ${timeoutMs / 1000} s`
        : "cannot be reached";
    throw new NoPerfError(`${url.origin}: ${reason}; is kvcast serve running, and this its --system-port?`, cause);
  }
}

async function bounded(url: URL, body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) throw new NoPerfError(`${url.origin}: ${NOT_SERVE}`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch {
    return null;
  }
}

function isReport(value: unknown): value is PerfReport {
  const { engines, requests, percentiles } = objectOf(value);
  return typeof engines === "object" && engines !== null && Array.isArray(requests) && typeof percentiles === "object";
}

/** The service's own sentence. */
function messageOf(text: string): string {
  const value = parsed(text);
  const message = typeof value === "object" && value !== null && "message" in value ? value.message : null;
  return typeof message === "string" ? message.slice(0, 300) : "no reason is given";
}
