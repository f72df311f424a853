/** The first message of a snapshot, checked. MAIN THREAD, or any program that uses the library. */
import { SNAPSHOT_VERSION } from "../../shared/zmq-wire.ts";
import { decodeMap, integerOf } from "./decode-batch.ts";
import { MalformedError } from "./kv-event.ts";
import type { SnapshotFailure, SnapshotHeader } from "./stream-items.ts";

const REFUSALS: readonly SnapshotFailure[] = ["off", "busy", "overflow", "stopping", "expired"];

/** The header, or why there is no snapshot. */
export function readSnapshotHeader(payload: Uint8Array): SnapshotHeader | SnapshotFailure {
  let map: Readonly<Record<string, unknown>>;
  try {
    map = decodeMap(payload);
  } catch (error) {
    if (error instanceof MalformedError) return "malformed";
    throw error;
  }
  const refusal = REFUSALS.find((reason) => reason === map["error"]);
  if (refusal !== undefined) return refusal;
  const { epoch, started, complete, tokens } = map;
  const sequence = integerOf(map["sequence"]);
  const blocks = integerOf(map["blocks"]);
  const startedSeconds = typeof started === "bigint" ? Number(started) : started;
  if (integerOf(map["version"]) !== SNAPSHOT_VERSION || "error" in map) return "malformed";
  if (typeof epoch !== "string" || typeof startedSeconds !== "number") return "malformed";
  if (typeof complete !== "boolean" || typeof tokens !== "boolean") return "malformed";
  if (!(sequence >= -1) || !(blocks >= 0)) return "malformed";
  return { epoch, started: startedSeconds, sequence, blocks, complete, tokens };
}
