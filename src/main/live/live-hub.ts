/**
 * The streams of the live view: who is connected, and what they are sent. MAIN THREAD.
 *
 *   every 200 ms, while someone is connected: snapshot ─► JSON, once ─► each client that has room
 *   every second, always: row of the history           ─► JSON, once ─► the same
 *
 * A client has at most one chunk under way. One that has not taken it yet is skipped, which is counted: it gets the next
 * snapshot whole, and the rows that it missed. So no client costs memory, however slowly it reads; one that reads nothing for
 * half a minute is dropped by the server.
 */
import type { LiveHello } from "../../shared/live-snapshot.ts";
import type { BodyStream } from "../http/body-stream.ts";
import type { LiveCountsView } from "../metrics/service-families.ts";
import type { LiveBuilder } from "./live-builder.ts";

/** What is sent, and when it is asked for. */
export type LiveView = Pick<
  LiveBuilder,
  "columns" | "newest" | "historySince" | "markersSince" | "tick" | "snapshot" | "peek"
>;

export const MAX_LIVE_CLIENTS = 16;
export const SNAPSHOT_EVERY_MS = 200;
const ROW_EVERY_MS = 1000;
/** Before proxies think that a connection is dead. */
const PING_EVERY_MS = 15_000;
/** How soon a browser comes back after the connection broke. */
const RETRY_MS = 1000;
/** How long a client may take nothing. hyper-express' own limit is shorter, some 10 s. */
const MAX_STALL_MS = 30_000;

export interface LiveHubOptions {
  readonly builder: LiveView;
  /** What does not change. */
  readonly about: Pick<LiveHello, "version" | "service" | "options" | "links">;
  readonly snapshotEveryMs?: number;
  readonly rowEveryMs?: number;
  readonly maxStallMs?: number;
}

export class LiveHub implements LiveCountsView {
  skippedMessages: number = 0;
  readonly #options: LiveHubOptions;
  readonly #clients: Set<Client> = new Set();
  #rows: NodeJS.Timeout | null = null;
  #snapshots: NodeJS.Timeout | null = null;
  #pingAtMs: number = 0;
  #closed: boolean = false;

  constructor(options: LiveHubOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Begins to keep the history. */
  start(): void {
    this.#options.builder.tick();
    this.#rows = setInterval(() => this.#sendRow(), this.#options.rowEveryMs ?? ROW_EVERY_MS).unref();
  }

  /** Ends all streams. */
  close(): void {
    this.#closed = true;
    if (this.#rows !== null) clearInterval(this.#rows);
    this.#pause();
    for (const client of this.#clients) client.cancel();
  }

  /**
   * A new stream; null when as many as allowed are open. `lastEventId`: what the client had last, so that it gets only the rows
   * behind it.
   */
  open(lastEventId: string | undefined): BodyStream | null {
    if (this.#closed || this.#clients.size >= MAX_LIVE_CLIENTS) return null;
    const hello = Buffer.from(`retry: ${RETRY_MS}\n\n${this.#hello(momentOf(lastEventId))}`);
    const client = new Client(hello, {
      maxStallMs: this.#options.maxStallMs ?? MAX_STALL_MS,
      missedRows: (since) => Buffer.from(this.#options.builder.historySince(since).map(rowMessage).join("")),
      onEnd: () => {
        this.#clients.delete(client);
        if (this.#clients.size === 0) this.#pause();
      },
    });
    this.#clients.add(client);
    this.#snapshots ??= setInterval(
      () => this.#sendSnapshot(),
      this.#options.snapshotEveryMs ?? SNAPSHOT_EVERY_MS,
    ).unref();
    return client;
  }

  /** One snapshot, as JSON. */
  json(): string {
    return JSON.stringify(this.#options.builder.peek(this.clients));
  }

  #hello(since: number): string {
    const { about, builder } = this.#options;
    const hello: LiveHello = {
      ...about,
      columns: builder.columns,
      history: builder.historySince(since),
      markers: builder.markersSince(0),
      tail: builder.newest,
    };
    return message("hello", hello);
  }

  #sendRow(): void {
    const row = this.#options.builder.tick();
    if (this.#clients.size > 0) this.#send(rowMessage(row), row[0] ?? null);
  }

  #sendSnapshot(): void {
    const nowMs = performance.now();
    const isDue = nowMs >= this.#pingAtMs;
    if (isDue) this.#pingAtMs = nowMs + PING_EVERY_MS;
    this.#send(
      `${isDue ? ": ping\n\n" : ""}${message("snapshot", this.#options.builder.snapshot(this.clients))}`,
      null,
    );
  }

  /** `rowAt`: the moment of the row that this is; null for anything else. */
  #send(text: string, rowAt: number | null): void {
    const chunk = Buffer.from(text);
    for (const client of this.#clients) if (!client.offer(chunk, rowAt)) this.skippedMessages++;
  }

  #pause(): void {
    if (this.#snapshots !== null) clearInterval(this.#snapshots);
    this.#snapshots = null;
  }
}

interface ClientOptions {
  readonly maxStallMs: number;
  /** Messages of the rows behind a moment. */
  readonly missedRows: (since: number) => Buffer;
  readonly onEnd: () => void;
}

/** One stream. It holds nothing but what it begins with: it is either waiting for a chunk, or has one under way. */
class Client implements BodyStream {
  readonly maxStallMs: number;
  readonly #options: ClientOptions;
  #first: Buffer | null;
  #waiting: ((chunk: Uint8Array | null) => void) | null = null;
  #ended: boolean = false;
  /** Moment of the last row before those that it missed. */
  #missedSince: number | null = null;
  #lastRowAt: number = 0;

  constructor(first: Buffer, options: ClientOptions) {
    this.maxStallMs = options.maxStallMs;
    this.#first = first;
    this.#options = options;
  }

  /** False: it has not taken the one before. */
  offer(chunk: Buffer, rowAt: number | null): boolean {
    const take = this.#waiting;
    if (rowAt !== null && take === null) this.#missedSince ??= this.#lastRowAt;
    if (rowAt !== null) this.#lastRowAt = rowAt;
    if (take === null) return false;
    this.#waiting = null;
    take(this.#withMissed(chunk, rowAt));
    return true;
  }

  /** The row itself is among those that were missed. */
  #withMissed(chunk: Buffer, rowAt: number | null): Buffer {
    if (this.#missedSince === null) return chunk;
    const missed = this.#options.missedRows(this.#missedSince);
    this.#missedSince = null;
    return rowAt === null ? Buffer.concat([missed, chunk]) : missed;
  }

  next(): Promise<Uint8Array | null> {
    if (this.#ended) return Promise.resolve(null);
    const first = this.#first;
    this.#first = null;
    if (first !== null) return Promise.resolve(first);
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  cancel(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting?.(null);
    this.#waiting = null;
    this.#options.onEnd();
  }
}

function message(event: string, value: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
}

function rowMessage(row: readonly (number | null)[]): string {
  return `id: ${row[0]}\n${message("row", row)}`;
}

/** Ids are moments, also those of a run before this one. Anything else is no id of ours. */
function momentOf(lastEventId: string | undefined): number {
  return lastEventId !== undefined && /^\d{1,12}$/.test(lastEventId) ? Number(lastEventId) : 0;
}
