/** What a worker answered, as a line for people. Pure. What the worker wrote itself is kept short and on its line. */
import type { WorkerAnswer } from "../cluster/pending-call.ts";
import { type ClusterCommand, type Json, jsonOf } from "../control/commands.ts";
import { ClusterPayloadError } from "../cluster/cluster-error.ts";

const MAX_CHARS = 200;
const UNKNOWN = "-";
const EPOCH_CHARS = 8;

/** The object that a worker answered, or null where it answered nothing that can be read. */
export function answerOf({ payload }: WorkerAnswer): Json | null {
  if (payload === null) return null;
  try {
    return jsonOf(payload);
  } catch (error) {
    if (error instanceof ClusterPayloadError) return null;
    throw error;
  }
}

/** Without a newline; the name is given `nameColumns`. */
export function workerLine(command: ClusterCommand, answer: WorkerAnswer, nameColumns: number): string {
  const name = (answer.worker ?? "a worker without a name").padEnd(nameColumns);
  return `${name}  ${whatOf(command, answer)}`;
}

function whatOf(command: ClusterCommand, answer: WorkerAnswer): string {
  if (answer.outcome !== "done") return `${answer.outcome}: ${answer.error ?? "no reason is given"}`;
  const fields = answerOf(answer);
  if (fields === null) return "done, and said nothing that can be read";
  switch (command) {
    case "status":
      return statusText(fields);
    case "drain":
      return `drained, last sequence ${text(fields["sequence"])}`;
    case "clear":
      return `cleared ${text(fields["ranks"])} ${fields["ranks"] === 1 ? "rank" : "ranks"}`;
    case "snapshot-epoch":
      return positionText(fields);
    case "log-level":
      return `log level ${text(fields["now"])}, was ${text(fields["before"])}`;
  }
}

function statusText(fields: Json): string {
  const { ready, reasons, epoch, sequence, engines_up, engines, sinks_up, sinks, dirty_ranks, version } = fields;
  const why = Array.isArray(reasons) && reasons.length > 0 ? `  (${text(reasons.join("; "))})` : "";
  return [
    ready === true ? "ready    " : "not ready",
    `epoch ${text(epoch).slice(0, EPOCH_CHARS)}`,
    `sequence ${text(sequence)}`,
    `engines ${text(engines_up)}/${text(engines)} up`,
    `sinks ${text(sinks_up)}/${text(sinks)} up`,
    ...(dirty_ranks === 0 ? [] : [`${text(dirty_ranks)} dirty ranks`]),
    `kvcast ${text(version)}${why}`,
  ].join("  ");
}

function positionText({ epoch, sequence, live_blocks: blocks, complete }: Json): string {
  const index = blocks === null ? "no index" : `live blocks ${text(blocks)}${complete === true ? "" : ", incomplete"}`;
  return `epoch ${text(epoch)}  sequence ${text(sequence)}  ${index}`;
}

function text(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return UNKNOWN;
  return value.slice(0, MAX_CHARS).replaceAll(/[\p{C}\u2028\u2029]+/gu, " ");
}
