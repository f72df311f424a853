/** What a leader can do with a service, and the handlers that do it. MAIN THREAD; none of it is on the way of an event. */
import { ClusterPayloadError } from "../cluster/cluster-error.ts";
import type { CommandHandler } from "../cluster/worker-desk.ts";
import type { LogLevel } from "../log-level.ts";
import { LOG_OPTIONS } from "../config/log-options.ts";
import { messageOf } from "../../shared/errors.ts";
import { CLUSTER_COMMANDS, type ClusterCommand, functionOf, type Json, jsonFrame, jsonOf } from "./commands.ts";

const DEFAULT_TIMEOUT_MS = 10_000;
/** Whatever a leader says, nothing takes longer. */
const MAX_TIMEOUT_MS = 600_000;

/** What is commanded. The objects are the answers; what is thrown is told as a failure. */
export interface Operated {
  status(): Json;
  /** Epoch, sequence and live blocks. */
  position(): Json;
  /** Stops reading for good and publishes what was taken. Callers share it. Throws when that takes longer. */
  drain(timeoutMs: number): Promise<Json>;
  /** Clears all ranks. Throws when the ring stays full for so long. */
  clear(timeoutMs: number): Promise<Json>;
  setLogLevel(level: LogLevel): Json;
}

/** By their names on the wire. */
export function handlersOf(operated: Operated): Record<string, CommandHandler> {
  const handlers: { readonly [C in ClusterCommand]: (data: Json) => Json | Promise<Json> } = {
    status: () => operated.status(),
    drain: (data) => operated.drain(timeoutOf(data)),
    clear: (data) => operated.clear(timeoutOf(data)),
    "snapshot-epoch": () => operated.position(),
    "log-level": (data) => operated.setLogLevel(levelOf(data)),
  };
  return Object.fromEntries(
    CLUSTER_COMMANDS.map((command) => [
      functionOf(command),
      async (data: readonly Buffer[]) => jsonFrame(await handlers[command](data.length === 0 ? {} : jsonOf(data[0]))),
    ]),
  );
}

function timeoutOf({ timeout_ms: timeoutMs = DEFAULT_TIMEOUT_MS }: Json): number {
  if (typeof timeoutMs !== "number" || !(timeoutMs > 0)) throw new ClusterPayloadError("timeout_ms must be above 0");
  return Math.min(timeoutMs, MAX_TIMEOUT_MS);
}

function levelOf({ level }: Json): LogLevel {
  try {
    return LOG_OPTIONS.logLevel.type.parse(String(level).slice(0, 100), { label: "level", option: "level" });
  } catch (error) {
    throw new ClusterPayloadError(messageOf(error));
  }
}
