/**
 * Keeps a connection to one of the NATS servers, for ever, and says what becomes of it. PUBLISHER THREAD.
 *
 *   waiting ──due──► connecting ──► up ──closed, or no answer──► waiting
 *      ▲                 │ failed
 *      └─────────────────┘   (waits grow from 0.1 s to 5 s; after wrong credentials from 1 s to 30 s)
 *
 * A barrier is a PING: its PONG says that the server has taken all that was handed over before it. One is under way at a
 * time. When one stays out for long the connection counts as dead, since TCP alone would need minutes to notice. Time in which
 * this thread did not run is not held against the server.
 */
import { Events, type NatsConnection } from "nats";
import { codeOf } from "../shared/errors.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { NatsConnectionData, NatsReport } from "../shared/nats-messages.ts";
import { NatsCredentialsError } from "../shared/nats-login.ts";
import { connectTo, serverName } from "./nats-connect.ts";
import { cleanText, connectionReason, detailOf, natsErrorCell } from "./nats-errors.ts";
import type { NatsTally } from "./nats-tally.ts";

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5000;
const FIRST_AUTH_WAIT_MS = 1000;
const MAX_AUTH_WAIT_MS = 30_000;
/** Most of a pause between two steps that counts as time in which the server could have answered. */
const MAX_PAUSE_MS = 250;
/** Until a connection has said otherwise: the default of nats-server. */
const USUAL_MAX_PAYLOAD = 1_048_576;

export interface LinkOwner {
  readonly connected: (connection: NatsConnection) => void;
  /** What was in flight is lost, or not: nobody knows. */
  readonly disconnected: () => void;
  /** The server refused a message to this subject. Comes before the barrier behind that message. */
  readonly denied: (subject: string) => void;
  readonly barrierReturned: (mark: number) => void;
}

export class NatsLink {
  readonly #data: NatsConnectionData;
  readonly #owner: LinkOwner;
  readonly #stallMs: number;
  readonly #tally: NatsTally;
  readonly #report: (report: NatsReport) => void;
  #connection: NatsConnection | null = null;
  #isConnecting: boolean = false;
  #isClosed: boolean = false;
  /** Of the connection, or of the attempt; what an earlier one still says is not heard. */
  #generation: number = 0;
  #nextServer: number = 0;
  #connections: number = 0;
  #waitMs: number = 0;
  #dueMs: number = 0;
  #isDownReported: boolean = false;
  #isAuthReported: boolean = false;
  #maxPayload: number = USUAL_MAX_PAYLOAD;
  /** Milliseconds that this thread was awake in. */
  #awakeMs: number = 0;
  #lastStepMs: number = performance.now();
  #barrierSince: number | null = null;

  constructor(
    data: NatsConnectionData,
    owner: LinkOwner,
    tally: NatsTally,
    report: (report: NatsReport) => void,
    stallMs: number,
  ) {
    this.#data = data;
    this.#owner = owner;
    this.#stallMs = stallMs;
    this.#tally = tally;
    this.#report = report;
  }

  /** Null while there is none. */
  get connection(): NatsConnection | null {
    return this.#connection;
  }

  /** Bytes of headers and payload that the server takes; of the last one that told. */
  get maxPayload(): number {
    const told = this.#connection?.info?.max_payload;
    if (told !== undefined && told > 0) this.#maxPayload = told;
    return this.#maxPayload;
  }

  /** A clock, in milliseconds, that stands still while this thread does. */
  get awakeMs(): number {
    return this.#awakeMs;
  }

  /** For how long a barrier has been out; 0 when none is. */
  get barrierAgeMs(): number {
    return this.#barrierSince === null ? 0 : this.#awakeMs - this.#barrierSince;
  }

  get hasBarrier(): boolean {
    return this.#barrierSince !== null;
  }

