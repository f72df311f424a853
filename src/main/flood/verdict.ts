/** What a measurement is worth: whether anything was lost, whether the service kept up, whether it was fast enough. Pure. */
import { constants } from "node:os";
import { EXIT } from "../../shared/errors.ts";
import type { FloodFigures } from "./figures.ts";
import type { RampLimits } from "./plan.ts";

/** Shells give a process that a signal ended this, and the number of the signal on top. */
const SIGNAL_BASE = 128;

/** What no load excuses: accounts that do not balance, a sequence that runs backwards. */
export function contradictionsOf({ loss }: FloodFigures): readonly string[] {
  const faults: string[] = [];
  if (loss.booksFault !== null) faults.push(`the books of the service do not balance: ${loss.booksFault}`);
  if (loss.repeatedMessages > 0) {
    faults.push(`${loss.repeatedMessages} messages came twice, late, or from a service that had begun anew`);
  }
  if ((loss.missingEvents ?? 0) < 0) {
    faults.push(`${-(loss.missingEvents ?? 0)} events more came than the service sent`);
  }
  return faults;
}

/** What is lost or does not add up, a sentence each; none when the measurement is valid. */
export function faultsOf(figures: FloodFigures): readonly string[] {
  const { loss, messages, lastSequence } = figures;
  const faults = [...contradictionsOf(figures)];
  if (loss.missingMessages > 0) {
    const of = messages + loss.missingMessages;
    faults.push(
      `${loss.missingMessages} of ${of} messages were lost between the service and the subscriber; the first of them ` +
        `is number ${loss.firstMissing ?? "unknown"}${queueText(loss.service?.queueFull ?? 0)}`,
    );
  }
  const inMessages =
    loss.missingMessages > 0 ? ", with those messages" : `, the last message that came is ${lastSequence}`;
  if ((loss.missingEvents ?? 0) > 0) {
    faults.push(`${loss.missingEvents} events that the service sent did not come${inMessages}`);
  }
  if (loss.undelivered > 0) faults.push(`${loss.undelivered} events could not be sent before the end of the service`);
  if (loss.service === null) return faults;
  const { beforeService, invalid, notEncoded, dropped, restarts } = loss.service;
  if (beforeService > 0) {
    faults.push(
      `${beforeService} events were lost before the service: its engine's buffer was full, or has another reader`,
    );
  }
  if (invalid > 0) faults.push(`${invalid} events of the engine were not valid, and left out`);
  if (notEncoded > 0) faults.push(`${notEncoded} events could not be encoded`);
  if (dropped > 0) faults.push(`${dropped} events were dropped in the service`);
  if (restarts > 0) faults.push(`threads of the service died ${restarts} times`);
  return faults;
}

function queueText(times: number): string {
  if (times === 0) return "";
  return `. The subscriber's queue was full (${times} times): it is slower than the service; --zmq-queue-bytes sets the limit`;
}

/** Why the service did not keep up with the rate that it was offered; null when it did. */
export function shortfallOf(figures: FloodFigures, limits: RampLimits): string | null {
  const { rate, offeredPerSecond, warmAges } = figures;
  const fault = faultsOf(figures)[0];
  if (fault !== undefined) return fault;
  const share = offeredPerSecond === null ? 1 : rate.mean / offeredPerSecond;
  if (share < limits.minDeliveredShare) return `${(share * 100).toFixed(1)} % of the events offered came in time`;
  if (warmAges !== null && warmAges.p99Micros > limits.maxAgeMicros) {
    return `p99 of the age was ${(warmAges.p99Micros / 1000).toFixed(1)} ms`;
  }
  return null;
}

export interface Judged {
  readonly faults: readonly string[];
  /** Events a second that were reached. */
  readonly reachedPerSecond: number;
  /** Null when none was asked for. */
  readonly minPerSecond: number | null;
  /** The signal that cut the test short. */
  readonly signal: NodeJS.Signals | null;
}

/** Worst first: what was lost is lost also when there was a signal, and a test cut short has reached nothing. */
export function exitCodeOf({ faults, reachedPerSecond, minPerSecond, signal }: Judged): number {
  if (faults.length > 0) return EXIT.failure;
  if (signal !== null) return SIGNAL_BASE + constants.signals[signal];
  return minPerSecond !== null && reachedPerSecond < minPerSecond ? EXIT.thresholdMissed : EXIT.ok;
}
