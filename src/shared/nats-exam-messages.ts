/** What main hands to the thread that examines NATS, and what comes back: types, and the function that checks what arrives. */
import { LayoutError } from "./errors.ts";
import { isFields } from "./json-object.ts";
import type { NatsConnectionData, NatsEncoding, PlanePlace } from "./nats-messages.ts";

export interface NatsExamData {
  readonly connection: NatsConnectionData;
  readonly encoding: NatsEncoding;
  readonly place: PlanePlace;
  /** The name of a stream; null: events go over core NATS. */
  readonly jetStream: string | null;
}

/** What one of the servers is like. Texts of the server are cut and cleaned. */
export interface NatsServerReport {
  readonly server: string;
  /** Null: connected, and the rest is known. */
  readonly failure: { readonly reason: string; readonly detail: string } | null;
  readonly version: string;
  readonly maxPayloadBytes: number;
  readonly isEncrypted: boolean;
  /** Null: none is wanted. `missing`: `serve` will make it. */
  readonly stream: {
    readonly state: "ready" | "missing" | "unknown" | "unfit" | "unanswered";
    readonly detail: string;
  } | null;
}

/** Checks the thread's workerData. Throws LayoutError. */
export function parseNatsExamData(value: unknown): NatsExamData {
  if (!isFields(value) || !isFields(value["connection"]))
    throw new LayoutError("the exam of NATS was started without data");
  return value as unknown as NatsExamData;
}