  step(nowMs: number): void {
    this.#awakeMs += Math.min(MAX_PAUSE_MS, Math.max(0, nowMs - this.#lastStepMs));
    this.#lastStepMs = nowMs;
    if (this.#isClosed) return;
    if (this.#connection === null) {
      if (!this.#isConnecting && nowMs >= this.#dueMs) void this.#connect();
    } else if (this.barrierAgeMs >= this.#stallMs) {
      this.#tally.add(natsErrorCell("timeout"), 1);
      this.#lose(`no answer for ${this.#stallMs / 1000} s`, false);
    }
  }

  /** Sends a barrier behind all that was handed over, unless one is out. `mark` comes back with it. */
  barrier(mark: number): void {
    const connection = this.#connection;
    if (connection === null || this.#barrierSince !== null) return;
    this.#barrierSince = this.#awakeMs;
    const generation = this.#generation;
    // The client tells of refusals over an iterator, a few microtasks later than of the PONG behind them.
    const returned = (): void => {
      setImmediate(() => {
        if (generation !== this.#generation) return;
        this.#barrierSince = null;
        this.worked();
        this.#owner.barrierReturned(mark);
      });
    };
    // A rejection means that the connection is closed, which is told elsewhere.
    connection.flush().then(returned, () => {});
  }

  /** The connection was good for something: when it is lost, the next one is tried soon. */
  worked(): void {
    this.#waitMs = 0;
  }

  /** Gives the connection up; a new one is made. */
  fail(error: unknown): void {
    if (this.#connection === null) return;
    this.#tally.add(natsErrorCell(connectionReason(error)), 1);
    this.#lose(detailOf(error), false);
  }

  /** Closes for good. */
  close(): void {
    this.#isClosed = true;
    this.#generation++;
    this.#connection?.close().catch(() => {});
    this.#connection = null;
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true;
    const generation = ++this.#generation;
    const { servers } = this.#data;
    const server = servers[this.#nextServer++ % servers.length] ?? "";
    try {
      const connection = await connectTo(server, this.#data, () => generation === this.#generation);
      this.#isConnecting = false;
      if (generation !== this.#generation) {
        connection.close().catch(() => {});
        return;
      }
      this.#opened(connection, server, generation);
    } catch (error) {
      this.#isConnecting = false;
      if (generation === this.#generation) this.#failed(error, server);
    }
  }

  #opened(connection: NatsConnection, server: string, generation: number): void {
    this.#connection = connection;
    this.#barrierSince = null;
    if (this.#connections++ > 0) this.#tally.add(PUBLISHER_CELLS.natsReconnects, 1);
    this.#isDownReported = false;
    this.#isAuthReported = false;
    void this.#listen(connection, generation);
    void this.#watch(connection, generation);
    this.#report({ type: "nats-up", server: serverName(server) });
    this.#owner.connected(connection);
  }

  async #watch(connection: NatsConnection, generation: number): Promise<void> {
    const error = await connection.closed();
    if (generation !== this.#generation) return;
    const reason = error instanceof Error ? connectionReason(error) : "disconnected";
    this.#tally.add(natsErrorCell(reason), 1);
    this.#lose(error instanceof Error ? detailOf(error) : "the server closed the connection", reason === "auth");
  }

  async #listen(connection: NatsConnection, generation: number): Promise<void> {
    for await (const status of connection.status()) {
      if (generation !== this.#generation) return;
      if (status.type !== Events.Error || status.permissionContext === undefined) continue;
      this.#tally.add(natsErrorCell("permission"), 1);
      const { operation, subject } = status.permissionContext;
      if (operation === "publish") this.#owner.denied(subject);
    }
  }

  #failed(error: unknown, server: string): void {
    const reason = error instanceof NatsCredentialsError ? "auth" : connectionReason(error);
    this.#tally.add(natsErrorCell(reason), 1);
    const detail = `${serverName(server)}: ${detailOf(error) || cleanText(codeOf(error) ?? "") || "no connection"}`;
    if (reason === "auth" && !this.#isAuthReported) {
      this.#isAuthReported = true;
      this.#report({ type: "nats-refused", reason, detail });
    }
    this.#wait(detail, reason === "auth");
  }

  #lose(reason: string, isAuth: boolean): void {
    const connection = this.#connection;
    this.#generation++;
    this.#connection = null;
    this.#barrierSince = null;
    connection?.close().catch(() => {});
    this.#wait(reason, isAuth);
    this.#owner.disconnected();
  }

  #wait(reason: string, isAuth: boolean): void {
    const least = isAuth ? FIRST_AUTH_WAIT_MS : FIRST_WAIT_MS;
    this.#waitMs = Math.min(isAuth ? MAX_AUTH_WAIT_MS : MAX_WAIT_MS, Math.max(least, this.#waitMs * 2));
    // Many workers that lose one server should not come back in one moment.
    this.#dueMs = performance.now() + this.#waitMs * (0.75 + Math.random() / 2);
    if (this.#isDownReported) return;
    this.#isDownReported = true;
    this.#report({ type: "nats-down", reason });
  }
}
