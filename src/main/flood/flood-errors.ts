/** What can go wrong with a load test itself, before there is a result to judge. MAIN THREAD. */
import { EXIT, KvcastError } from "../../shared/errors.ts";

/** Nothing is published where it was to be, or there is no metrics page. Exit code 69. */
export class FloodUnreachableError extends KvcastError {
  constructor(message: string, cause?: unknown) {
    super("KVCAST_UNREACHABLE", message, EXIT.unavailable, cause);
  }
}

/** The test could not be carried out, or what came is no stream of events. Exit code 1. */
export class FloodFailedError extends KvcastError {
  constructor(message: string, cause?: unknown) {
    super("KVCAST_FLOOD_FAILED", message, EXIT.failure, cause);
  }
}
