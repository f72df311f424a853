/**
 * What the log says about one engine: when it stops answering, when it is back, how it answers. MAIN THREAD.
 *
 * A poll may happen hundreds of times a second, so nothing is logged for a poll, only for a change: an outage is told
 * once for each reason it shows, its end once if its beginning was told. Each kind of warning comes at most once in ten
 * seconds, also when every other poll fails; the counters have the exact numbers.
 */
import type { LineLogger } from "../log.ts";
import type { SourceErrorReason } from "../metrics/engine-counters.ts";
import type { DrainOutcome } from "./drain-client.ts";
import type { ScanError } from "./scan-error.ts";

/** Shortest time between two lines of one kind. */
const QUIET_MS = 10_000;
/** An empty answer that took this long was waiting for events, not busy. */
const WAITING_DRAIN_MS = 1500;
/** One slow answer may be chance. */
const WAITING_DRAINS = 2;

export interface PollFailure {
  readonly reason: SourceErrorReason;
  /** Says what happened; never holds any part of a body. */
  readonly message: string;
  /** HTTP status of a refused answer, else 0. */
  readonly status: number;
  /** Offset of a body's first unreadable byte, else null. */
  readonly byteOffset: number | null;
}

/**
 * One reason for a poll that failed, null for one that did not. `refused` is the scanner's error for which we cut the answer,
 * `defect` its error now; a broken connection explains a body that breaks off.
 */
export function failureOf(
  outcome: DrainOutcome,
  refused: ScanError | null,
  defect: ScanError | null,
): PollFailure | null {
  const { error } = outcome;
  if (refused === null && error !== null) {
    return { reason: error.reason, message: error.message, status: error.status, byteOffset: null };
  }
  const found = outcome.cut ? refused : defect;
  if (found === null) return null;
  return { reason: found.reason, message: found.message, status: 0, byteOffset: found.offset };
}

export class SourceJournal {
  readonly #log: LineLogger;
  readonly #now: () => number;
  readonly #toldAt: Map<string, number> = new Map();
  #everAnswered: boolean = false;
  /** Kind of the outage's last line; null while there is no outage, or none was told. */
  #told: string | null = null;
  #failedPolls: number = 0;
  #downSince: number = 0;
  #waitingDrains: number = 0;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(log: LineLogger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** The engine answered, with `events` events, after `elapsedMs`. */
  answered(events: number, elapsedMs: number): void {
    if (this.#told !== null) {
      const seconds = Math.round((this.#now() - this.#downSince) / 1000);
      this.#log.info("the engine answers again", { failed_polls: this.#failedPolls, seconds });
    } else if (!this.#everAnswered) {
      this.#log.info("the engine answers");
    }
    this.#everAnswered = true;
    this.#told = null;
    this.#failedPolls = 0;
    this.#watchDrain(events, elapsedMs);
  }

  failed(failure: PollFailure): void {
    const { reason, message, byteOffset } = failure;
    if (this.#failedPolls++ === 0) this.#downSince = this.#now();
    const kind = kindOf(failure);
    if (kind === this.#told || !this.#maySay(kind)) return;
    this.#told = kind;
    const hint = HINTS[kind];
    this.#log.warn("polling the engine fails", {
      reason,
      detail: message,
      failed_polls: this.#failedPolls,
      ...(byteOffset === null ? {} : { byte_offset: byteOffset }),
      ...(hint === undefined ? {} : { hint }),
    });
  }

  /** `stop()` ended a drain before the engine had answered in full. */
  /** `flowing`: the drain before had events, so this one, of which nothing has come, has some as a rule. */
  cutAtStop(answering: boolean, flowing: boolean): void {
    const message = "stopped during a drain that the engine had not finished answering";
    if (answering) this.#log.warn(`${message}: the rest of that answer is lost`);
    else if (flowing) this.#log.warn(`${message}: what it had taken out for that answer is lost`);
    else this.#log.debug(message);
  }

  /** Events that were read but found no room before the service had to end. */
  gaveUp(events: number): void {
    this.#log.warn("stopped while the pipeline was full: events that were read are dropped", { events });
  }

  #watchDrain(events: number, elapsedMs: number): void {
    if (events > 0) return;
    this.#waitingDrains = elapsedMs >= WAITING_DRAIN_MS ? this.#waitingDrains + 1 : 0;
    if (this.#waitingDrains !== WAITING_DRAINS || !this.#maySay("waiting_drain")) return;
    this.#log.info("the engine waits for events inside each drain, as older TensorRT-LLM releases do", {
      effect: "events arrive up to 2 s late; a newer release answers at once",
    });
  }

  #maySay(kind: string): boolean {
    const now = this.#now();
    if (now - (this.#toldAt.get(kind) ?? -Infinity) < QUIET_MS) return false;
    this.#toldAt.set(kind, now);
    return true;
  }
}

/** Groups failures that have one remedy. A closed set: a status comes from outside and must not become a key. */
function kindOf({ reason, status, message }: PollFailure): string {
  if (reason === "connect" && message.includes("(EPROTO)")) return "no_tls";
  if (reason !== "http_status") return reason;
  if (status >= 300 && status < 400) return "redirect";
  if (status === 401 || status === 403) return "denied";
  if (status === 404 || status === 405) return "no_endpoint";
  return reason;
}

const HINTS: Readonly<Record<string, string>> = {
  no_tls: "what listens there speaks no TLS: http:// in place of https://?",
  redirect: "redirects are not followed: give the address that the engine finally answers on",
  denied: "the engine wants credentials: --engine-header-file",
  no_endpoint: "there is no /kv_cache_events here: a wrong URL, or a server without KV-cache events",
  timeout: "older releases answer only after 2 s of silence: allow at least 10 s",
  oversize: "a smaller event_buffer_max_size in the engine, or a higher limit here",
};
