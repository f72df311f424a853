/**
 * The state of the service as people look at it: what the live page and a terminal view show, and what `/v1/live` and
 * `/v1/live/stream` carry as JSON. ANY THREAD, and the browser; types and words only.
 *
 *   LiveHello      once, at the start of a stream: what does not change, and the last ten minutes
 *     ├ service    version, run, start
 *     ├ options    every option with its value and origin
 *     ├ columns    what the numbers of a history row are
 *     ├ history    rows, one a second
 *     └ tail       the newest events
 *   LiveSnapshot   five times a second: how it is now
 *     ├ stages     engine → normalise → ring → encode → zmq, nats → subscribers: rate, p99, fill, loss, state
 *     ├ engines    each with its ranks (cache used and total), losses, ages, churn
 *     ├ sinks, ring, threads
 *     ├ checks     what is checked, whether it is well, why not, what to do
 *     ├ markers    gaps, restarts, losses of the last minute; each has an id, so that a reader knows those it has
 *     └ tail       the newest events, without tokens
 *   LiveRow        once a second: one more row of the history
 *
 * Totals count since the start and equal `/metrics`. Rates are events a second over the last second or two. Times are seconds;
 * percentiles are over the last ten seconds, from the buckets of the histograms. Moments are Unix seconds. Null: not known, or
 * there is no such thing. Nothing here holds a token, a salt, a header or a whole hash.
 */

/** Goes up when a field goes, or comes to mean something else. */
export const LIVE_VERSION = 1;

export const STAGE_IDS = ["engine", "normalise", "ring", "encode", "zmq", "nats", "subscribers"] as const;
export type StageId = (typeof STAGE_IDS)[number];

/**
 * - `ok`: events flow.
 * - `idle`: nothing to do.
 * - `warn`: it works, but someone should look.
 * - `bad`: it is down, or events were lost here within the last minute.
 */
export type StageState = "ok" | "idle" | "warn" | "bad";

/** What a stage's figures are called. Null: there is none. */
export interface StageWords {
  readonly title: string;
  /** What `total` and `rate` count. */
  readonly total: string;
  /** Whose 99th percentile it is. */
  readonly p99: string | null;
  readonly fill: string | null;
  readonly lost: string;
}

export const STAGE_WORDS: Readonly<Record<StageId, StageWords>> = {
  engine: { title: "Engines", total: "read", p99: "a read", fill: "KV cache", lost: "ids missing" },
  normalise: { title: "Normalise", total: "accepted", p99: "event age", fill: null, lost: "malformed" },
  ring: { title: "Ring", total: "queued", p99: "pause", fill: "slots", lost: "dropped" },
  encode: { title: "Encode", total: "encoded", p99: "a batch", fill: null, lost: "not encodable" },
  zmq: { title: "ZMQ", total: "sent", p99: "hand-over", fill: null, lost: "dropped" },
  nats: { title: "NATS", total: "confirmed", p99: "hand-over", fill: "in flight", lost: "dropped" },
  subscribers: { title: "Subscribers", total: "subscriptions", p99: "way here", fill: null, lost: "queue full" },
};

export interface LiveStage {
  readonly id: StageId;
  readonly state: StageState;
  /** Why it is not well, a sentence; null while it is. */
  readonly reason: string | null;
  readonly rate: number | null;
  readonly total: number;
  readonly p99: number | null;
  /** Share in use, 0 to 1. */
  readonly fill: number | null;
  readonly lost: number;
  /** Of those, within the last minute. */
  readonly lostLately: number;
}

export interface LiveRank {
  /** As it is published. */
  readonly rank: number;
  /** Cache blocks, by the engine's own statistics. */
  readonly used: number | null;
  readonly blocks: number | null;
  /** Events of this rank a second. */
  readonly rate: number;
  /** Event ids that never came. */
  readonly missing: number;
  /** Subscribers may believe something wrong of it until it is cleared. */
  readonly dirty: boolean;
}

export interface LiveEngine {
  readonly name: string;
  readonly kind: string;
  readonly up: boolean;
  readonly rate: number;
  /** Events. */
  readonly received: number;
  readonly published: number;
  readonly lost: number;
  readonly invalid: number;
  readonly filtered: number;
  readonly duplicates: number;
  readonly restarts: number;
  /** Reads that failed. */
  readonly errors: number;
  readonly readP99: number | null;
  readonly ageP50: number | null;
  readonly ageP99: number | null;
  readonly lastEventAt: number | null;
  /** Blocks a second. */
  readonly storedRate: number;
  readonly removedRate: number;
  /** Share of the fullest rank's cache in use, 0 to 1. */
  readonly usage: number | null;
  /** Blocks of it in the index; null without an index. */
  readonly indexedBlocks: number | null;
  readonly ranks: readonly LiveRank[];
  /** Ranks that it has besides; the list above is bounded. */
  readonly ranksLeftOut: number;
}

