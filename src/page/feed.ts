/**
 * Reads the stream of the service and puts it together. BROWSER, in the shared worker or in the page itself.
 *
 * The browser connects again by itself when a connection breaks. What it does not see is one that is silent, and what it gives up
 * on is an answer other than 200: both are tried again here.
 */
import type { LiveHello, LiveRow, LiveSnapshot } from "../shared/live-snapshot.ts";
import { parseHello, parseRow, parseSnapshot } from "./service-json.ts";

export type FeedMessage =
  | { readonly type: "hello"; readonly hello: LiveHello }
  | { readonly type: "row"; readonly row: LiveRow }
  | { readonly type: "snapshot"; readonly snapshot: LiveSnapshot }
  /** `reason`: why not, a sentence; null while it is connected. */
  | { readonly type: "status"; readonly reason: string | null };

const STREAM = "/v1/live/stream";
const RETRY_MS = 2000;
/** Snapshots come five times a second. */
const MAX_SILENCE_MS = 6000;
const MAX_ROWS = 600;
const MAX_EVENTS = 50;
const LOST = "There is no connection to kvcast. Trying again …";

export class Feed {
  readonly #tell: (message: FeedMessage) => void;
  #source: EventSource | null = null;
  #hello: LiveHello | null = null;
  #snapshot: LiveSnapshot | null = null;
  #reason: string | null = "Connecting …";
  #heardAtMs: number = 0;
  #watch: number | undefined;
  #retry: number | undefined;

  constructor(tell: (message: FeedMessage) => void) {
    this.#tell = tell;
  }

  get isRunning(): boolean {
    return this.#watch !== undefined;
  }

  start(): void {
    if (this.isRunning) return;
    this.#watch = setInterval(() => this.#look(), 1000);
    this.#open();
  }

  stop(): void {
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    this.#watch = undefined;
    this.#source?.close();
    this.#source = null;
    // What is kept would be old when somebody looks again.
    this.#snapshot = null;
  }

  /** For one who comes later: everything so far. */
  catchUp(tell: (message: FeedMessage) => void): void {
    tell({ type: "status", reason: this.#reason });
    if (this.#hello !== null) tell({ type: "hello", hello: this.#hello });
    if (this.#snapshot !== null) tell({ type: "snapshot", snapshot: this.#snapshot });
  }

  #open(): void {
    this.#source?.close();
    const source = (this.#source = new EventSource(STREAM));
    this.#heardAtMs = performance.now();
    const on = (name: string, take: (text: string) => void): void =>
      source.addEventListener(name, (event: MessageEvent<string>) => {
        if (source !== this.#source) return;
        this.#heardAtMs = performance.now();
        take(event.data);
      });
    on("hello", (text) => {
      this.#setReason(null);
      this.#takeHello(parseHello(text));
    });
    on("row", (text) => this.#takeRow(parseRow(text)));
    on("snapshot", (text) => this.#takeSnapshot(parseSnapshot(text)));
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      this.#setReason(LOST);
      if (source.readyState === EventSource.CLOSED) void this.#refused();
    });
  }

  /** It was answered, but not with a stream: the answer says why. */
  async #refused(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.isRunning && this.#open(), RETRY_MS);
    try {
      const response = await fetch(STREAM, { method: "HEAD", cache: "no-store" });
      if (response.status === 503) this.#setReason("As many pages as are allowed are open. Waiting for a place …");
      if (response.status === 403) this.#setReason("kvcast does not serve the live page here any more.");
    } catch {
      // There is nobody: that is what the banner says.
    }
  }

  #look(): void {
    if (performance.now() - this.#heardAtMs < MAX_SILENCE_MS || this.#source?.readyState !== EventSource.OPEN) return;
    this.#setReason("Nothing has been heard of kvcast for some seconds. Trying again …");
    this.#open();
  }

  #setReason(reason: string | null): void {
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.#tell({ type: "status", reason });
  }

  #takeHello(hello: LiveHello): void {
    const before = this.#hello;
    // After a break only what came meanwhile is sent; other engines make other columns.
    const isSame = before !== null && before.columns.join() === hello.columns.join();
    const rows = isSame ? before.history : [];
    const last = rows.at(-1)?.[0] ?? 0;
    const history = [...rows, ...hello.history.filter(([at]) => (at ?? 0) > last)].slice(-MAX_ROWS);
    this.#hello = { ...hello, history };
    this.#tell({ type: "hello", hello: this.#hello });
  }

  #takeRow(row: LiveRow): void {
    if (this.#hello === null) return;
    this.#hello = { ...this.#hello, history: [...this.#hello.history, row].slice(-MAX_ROWS) };
    this.#tell({ type: "row", row });
  }

  #takeSnapshot(snapshot: LiveSnapshot): void {
    this.#snapshot = { ...snapshot, tail: { events: [], leftOut: 0 } };
    if (this.#hello !== null) {
      const { markers, tail } = this.#hello;
      const last = markers.at(-1)?.id ?? 0;
      this.#hello = {
        ...this.#hello,
        markers: [...markers, ...snapshot.markers.filter(({ id }) => id > last)],
        tail: [...tail, ...snapshot.tail.events].slice(-MAX_EVENTS),
      };
    }
    this.#tell({ type: "snapshot", snapshot });
  }
}
