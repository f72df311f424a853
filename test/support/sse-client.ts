/** Reads a stream of server-sent events over a socket of its own, which can be paused, and takes it apart. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { eventually } from "./fault/deadline.ts";

export interface SseEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: unknown;
}

const PATIENCE_MS = 30_000;

export class SseClient {
  readonly socket: Socket;
  readonly events: SseEvent[] = [];
  /** Lines of comments, and `retry:`. */
  readonly remarks: string[] = [];
  head: string = "";
  isClosed: boolean = false;
  #raw: string = "";
  #body: string = "";

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("error", () => {});
    socket.on("close", () => (this.isClosed = true));
  }

  /** Asks for the stream. `headers`: further lines of the request, each with its line end. */
  static async open(t: TestContext, port: number, path: string, headers: string = ""): Promise<SseClient> {
    const socket = connect(port, "127.0.0.1");
    t.after(() => socket.destroy());
    const client = new SseClient(socket);
    await once(socket, "connect");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${headers}\r\n`);
    return client;
  }

  /** Once there are so many events of a kind, those. */
  of(event: string, count: number): Promise<readonly SseEvent[]> {
    return eventually(`${count} events of ${event}`, PATIENCE_MS, () => {
      const found = this.events.filter((each) => each.event === event);
      return found.length >= count ? found : null;
    });
  }

  /** Chunked bodies of plain ASCII: lengths in hexadecimal, each on a line of its own. */
  #take(text: string): void {
    this.#raw += text;
    if (this.head === "") {
      const end = this.#raw.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.head = this.#raw.slice(0, end).toLowerCase();
      this.#raw = this.#raw.slice(end + 4);
    }
    for (;;) {
      const line = /^(?:\r\n)?([0-9a-f]+)\r\n/i.exec(this.#raw);
      const length = parseInt(line?.[1] ?? "", 16);
      const start = line?.[0].length ?? 0;
      if (line === null || this.#raw.length < start + length) break;
      this.#body += this.#raw.slice(start, start + length);
      this.#raw = this.#raw.slice(start + length);
    }
    const messages = this.#body.split("\n\n");
    this.#body = messages.pop() ?? "";
    for (const message of messages) this.#takeMessage(message);
  }

  #takeMessage(message: string): void {
    const fields = new Map<string, string>();
    for (const line of message.split("\n")) {
      const colon = line.indexOf(": ");
      if (line.startsWith(":") || line.startsWith("retry:")) this.remarks.push(line);
      else fields.set(line.slice(0, colon), line.slice(colon + 2));
    }
    const event = fields.get("event");
    if (event === undefined) return;
    this.events.push({ event, id: fields.get("id") ?? null, data: JSON.parse(fields.get("data") ?? "null") });
  }
}
