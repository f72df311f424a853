/**
 * A TCP proxy in the test's process that mistreats what goes through it, as it is told. Faults concern what the engine
 * answers; requests pass, except into a black hole.
 */
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { portOf } from "../scripted-engine.ts";

const SLICE_MS = 20;

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Waits until its turn comes: the order of what arrived is kept. */
  tail: Promise<void>;
}

export class TcpProxy {
  readonly port: number;
  /** Connections so far. */
  accepted: number = 0;
  /** Bytes handed on to the client so far. */
  bytesDown: number = 0;
  #delayMs: number = 0;
  #bytesPerSecond: number = Infinity;
  #cutAfter: number = Infinity;
  #hole: boolean = false;
  #halfOpen: boolean = false;
  readonly #targetPort: number;
  readonly #pairs: Set<Pair> = new Set();

  private constructor(server: Server, targetPort: number) {
    this.port = portOf(server);
    this.#targetPort = targetPort;
    server.on("connection", (client: Socket) => this.#connect(client));
  }

  /** One in front of that port of this machine. Ends with the test. */
  static async start(t: TestContext, targetPort: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new TcpProxy(server, targetPort);
    t.after(() => {
      server.close();
      proxy.cut();
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Everything arrives so much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Connections are accepted and stay open, and nothing goes through any more, in no direction. */
  blackHole(): void {
    this.#hole = true;
    for (const { client, upstream } of this.#pairs) {
      client.pause();
      upstream.pause();
    }
  }

  /** The client's end stays open, the engine's is reset: an answer never ends. */
  halfOpen(): void {
    this.#halfOpen = true;
    for (const { upstream } of this.#pairs) reset(upstream);
  }

  /** Resets every connection, now. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      reset(client);
      reset(upstream);
    }
    this.#pairs.clear();
  }

  /** Resets the connection in which so many further bytes have been handed on. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }

  /** Puts these bytes into every open connection, in place of an answer. */
  inject(bytes: Buffer): void {
    for (const { client } of this.#pairs) client.write(bytes);
  }

  /** All faults end. Connections that were swallowed are reset: nobody knows what they missed. */
  heal(): void {
    this.#delayMs = 0;
    this.#bytesPerSecond = Infinity;
    this.#cutAfter = Infinity;
    if (this.#hole || this.#halfOpen) this.cut();
    this.#hole = false;
    this.#halfOpen = false;
  }

  #connect(client: Socket): void {
    this.accepted++;
    const upstream = createConnection({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const pair: Pair = { client, upstream, tail: Promise.resolve() };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on("error", () => {});
    upstream.on("error", () => {});
    if (this.#hole) {
      client.pause();
      upstream.pause();
    }
    client.on("data", (chunk: Buffer) => void upstream.write(chunk));
    client.on("end", () => upstream.end());
    client.on("close", () => {
      upstream.destroy();
      this.#pairs.delete(pair);
    });
    upstream.on("data", (chunk: Buffer) => {
      upstream.pause();
      pair.tail = pair.tail.then(() => this.#handOn(pair, chunk)).then(() => void (this.#hole || upstream.resume()));
    });
    upstream.on("close", (failed: boolean) => {
      if (failed && !this.#halfOpen && !this.#hole) reset(client);
    });
    upstream.on("end", () => {
      pair.tail = pair.tail.then(() => void client.end());
    });
  }

  async #handOn({ client, upstream }: Pair, chunk: Buffer): Promise<void> {
    if (this.#delayMs > 0) await pause(this.#delayMs);
    for (let rest = chunk; rest.length > 0 && !client.destroyed && !this.#hole;) {
      const speed = this.#bytesPerSecond;
      let size = speed === Infinity ? rest.length : Math.max(1, Math.floor((speed * SLICE_MS) / 1000));
      // Connections share the count, so another one may have used it up.
      size = Math.max(0, Math.min(size, rest.length, this.#cutAfter));
      const slice = rest.subarray(0, size);
      rest = rest.subarray(size);
      await new Promise<void>((resolve) => client.write(slice, () => resolve()));
      this.bytesDown += size;
      this.#cutAfter -= size;
      if (this.#cutAfter <= 0) {
        this.#cutAfter = Infinity;
        reset(client);
        reset(upstream);
      }
      if (speed !== Infinity) await pause(Math.max(SLICE_MS, (1000 * size) / speed));
    }
  }
}

/** Ends a connection with a reset. After an orderly end Node never lets go of a socket that is reset, so not then. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
