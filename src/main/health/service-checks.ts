/**
 * The checks of the service itself: its end, its threads, its connection to NATS. MAIN THREAD. What they look at are facts, so a
 * verdict follows at once.
 */
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { type Check, FINE, type Finding, notHere } from "./check.ts";
import type { ServiceCheck, Severity } from "./health-report.ts";

type Parts = Pick<Pipeline, "workers" | "sinks" | "natsUse" | "mainStallSeconds" | "publisher">;

export interface ServiceLooks {
  /** The service has been told to stop. */
  readonly isDraining: () => boolean;
  /** Why no engine is read, on purpose; null where they are. */
  readonly held?: () => string | null;
}

/** The pipeline runs already. */
export function serviceChecks(pipeline: Parts, { isDraining, held = () => null }: ServiceLooks): Check[] {
  // Beside another sink it is that sink's trouble only, and so it is where only the load goes there.
  const sinks = pipeline.sinks();
  const isOnlySink = sinks.length === 1 && sinks[0] === "nats";
  return [
    fact("shutdown", null, "critical", () =>
      isDraining() ? { ok: false, reason: "the service is shutting down", fix: "Nothing: it was told to." } : FINE,
    ),
    fact("held", null, "critical", () => lookAtHold(held())),
    fact("main_loop", null, "warning", () => lookAtMain(pipeline.mainStallSeconds())),
    ...pipeline.workers().map(({ name }) =>
      // Events flow without an index.
      fact("threads", name, name === "indexer" ? "warning" : "critical", () => lookAtThread(pipeline, name)),
    ),
    fact("nats", null, isOnlySink ? "critical" : "warning", () => lookAtNats(pipeline)),
  ];
}

function fact(name: ServiceCheck, target: string | null, severity: Severity, look: () => Finding): Check {
  return { name, target, severity, look };
}

function lookAtHold(why: string | null): Finding {
  if (why === null) return FINE;
  return { ok: false, reason: why, fix: "Start the missing workers, or this one anew." };
}

function lookAtMain(stalledSeconds: number | null): Finding {
  if (stalledSeconds === null) return FINE;
  return {
    ok: false,
    reason: `the main thread stood still for ${stalledSeconds} s`,
    fix: "Give kvcast more processor time: it was stopped, or starved by others on this machine.",
  };
}

function lookAtThread(pipeline: Parts, name: string): Finding {
  if (pipeline.workers().find((worker) => worker.name === name)?.up === true) return FINE;
  return {
    ok: false,
    reason: `thread ${name} is not running`,
    fix: "Wait: it is replaced. If this comes back, the log says why it died.",
  };
}

function lookAtNats(pipeline: Parts): Finding {
  if (pipeline.natsUse === "none") return notHere("nothing goes to NATS");
  if (pipeline.publisher.read(PUBLISHER_CELLS.natsUp) === 1) return FINE;
  return {
    ok: false,
    reason: "there is no connection to NATS",
    fix: "Look whether the server runs, at --nats-url and its credentials, and at the warnings in the log.",
  };
}
