/**
 * What can go wrong between a leader and its workers. MAIN THREAD; pure.
 *
 * Where Dynamo's block manager has words for it, the message begins with them, so that whoever searches for those finds this.
 */
import { EXIT, KvcastError } from "../../shared/errors.ts";

/** Not all workers came, or not all answered, in time. Exit code 1. */
export class ClusterTimeoutError extends KvcastError {
  /** Names of workers that were there and did not answer; those that never told a name are not among them. */
  readonly missing: readonly string[];

  constructor(message: string, missing: readonly string[]) {
    super("KVCAST_CLUSTER_TIMEOUT", message, EXIT.failure);
    this.missing = missing;
  }
}

/** The caller gave up, or the leader was closed meanwhile. */
export class ClusterCancelledError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_CLUSTER_CANCELLED", message, EXIT.failure);
  }
}

/** Workers were to be used before all of them were ready. */
export class ClusterNotReadyError extends KvcastError {
  constructor() {
    super("KVCAST_CLUSTER_NOT_READY", "ZMQ leader not ready: the handshake with the workers is not done", EXIT.failure);
  }
}

/** A payload or a request that does not have the form it must have. */
export class ClusterPayloadError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_CLUSTER_PAYLOAD", message, EXIT.failure);
  }
}
