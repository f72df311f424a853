/**
 * The engine of a fault run: a real HTTP server with a queue that each drain empties for good, and a ledger of what it
 * gave away. It breaks on command, its ledger never does.
 *
 * An answer counts as handed over when the same connection brings the next request: then the client has read all of it.
 * Until then, and for good when the connection ends before, its events are in doubt.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TestContext } from "node:test";
import { freePort } from "../../../bench/support/free-port.ts";
import { portOf } from "../scripted-engine.ts";
import { Ledger, type LedgerEntry } from "./ledger.ts";
import { engineJson, kindOf, oracleEvent } from "./oracle-event.ts";
import { Dice } from "./seed.ts";
import { reset } from "./tcp-proxy.ts";

/** Answers one drain in a way of its own. What it does not send it marks in the entries. */
export type Reply = (response: ServerResponse, entries: readonly LedgerEntry[]) => void;

export interface OracleEngineOptions {
  readonly seed: number;
  readonly ranks?: number;
  /** Most events of one answer. */
  readonly perDrain?: number;
}

export class OracleEngine {
  readonly seed: number;
  readonly ledger: Ledger;
  readonly port: number;
  /** Drains so far, and the most of them that were unanswered at once. */
  drains: number = 0;
  maxInFlight: number = 0;
  /** Events that every drain adds before it answers; 0 for none. */
  eventsPerDrain: number = 0;
  /** True: a drain finds nothing new for now. */
  isHeldBack: () => boolean = () => false;
  /** Hashes of each removal, where there shall be many; nothing makes more bytes for less work. */
  removalBlocks: number | undefined;
  /** False: a finished answer is no proof, because more than one client drains this engine. */
  confirms: boolean = true;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  readonly #unconfirmed: Map<Socket, LedgerEntry[]> = new Map();
  readonly #perDrain: number;
  readonly #dice: Dice;
  readonly #nextIds: number[];
  readonly #replies: Reply[] = [];
  #queue: LedgerEntry[] = [];
  #life: number = 0;
  #rank: number = 0;
  #inFlight: number = 0;

  private constructor(options: OracleEngineOptions, server: Server) {
    const ranks = options.ranks ?? 1;
    this.seed = options.seed;
    this.ledger = new Ledger(ranks);
    this.#perDrain = options.perDrain ?? Infinity;
    this.#dice = new Dice(options.seed);
    this.#nextIds = Array.from({ length: ranks }, () => 0);
    this.#server = server;
    this.port = portOf(server);
    server.on("connection", (socket: Socket) => {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      this.#sockets.add(socket);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        this.#unconfirmed.delete(socket);
      });
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response));
  }

  /** Starts one that ends with the test. */
  static async start(t: TestContext, options: OracleEngineOptions): Promise<OracleEngine> {
    const server = createServer({ keepAliveTimeout: 60_000 }).listen(await freePort(), "127.0.0.1");
    await once(server, "listening");
    const engine = new OracleEngine(options, server);
    t.after(() => engine.down());
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Makes `count` events, in runs of one rank as an engine does. */
  emit(count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#dice.chance(0.2)) this.#rank = (this.#rank + 1) % this.ledger.ranks;
      this.emitOn(this.#rank);
    }
  }

  /** Makes one event of this rank, of so many blocks when that is given. */
  emitOn(rank: number, blocks?: number): LedgerEntry {
    const id = this.#nextIds[rank] ?? 0;
    this.#nextIds[rank] = id + 1;
    const key = { life: this.#life, rank, id };
    const count = blocks ?? (kindOf(this.seed, key) === "removed" ? this.removalBlocks : undefined);
    const entry = this.ledger.add(oracleEvent(this.seed, key, count), "queued");
    this.#queue.push(entry);
    return entry;
  }

  /** The engine's buffer overflows: its oldest events are lost. */
  overflow(count: number): void {
    for (const entry of this.#queue.splice(0, count)) entry.fate = "gone";
  }

  /** What a drain takes, for whoever wants to be a second client. */
  take(): LedgerEntry[] {
    if (this.eventsPerDrain > 0 && !this.isHeldBack()) this.emit(this.eventsPerDrain);
    return this.#queue.splice(0, this.#perDrain);
  }

  /** The next drain that is not answered yet by another such reply is answered so. */
  replyNext(reply: Reply): void {
    this.#replies.push(reply);
  }

  get repliesLeft(): number {
    return this.#replies.length;
  }

  /** Stops listening and resets every connection. The queue stays: only the network is gone. */
  async down(): Promise<void> {
    for (const socket of this.#sockets) reset(socket);
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Listens again on the same port. */
  async up(): Promise<void> {
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** A new process: what was queued is lost with the old one, ids start at 0 and all blocks are new. */
  newLife(): void {
    this.overflow(this.#queue.length);
    this.#life++;
    this.#nextIds.fill(0);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (request.url?.endsWith("/kv_cache_events") !== true) {
      request.resume();
      response.writeHead(404).end();
      return;
    }
    for (const entry of this.#unconfirmed.get(socket) ?? []) {
      if (entry.fate === "sent" && this.confirms) entry.fate = "handed";
    }
    this.#unconfirmed.delete(socket);
    request.resume();
    this.drains++;
    this.maxInFlight = Math.max(this.maxInFlight, ++this.#inFlight);
    response.on("close", () => this.#inFlight--);
    response.on("error", () => {});
    const entries = this.take();
    for (const entry of entries) entry.fate = "sent";
    this.#unconfirmed.set(socket, entries);
    (this.#replies.shift() ?? whole)(response, entries);
  }
}

/** The body that holds these events. */
export function bodyOf(entries: readonly LedgerEntry[]): string {
  return `[${entries.map(({ event }) => engineJson(event)).join(",")}]`;
}

/** A sound answer. */
export const whole: Reply = (response, entries) => {
  const body = Buffer.from(bodyOf(entries));
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
};
