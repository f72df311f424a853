/**
 * What `kvcast cluster` and a `kvcast serve` say to each other, on top of the active messages of `cluster/`. MAIN THREAD; pure.
 *
 *   kvcast_hello            who is there                                              answer: {size, workers}
 *   kvcast_start            all are ready, and these: the engines may be read         data: {workers}
 *   kvcast_status …         the commands                                              answer: an object for each
 *
 * Data and answers are one frame of JSON each. The names of all, which each worker keeps, are there so that a later leader can say
 * who is missing. What comes is somebody else's: bounded, and read field by field.
 */
import { isWorkerName } from "../cluster/answer-note.ts";
import { ClusterPayloadError } from "../cluster/cluster-error.ts";
import { isFields } from "../../shared/json-object.ts";

export const CLUSTER_COMMANDS = ["status", "drain", "clear", "snapshot-epoch", "log-level"] as const;
export type ClusterCommand = (typeof CLUSTER_COMMANDS)[number];

export const HELLO = "kvcast_hello";
export const START = "kvcast_start";

/** Most characters of the names that are handed on. */
const MAX_NAMES_CHARS = 16 * 1024;

/** Most bytes of an answer that are looked at. */
const MAX_JSON_BYTES = 64 * 1024;

export type Json = Readonly<Record<string, unknown>>;

/** The name of a command on the wire. */
export function functionOf(command: ClusterCommand): string {
  return `kvcast_${command.replace("-", "_")}`;
}

/** What a worker says of itself. */
export interface Hello {
  /** Workers that it waits for at its start; null: for none. */
  readonly size: number | null;
  /** Names of all workers when they were started together last; empty where that never was. */
  readonly workers: readonly string[];
}

export function jsonFrame(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** The object in a frame. Throws ClusterPayloadError. */
export function jsonOf(frame: Buffer | null | undefined): Json {
  if (frame === null || frame === undefined) throw new ClusterPayloadError("there is no object of JSON");
  if (frame.length > MAX_JSON_BYTES) throw new ClusterPayloadError(`an object of ${frame.length} bytes is too large`);
  let value: unknown;
  try {
    value = JSON.parse(frame.toString("utf8"));
  } catch {
    value = null;
  }
  if (!isFields(value)) throw new ClusterPayloadError(`${frame.length} bytes are no object of JSON`);
  return value;
}

/** Anything but a whole hello is one of a worker that waits for nobody. */
export function helloOf(frame: Buffer | null): Hello {
  try {
    const { size, workers } = jsonOf(frame);
    return {
      size: typeof size === "number" && Number.isSafeInteger(size) ? size : null,
      workers: namesOf(workers),
    };
  } catch {
    return { size: null, workers: [] };
  }
}

/** The names in what somebody sent as a list of them, as many as are handed on. */
export function namesOf(value: unknown): readonly string[] {
  let chars = 0;
  const names = Array.isArray(value) ? value.filter(isWorkerName) : [];
  return names.filter((name) => (chars += name.length) <= MAX_NAMES_CHARS);
}
