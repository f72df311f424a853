/**
 * The stream that keeps the messages of a JetStream delivery: found and checked, or made. PUBLISHER THREAD.
 *
 * A stream that exists belongs to someone: it is never changed, only told apart from one that would not do. One that is
 * made here holds the KV events of all workers of a component, and is bounded.
 */
import {
  DiscardPolicy,
  type JetStreamManager,
  nanos,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "nats";
import { detailOf, type NatsErrorReason } from "./nats-errors.ts";
import { codeOf } from "../shared/errors.ts";
import { objectOf } from "../shared/json-object.ts";
import { isCovered } from "../shared/nats-subjects.ts";

const API_TIMEOUT_MS = 5000;
const MAX_STREAM_BYTES = 1_073_741_824;
const DEDUPE_WINDOW_MS = 120_000;
const NO_SUCH_STREAM = 10_059;

export interface StreamWish {
  readonly name: string;
  /** Subjects of a stream that has to be made. */
  readonly subject: string;
  /** Subjects that a stream which exists has to hold. */
  readonly needed: string;
}

/** `unknown`: we may not ask; acknowledgements will tell. */
export type StreamState =
  | { readonly state: "ready" }
  | { readonly state: "unknown"; readonly reason: NatsErrorReason; readonly detail: string }
  | { readonly state: "unfit"; readonly reason: NatsErrorReason; readonly detail: string }
  /** The question was not answered; ask again. */
  | { readonly state: "unanswered"; readonly reason: NatsErrorReason; readonly detail: string };

/** Finds the stream, or makes it. Never rejects. */
export async function prepareStream(connection: NatsConnection, wish: StreamWish): Promise<StreamState> {
  try {
    const manager = await managerOf(connection);
    const config = await findStream(manager, wish.name);
    if (config !== null) return judge(config, wish);
    await manager.streams.add(newStream(wish));
    return { state: "ready" };
  } catch (error) {
    return failure(error, wish);
  }
}

/** Finds the stream and changes nothing; an empty `detail` where it would do. Never rejects. */
export async function lookAtStream(
  connection: NatsConnection,
  wish: StreamWish,
): Promise<{ readonly state: StreamState["state"] | "missing"; readonly detail: string }> {
  try {
    const config = await findStream(await managerOf(connection), wish.name);
    return config === null ? { state: "missing", detail: "" } : { detail: "", ...judge(config, wish) };
  } catch (error) {
    return { detail: "", ...failure(error, wish) };
  }
}

function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  return connection.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS });
}

async function findStream(manager: JetStreamManager, name: string): Promise<StreamConfig | null> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (apiErrorOf(error) === NO_SUCH_STREAM) return null;
    throw error;
  }
}

function newStream({ name, subject }: StreamWish): Partial<StreamConfig> {
  return {
    name,
    subjects: [subject],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_bytes: MAX_STREAM_BYTES,
    duplicate_window: nanos(DEDUPE_WINDOW_MS),
  };
}

function judge(config: StreamConfig, { name, needed }: StreamWish): StreamState {
  const subjects = config.subjects ?? [];
  if (!subjects.some((pattern) => isCovered(pattern, needed))) {
    return unfit(`stream ${name} does not hold the subject ${needed}; add it, or choose another stream`);
  }
  if (config.duplicate_window <= 0) {
    return unfit(`stream ${name} looks for no duplicates; set its duplicate window to 2 min`);
  }
  if (config.no_ack) return unfit(`stream ${name} acknowledges nothing; create it without no_ack`);
  if (config.sealed) return unfit(`stream ${name} is sealed; choose another one`);
  return { state: "ready" };
}

function unfit(detail: string): StreamState {
  return { state: "unfit", reason: "no_stream", detail };
}

function failure(error: unknown, { name }: StreamWish): StreamState {
  const code = codeOf(error);
  if (code === "PERMISSIONS_VIOLATION") {
    return { state: "unknown", reason: "permission", detail: `not allowed to look at stream ${name}` };
  }
  if (code === "503" && apiErrorOf(error) === 0) {
    return { state: "unfit", reason: "no_stream", detail: "the server offers no JetStream to this account" };
  }
  const detail = `stream ${name}: ${detailOf(error)}`;
  if (apiErrorOf(error) !== 0) return { state: "unfit", reason: "no_stream", detail };
  return { state: "unanswered", reason: code === "TIMEOUT" ? "timeout" : "other", detail };
}

/** The number that JetStream gives an error; 0 where the error is not one of its own. */
function apiErrorOf(error: unknown): number {
  const code = objectOf(objectOf(error)["api_error"])["err_code"];
  return typeof code === "number" ? code : 0;
}