export interface LiveSink {
  readonly name: "zmq" | "nats";
  readonly up: boolean;
  readonly endpoint: string;
  readonly rate: number;
  /** Events. */
  readonly sent: number;
  readonly batches: number;
  readonly dropped: number;
  readonly errors: number;
  readonly pendingEvents: number;
  readonly lastSuccessAt: number | null;
}

export interface LiveThread {
  readonly name: string;
  readonly up: boolean;
  readonly restarts: number;
}

/** One thing that is checked. */
export interface LiveCheck {
  /** Of the check, and behind it of the engine or thread that it is about. */
  readonly name: string;
  /** Null: it is not known yet, or does not apply. */
  readonly ok: boolean | null;
  /** Critical: while it fails the service is not ready. */
  readonly severity: "critical" | "warning";
  /** What was found, a sentence; empty while it is well. */
  readonly reason: string;
  /** What to do; empty unless it fails. */
  readonly fix: string;
}

export const MARKER_KINDS = ["gap", "restart", "loss", "alert", "recovered", "thread"] as const;
export type MarkerKind = (typeof MARKER_KINDS)[number];

/** Something that happened. */
export interface LiveMarker {
  /** Counts up. */
  readonly id: number;
  readonly at: number;
  readonly kind: MarkerKind;
  readonly text: string;
}

/** One event, as much of it as may be shown. */
export interface LiveEvent {
  readonly at: number;
  readonly type: "stored" | "removed" | "cleared";
  /** Of its message; null while that has not been sent. */
  readonly sequence: number | null;
  readonly engine: string;
  readonly rank: number;
  readonly blocks: number;
  readonly tier: string;
  /** First digits of the first block's hash, hexadecimal; empty without blocks. */
  readonly hash: string;
}

export interface LiveSnapshot {
  readonly version: typeof LIVE_VERSION;
  readonly at: number;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly stages: readonly LiveStage[];
  readonly engines: readonly LiveEngine[];
  readonly ring: { readonly occupied: number; readonly capacity: number; readonly fullSeconds: number };
  readonly sinks: readonly LiveSink[];
  readonly threads: readonly LiveThread[];
  /** Sequence number of the last message; null before the first. */
  readonly sequence: number | null;
  /** Events that were accepted and are neither sent, nor dropped, nor on their way. Anything but 0 is a bug. */
  readonly unaccounted: number;
  /** From the batch's first event to its hand-over. */
  readonly latencyP50: number | null;
  readonly latencyP99: number | null;
  readonly checks: readonly LiveCheck[];
  readonly markers: readonly LiveMarker[];
  readonly tail: {
    /** Oldest first. */
    readonly events: readonly LiveEvent[];
    /** Events that came meanwhile and are not among them. */
    readonly leftOut: number;
  };
  /** Open streams of this kind. */
  readonly viewers: number;
}

/**
 * One second: Unix seconds first, then the columns. The columns behind `HISTORY_COLUMNS` are the engines' cache usage, in the
 * order of the engines.
 */
export type LiveRow = readonly (number | null)[];

export const HISTORY_COLUMNS = ["at", "in", "out", "lost", "ageP50", "ageP99", "latencyP99", "ring"] as const;
export const HISTORY_SECONDS = 600;

export interface LiveOption {
  readonly name: string;
  /** As it was written. Never a secret: those are in files, whose names are shown. */
  readonly value: string;
  readonly origin: "flag" | "env" | "file" | "default";
}

export interface LiveHello {
  readonly version: typeof LIVE_VERSION;
  readonly service: {
    readonly version: string;
    readonly node: string;
    /** Of this run of sequence numbers. */
    readonly epoch: string;
    readonly startedAt: number;
  };
  readonly options: readonly LiveOption[];
  /** Other pages of the service, paths. */
  readonly links: readonly string[];
  readonly columns: readonly string[];
  readonly history: readonly LiveRow[];
  /** Of those ten minutes. */
  readonly markers: readonly LiveMarker[];
  /** The newest events, oldest first. */
  readonly tail: readonly LiveEvent[];
}
