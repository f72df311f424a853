/**
 * The event plane over NATS, into the index of one model: events, and the load of workers. MAIN THREAD; its one user of the client.
 *
 * A reader may leave reconnecting to the client: there is nothing to be lost on the way out, and what was missed on the way in shows
 * in the ids of events. Messages are worked off as they come, so nothing piles up here.
 */
import {
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
  type ConsumerMessages,
  Events,
  type Msg,
  type NatsConnection,
} from "nats";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../shared/errors.ts";
import type { NatsConnectionData } from "../../shared/nats-messages.ts";
import { natsLogin, natsTls } from "../../shared/nats-login.ts";
import { subjectSegment } from "../../shared/nats-subjects.ts";
import { KV_METRICS_TOPIC } from "../../shared/plane-envelope.ts";
import { KV_EVENTS_TOPIC } from "../../shared/plane-layout.ts";
import type { Logger } from "../log.ts";
import type { Model } from "./models.ts";
import { readEnvelope } from "./plane-decoder.ts";
import { isJsonBody, PlaneFeed } from "./plane-feed.ts";
import { readLoad } from "./plane-load.ts";

const RETRY_MS = 1000;
const CONNECT_TIMEOUT_MS = 5000;
/** Of one request to a stream. Half of that time without a word, twice, and the client asks anew: a server may have been restarted. */
const PULL_MS = 4000;
const PULL_MESSAGES = 1000;

export interface NatsInputOptions {
  readonly connection: NatsConnectionData;
  readonly namespace: string;
  readonly component: string;
  /** null: events come over core NATS, as they are published; else from this stream, all that it holds. */
  readonly jetStream: string | null;
  readonly model: Model;
  readonly log: Logger;
}

export class NatsInput {
  isUp: boolean = false;
  /** Events are being read; with a stream that is more than a connection. */
  isReading: boolean = false;
  readonly #options: NatsInputOptions;
  readonly #feed: PlaneFeed;
  readonly #closing: AbortController = new AbortController();
  #connection: NatsConnection | null = null;
  #messages: ConsumerMessages | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: NatsInputOptions) {
    const { model, log } = options;
    this.#options = options;
    this.#feed = new PlaneFeed(model.feed, ({ worker, rank, reason, lost, blocks }) => {
      const fields = { worker: String(worker), dp_rank: rank, lost_events: lost, blocks };
      const text =
        reason === "gap" ? "events of a rank are lost: what it holds is not known any more" : "a rank began anew";
      log.limited(`plane ${reason} ${worker} ${rank}`).warn(text, fields);
    });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    this.#messages?.stop();
    await this.#connection?.close().catch(() => {});
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#connect();
      } catch (error) {
        log.limited("nats input").warn("NATS cannot be read; it is tried again", { error: messageOf(error) });
      }
      this.isUp = false;
      this.isReading = false;
      await delay(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  /** Reads until the connection is over for good. */
  async #connect(): Promise<void> {
    const { connection: data, log, jetStream } = this.#options;
    const host = new URL(data.servers[0] ?? "nats://localhost").hostname.replaceAll(/^\[|\]$/gu, "");
    const connection = await connect({
      servers: data.servers.map((server) => server.replace(/^(?:nats|tls):\/\//u, "")),
      name: data.name,
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      ...(data.tls === null && !data.servers.some((server) => server.startsWith("tls:"))
        ? {}
        : { tls: natsTls(host, data.tls) }),
      ...natsLogin(data.auth, { creds: credsAuthenticator, nkey: nkeyAuthenticator }),
    });
    this.#connection = connection;
    if (this.#closing.signal.aborted) {
      await connection.close();
      return;
    }
    this.isUp = true;
    log.info("connected to NATS", { server: connection.getServer() });
    void this.#watch(connection);
    this.#subscribeLoads(connection);
    if (jetStream === null) this.#subscribeEvents(connection);
    else await this.#followStream(connection, jetStream);
    await connection.closed();
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === Events.Disconnect) this.isUp = false;
      else if (type === Events.Reconnect) this.isUp = true;
      else continue;
      const log = this.#options.log.limited(`nats input ${type}`);
      if (this.isUp) log.info("connected to NATS again");
      else log.warn("lost the connection to NATS");
    }
  }

  /** Of all endpoints of the component, and of publishers that name none. */
  #subscribe(connection: NatsConnection, topic: string, take: (message: Msg) => void): void {
    const { namespace, component } = this.#options;
    const base = `namespace.${subjectSegment(namespace)}.component.${subjectSegment(component)}`;
    for (const subject of [`${base}.endpoint.*.${topic}`, `${base}.${topic}`]) {
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) take(message);
          else
            this.#options.log.limited("nats subscription").error("a subscription is refused", { error: error.message });
        },
      });
    }
  }

  #subscribeEvents(connection: NatsConnection): void {
    const { counters } = this.#options.model.feed;
    this.#subscribe(connection, KV_EVENTS_TOPIC, ({ data }) => {
      counters.messages.nats++;
      this.#takeEvents(data);
    });
    // What is published from now on will come.
    void connection.flush().then(
      () => (this.isReading = true),
      () => {},
    );
  }

  #subscribeLoads(connection: NatsConnection): void {
    const { loads } = this.#options.model;
    this.#subscribe(connection, KV_METRICS_TOPIC, ({ data }) => {
      const envelope = readEnvelope(data);
      const load = envelope === null ? null : readLoad(envelope.payload);
      if (load !== null) loads.set(load.worker, load.rank, load.activeBlocks, null);
    });
  }

  /** An ordered consumer, from the first message: what it misses it asks for again by itself. */
  async #followStream(connection: NatsConnection, stream: string): Promise<void> {
    const { log, model } = this.#options;
    const jetStream = connection.jetstream();
    while (!this.#closing.signal.aborted && !connection.isClosed()) {
      try {
        const consumer = await jetStream.consumers.get(stream);
        const messages = await consumer.consume({
          max_messages: PULL_MESSAGES,
          expires: PULL_MS,
          abort_on_missing_resource: true,
          callback: ({ data }) => {
            model.feed.counters.messages.jetstream++;
            this.#takeEvents(data);
          },
        });
        this.#messages = messages;
        this.isReading = true;
        await messages.closed();
      } catch (error) {
        log
          .limited("nats stream")
          .warn("the stream cannot be read; it is tried again", { stream, error: messageOf(error) });
      }
      this.isReading = false;
      await delay(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  #takeEvents(body: Uint8Array): void {
    if (isJsonBody(body)) {
      this.#feed.takeJson(Buffer.from(body.buffer, body.byteOffset, body.length).toString());
      return;
    }
    const envelope = readEnvelope(body);
    if (envelope === null || envelope.topic !== KV_EVENTS_TOPIC) this.#feed.refuse();
    else this.#feed.takePayload(envelope.publisher, envelope.payload);
  }
}
