/**
 * What main tells the publisher thread about NATS: types only.
 *
 *   main → publisher   NatsSinkData, as part of PublisherData; LoadMessage as PublisherOrder
 *   publisher → main   NatsReport, as PublisherMessage
 */

/** `dynamo`: the event plane of Dynamo. `raw`: the payload of the ZMQ message as it is. */
export const NATS_ENCODINGS = ["dynamo", "raw"] as const;
export type NatsEncoding = (typeof NATS_ENCODINGS)[number];

/** At most one way is given; contents, not files. Never printed: outside of messages to threads it goes about as a Secret. */
export interface NatsAuth {
  readonly user: string | null;
  readonly password: string | null;
  readonly token: string | null;
  /** The seed, `SU…`. */
  readonly nkeySeed: string | null;
  /** Contents of a .creds file. */
  readonly creds: string | null;
}

/** PEM texts; null where none is given. */
export interface NatsTls {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Accepts any certificate. */
  readonly insecure: boolean;
}

export interface NatsConnectionData {
  /** `nats://host:port` or `tls://host:port`, one or more, without credentials. */
  readonly servers: readonly string[];
  /** How the connection is called in the server's monitoring. */
  readonly name: string;
  readonly auth: NatsAuth;
  /** Null: plain, unless the server demands TLS, which is then checked against the system's trust store. */
  readonly tls: NatsTls | null;
}

/** Where a worker stands in the event plane: parts of subjects and labels. */
export interface PlanePlace {
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
  /** u64. */
  readonly workerId: bigint;
}

export interface NatsSinkData {
  readonly connection: NatsConnectionData;
  readonly encoding: NatsEncoding;
  readonly place: PlanePlace;
  /** Name of the stream that holds the events, for at-least-once delivery; null for core NATS. */
  readonly jetStream: string | null;
  /** Most bytes of payloads that wait or are in flight; beyond it events are dropped, and counted. */
  readonly queueBytes: number;
  /** Most messages that wait for their acknowledgement (JetStream) or for a flush (core). */
  readonly maxInFlight: number;
  /** Of the ring. */
  readonly slotBytes: number;
  /** Names the stream of numbers in `Nats-Msg-Id` and `Kvcast-Epoch`. */
  readonly epoch: string;
  /** Names the life of the process: event ids begin anew with it, though the epoch may go on. */
  readonly run: string;
  /** See `plane-numbers.ts`. Outlives the thread, so that its successor goes on. */
  readonly numbers: SharedArrayBuffer;
  /** Whether KV events go to NATS; otherwise the connection is there for the load alone. */
  readonly events: boolean;
}

/** The newest load of one rank, or of the planner's view of it; replaces what was posted before for the same key. */
export interface LoadMessage {
  readonly type: "load";
  /** `kv_metrics` or `forward-pass-metrics`. */
  readonly topic: string;
  readonly rank: number;
  /** The msgpack body, without envelope. */
  readonly payload: Uint8Array;
}

export type NatsReport =
  | { readonly type: "nats-up"; readonly server: string }
  /** The connection is lost, or could not be made; it is tried again. */
  | { readonly type: "nats-down"; readonly reason: string }
  /** Messages are refused for good: wrong credentials, denied subject, no such stream, … */
  | { readonly type: "nats-refused"; readonly reason: string; readonly detail: string };
