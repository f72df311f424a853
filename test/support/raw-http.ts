/**
 * An HTTP client that sends the very bytes it is given and shows what comes back: for requests that no library makes.
 */
import { connect, type Socket } from "node:net";

export interface RawResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

function parseHead(text: string): { status: number; headers: Record<string, string> } {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /u.exec(statusLine)?.[1]);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status, headers };
}

/** One connection. Answers are taken off it one by one. */
export class RawConnection {
  readonly socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #closed = false;
  #changed: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#changed();
    });
    // A reset ends a connection as well as a close does.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
      this.#changed();
    });
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, "127.0.0.1");
    const connection = new RawConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return connection;
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, "latin1"));
  }

  /** The next answer, interim ones (1xx) passed over; null when the connection ends without one. With `head` the answer to a HEAD request. */
  async response(kind: "full" | "head" = "full"): Promise<RawResponse | null> {
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end >= 0) {
        const { status, headers } = parseHead(this.#bytes.subarray(0, end).toString("latin1"));
        const length = kind === "head" ? 0 : Number(headers["content-length"] ?? 0);
        const start = end + 4;
        if (this.#bytes.length >= start + length) {
          const body = this.#bytes.subarray(start, start + length);
          this.#bytes = this.#bytes.subarray(start + length);
          if (status < 200) continue;
          return { status, headers, body };
        }
      }
      if (this.#closed) return null;
      await this.#change();
    }
  }

  /** Resolves when the server has ended the connection, with what it had sent and nobody took. */
  async ended(): Promise<Buffer> {
    while (!this.#closed) await this.#change();
    return this.#bytes;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}

/** Sends one request and takes one answer. With `halfClose` the client says at once that nothing more will come. */
export async function rawRequest(port: number, text: string, halfClose: boolean = false): Promise<RawResponse | null> {
  const connection = await RawConnection.open(port);
  connection.send(text);
  if (halfClose) connection.socket.end();
  const response = await connection.response();
  connection.socket.destroy();
  return response;
}
